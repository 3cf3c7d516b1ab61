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
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    dropout: Option<f64>,
}

/// Refuses a tokenizer that draws random numbers, and one whose normaliser could blow a text up.
pub(crate) fn check(path: &Path, bytes: &[u8]) -> Result<()> {
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
    Ok(())
}

/// Whether token texts are spelled in the byte alphabet (`Ġ` for a space).
pub(crate) fn decodes_bytes(bytes: &[u8]) -> bool {
    fn holds_byte_level(value: &Value) -> bool {
        value.get("type").and_then(Value::as_str) == Some("ByteLevel")
            || value
                .get("decoders")
                .and_then(Value::as_array)
                .is_some_and(|parts| parts.iter().any(holds_byte_level))
    }
    serde_json::from_slice::<Outline>(bytes)
        .ok()
        .and_then(|outline| outline.decoder)
        .is_some_and(|decoder| holds_byte_level(&decoder))
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
