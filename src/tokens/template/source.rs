//! Where a folder keeps its chat template.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::error::{Result, TokensError};
use super::super::files::{malformed, read_optional};
use super::super::special::TokenizerConfig;
use super::segments::Segments;
use crate::plain::stand_in;

/// The longest published templates have some 30 kB.
pub(super) const TEMPLATE_LIMIT: u64 = 128 << 10;

/// A template as it stands in its file.
pub(super) struct Source {
    pub text: String,
    pub file: PathBuf,
}

/// chat_template.jinja, else the key `chat_template` of tokenizer_config.json: a text, or named texts of which one is
/// called `default`. `None` if there is neither.
pub(super) fn find(dir: &Path, config: &TokenizerConfig) -> Result<Option<Source>> {
    let file = dir.join("chat_template.jinja");
    if let Some(bytes) = read_optional(&file, TEMPLATE_LIMIT)? {
        if let Some(why) = stand_in(&bytes) {
            return Err(malformed(file, why));
        }
        return match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(Source { text, file })),
            Err(error) => Err(malformed(file, format!("not UTF-8: {}", error.utf8_error()))),
        };
    }
    let file = dir.join("tokenizer_config.json");
    let text = match config.get("chat_template") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(Value::Array(named)) => default_of(&file, named)?,
        Some(_) => {
            return Err(malformed(file, "`chat_template` is neither a text nor a list of named templates"));
        }
    };
    if text.len() as u64 > TEMPLATE_LIMIT {
        return Err(TokensError::TooLarge { path: file, size: text.len() as u64, limit: TEMPLATE_LIMIT });
    }
    Ok(Some(Source { text: text.clone(), file }))
}

/// The file that the folder's template stands in, for messages. `None` if there is none that can be read.
pub(crate) fn template_file(dir: &Path, config: &TokenizerConfig) -> Option<PathBuf> {
    match find(dir, config).ok()? {
        Some(source) => Some(source.file),
        None => Some(Segments::find(dir).ok()??.file().to_owned()),
    }
}

fn default_of<'a>(file: &Path, named: &'a [Value]) -> Result<&'a String> {
    let mut names = Vec::new();
    for entry in named {
        let name = entry.get("name").and_then(Value::as_str);
        let (Some(name), Some(Value::String(text))) = (name, entry.get("template")) else {
            return Err(malformed(file, "an entry of `chat_template` lacks `name` or `template`"));
        };
        if name == "default" {
            return Ok(text);
        }
        names.push(name);
    }
    Err(TokensError::NoDefaultTemplate { file: file.to_owned(), names: names.join(", ") })
}
