//! French around names: contractions, elisions, stacked prepositions, number of the verb.

use super::super::super::error::Severity;
use super::{Joint, Rendered, Slips, around, first_word, is_apostrophe, last_word, next_word};

/// Words that lose their vowel before another.
const ELIDED: [&str; 13] =
    ["de", "que", "ne", "se", "je", "me", "te", "le", "la", "jusque", "lorsque", "puisque", "quoique"];

/// Prepositions that no `du`, `au` or `en` follows.
const PREPOSITIONS: [&str; 13] =
    ["de", "à", "en", "par", "pour", "avec", "contre", "chez", "vers", "sur", "entre", "dans", "selon"];

/// A name after one of these (or at the start of a sentence) is the subject of what follows.
const BEFORE_SUBJECT: [&str; 7] = ["que", "quand", "lorsque", "puisque", "comme", "car", "si"];

pub fn read(rendered: &Rendered<'_>, slips: &mut Slips) {
    for joint in &rendered.joints {
        let here = || around(&rendered.text, joint.range.clone());
        for message in joint_slips(rendered, joint) {
            slips.add(Severity::Error, message, here());
        }
    }
    elsewhere(rendered, slips);
}

fn joint_slips(rendered: &Rendered<'_>, joint: &Joint<'_>) -> Vec<&'static str> {
    let mut slips = Vec::new();
    let inside = rendered.inside(joint);
    let before_text = rendered.before(joint);
    let before = last_word(before_text).unwrap_or_default().to_lowercase();
    let first = first_word(inside).unwrap_or_default().to_lowercase();
    let vowel = inside.starts_with(is_vowel);
    if vowel && ELIDED.contains(&before.as_str()) {
        slips.push("elision missing before a vowel");
    }
    if elided_before(before_text) && inside.starts_with(|c: char| c.is_alphabetic()) {
        let mute = inside.starts_with(['h', 'H']);
        if !vowel && !mute {
            slips.push("elision before a consonant");
        }
    }
    if !joint.named {
        return slips;
    }
    match (before.as_str(), first.as_str()) {
        ("de" | "à" | "en", "le" | "les") => slips.push("preposition and article not contracted"),
        (preposition, "du" | "des" | "au" | "aux" | "en") if PREPOSITIONS.contains(&preposition) => {
            slips.push("two prepositions in a row");
        }
        _ => {}
    }
    let class = |name: &str| joint.classes.iter().any(|c| c == name);
    if rendered.begins_sentence(joint) || BEFORE_SUBJECT.contains(&before.as_str()) {
        let next = next_word(rendered.after(joint)).unwrap_or_default();
        let plural = matches!(next, "ont" | "sont" | "étaient" | "avaient" | "font");
        let singular = matches!(next, "a" | "est" | "était" | "avait" | "fait");
        if (class("s") && plural) || (class("p") && singular) {
            slips.push("name and verb differ in number");
        }
    }
    slips
}

/// `d'`, `qu'` and the like end the text.
fn elided_before(text: &str) -> bool {
    let Some(stem) = text.strip_suffix(is_apostrophe) else {
        return false;
    };
    let start = stem.char_indices().rev().take_while(|(_, c)| c.is_alphabetic()).last();
    let word = start.and_then(|(at, _)| stem.get(at..)).unwrap_or_default().to_lowercase();
    matches!(word.as_str(), "d" | "l" | "qu" | "n" | "s" | "j" | "m" | "t" | "jusqu" | "lorsqu" | "puisqu")
}

fn is_vowel(c: char) -> bool {
    "aeiouàâäéèêëîïôöùûüœæ".contains(c.to_lowercase().next().unwrap_or(c))
}

/// “que il” away from names: nearly always a slip.
fn elsewhere(rendered: &Rendered<'_>, slips: &mut Slips) {
    let text = &rendered.text;
    for (at, _) in text.match_indices(' ') {
        let before = text.get(..=at).and_then(last_word).unwrap_or_default();
        let Some(next) = text.get(at + 1..).and_then(first_word) else {
            continue;
        };
        let before = before.to_lowercase();
        // “le onze”, “le oui”, “la une”
        let excepted = next.starts_with("onz")
            || next.starts_with("oui")
            || (matches!(before.as_str(), "le" | "la") && matches!(next, "un" | "une"));
        if next.starts_with(is_vowel)
            && !excepted
            && ELIDED.contains(&before.as_str())
            && rendered.joint_at(at + 1).is_none()
        {
            slips.add(Severity::Warning, "elision missing before a vowel", around(text, at..at));
        }
    }
}
