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

/// Verbs that are never read as anything else, in the third person, and endings that only verbs have behind a subject.
const SINGULAR: [&str; 16] = [
    "a", "est", "fait", "va", "peut", "doit", "veut", "fut", "eut", "fit", "dit", "prend", "met", "rend",
    "sait", "voit",
];
const SINGULAR_ENDINGS: [&str; 5] = ["ait", "era", "ira", "ura", "dra"];
const PLURAL: [&str; 4] = ["ont", "sont", "font", "vont"];
const PLURAL_ENDINGS: [&str; 6] = ["aient", "èrent", "irent", "urent", "issent", "ront"];

/// Words in `-ent` that are no plural verbs and may follow a name; those in `-ment`, `-vient` and `-tient` aside.
const IN_ENT: [&str; 22] = [
    "absent",
    "agent",
    "cent",
    "client",
    "concurrent",
    "conscient",
    "consent",
    "content",
    "différent",
    "dissident",
    "innocent",
    "mécontent",
    "patient",
    "permanent",
    "pressent",
    "président",
    "présent",
    "prudent",
    "repent",
    "ressent",
    "sent",
    "souvent",
];

pub fn read(rendered: &Rendered<'_>, slips: &mut Slips) {
    for joint in &rendered.joints {
        let here = || around(&rendered.text, joint.range.clone());
        for (kind, severity, message) in joint_slips(rendered, joint) {
            slips.add(kind, severity, message, here());
        }
    }
    elsewhere(rendered, slips);
}

fn joint_slips(rendered: &Rendered<'_>, joint: &Joint<'_>) -> Vec<(Kind, Severity, &'static str)> {
    let mut slips = Vec::new();
    let inside = rendered.inside(joint);
    let before_text = rendered.before(joint);
    let before = last_word(before_text).unwrap_or_default().to_lowercase();
    let first = first_word(inside).unwrap_or_default().to_lowercase();
    let vowel = inside.starts_with(is_vowel);
    if vowel && ELIDED.contains(&before.as_str()) {
        slips.push((Kind::Elision, Severity::Error, "elision missing before a vowel"));
    }
    if elided_before(before_text) && inside.starts_with(|c: char| c.is_alphabetic()) {
        let mute = inside.starts_with(['h', 'H']);
        if !vowel && !mute {
            slips.push((Kind::Elision, Severity::Error, "elision before a consonant"));
        }
    }
    if !joint.named {
        return slips;
    }
    match (before.as_str(), first.as_str()) {
        ("de" | "à" | "en", "le" | "les") => {
            slips.push((Kind::Contraction, Severity::Error, "preposition and article not contracted"))
        }
        (preposition, "du" | "des" | "au" | "aux" | "en") if PREPOSITIONS.contains(&preposition) => {
            slips.push((Kind::Contraction, Severity::Error, "two prepositions in a row"));
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
        let verb = verb_of(rendered.after(joint));
        let wrong = match plural {
            true => SINGULAR.contains(&verb) || SINGULAR_ENDINGS.iter().any(|end| verb.ends_with(end)),
            false => PLURAL.contains(&verb) || PLURAL_ENDINGS.iter().any(|end| verb.ends_with(end)),
        };
        if wrong {
            slips.push((Kind::Number, Severity::Error, "name and verb differ in number"));
        } else if !plural && may_be_plural(verb) {
            slips.push((Kind::Number, Severity::Warning, "name and verb seem to differ in number"));
        }
    }
    slips
}

/// The first word behind a subject that may be its verb: behind `ne`, `se`, `lui` and their like.
fn verb_of(mut text: &str) -> &str {
    const BEFORE_VERB: [&str; 6] = ["ne", "se", "lui", "leur", "y", "en"];
    const LONGEST: usize = 3;
    let mut word = "";
    for _ in 0..LONGEST {
        let Some(next) = next_word(text) else { break };
        word = next;
        if !BEFORE_VERB.contains(&word) {
            break;
        }
        text = &text[1 + word.len()..];
    }
    let bare = word.split_once(is_apostrophe).filter(|(short, _)| matches!(*short, "n" | "s" | "l"));
    bare.map_or(word, |(_, verb)| verb)
}

/// `refusent`, `disent`, `affirment`: the present tense looks like some nouns and adjectives.
fn may_be_plural(word: &str) -> bool {
    let other = IN_ENT.contains(&word) || ["vient", "tient"].iter().any(|end| word.ends_with(end));
    let adverb = word.ends_with("ment") && !word.ends_with("rment");
    word.ends_with("ent") && word.starts_with(char::is_lowercase) && !other && !adverb
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
