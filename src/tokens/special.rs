//! Special tokens as a folder's configuration files name them.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::Result;
use super::files::{MOST_ADDED_TOKENS, malformed, read_fields};
use crate::plain::{Object, said, shown};

/// The names that templates may use as variables.
pub(crate) const NAMED: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// tokenizer_config.json, with special_tokens_map.json where the former is of the old kind that relies on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenizerConfig {
    fields: Map<String, Value>,
    present: bool,
}

/// A token in its long form; also the entries of `added_tokens_decoder`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SpecialToken {
    pub content: String,
    #[serde(default)]
    pub single_word: bool,
    #[serde(default)]
    pub lstrip: bool,
    #[serde(default)]
    pub rstrip: bool,
    #[serde(default)]
    pub normalized: bool,
    #[serde(default)]
    pub special: bool,
}

impl TokenizerConfig {
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("tokenizer_config.json");
        let config = read_fields(&path)?;
        let present = config.is_some();
        let mut fields = config.unwrap_or_default();
        if !fields.contains_key("added_tokens_decoder") {
            let map = read_fields(&dir.join("special_tokens_map.json"))?;
            fields.extend(map.unwrap_or_default());
        }
        let config = Self { fields, present };
        for name in NAMED {
            config.check(&path, name)?;
        }
        if config.get("split_special_tokens") == Some(&Value::Bool(true)) {
            let why = "`split_special_tokens` is true: special tokens inside a text would be spelled out, which is not \
                       supported";
            return Err(malformed(path, why));
        }
        for key in ["added_tokens_decoder", "extra_special_tokens", "additional_special_tokens"] {
            let count = match config.get(key) {
                Some(Value::Object(tokens)) => tokens.len(),
                Some(Value::Array(tokens)) => tokens.len(),
                _ => 0,
            };
            if count > MOST_ADDED_TOKENS {
                let why = format!("`{key}` holds {count} tokens; {MOST_ADDED_TOKENS} are accepted");
                return Err(malformed(path, why));
            }
        }
        Ok(config)
    }

    /// Whether tokenizer_config.json exists.
    pub(crate) fn present(&self) -> bool {
        self.present
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key)
    }

    /// The text of a special token, given as a string or in its long form.
    pub(crate) fn token(&self, name: &str) -> Option<&str> {
        match self.fields.get(name)? {
            Value::String(text) => Some(text),
            Value::Object(token) => token.get("content")?.as_str(),
            _ => None,
        }
    }

    /// Every special token that a template may print: the named ones and others whose key ends in `_token`.
    pub(crate) fn template_tokens(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .keys()
            .filter(|key| key.ends_with("_token"))
            .filter_map(|key| Some((key.as_str(), self.token(key)?)))
    }

    fn check(&self, path: &Path, name: &str) -> Result<()> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(()),
            Some(_) if self.token(name).is_some() => Ok(()),
            Some(other) => Err(malformed(
                path,
                format!(
                    "`{name}` must be a string or an object with `content`, not {}",
                    shown(&other.to_string())
                ),
            )),
        }
    }
}

impl TokenizerConfig {
    /// `added_tokens_decoder`: id and token, in the file's order. An error is about tokenizer_config.json.
    pub(crate) fn added_tokens(&self) -> Result<Vec<(u32, SpecialToken)>, String> {
        let entries = match self.fields.get("added_tokens_decoder") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Object(entries)) => entries,
            Some(_) => {
                return Err("`added_tokens_decoder` is not an object".into());
            }
        };
        entries
            .iter()
            .map(|(key, entry)| {
                let wrong =
                    |reason: String| format!("`added_tokens_decoder`, entry \"{}\": {reason}", shown(key));
                let id = key.parse().map_err(|_| wrong("not a token id".into()))?;
                let token =
                    Object::<SpecialToken>::deserialize(entry).map_err(|e| wrong(said(&e.to_string())))?;
                Ok((id, token.0))
            })
            .collect()
    }

    /// `extra_special_tokens` (a list, or names with tokens), or `additional_special_tokens` in older files.
    pub(crate) fn extra_tokens(&self) -> Vec<String> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            other => Some(other.get("content")?.as_str()?.to_owned()),
        };
        let key = match self.fields.get("extra_special_tokens") {
            None | Some(Value::Null) => "additional_special_tokens",
            Some(_) => "extra_special_tokens",
        };
        match self.fields.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(text).collect(),
            Some(Value::Object(names)) => names.values().filter_map(text).collect(),
            _ => Vec::new(),
        }
    }
}
