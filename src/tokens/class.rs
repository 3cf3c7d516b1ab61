//! Which of the reference's tokenizer classes reads a folder, and so by whose rules its texts are split.
//!
//! Chosen as transformers 5 chooses (`AutoTokenizer.from_pretrained`, 5.24): by the class that tokenizer_config.json
//! names, the class that is registered for the model's type, and what kind of tokenizer.json lies there. What each
//! class does with a folder, and where other versions of transformers do otherwise, stands in
//! docs/decisions/0012-tokenizer-classes.md.

use std::fmt;
use std::path::Path;

use serde_json::Value;

use super::error::Result;
use super::files::read_fields;
use super::special::TokenizerConfig;

/// A class, as far as its rules differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rules {
    /// The files decide: a tokenizer.json as it stands, a tokenizer.model by its own settings. In the latter a text
    /// behind an added token gets the dummy prefix too if `each_prefixed`.
    AsSaved { each_prefixed: bool },
    /// Llama's class takes only the vocabulary from the files: spaces become U+2581, one more of them goes in front by
    /// its own flags, nothing else is normalised.
    Llama { prefix: Prefix },
    /// As Llama's, without the additional space.
    Gemma,
    /// Python code that comes with the checkpoint: what stands between added tokens goes to SentencePiece as it is. The
    /// code adds the special tokens that the configuration names; where it is `missing`, only listed ones are found.
    Python { missing: bool },
}

/// Where U+2581 goes in front: never, of the text, or also of what follows an added token. A text that begins with one
/// or with a space gets none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefix {
    Never,
    First,
    Always,
}

/// The class by name and rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Class {
    /// As the folder names it, or the reference's generic one.
    pub name: String,
    pub rules: Rules,
    /// Where transformers 4 reads the folder otherwise.
    pub unlike_four: Option<&'static str>,
    /// Whether version 4 takes the vocabulary from tokenizer.model where version 5 takes it from tokenizer.json.
    pub torn: bool,
}

/// The reference's generic class.
const GENERIC: &str = "TokenizersBackend";
/// Where nothing tells what the model is.
const NONE: &str = "no class";
const LLAMA: &str = "LlamaTokenizer";
const CODE_LLAMA: &str = "CodeLlamaTokenizer";
const GEMMA: &str = "GemmaTokenizer";
const QWEN: &str = "Qwen2Tokenizer";

type Named = &'static [(&'static str, &'static str)];

const LLAMA_S: Named = &[("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")];
const GEMMA_S: Named = &[
    ("bos_token", "<bos>"),
    ("eos_token", "<eos>"),
    ("unk_token", "<unk>"),
    ("pad_token", "<pad>"),
    ("mask_token", "<mask>"),
];

/// Classes whose code comes with the checkpoint and is known to do what [`Rules::Python`] says.
const PYTHON: [&str; 2] = ["BaichuanTokenizer", "YiTokenizer"];

/// Classes that put BOS in front unless their configuration says otherwise.
const ADD_BOS: [&str; 5] = [LLAMA, CODE_LLAMA, GEMMA, "BaichuanTokenizer", "YiTokenizer"];

/// Types of models for which the reference has registered a class, as far as this program reads them.
const REGISTERED: [(&str, &[&str]); 4] = [
    (GEMMA, &["gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text"]),
    (CODE_LLAMA, &["code_llama"]),
    (QWEN, &["qwen2", "qwen2_moe", "qwen3", "qwen3_moe"]),
    (
        GENERIC,
        &["mistral", "mistral3", "mixtral", "ministral", "ministral3", "glm", "glm4", "olmo2", "olmo3"],
    ),
];

impl Class {
    /// `json` is the text of tokenizer.json where that is what will be read.
    pub(crate) fn of(dir: &Path, config: &TokenizerConfig, json: Option<&[u8]>) -> Result<Self> {
        let model = read_fields(&dir.join("config.json"))?.unwrap_or_default();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let named = text(config.get("tokenizer_class")).or_else(|| text(model.get("tokenizer_class")));
        let named = named.map(|name| name.strip_suffix("Fast").map_or_else(|| name.clone(), str::to_owned));
        let is_llama = named.as_deref() == Some(LLAMA);
        let model_type = text(model.get("model_type")).unwrap_or_default();
        let registered = registered(&model_type);
        let name = match (named, registered) {
            (Some(name), _) if PYTHON.contains(&&*name) => name,
            // Byte-level vocabularies under Llama's name, as Llama 3's: not the class's own kind.
            (Some(name), _) if name == LLAMA && json.is_some_and(is_byte_level) => GENERIC.to_owned(),
            (Some(name), _) if name == "PreTrainedTokenizer" => GENERIC.to_owned(),
            (Some(_), Some(GENERIC)) => GENERIC.to_owned(),
            (Some(_), Some(class)) if model_type == "qwen2" => class.to_owned(),
            (Some(name), _) => name,
            (None, None) if json.is_none() && !config.present() && model_type.is_empty() => NONE.to_owned(),
            (None, class) => class.unwrap_or(GENERIC).to_owned(),
        };
        let flag = |name: &str| config.get(name).and_then(Value::as_bool);
        let (legacy, prefix) = (flag("legacy"), flag("add_prefix_space"));
        let as_saved = Rules::AsSaved { each_prefixed: legacy.unwrap_or(true) };
        let prefixed = prefix != Some(false);
        let said = legacy.is_some() || prefix.is_some();
        // Version 4 converts tokenizer.model anew to obey the flag.
        let torn = is_llama && prefix.is_some() && json.is_some();
        let rules = match &*name {
            // What the flags do not speak of, the file says.
            LLAMA | CODE_LLAMA | GEMMA if json.is_some() && (name == GEMMA || !said) => as_saved,
            LLAMA => Rules::Llama {
                prefix: match (prefixed, legacy.unwrap_or(false)) {
                    (false, _) => Prefix::Never,
                    (true, false) => Prefix::First,
                    (true, true) => Prefix::Always,
                },
            },
            CODE_LLAMA => Rules::Llama { prefix: if prefixed { Prefix::First } else { Prefix::Never } },
            GEMMA => Rules::Gemma,
            NONE => Rules::Python { missing: true },
            name if PYTHON.contains(&name) => Rules::Python { missing: config.get("auto_map").is_none() },
            _ => as_saved,
        };
        let unlike_four = match rules {
            Rules::Llama { .. } if name != LLAMA => None,
            Rules::Llama { .. } if json.is_some() && prefix.is_none() => {
                Some("`legacy` is obeyed where tokenizer.json says otherwise; transformers 4 takes the file")
            }
            Rules::Llama { .. } if prefixed && legacy.is_none() => {
                Some("`legacy` is absent: false, as in transformers 5; 4 takes true")
            }
            _ => None,
        };
        Ok(Self { name, rules, unlike_four, torn })
    }

    /// Whether it puts BOS in front where no flag says so; `None`: nothing is known of it.
    pub(crate) fn adds_bos(&self, config: &TokenizerConfig) -> Option<bool> {
        let named = config.get("tokenizer_class").and_then(Value::as_str).unwrap_or(&self.name);
        let named = named.strip_suffix("Fast").unwrap_or(named);
        ADD_BOS.contains(&named).then_some(true)
    }

    /// What it calls special tokens that its configuration does not name.
    pub(crate) fn default_tokens(&self) -> Named {
        match self.rules {
            Rules::Llama { .. } | Rules::Python { missing: false } => LLAMA_S,
            Rules::Gemma => GEMMA_S,
            Rules::AsSaved { .. } | Rules::Python { missing: true } => &[],
        }
    }

    /// What it tells a template of special tokens that its configuration does not name: also where the files decide the ids.
    pub(crate) fn told_tokens(&self) -> Named {
        match &*self.name {
            LLAMA | CODE_LLAMA => LLAMA_S,
            GEMMA => GEMMA_S,
            QWEN => &[
                ("eos_token", "<|endoftext|>"),
                ("unk_token", "<|endoftext|>"),
                ("pad_token", "<|endoftext|>"),
            ],
            _ => self.default_tokens(),
        }
    }
}

fn registered(model_type: &str) -> Option<&'static str> {
    let known = REGISTERED.iter().find(|(_, types)| types.contains(&model_type));
    known.map(|(class, _)| *class)
}

fn is_byte_level(json: &[u8]) -> bool {
    const MARK: &[u8] = b"\"ByteLevel\"";
    json.windows(MARK.len()).any(|window| window == MARK)
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, rules, unlike_four, torn: _ } = self;
        let rules = match rules {
            Rules::AsSaved { .. } => "the file decides",
            Rules::Gemma => "spaces become U+2581",
            Rules::Python { missing: false } => "SentencePiece between added tokens",
            Rules::Python { missing: true } => {
                "SentencePiece alone; special tokens only where the files list them"
            }
            Rules::Llama { prefix: Prefix::Never } => "no space in front",
            Rules::Llama { prefix: Prefix::First } => "a space in front of the text",
            Rules::Llama { prefix: Prefix::Always } => {
                "a space in front of the text and behind each added token"
            }
        };
        write!(f, "{name}: {rules}")?;
        match unlike_four {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(config: Option<&str>, model: &str, json: Option<&str>) -> (Class, TokenizerConfig) {
        let dir = tempfile::tempdir().unwrap();
        if let Some(config) = config {
            std::fs::write(dir.path().join("tokenizer_config.json"), config).unwrap();
        }
        std::fs::write(dir.path().join("config.json"), model).unwrap();
        let config = TokenizerConfig::read(dir.path()).unwrap();
        (Class::of(dir.path(), &config, json.map(str::as_bytes)).unwrap(), config)
    }

    /// The table of docs/decisions/0012-tokenizer-classes.md; transformers' `AutoTokenizer` for how a class is chosen.
    #[test]
    fn the_class_follows_from_the_folder() {
        const JSON: Option<&str> = Some(r#"{"pre_tokenizer": {"type": "Metaspace"}}"#);
        const BYTES: Option<&str> = Some(r#"{"pre_tokenizer": {"type": "ByteLevel"}}"#);
        const ONE: &str = "LlamaTokenizer: a space in front of the text";
        const EACH: &str = "LlamaTokenizer: a space in front of the text and behind each added token";
        const GENERIC_SAYS: &str = "TokenizersBackend: the file decides";
        let (legacy, modern) = (r#", "legacy": true"#, r#", "legacy": false"#);
        let (prefix, bare) = (r#", "add_prefix_space": true"#, r#", "add_prefix_space": false"#);
        let both = &format!("{prefix}{modern}");
        for (class_name, flags, model_type, json, expected) in [
            ("LlamaTokenizer", modern, "llama", None, ONE),
            ("LlamaTokenizer", legacy, "llama", None, EACH),
            ("LlamaTokenizer", bare, "llama", None, "LlamaTokenizer: no space in front"),
            ("LlamaTokenizer", "", "llama", JSON, "LlamaTokenizer: the file decides"),
            ("LlamaTokenizer", both, "llama", JSON, ONE),
            ("LlamaTokenizer", legacy, "llama", BYTES, GENERIC_SAYS),
            ("LlamaTokenizer", legacy, "mistral", None, GENERIC_SAYS),
            ("LlamaTokenizer", legacy, "qwen2", None, "Qwen2Tokenizer: the file decides"),
            ("LlamaTokenizer", modern, "qwen3", None, ONE),
            ("CodeLlamaTokenizer", "", "llama", None, "CodeLlamaTokenizer: a space in front of the text"),
            ("CodeLlamaTokenizer", legacy, "llama", JSON, "CodeLlamaTokenizer: a space in front of the text"),
            ("CodeLlamaTokenizer", bare, "llama", None, "CodeLlamaTokenizer: no space in front"),
            ("CodeLlamaTokenizer", "", "llama", JSON, "CodeLlamaTokenizer: the file decides"),
            ("GemmaTokenizerFast", "", "gemma2", None, "GemmaTokenizer: spaces become U+2581"),
            ("GemmaTokenizer", prefix, "gemma2", JSON, "GemmaTokenizer: the file decides"),
            ("PreTrainedTokenizerFast", "", "llama", JSON, GENERIC_SAYS),
            (
                "BaichuanTokenizer",
                r#", "auto_map": {}"#,
                "mistral",
                None,
                "BaichuanTokenizer: SentencePiece between added tokens",
            ),
            (
                "BaichuanTokenizer",
                "",
                "baichuan",
                None,
                "BaichuanTokenizer: SentencePiece alone; special tokens only where the files list them",
            ),
        ] {
            let config = format!(r#"{{"tokenizer_class": "{class_name}"{flags}}}"#);
            let model = format!(r#"{{"model_type": "{model_type}"}}"#);
            let (class, _) = class(Some(&config), &model, json);
            assert_eq!(class.to_string(), expected, "{config}, {model}");
        }
        let name = |config: Option<&str>, model: &str, json: Option<&str>| class(config, model, json).0.name;
        for (model_type, expected) in [
            ("gemma3n_text", GEMMA),
            ("code_llama", CODE_LLAMA),
            ("qwen3_moe", "Qwen2Tokenizer"),
            ("glm4", GENERIC),
        ] {
            assert_eq!(name(Some("{}"), &format!(r#"{{"model_type": "{model_type}"}}"#), None), expected);
        }
        assert_eq!(name(Some("{}"), r#"{"tokenizer_class": "LlamaTokenizerFast"}"#, None), LLAMA);
        assert_eq!(name(None, "{}", None), NONE);
        // Anything that tells what the model is makes it the generic class.
        assert_eq!(name(Some("{}"), "{}", None), GENERIC);
        assert_eq!(name(None, r#"{"model_type": "x"}"#, None), GENERIC);
        assert_eq!(name(None, "{}", JSON), GENERIC);
    }

    #[test]
    fn where_the_versions_differ_is_known() {
        const JSON: Option<&str> = Some(r#"{"pre_tokenizer": {"type": "Metaspace"}}"#);
        let (legacy, prefix, bare) =
            (r#", "legacy": true"#, r#", "add_prefix_space": true"#, r#", "add_prefix_space": false"#);
        let named = |name: &str, flags: &str, json: Option<&str>| {
            class(Some(&format!(r#"{{"tokenizer_class": "{name}"{flags}}}"#)), "{}", json).0
        };
        let torn = |flags: &str, json: Option<&str>| named("LlamaTokenizer", flags, json).torn;
        assert!(torn(bare, JSON) && !torn(bare, None) && !torn(legacy, JSON));
        assert!(!named("CodeLlamaTokenizer", bare, JSON).torn);
        let unlike = |flags: &str, json: Option<&str>| {
            named("LlamaTokenizer", flags, json).unlike_four.unwrap_or_default()
        };
        assert!(unlike("", None).contains("`legacy` is absent"));
        assert!(unlike(prefix, JSON).contains("`legacy` is absent"));
        assert!(unlike(legacy, JSON).contains("`legacy` is obeyed"));
        assert_eq!((unlike(bare, None), unlike(legacy, None)), ("", ""));
        assert_eq!(unlike(&format!("{legacy}{prefix}"), JSON), "");
        assert_eq!(named("CodeLlamaTokenizer", "", None).unlike_four, None);
    }

    #[test]
    fn a_class_has_its_own_tokens_and_puts_bos_in_front() {
        let known = |name: &str, model: &str| {
            let config = format!(r#"{{"tokenizer_class": {name}, "auto_map": {{}}}}"#);
            let (class, config) = class(Some(&config), model, None);
            let bos = class.default_tokens().iter().find(|(name, _)| *name == "bos_token");
            (bos.map(|(_, text)| *text), class.adds_bos(&config))
        };
        assert_eq!(known("\"LlamaTokenizerFast\"", "{}"), (Some("<s>"), Some(true)));
        assert_eq!(known("\"CodeLlamaTokenizer\"", "{}"), (Some("<s>"), Some(true)));
        assert_eq!(known("\"YiTokenizer\"", "{}"), (Some("<s>"), Some(true)));
        assert_eq!(known("\"GemmaTokenizer\"", "{}"), (Some("<bos>"), Some(true)));
        assert_eq!(known("\"PreTrainedTokenizerFast\"", "{}"), (None, None));
        // The name in the file counts, the model's own class where there is none.
        assert_eq!(known("\"LlamaTokenizer\"", r#"{"model_type": "mistral"}"#), (None, Some(true)));
        assert_eq!(known("null", r#"{"model_type": "gemma"}"#), (Some("<bos>"), Some(true)));
    }
}
