//! English around names: `a` and `an`, and plural verbs after a singular name.

use super::super::super::error::Severity;
use super::super::super::kind::Kind;
use super::{Rendered, Slips, around, last_word, next_word};

/// A name after one of these (or at the start of a sentence) is the subject of what follows.
const BEFORE_SUBJECT: [&str; 14] = [
    "that", "while", "when", "because", "although", "though", "if", "unless", "until", "since", "whereas",
    "whether", "before", "after",
];

pub fn read(rendered: &Rendered<'_>, slips: &mut Slips) {
    for joint in rendered.joints.iter().filter(|j| j.named) {
        let inside = rendered.inside(joint);
        let here = || around(&rendered.text, joint.range.clone());
        let before = last_word(rendered.before(joint)).unwrap_or_default().to_lowercase();
        let first = inside.chars().next().unwrap_or(' ').to_ascii_lowercase();
        let wrong = match before.as_str() {
            "a" => matches!(first, 'a' | 'e' | 'i' | 'o'),
            "an" => first.is_ascii_alphabetic() && !matches!(first, 'a' | 'e' | 'i' | 'o' | 'u' | 'h'),
            _ => false,
        };
        if wrong {
            slips.add(
                Kind::Article,
                Severity::Error,
                format!("“{before}” does not go with this name"),
                here(),
            );
        }
        let singular = !joint.classes.iter().any(|class| class == "p");
        let subject = rendered.begins_sentence(joint) || BEFORE_SUBJECT.contains(&before.as_str());
        let next = next_word(rendered.after(joint)).unwrap_or_default();
        if singular && subject && matches!(next, "have" | "are" | "were" | "do") {
            slips.add(Kind::Number, Severity::Error, "a plural verb after a singular name", here());
        }
    }
}
