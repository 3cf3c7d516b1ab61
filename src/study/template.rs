//! A piece of text with placeholders, parsed once: literals, entities in a form, and slots for other texts.

use super::error::Origin;

/// Which of the pair a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// The narrative's first role, `{A}`.
    A,
    /// The narrative's second role, `{B}`.
    B,
    /// The first option slot, `{first}`.
    First,
    /// The second option slot, `{second}`.
    Second,
}

impl Who {
    /// As it is written between braces.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::First => "first",
            Self::Second => "second",
        }
    }
}

/// How an entity is spelled at a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// `{A.Name}`: a form of the entity's table; `{A}` is the form `name`.
    Form(String),
    /// `{A|s:a|p:ont}`: (class, text), the first whose class the entity has.
    Agree(Vec<(String, String)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Literal(String),
    Entity {
        who: Who,
        spelling: Spelling,
    },
    /// Another text of the language, by name.
    Slot(String),
    /// The scenario's text.
    Narrative,
}

/// A parsed text and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(super) pieces: Vec<Piece>,
    pub(super) origin: Origin,
}

/// No narrative and no set of worked examples is longer.
const MAX_TEXT: usize = 64 << 10;

/// Names that no text may have, because placeholders use them.
pub(super) const RESERVED: [&str; 5] = ["A", "B", "first", "second", "narrative"];

impl Template {
    /// Reads `text` literally, except for placeholders and doubled braces.
    pub(super) fn parse(text: &str, origin: Origin) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err("the text is longer than 64 KiB".into());
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            literal.push_str(before);
            let here = text.len() - brace.len();
            if let Some(after) = brace.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else if let Some(inside) = brace.strip_prefix('{') {
                let close = inside.find(['{', '}']);
                let Some(close) = close.filter(|&c| inside[c..].starts_with('}')) else {
                    return Err(format!(
                        "the brace at {} is never closed (a literal brace is written `{{{{`)",
                        position(text, here)
                    ));
                };
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                let content = &inside[..close];
                let piece =
                    placeholder(content).map_err(|what| format!("{what} at {}", position(text, here)))?;
                pieces.push(piece);
                rest = &inside[close + 1..];
            } else {
                return Err(format!(
                    "the closing brace at {} was never opened (a literal brace is written `}}}}`)",
                    position(text, here)
                ));
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces, origin })
    }

    /// The literal text only, placeholders left out.
    pub(super) fn literal_text(&self) -> String {
        self.pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Literal(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The entities in the order of mention.
    pub(super) fn mentions(&self) -> impl Iterator<Item = (Who, &Spelling)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Entity { who, spelling } => Some((*who, spelling)),
            _ => None,
        })
    }
}

/// The inside of a pair of braces.
fn placeholder(content: &str) -> Result<Piece, String> {
    let end = content.find(['.', '|']).unwrap_or(content.len());
    let (head, tail) = content.split_at(end);
    let who = match head {
        "A" => Some(Who::A),
        "B" => Some(Who::B),
        "first" => Some(Who::First),
        "second" => Some(Who::Second),
        _ => None,
    };
    match who {
        Some(who) => Ok(Piece::Entity { who, spelling: spelling(content, tail)? }),
        None if content == "narrative" => Ok(Piece::Narrative),
        None if is_text_name(content) => Ok(Piece::Slot(content.to_owned())),
        None if content.is_empty() => Err("an empty placeholder `{}`".into()),
        None => Err(format!("unknown placeholder `{{{}}}`", excerpt(content))),
    }
}

fn spelling(content: &str, tail: &str) -> Result<Spelling, String> {
    if tail.is_empty() {
        return Ok(Spelling::Form("name".into()));
    }
    if let Some(form) = tail.strip_prefix('.') {
        if !is_word(form) {
            return Err(format!("`{{{}}}` has no usable form name after the dot", excerpt(content)));
        }
        return Ok(Spelling::Form(form.to_owned()));
    }
    let mut alternatives: Vec<(String, String)> = Vec::new();
    for alternative in tail.split('|').skip(1) {
        let Some((class, text)) = alternative.split_once(':').filter(|(c, _)| is_word(c)) else {
            return Err(format!(
                "`{{{}}}` has an alternative without a class (write `{{A|class:text|class:text}}`)",
                excerpt(content)
            ));
        };
        if alternatives.iter().any(|(c, _)| c == class) {
            return Err(format!("`{{{}}}` has two alternatives for the class `{class}`", excerpt(content)));
        }
        alternatives.push((class.to_owned(), text.to_owned()));
    }
    if alternatives.iter().all(|(_, text)| text.is_empty()) {
        return Err(format!("`{{{}}}` has only empty alternatives", excerpt(content)));
    }
    Ok(Spelling::Agree(alternatives))
}

/// Lower case, digits, underscore.
pub(super) fn is_text_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Letters, digits, underscore.
pub(super) fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `line 2, character 7` of a text.
fn position(text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |n| n + 1);
    let character = before[start..].chars().count() + 1;
    if line == 1 {
        format!("character {character}")
    } else {
        format!("line {line}, character {character} of the text")
    }
}

/// At most 40 characters, on one line.
pub(super) fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short.replace('\n', "⏎")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Piece>, String> {
        Template::parse(text, Origin::default()).map(|t| t.pieces)
    }

    fn entity(who: Who, form: &str) -> Piece {
        Piece::Entity { who, spelling: Spelling::Form(form.into()) }
    }

    #[test]
    fn every_kind_of_piece_is_read() {
        let pieces = parse("{A.Name} {A|s:a|p:ont} \n{hedge}{narrative}{{x}} {second} ").unwrap();
        let agree = Spelling::Agree(vec![("s".into(), "a".into()), ("p".into(), "ont".into())]);
        assert_eq!(
            pieces,
            [
                entity(Who::A, "Name"),
                Piece::Literal(" ".into()),
                Piece::Entity { who: Who::A, spelling: agree },
                Piece::Literal(" \n".into()),
                Piece::Slot("hedge".into()),
                Piece::Narrative,
                Piece::Literal("{x} ".into()),
                entity(Who::Second, "name"),
                Piece::Literal(" ".into()),
            ]
        );
    }

    #[test]
    fn an_ending_may_be_empty_for_one_class_but_not_for_all() {
        assert!(parse("accusé{A|m:|f:e}").is_ok());
        assert!(parse("{A|m:|f:}").unwrap_err().contains("only empty"));
    }

    #[test]
    fn nothing_is_trimmed() {
        assert_eq!(parse(" \n a \t").unwrap(), [Piece::Literal(" \n a \t".into())]);
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn slips_are_named_with_their_place() {
        for (text, part) in [
            ("one {A", "the brace at character 5 is never closed"),
            ("{A {B}", "the brace at character 1 is never closed"),
            ("é\nab}c", "the closing brace at line 2, character 3"),
            ("{}", "an empty placeholder"),
            ("{C}", "unknown placeholder `{C}`"),
            ("{Question}", "unknown placeholder"),
            ("{ A}", "unknown placeholder"),
            ("{A.}", "no usable form name"),
            ("{A.na me}", "no usable form name"),
            ("{A|}", "without a class"),
            ("{A|s:x||p:y}", "without a class"),
            ("{A|s:x|s:y}", "two alternatives for the class `s`"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
