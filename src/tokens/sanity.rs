//! What a tokenizer.json must not hold although the tokenizers crate would take it.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::budget::{Budget, Entries};
use super::error::Result;
use super::files::{MOST_ADDED_TOKENS, malformed, parse_json};
use crate::plain::shown;

/// Entries of `model.vocab` and `model.merges`; the largest published have 262,144 and 580,604. The tokenizers crate
/// holds each several times over while it reads them: this many of both take some 700 MB.
const MOST_PIECES: usize = 500_000;
const MOST_MERGES: usize = 800_000;
/// Of everything else but the added tokens.
const MOST_VALUES: usize = 50_000;
const MOST_TEXT: usize = 2 << 20;

/// The fields that a tokenizer.json may have.
const FIELDS: [&str; 9] = [
    "version",
    "truncation",
    "padding",
    "added_tokens",
    "normalizer",
    "pre_tokenizer",
    "post_processor",
    "decoder",
    "model",
];
const MODELS: [&str; 4] = ["BPE", "Unigram", "WordPiece", "WordLevel"];

/// The parts that are looked at again; vocabulary and merges are counted, not stored.
#[derive(Default)]
struct Outline {
    normalizer: Value,
    decoder: Value,
    post_processor: Value,
    added_tokens: Value,
    dropout: Value,
}

struct ReadOutline;

impl<'de> DeserializeSeed<'de> for ReadOutline {
    type Value = Outline;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Outline, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadOutline {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object with `model`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let mut outline = Outline::default();
        let mut budget = Budget::new(MOST_VALUES, MOST_TEXT);
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !FIELDS.contains(&&*name) {
                return Err(Error::custom(format!("`{}` is not a known field", shown(&name))));
            }
            if !seen.insert(name.clone()) {
                return Err(Error::custom(format!("`{name}` stands there twice")));
            }
            let place = match &*name {
                "model" => {
                    outline.dropout = map.next_value_seed(ReadModel(&mut budget))?;
                    continue;
                }
                "added_tokens" => {
                    // A token has seven fields, and as many names of them.
                    let mut tokens = Budget::new(20 * MOST_ADDED_TOKENS, MOST_TEXT * 4);
                    outline.added_tokens =
                        map.next_value_seed(tokens.keep()).map_err(|error| named(&name, error))?;
                    continue;
                }
                "normalizer" => &mut outline.normalizer,
                "decoder" => &mut outline.decoder,
                "post_processor" => &mut outline.post_processor,
                _ => &mut Value::Null,
            };
            *place = map.next_value_seed(budget.keep()).map_err(|error| named(&name, error))?;
        }
        match seen.contains("model") {
            true => Ok(outline),
            false => Err(Error::custom("`model` is missing")),
        }
    }
}

/// Gives `model.dropout`.
struct ReadModel<'b>(&'b mut Budget);

impl<'de> DeserializeSeed<'de> for ReadModel<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadModel<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object under `model`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut dropout = Value::Null;
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let full = format!("model.{}", shown(&name));
            match &*name {
                "vocab" => map
                    .next_value_seed(Entries { most: MOST_PIECES, check: wrong_piece })
                    .map_err(|error| named(&full, error))?,
                "merges" => map
                    .next_value_seed(Entries { most: MOST_MERGES, check: wrong_merge })
                    .map_err(|error| named(&full, error))?,
                _ => {
                    let value = map.next_value_seed(self.0.keep()).map_err(|error| named(&full, error))?;
                    if name == "type" && !value.as_str().is_some_and(|kind| MODELS.contains(&kind)) {
                        let why = format!("is {}, expected {}", shown(&value.to_string()), MODELS.join(", "));
                        return Err(Error::custom(format!("`model.type` {why}")));
                    }
                    if name == "dropout" {
                        dropout = value;
                    }
                }
            }
            if !seen.insert(name) {
                return Err(Error::custom(format!("`{full}` stands there twice")));
            }
        }
        Ok(dropout)
    }
}

/// An id by its spelling; of a unigram model, a spelling with its score.
fn wrong_piece(piece: Option<&str>, value: &Value) -> Option<String> {
    let piece = piece?;
    let is_id = value.as_u64().is_some_and(|id| u32::try_from(id).is_ok());
    (!is_id).then(|| format!("gives \"{}\" the id {}", shown(piece), shown(&value.to_string())))
}

fn wrong_merge(_: Option<&str>, value: &Value) -> Option<String> {
    let is_merge = match value {
        Value::String(_) => true,
        Value::Array(pair) => pair.len() == 2 && pair.iter().all(Value::is_string),
        _ => false,
    };
    (!is_merge).then(|| format!("holds {}, expected two texts to merge", shown(&value.to_string())))
}

/// The error, with the field that it is about in front.
fn named<E: Error>(field: &str, error: E) -> E {
    let said = error.to_string();
    let said = said.rfind(" at line ").map_or(&*said, |at| &said[..at]);
    E::custom(format!("`{field}` {said}"))
}

/// What the rest of the room needs to know about a tokenizer.json.
pub(crate) struct Facts {
    /// Token texts are spelled in the byte alphabet (`Ġ` for a space).
    pub byte_level: bool,
    /// Added tokens with the ids that the file gives them.
    pub added_tokens: Vec<(u32, String)>,
}

/// Refuses a tokenizer that draws random numbers, and one whose normaliser could blow a text up.
pub(crate) fn check(path: &Path, bytes: &[u8]) -> Result<Facts> {
    /// A published normaliser makes a text at most three times as long (a space becomes a three-byte character).
    const MOST_GROWTH: f64 = 256.0;
    let outline = parse_json(path, bytes, ReadOutline)?;
    match outline.dropout {
        Value::Null => {}
        Value::Number(dropout) if dropout.as_f64() == Some(0.0) => {}
        Value::Number(dropout) => {
            return Err(malformed(
                path,
                format!("`model.dropout` is {dropout}: the same text would not always give the same ids"),
            ));
        }
        other => {
            let other = shown(&other.to_string());
            return Err(malformed(path, format!("`model.dropout` is {other}, expected null or 0")));
        }
    }
    let growth = growth(&outline.normalizer);
    if growth > MOST_GROWTH {
        return Err(malformed(path, format!("`normalizer` can make a text {growth} times as long")));
    }
    if let Some(token) = unknown_special(&outline.post_processor) {
        return Err(malformed(
            path,
            format!("`post_processor` adds \"{}\", which its `special_tokens` lacks", shown(token)),
        ));
    }
    Ok(Facts {
        byte_level: holds_byte_level(&outline.decoder),
        added_tokens: added_tokens(&outline.added_tokens).map_err(|why| malformed(path, why))?,
    })
}

fn added_tokens(list: &Value) -> Result<Vec<(u32, String)>, String> {
    let list = match list {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => return Err("`added_tokens` is not a list".to_owned()),
    };
    if list.len() > MOST_ADDED_TOKENS {
        return Err(format!("`added_tokens` holds {} tokens; {MOST_ADDED_TOKENS} are accepted", list.len()));
    }
    let read = |(number, token): (usize, &Value)| {
        let wrong = |field: &str, what: &str| {
            let found = token.get(field).map_or("missing".to_owned(), |value| shown(&value.to_string()));
            format!("`added_tokens[{number}].{field}` is {found}, expected {what}")
        };
        let id = token.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let content = token.get("content").and_then(Value::as_str);
        let id = id.ok_or_else(|| wrong("id", "a token id"))?;
        Ok((id, content.ok_or_else(|| wrong("content", "a text"))?.to_owned()))
    };
    list.iter().enumerate().map(read).collect()
}

/// A special token that the template of a post-processor puts in and does not define.
fn unknown_special(processor: &Value) -> Option<&str> {
    let list = |key: &str| processor.get(key).and_then(Value::as_array).into_iter().flatten();
    if processor.get("type").and_then(Value::as_str) == Some("Sequence") {
        return list("processors").find_map(unknown_special);
    }
    let known = |id: &str| processor.get("special_tokens").is_some_and(|tokens| tokens.get(id).is_some());
    list("single")
        .chain(list("pair"))
        .filter_map(|piece| piece.get("SpecialToken")?.get("id")?.as_str())
        .find(|id| !known(id))
}

fn holds_byte_level(decoder: &Value) -> bool {
    let parts = decoder.get("decoders").and_then(Value::as_array);
    decoder.get("type").and_then(Value::as_str) == Some("ByteLevel")
        || parts.is_some_and(|parts| parts.iter().any(holds_byte_level))
}

/// How many times as long a text can become, at worst.
fn growth(normalizer: &Value) -> f64 {
    let length = |value: Option<&Value>| value.and_then(Value::as_str).map_or(0, str::len) as f64;
    match normalizer.get("type").and_then(Value::as_str) {
        Some("Sequence") => normalizer
            .get("normalizers")
            .and_then(Value::as_array)
            .map_or(1.0, |parts| parts.iter().map(growth).product()),
        Some("Replace") => {
            let content = length(normalizer.get("content"));
            let pattern = normalizer.get("pattern");
            match length(pattern.and_then(|pattern| pattern.get("String"))) {
                // A regular expression, or an empty string: it may match at every byte and between any two.
                0.0 => content + 1.0,
                pattern => (content / pattern).max(1.0),
            }
        }
        Some("Prepend") => length(normalizer.get("prepend")) + 1.0,
        Some("ByteLevel") => 2.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn growth_is_that_of_the_longest_replacement() {
        let replace = |pattern: Value, content: &str| json!({"type": "Replace", "pattern": pattern, "content": content});
        let text = |pattern: &str, content: &str| replace(json!({"String": pattern}), content);
        let both = [text(" ", "abc"), json!({"type": "Prepend", "prepend": "a"})];
        for (normalizer, expected) in [
            (Value::Null, 1.0),
            (json!({"type": "NFC"}), 1.0),
            (json!({"type": "ByteLevel"}), 2.0),
            (json!({"type": "Prepend", "prepend": "\u{2581}"}), 4.0),
            (text(" ", "\u{2581}"), 3.0),
            (text("ab", "abcdef"), 3.0),
            // What becomes shorter may stand beside what does not.
            (text("abcdef", "ab"), 1.0),
            (text("", "ab"), 3.0),
            (replace(json!({"Regex": "a+"}), "ab"), 3.0),
            (json!({"type": "Sequence", "normalizers": both}), 6.0),
            (json!({"type": "Sequence", "normalizers": []}), 1.0),
        ] {
            assert_eq!(growth(&normalizer), expected, "{normalizer}");
        }
    }

    #[test]
    fn a_merge_is_a_text_or_two() {
        for merge in [json!("a b"), json!(["a", "b"])] {
            assert_eq!(wrong_merge(None, &merge), None);
        }
        for wrong in [json!(["a"]), json!(["a", "b", "c"]), json!(["a", 1]), json!({"a": "b"}), json!(1)] {
            assert!(wrong_merge(None, &wrong).unwrap().contains("expected two texts to merge"), "{wrong}");
        }
    }

    #[test]
    fn as_many_added_tokens_as_are_accepted_fit_with_all_their_fields() {
        let token = |id: usize| {
            json!({"id": id, "content": "<x>", "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        };
        let tokens: Vec<Value> = (0..MOST_ADDED_TOKENS).map(token).collect();
        let file = json!({"added_tokens": tokens, "model": {}}).to_string();
        let facts = check(Path::new("tokenizer.json"), file.as_bytes()).unwrap();
        assert_eq!(facts.added_tokens.len(), MOST_ADDED_TOKENS);
    }

    #[test]
    fn what_a_post_processor_adds_is_looked_up() {
        let adds =
            |list: &str, id: &str| json!({list: [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": id}}]});
        let mut known = adds("single", "<s>");
        known["special_tokens"] = json!({"<s>": {}});
        assert_eq!(unknown_special(&known), None);
        assert_eq!(unknown_special(&adds("single", "<s>")), Some("<s>"));
        assert_eq!(unknown_special(&adds("pair", "<t>")), Some("<t>"));
        let within = json!({"type": "Sequence", "processors": [known, adds("pair", "<t>")]});
        assert_eq!(unknown_special(&within), Some("<t>"));
        assert_eq!(unknown_special(&Value::Null), None);
    }

    #[test]
    fn a_byte_level_decoder_is_found_within_others() {
        let sequence =
            |last: &str| json!({"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": last}]});
        assert!(holds_byte_level(&json!({"type": "ByteLevel"})) && holds_byte_level(&sequence("ByteLevel")));
        assert!(!holds_byte_level(&sequence("Fuse")) && !holds_byte_level(&Value::Null));
    }
}
