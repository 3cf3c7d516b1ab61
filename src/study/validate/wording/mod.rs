//! How texts read once entities are put in: slips that show only then, or only for some entities.
//!
//! The rules are narrow on purpose. They look at the places where a name meets the text around it, and know only
//! mistakes that are mistakes for certain (errors) or nearly so (warnings).

mod chinese;
mod english;
mod french;
mod general;
mod slips;

use std::collections::BTreeSet;
use std::ops::Range;

pub use slips::{ByText, Slips};

use super::super::error::Finding;
use super::super::expand::spell;
use super::super::model::{EntitySet, Study};
use super::super::prompts::Cast;
use super::super::template::{Piece, Spelling, Who};
use super::conditions::{Used, Uses};

/// A set may be large; its spellings are read for this many entities (forms are checked for all).
const MAX_CASTS: usize = 64;

/// A text with entities put in.
pub struct Rendered<'s> {
    pub text: String,
    pub joints: Vec<Joint<'s>>,
    /// The text's first letter begins a sentence.
    pub begins: bool,
}

/// Where an entity was put in.
pub struct Joint<'s> {
    pub range: Range<usize>,
    /// A name, not an agreement.
    pub named: bool,
    /// The entity's form `name`.
    pub plain: &'s str,
    pub classes: &'s [String],
}

/// Text is read until this many bytes have been; the default study has a hundredth.
const MAX_READ: usize = 256 << 20;

/// Gives every slip with every place where it shows, for what reads the texts again.
pub fn check(study: &Study, uses: &Uses<'_>, findings: &mut Vec<Finding>) -> BTreeSet<String> {
    let (mut found, mut said) = (ByText::default(), BTreeSet::new());
    let mut bytes = 0;
    'texts: for (set, language, texts) in uses.iter() {
        let Some(set) = study.entity_sets.get(set) else {
            continue;
        };
        for used in texts {
            let mut slips = Slips::default();
            for cast in casts(set) {
                if bytes > MAX_READ {
                    break 'texts;
                }
                // Mere space between two slots is read where the whole prompt shows what stands around it.
                let parts = render(&used, set, language, cast);
                for rendered in parts.iter().filter(|r| r.begins || !r.text.trim().is_empty()) {
                    bytes += rendered.text.len();
                    read(language, rendered, &mut slips);
                }
            }
            found.of(&used.template.origin).join(slips, |slip| {
                said.insert(slip);
                true
            });
        }
    }
    findings.extend(found.findings());
    said
}

/// Applies the rules for a language.
pub fn read(language: &str, rendered: &Rendered<'_>, slips: &mut Slips) {
    let primary = language.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    general::read(rendered, slips);
    match primary.as_str() {
        "en" => english::read(rendered, slips),
        "fr" => french::read(rendered, slips),
        "zh" | "ja" => chinese::read(rendered, slips),
        _ => {}
    }
}

/// Applies the rules for spacing to a whole prompt, whatever its languages.
pub fn joined(text: String, slips: &mut Slips) {
    general::spacing(&Rendered { text, joints: Vec::new(), begins: false }, slips);
}

/// Every entity once in each place, beside its neighbour.
fn casts(set: &EntitySet) -> impl Iterator<Item = Cast> {
    let n = set.entities.len();
    (0..n.min(MAX_CASTS)).map(move |a| {
        let b = (a + 1) % n;
        Cast { a, b, first: a, second: b }
    })
}

/// The text with its slots as gaps; nothing if an entity cannot be put in, which has been said.
fn render<'s>(used: &Used<'s>, set: &'s EntitySet, language: &str, cast: Cast) -> Vec<Rendered<'s>> {
    let empty = |begins| Rendered { text: String::new(), joints: Vec::new(), begins };
    let mut parts = vec![empty(used.narrative)];
    for piece in &used.template.pieces {
        let Some(part) = parts.last_mut() else { break };
        match piece {
            Piece::Literal(text) => part.text.push_str(text),
            Piece::Slot(_) | Piece::Narrative => parts.push(empty(false)),
            Piece::Entity { who, spelling } => {
                let Some(joint) = put_in(part, set, language, cast, *who, spelling) else {
                    return Vec::new();
                };
                part.joints.push(joint);
            }
        }
    }
    parts
}

fn put_in<'s>(
    part: &mut Rendered<'s>,
    set: &'s EntitySet,
    language: &str,
    cast: Cast,
    who: Who,
    spelling: &'s Spelling,
) -> Option<Joint<'s>> {
    let entity = set.entities.get(cast.index(who))?;
    let text = spell(entity, language, spelling).ok()?;
    let spelled = entity.spelled.get(language)?;
    let start = part.text.len();
    part.text.push_str(text);
    Some(Joint {
        range: start..part.text.len(),
        named: matches!(spelling, Spelling::Form(_)),
        plain: spelled.forms.get("name").map_or("", String::as_str),
        classes: &spelled.agree,
    })
}

impl Rendered<'_> {
    pub fn before(&self, joint: &Joint<'_>) -> &str {
        self.text.get(..joint.range.start).unwrap_or_default()
    }

    pub fn inside(&self, joint: &Joint<'_>) -> &str {
        self.text.get(joint.range.clone()).unwrap_or_default()
    }

    pub fn after(&self, joint: &Joint<'_>) -> &str {
        self.text.get(joint.range.end..).unwrap_or_default()
    }

    /// Whether a joint begins at a byte.
    pub fn joint_at(&self, byte: usize) -> Option<&Joint<'_>> {
        let at = self.joints.partition_point(|j| j.range.start < byte);
        self.joints.get(at).filter(|j| j.range.start == byte)
    }

    /// Whether the joint is the first thing of a sentence.
    pub fn begins_sentence(&self, joint: &Joint<'_>) -> bool {
        let before = self.before(joint);
        let trimmed = before.trim_end();
        if trimmed.is_empty() {
            return self.begins;
        }
        trimmed.len() < before.len() && ends_sentence(trimmed)
    }
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

fn in_word(c: char) -> bool {
    c.is_alphabetic() || is_apostrophe(c) || c == '-'
}

/// The word that ends a text, if one space stands behind it.
fn last_word(text: &str) -> Option<&str> {
    let text = text.strip_suffix(' ')?;
    let start = text.char_indices().rev().take_while(|(_, c)| in_word(*c)).last()?.0;
    text.get(start..)
}

/// The word that a text begins with.
fn first_word(text: &str) -> Option<&str> {
    let end = text.find(|c| !in_word(c)).unwrap_or(text.len());
    text.get(..end).filter(|word| !word.is_empty())
}

/// The word after one space.
fn next_word(text: &str) -> Option<&str> {
    first_word(text.strip_prefix(' ')?)
}

/// Whether a full stop (or its like) ends the text, and not an abbreviation.
fn ends_sentence(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '”', '»', ')', '\u{a0}', '\u{202f}']);
    let Some(stem) = text.strip_suffix(['.', '!', '?']) else {
        return false;
    };
    if !text.ends_with('.') {
        return true;
    }
    let start = stem
        .rfind(|c: char| !c.is_alphabetic())
        .map_or(0, |at| at + stem.get(at..).and_then(|s| s.chars().next()).map_or(1, char::len_utf8));
    let word = stem.get(start..).unwrap_or_default();
    let short = word.chars().count() == 1 && !word.ends_with(['a', 'y', 'à']);
    !short && !matches!(word, "vs" | "cf" | "etc" | "no" | "art" | "env" | "approx" | "Mr" | "Mrs" | "Dr")
}

/// A slip as a person finds it again: the words on both sides of a place.
fn around(text: &str, at: Range<usize>) -> String {
    let mut start = at.start;
    for (i, c) in text.get(..at.start).unwrap_or_default().char_indices().rev().take(16) {
        if c == '\n' {
            break;
        }
        start = i;
    }
    let end = text
        .get(at.end..)
        .unwrap_or_default()
        .char_indices()
        .take_while(|(_, c)| *c != '\n')
        .take(16)
        .last()
        .map_or(at.end, |(i, c)| at.end + i + c.len_utf8());
    let excerpt = text.get(start..end).unwrap_or_default();
    if excerpt.trim().is_empty() {
        // A line of spaces.
        return format!("“{}”", excerpt.replace(' ', "␣"));
    }
    format!("“{}”", excerpt.trim())
}
