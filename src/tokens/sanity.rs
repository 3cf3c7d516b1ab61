//! What a tokenizer.json must not hold although the tokenizers crate would take it.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::error::Result;
use super::files::{malformed, parse_json};

/// The parts that are looked at; the vocabulary is skipped, not stored.
#[derive(Deserialize)]
struct Outline {
    #[serde(default)]
    normalizer: Option<Value>,
    #[serde(default)]
    decoder: Option<Value>,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    dropout: Option<f64>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
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
    let outline: Outline = parse_json(path, bytes)?;
    if let Some(dropout) = outline.model.dropout.filter(|dropout| *dropout != 0.0) {
        return Err(malformed(
            path,
            format!("`model.dropout` is {dropout}: the same text would not always give the same ids"),
        ));
    }
    let growth = outline.normalizer.as_ref().map_or(1.0, growth);
    if growth > MOST_GROWTH {
        return Err(malformed(path, format!("`normalizer` can make a text {growth} times as long")));
    }
    Ok(Facts {
        byte_level: outline.decoder.is_some_and(|decoder| holds_byte_level(&decoder)),
        added_tokens: outline.added_tokens.into_iter().map(|token| (token.id, token.content)).collect(),
    })
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
