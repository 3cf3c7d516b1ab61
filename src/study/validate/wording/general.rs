//! Rules for every language that puts spaces between words and has capital letters, and harmless elsewhere.

use super::super::super::error::Severity;
use super::super::super::kind::Kind;
use super::chinese::is_wide;
use super::{Joint, Rendered, Slips, around, ends_sentence, first_word, is_apostrophe, last_word, next_word};

pub fn read(rendered: &Rendered<'_>, slips: &mut Slips) {
    for joint in &rendered.joints {
        doubled(rendered, joint, slips);
        if joint.named {
            runs_in(rendered, joint, slips);
            capital(rendered, joint, slips);
        }
    }
    spacing(rendered, slips);
    if rendered.begins && rendered.text.trim() != rendered.text {
        slips.add(
            Kind::Spacing,
            Severity::Warning,
            "the narrative begins or ends with a space or an empty line",
            "",
        );
    }
}

/// “the the USA”: the last word before a name and its first, or its last and the next.
fn doubled(rendered: &Rendered<'_>, joint: &Joint<'_>, slips: &mut Slips) {
    let inside = rendered.inside(joint);
    let mut compare = |one: Option<&str>, two: Option<&str>| {
        if let (Some(one), Some(two)) = (one, two)
            && one.to_lowercase() == two.to_lowercase()
            && one.starts_with(|c: char| !is_wide(c))
        {
            let here = around(&rendered.text, joint.range.clone());
            slips.add(Kind::Doubled, Severity::Error, format!("the word “{two}” is doubled"), here);
        }
    };
    compare(last_word(rendered.before(joint)), first_word(inside));
    compare(last_word(&format!("{inside} ")), next_word(rendered.after(joint)));
}

/// “the USAhas”: a name without a space beside it.
fn runs_in(rendered: &Rendered<'_>, joint: &Joint<'_>, slips: &mut Slips) {
    let inside = rendered.inside(joint);
    let letters = |one: Option<char>, two: Option<char>| {
        let letter = |c: char| c.is_alphabetic() && !is_wide(c);
        one.is_some_and(letter) && two.is_some_and(letter)
    };
    let before = rendered.before(joint).chars().next_back();
    let after = rendered.after(joint).chars().next();
    if letters(before, inside.chars().next()) || letters(inside.chars().next_back(), after) {
        let here = around(&rendered.text, joint.range.clone());
        slips.add(Kind::RunsIn, Severity::Error, "a name runs into the word beside it", here);
    }
}

/// “. the USA said” and “that The USA said”.
fn capital(rendered: &Rendered<'_>, joint: &Joint<'_>, slips: &mut Slips) {
    let inside = rendered.inside(joint);
    let first = inside.chars().next();
    let here = || around(&rendered.text, joint.range.clone());
    if rendered.begins_sentence(joint) {
        if first.is_some_and(char::is_lowercase) {
            slips.add(Kind::Capital, Severity::Error, "a sentence begins in lower case", here());
        }
        return;
    }
    let before = rendered.before(joint);
    let goes_on = before.strip_suffix(' ').and_then(|b| b.chars().next_back());
    let goes_on = goes_on.is_some_and(|c| c.is_alphabetic() || c == ',')
        || before.chars().next_back().is_some_and(is_apostrophe);
    let raised = first.is_some_and(char::is_uppercase) && joint.plain.starts_with(char::is_lowercase);
    if goes_on && raised && inside.to_lowercase() == joint.plain.to_lowercase() {
        slips.add(
            Kind::Capital,
            Severity::Error,
            "the form for the start of a sentence stands in the middle of one",
            here(),
        );
    }
}

/// Doubled spaces, a space before a comma, none between sentences, a sentence in lower case.
pub fn spacing(rendered: &Rendered<'_>, slips: &mut Slips) {
    let text = &rendered.text;
    let mut warn = |what: &str, at: usize| {
        slips.add(Kind::Spacing, Severity::Warning, what, around(text, at..at + 1));
    };
    let mut chars = text.char_indices().peekable();
    let mut last: Option<char> = None;
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        match c {
            ' ' if next == Some(' ') && last != Some(' ') => warn("two spaces in a row", at),
            ' ' if last.is_some_and(char::is_alphanumeric) && next == Some(',') => {
                warn("a space before a comma", at);
            }
            '.' | '!' | '?' => {
                let upto = text.get(..=at).unwrap_or_default();
                let word = last.is_some_and(char::is_lowercase);
                if word && next.is_some_and(|n| n.is_uppercase()) {
                    warn("no space between two sentences", at);
                }
                let then = text.get(at + 1..).and_then(|rest| rest.strip_prefix(' '));
                let inserted = rendered.joint_at(at + 2).is_some_and(|j| j.named);
                if word
                    && !inserted
                    && then.is_some_and(|t| t.starts_with(char::is_lowercase))
                    && ends_sentence(upto)
                {
                    warn("a sentence begins in lower case", at + 1);
                }
            }
            _ => {}
        }
        last = Some(c);
    }
}
