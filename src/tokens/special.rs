//! Special tokens as a folder's configuration files name them.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::AddedToken;

use super::class::Class;
use super::error::Result;
use super::files::{MOST_ADDED_TOKENS, malformed, read_fields};
use crate::plain::{Object, said, shown};

/// The names that templates may use as variables.
pub(crate) const NAMED: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// tokenizer_config.json; where it has no `added_tokens_decoder` it is of the old kind that relies on
/// special_tokens_map.json and added_tokens.json, and holds what they say.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenizerConfig {
    fields: Map<String, Value>,
    present: bool,
    /// added_tokens.json: ids and texts, in the order of the ids.
    added: Vec<(u32, String)>,
}

/// A token in its long form; also the entries of `added_tokens_decoder`.
#[derive(Deserialize)]
struct LongForm {
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    normalized: Option<bool>,
    #[serde(default)]
    special: bool,
}

impl From<LongForm> for AddedToken {
    fn from(token: LongForm) -> Self {
        AddedToken {
            normalized: token.normalized.unwrap_or(!token.special),
            content: token.content,
            single_word: token.single_word,
            lstrip: token.lstrip,
            rstrip: token.rstrip,
            special: token.special,
        }
    }
}

impl TokenizerConfig {
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("tokenizer_config.json");
        let config = read_fields(&path)?;
        let present = config.is_some();
        let mut fields = config.unwrap_or_default();
        let mut added = Vec::new();
        if !fields.contains_key("added_tokens_decoder") {
            let map = read_fields(&dir.join("special_tokens_map.json"))?;
            fields.extend(map.unwrap_or_default());
            added = added_file(&dir.join("added_tokens.json"))?;
        }
        let config = Self { fields, present, added };
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
        text_of(self.fields.get(name)?)
    }

    /// A special token by name; where the configuration does not have that name, as the class calls it.
    pub(crate) fn token_of<'a>(&'a self, class: &Class, name: &str) -> Option<&'a str> {
        match self.fields.get(name) {
            Some(value) => text_of(value),
            None => class.default_tokens().iter().find(|(known, _)| *known == name).map(|(_, text)| *text),
        }
    }

    /// Every special token that a template may print: the named ones, others whose key ends in `_token`, and those to
    /// which `extra_special_tokens` gives a name.
    pub(crate) fn template_tokens(&self) -> impl Iterator<Item = (&str, &str)> {
        let keys = self.fields.keys().filter(|key| key.ends_with("_token"));
        keys.filter_map(|key| Some((key.as_str(), self.token(key)?))).chain(self.extra_names())
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
    /// Added tokens with the ids that the configuration gives them: `added_tokens_decoder`, or added_tokens.json. An
    /// error is about tokenizer_config.json.
    pub(crate) fn added_tokens(&self) -> Result<Vec<(u32, AddedToken)>, String> {
        let entries = match self.fields.get("added_tokens_decoder") {
            Some(Value::Object(entries)) => entries,
            None | Some(Value::Null) => {
                let special: Vec<AddedToken> = self.special_tokens(&[]);
                let is_special = |text: &str| special.iter().any(|token| token.content == text);
                let token = |text: &String| AddedToken::from(text.clone(), is_special(text));
                return Ok(self.added.iter().map(|(id, text)| (*id, token(text))).collect());
            }
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
                    Object::<LongForm>::deserialize(entry).map_err(|e| wrong(said(&e.to_string())))?;
                Ok((id, token.0.into()))
            })
            .collect()
    }

    /// Whether tokenizer_config.json itself lists the added tokens.
    pub(crate) fn lists_added_tokens(&self) -> bool {
        self.fields.get("added_tokens_decoder").is_some_and(Value::is_object)
    }

    /// Special tokens by name, then those without one, in the order in which the reference adds them. `defaults` are
    /// the class's own for names that the configuration does not have.
    pub(crate) fn special_tokens(&self, defaults: &[(&str, &str)]) -> Vec<AddedToken> {
        let own = self.fields.keys().map(String::as_str);
        let own = own.filter(|key| key.ends_with("_token") && !NAMED.contains(key));
        let named = NAMED.into_iter().chain(own).filter_map(|name| {
            let default = || defaults.iter().find(|(known, _)| *known == name);
            let token = match self.fields.get(name) {
                Some(value) => long_form(value)?,
                None => AddedToken::from(default()?.1, true),
            };
            Some(token.special(true))
        });
        named.chain(self.extra_tokens()).collect()
    }

    /// `extra_special_tokens` (a list, or names with tokens), or `additional_special_tokens` in older files.
    fn extra_tokens(&self) -> Vec<AddedToken> {
        let key = match self.fields.get("extra_special_tokens") {
            None | Some(Value::Null) => "additional_special_tokens",
            Some(Value::Object(names)) if names.is_empty() => "additional_special_tokens",
            Some(Value::Array(list)) if list.is_empty() => "additional_special_tokens",
            Some(_) => "extra_special_tokens",
        };
        match self.fields.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(long_form).collect(),
            Some(Value::Object(names)) => names.values().filter_map(long_form).collect(),
            _ => Vec::new(),
        }
    }

    /// `extra_special_tokens` where it gives them names.
    pub(crate) fn extra_names(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.fields.get("extra_special_tokens").and_then(Value::as_object);
        let names = names.into_iter().flatten();
        names.filter_map(|(name, token)| Some((name.as_str(), text_of(token)?)))
    }
}

/// A special token from a text or from its long form.
fn long_form(value: &Value) -> Option<AddedToken> {
    match value {
        Value::String(text) => Some(AddedToken::from(text.clone(), true)),
        other => Some(Object::<LongForm>::deserialize(other).ok()?.0.into()),
    }
}

/// The text of a token, given as a string or in its long form.
fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(token) => token.get("content")?.as_str(),
        _ => None,
    }
}

/// added_tokens.json: an id for each text.
fn added_file(path: &Path) -> Result<Vec<(u32, String)>> {
    let fields = read_fields(path)?.unwrap_or_default();
    if fields.len() > MOST_ADDED_TOKENS {
        let why = format!("it holds {} tokens; {MOST_ADDED_TOKENS} are accepted", fields.len());
        return Err(malformed(path, why));
    }
    let entry = |(text, id): (String, Value)| match id.as_u64().and_then(|id| u32::try_from(id).ok()) {
        Some(number) => Ok((number, text)),
        None => {
            let (text, id) = (shown(&text), shown(&id.to_string()));
            Err(malformed(path, format!("\"{text}\" has the id {id}, expected a whole number")))
        }
    };
    let mut tokens = fields.into_iter().map(entry).collect::<Result<Vec<_>>>()?;
    tokens.sort();
    if let Some(pair) = tokens.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let [first, second] = [&pair[0].1, &pair[1].1].map(|text| shown(text));
        return Err(malformed(path, format!("\"{first}\" and \"{second}\" have the same id {}", pair[0].0)));
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &str) -> TokenizerConfig {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tokenizer_config.json"), config).unwrap();
        TokenizerConfig::read(dir.path()).unwrap()
    }

    /// `AddedToken` of transformers: what is special is not normalised unless it says so.
    #[test]
    fn tokens_in_long_form_have_the_reference_s_defaults() {
        let config = read(
            r#"{"added_tokens_decoder": {
                "5": {"content": "a"},
                "6": {"content": "b", "special": true},
                "7": {"content": "c", "special": true, "normalized": true, "single_word": true},
                "8": {"content": "d", "normalized": false, "lstrip": true, "rstrip": true}
            }}"#,
        );
        let plain = |text: &str| AddedToken::from(text, false).normalized(true);
        let expected = [
            (5, plain("a")),
            (6, plain("b").special(true).normalized(false)),
            (7, plain("c").special(true).single_word(true)),
            (8, plain("d").normalized(false).lstrip(true).rstrip(true)),
        ];
        // Two tokens of one text are equal to the tokenizers library, whatever else they are.
        assert_eq!(format!("{:?}", config.added_tokens().unwrap()), format!("{expected:?}"));
        assert!(config.lists_added_tokens() && !read("{}").lists_added_tokens());
    }

    #[test]
    fn special_tokens_come_by_name_then_by_their_own_names_then_without() {
        let texts = |config: &str| {
            let tokens = read(config).special_tokens(&[("unk_token", "<unk>"), ("bos_token", "<s>")]);
            assert!(tokens.iter().all(|token| token.special));
            tokens.into_iter().map(|token| token.content).collect::<Vec<_>>()
        };
        assert_eq!(
            texts(
                r#"{"image_token": "<i>", "eos_token": {"content": "</s>"}, "bos_token": null, "sep": "x",
                    "additional_special_tokens": ["<a>", {"content": "<b>", "special": true}]}"#
            ),
            ["</s>", "<unk>", "<i>", "<a>", "<b>"]
        );
        let extra = |extra: &str| {
            texts(&format!(
                r#"{{"bos_token": null, "unk_token": null, "extra_special_tokens": {extra}, "additional_special_tokens": ["<a>"]}}"#
            ))
        };
        for none in ["null", "[]", "{}"] {
            assert_eq!(extra(none), ["<a>"]);
        }
        assert_eq!(extra(r#"["<x>"]"#), ["<x>"]);
        assert_eq!(extra(r#"{"eot": "<x>", "eoi": {"content": "<y>", "special": true}}"#), ["<x>", "<y>"]);
    }

    #[test]
    fn templates_may_print_every_token_that_has_a_name() {
        let config = read(
            r#"{"bos_token": "<s>", "image_token": {"content": "<i>"}, "pad_token": null, "add_bos_token": true,
                "extra_special_tokens": {"eot": "<x>"}}"#,
        );
        let tokens: Vec<_> = config.template_tokens().collect();
        assert_eq!(tokens, [("bos_token", "<s>"), ("image_token", "<i>"), ("eot", "<x>")]);
        assert_eq!((config.token("image_token"), config.token("pad_token")), (Some("<i>"), None));
    }
}
