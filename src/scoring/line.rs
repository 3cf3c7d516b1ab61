//! One input line of `tiltmeter score`, as far as it can be read without the checkpoint.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::plain::{JSON_SIGNS, crowded, field, nearest, not_json, said, shown};
use crate::study::Message;

#[derive(Debug, Default)]
pub(super) struct Line {
    pub id: Option<Value>,
    pub tokens: Option<Vec<u32>>,
    pub prompt: Option<String>,
    pub messages: Option<Vec<Message>>,
    pub prefill: Option<String>,
    pub choices: Option<Vec<Vec<String>>>,
    pub choice_tokens: Option<Vec<Vec<u32>>>,
}

const FIELDS: [&str; 7] = ["id", "tokens", "prompt", "messages", "prefill", "choices", "choice_tokens"];

/// Values of a line, and signs in its texts: the ids of a prompt as long as any model's context, twice.
const MOST_SIGNS: usize = 2 << 20;

impl Line {
    pub fn parse(bytes: &[u8]) -> Result<Line, String> {
        if let Some(why) = not_json(bytes) {
            return Err(format!("it {why}"));
        }
        if let Some(why) = crowded(bytes, JSON_SIGNS, MOST_SIGNS) {
            return Err(format!("it {why}"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
        // The position inside the line is what helps; the reader's own line number is always 1.
        let bare = |e: &serde_json::Error| {
            let said = said(&e.to_string());
            said.rfind(" at line ").map_or(&*said, |at| &said[..at]).to_owned()
        };
        // First whether it is JSON, so that all else can be said by field.
        serde_json::from_str::<IgnoredAny>(text)
            .map_err(|e| format!("not valid JSON: {} at column {}", bare(&e), e.column()))?;
        serde_json::from_str(text).map_err(|e| bare(&e))
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadLine)
    }
}

struct ReadLine;

impl<'de> Visitor<'de> for ReadLine {
    type Value = Line;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object with `id`, a prompt and choices")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
        const IDS: &str = "a list of token ids";
        const TURNS: &str = "a list of objects with `role` and `content`";
        let mut line = Line::default();
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(Error::custom(format!("`{name}` stands there twice")));
            }
            match &*name {
                "id" => line.id = Some(field::<A, Id>(&mut map, &name, "a text or a number")?.0),
                "tokens" => line.tokens = field(&mut map, &name, IDS)?,
                "prompt" => line.prompt = field(&mut map, &name, "a text")?,
                "messages" => {
                    let messages: Option<Vec<Turn>> = field(&mut map, &name, TURNS)?;
                    line.messages = messages.map(|turns| turns.into_iter().map(|turn| turn.0).collect());
                }
                "prefill" => line.prefill = field(&mut map, &name, "a text")?,
                "choices" => line.choices = field(&mut map, &name, "a list of lists of texts")?,
                "choice_tokens" => {
                    line.choice_tokens = field(&mut map, &name, "a list of lists of token ids")?
                }
                _ => return Err(Error::custom(unknown(&name, &FIELDS))),
            }
            seen.push(name);
        }
        Ok(line)
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    format!("unknown field `{}`{}", shown(name), nearest(name, known.iter().copied()))
}

/// A text, or a number that comes out as it went in; null counts as absent.
struct Id(Value);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadId;
        impl<'de> Visitor<'de> for ReadId {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a text or a number")
            }
            fn visit_unit<E>(self) -> Result<Id, E> {
                Ok(Id(Value::Null))
            }
            fn visit_str<E>(self, text: &str) -> Result<Id, E> {
                Ok(Id(text.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number.into()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Id, E> {
                Ok(Id(number.into()))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Id, E> {
                /// From here on two whole numbers can be one and the same as a float.
                const EXACT: f64 = 9_007_199_254_740_992.0;
                match number.abs() < EXACT {
                    true => Ok(Id(number.into())),
                    false => Err(E::custom("one as large as this would lose digits, write it as a text")),
                }
            }
        }
        deserializer.deserialize_any(ReadId)
    }
}

/// A message from an object, and from nothing else.
struct Turn(Message);

impl<'de> Deserialize<'de> for Turn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadTurn;
        impl<'de> Visitor<'de> for ReadTurn {
            type Value = Turn;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Turn, A::Error> {
                let (mut role, mut content) = (None, None);
                while let Some(name) = map.next_key::<String>()? {
                    let place = match &*name {
                        "role" => &mut role,
                        "content" => &mut content,
                        _ => return Err(Error::custom(unknown(&name, &["role", "content"]))),
                    };
                    if place.replace(field::<A, String>(&mut map, &name, "a text")?).is_some() {
                        return Err(Error::custom(format!("`{name}` stands there twice")));
                    }
                }
                let missing = |name: &str| Error::custom(format!("`{name}` is missing"));
                let role = role.ok_or_else(|| missing("role"))?;
                Ok(Turn(Message { role, content: content.ok_or_else(|| missing("content"))? }))
            }
        }
        deserializer.deserialize_any(ReadTurn)
    }
}
