//! French around names: contractions, elisions, stacked prepositions, number of the verb.

use super::super::super::error::Severity;
use super::super::super::kind::Kind;
use super::{Joint, Rendered, Slips, around, first_word, is_apostrophe, last_word, next_word};

/// Words that lose their vowel before another.
const ELIDED: [&str; 13] =
    ["de", "que", "ne", "se", "je", "me", "te", "le", "la", "jusque", "lorsque", "puisque", "quoique"];

/// Prepositions that no `du`, `au` or `en` follows.
const PREPOSITIONS: [&str; 13] =
    ["de", "à", "en", "par", "pour", "avec", "contre", "chez", "vers", "sur", "entre", "dans", "selon"];

/// A name after one of these (or at the start of a sentence) is the subject of what follows.
const BEFORE_SUBJECT: [&str; 7] = ["que", "quand", "lorsque", "puisque", "comme", "car", "si"];

/// Verbs that are never read as anything else, in the third person.
const SINGULAR: [&str; 15] = [
    "a", "est", "était", "avait", "fait", "va", "peut", "doit", "veut", "sera", "aura", "fera", "fut", "eut",
    "fit",
];
const PLURAL: [&str; 15] = [
    "ont", "sont", "étaient", "avaient", "font", "vont", "peuvent", "doivent", "veulent", "seront", "auront",
    "feront", "furent", "eurent", "firent",
];

pub fn read(rendered: &Rendered<'_>, slips: &mut Slips) {
    for joint in &rendered.joints {
        let here = || around(&rendered.text, joint.range.clone());
        for (kind, message) in joint_slips(rendered, joint) {
            slips.add(kind, Severity::Error, message, here());
        }
    }
    elsewhere(rendered, slips);
}

fn joint_slips(rendered: &Rendered<'_>, joint: &Joint<'_>) -> Vec<(Kind, &'static str)> {
    let mut slips = Vec::new();
    let inside = rendered.inside(joint);
    let before_text = rendered.before(joint);
    let before = last_word(before_text).unwrap_or_default().to_lowercase();
    let first = first_word(inside).unwrap_or_default().to_lowercase();
    let vowel = inside.starts_with(is_vowel);
    if vowel && ELIDED.contains(&before.as_str()) {
        slips.push((Kind::Elision, "elision missing before a vowel"));
    }
    if elided_before(before_text) && inside.starts_with(|c: char| c.is_alphabetic()) {
        let mute = inside.starts_with(['h', 'H']);
        if !vowel && !mute {
            slips.push((Kind::Elision, "elision before a consonant"));
        }
    }
    if !joint.named {
        return slips;
    }
    match (before.as_str(), first.as_str()) {
        ("de" | "à" | "en", "le" | "les") => {
            slips.push((Kind::Contraction, "preposition and article not contracted"))
        }
        (preposition, "du" | "des" | "au" | "aux" | "en") if PREPOSITIONS.contains(&preposition) => {
            slips.push((Kind::Contraction, "two prepositions in a row"));
        }
        _ => {}
    }
    let subject = rendered.begins_sentence(joint)
        || BEFORE_SUBJECT.contains(&before.as_str())
        || elided_word(before_text)
            .is_some_and(|word| matches!(word.as_str(), "qu" | "lorsqu" | "puisqu" | "quoiqu"));
    if subject {
        // As in English, a name is singular unless one of its classes says plural.
        let plural = joint.classes.iter().any(|c| matches!(c.as_str(), "p" | "mp" | "fp" | "np"));
        let next = next_word(rendered.after(joint)).unwrap_or_default();
        let verb = next.strip_prefix("n'").or_else(|| next.strip_prefix("n’")).unwrap_or(next);
        let others = if plural { SINGULAR } else { PLURAL };
        if others.contains(&verb) {
            slips.push((Kind::Number, "name and verb differ in number"));
        }
    }
    slips
}

/// `d'`, `qu'` and the like end the text.
fn elided_before(text: &str) -> bool {
    elided_word(text).is_some_and(|word| {
        matches!(
            word.as_str(),
            "d" | "l" | "qu" | "n" | "s" | "j" | "m" | "t" | "jusqu" | "lorsqu" | "puisqu"
        )
    })
}

/// The word before an apostrophe that ends the text.
fn elided_word(text: &str) -> Option<String> {
    let stem = text.strip_suffix(is_apostrophe)?;
    let (start, _) = stem.char_indices().rev().take_while(|(_, c)| c.is_alphabetic()).last()?;
    Some(stem.get(start..)?.to_lowercase())
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
            slips.add(
                Kind::Elision,
                Severity::Warning,
                "elision missing before a vowel",
                around(text, at..at),
            );
        }
    }
}
