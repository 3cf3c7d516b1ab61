//! tokenizer.model beside its tokenizer_config.json, which says whose rules stand between a text and SentencePiece.

use std::path::Path;

use super::added::AddedTokens;
use super::class::{Class, Prefix, Rules};
use super::encoder::{Encoder, Frame};
use super::error::Result;
use super::files::malformed;
use super::sentencepiece::{SPACE, SentencePiece};
use super::special::TokenizerConfig;
use super::splitter::{Part, Splitter};
use crate::plain::stand_in;

/// SentencePiece itself knows no token in a text and adds none to it: both stand in tokenizer_config.json.
pub(crate) struct TokenizerModel {
    model: SentencePiece,
    splitter: Splitter,
    rules: Rules,
    frame: Frame,
    notes: Vec<String>,
}

impl TokenizerModel {
    /// `path` is named in messages.
    pub(crate) fn from_bytes(
        path: &Path,
        bytes: &[u8],
        config: &TokenizerConfig,
        class: &Class,
    ) -> Result<Self> {
        if let Some(why) = stand_in(bytes).or_else(|| other_kind(bytes)) {
            return Err(malformed(path, why));
        }
        let wrong_config = |reason: String| malformed(path.with_file_name("tokenizer_config.json"), reason);
        let declared = config.added_tokens().map_err(wrong_config)?;
        // Llama's class takes the names of the first three ids from the configuration, others of all.
        let renamed = match class.rules {
            Rules::Llama { .. } => 3,
            Rules::AsSaved { .. } => u32::MAX,
            Rules::Gemma | Rules::Python { .. } => 0,
        };
        let names = declared.iter().filter(|(id, _)| *id < renamed);
        let names = names.map(|(id, token)| (*id, token.content.as_str())).collect();
        let python = matches!(class.rules, Rules::Python { .. });
        let model =
            SentencePiece::from_bytes(bytes, &names, !python).map_err(|reason| malformed(path, reason))?;
        let pieces = match class.rules {
            Rules::Python { .. } => Vec::new(),
            // What is user-defined, SentencePiece finds itself.
            Rules::AsSaved { .. } => model.marked(false),
            Rules::Llama { .. } | Rules::Gemma => model.marked(true),
        };
        let added =
            AddedTokens::plan(config, class, None, &Default::default(), pieces).map_err(wrong_config)?;
        let splitter = match python {
            true => Splitter::python(&model, &added),
            false => Splitter::reference(&model, &added),
        };
        let splitter = splitter.map_err(wrong_config)?;
        let notes = added.renumbered(|text| splitter.id(text).or_else(|| model.id(text)));
        let frame = frame(&model, &splitter, config, class).map_err(wrong_config)?;
        Ok(Self { model, splitter, rules: class.rules.clone(), frame, notes: notes.into_iter().collect() })
    }

    /// Ids of a text between added tokens; `first` if it begins the whole.
    fn encode_text(&self, text: &str, first: bool) -> Vec<u32> {
        let prefix = match self.rules {
            Rules::Python { .. } | Rules::AsSaved { each_prefixed: true } => return self.model.encode(text),
            Rules::AsSaved { each_prefixed: false } => return self.model.encode_once_prefixed(text, first),
            Rules::Gemma => Prefix::Never,
            Rules::Llama { prefix } => prefix,
        };
        let mut normal = text.replace(' ', SPACE);
        let prefixed = match prefix {
            Prefix::Never => false,
            Prefix::First => first,
            Prefix::Always => true,
        };
        if prefixed && !normal.starts_with(SPACE) {
            normal.insert_str(0, SPACE);
        }
        self.model.encode_normal(&normal)
    }
}

/// What else makers call tokenizer.model, if the first bytes tell.
fn other_kind(bytes: &[u8]) -> Option<&'static str> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let (token, rank) = line.split_at(line.iter().position(|byte| *byte == b' ')?);
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let is_tiktoken = !token.is_empty()
        && token.iter().all(base64)
        && rank.len() > 1
        && rank[1..].trim_ascii_end().iter().all(u8::is_ascii_digit);
    is_tiktoken.then_some(
        "is a tiktoken file (as Llama 3 comes from its maker), not SentencePiece's: put the tokenizer.json of the same \
         checkpoint beside it, which is read first",
    )
}

fn frame(
    model: &SentencePiece,
    splitter: &Splitter,
    config: &TokenizerConfig,
    class: &Class,
) -> Result<Frame, String> {
    let side = |flag: &str, token: &str, default: Option<bool>| {
        let on = match config.get(flag) {
            None | Some(serde_json::Value::Null) => default,
            Some(value) => value.as_bool(),
        };
        match on {
            Some(false) => Ok(Vec::new()),
            None => {
                Err(format!("`{flag}` must say true or false: tokenizer.model does not say what is added"))
            }
            Some(true) => {
                let text = config.token_of(class, token);
                let id = text.and_then(|text| splitter.id(text).or_else(|| model.id(text)));
                id.map(|id| vec![id])
                    .ok_or(format!("`{flag}` is on, but `{token}` names no piece of tokenizer.model"))
            }
        }
    };
    let bos = match config.present() {
        false => Some(false),
        true => class.adds_bos(config),
    };
    Ok(Frame {
        prefix: side("add_bos_token", "bos_token", bos)?,
        suffix: side("add_eos_token", "eos_token", Some(false))?,
    })
}

impl Encoder for TokenizerModel {
    fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let mut ids = Vec::new();
        for part in self.splitter.split(text) {
            match part {
                Part::Token(id) => ids.push(id),
                Part::Text { text, first } => ids.extend(self.encode_text(&text, first)),
            }
        }
        Ok(ids)
    }

    fn frame(&self) -> Result<Frame, String> {
        Ok(self.frame.clone())
    }

    fn id(&self, token: &str) -> Option<u32> {
        self.splitter.id(token).or_else(|| self.model.id(token))
    }

    fn token(&self, id: u32) -> Option<String> {
        self.splitter.token(id).or_else(|| self.model.piece(id).map(str::to_owned))
    }

    fn readable(&self, id: u32) -> Option<String> {
        self.splitter.token(id).or_else(|| self.model.readable(id))
    }

    fn size(&self) -> usize {
        self.model.size() + self.splitter.beyond(self.model.size())
    }

    fn describe(&self) -> String {
        format!("{}, from tokenizer.model", self.model.describe())
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::super::error::TokensError;
    use super::super::tokenizer::PromptTokenizer;
    use super::other_kind;

    /// Of byte-pair encoding, with the pieces `<unk>`, `<s>`, `</s>`, `a` and U+2581.
    fn folder() -> TempDir {
        let field = |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8], content].concat();
        let piece =
            |(text, kind): (&str, u8)| field(1, &[field(1, text.as_bytes()), vec![3 << 3, kind]].concat());
        let pieces = [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("a", 1), ("\u{2581}", 1)].map(piece);
        let bpe = field(2, &[3 << 3, 2]);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tokenizer.model"), [pieces.concat(), bpe].concat()).unwrap();
        dir
    }

    fn configured(config: Value) -> PromptTokenizer {
        let dir = folder();
        std::fs::write(dir.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        PromptTokenizer::open(dir.path()).unwrap()
    }

    #[test]
    fn bos_is_the_configuration_s_the_class_s_or_the_model_s() {
        let llama =
            configured(json!({"tokenizer_class": "LlamaTokenizer", "add_bos_token": true, "legacy": true}));
        assert_eq!((llama.prefix(), llama.bos()), (&[1][..], Some((1, "<s>".to_owned()))));
        let dir = folder();
        assert_eq!(PromptTokenizer::open(dir.path()).unwrap().bos(), None);
        for (id, expected) in [(2, Some((2, "</s>".to_owned()))), (5, None)] {
            std::fs::write(dir.path().join("config.json"), json!({"bos_token_id": id}).to_string()).unwrap();
            assert_eq!(PromptTokenizer::open(dir.path()).unwrap().bos(), expected);
        }
    }

    #[test]
    fn bos_twice_is_refused_where_the_tokenizer_adds_none_as_well() {
        let bare = configured(json!({"bos_token": "<s>", "add_bos_token": false}));
        let once = "<s>a".to_owned();
        assert_eq!(bare.encode_rendered(&once.clone().into()).unwrap(), bare.encode_plain(&once).unwrap());
        let plain = bare.encode_plain("<s><s>a").unwrap_err();
        assert!(matches!(plain, TokensError::DoubledPrefix { .. }), "{plain}");
        let rendered = bare.encode_rendered(&"<s><s>a".into()).unwrap_err();
        assert!(matches!(rendered, TokensError::TemplateDoublesPrefix { .. }), "{rendered}");
    }

    /// docs/decisions/0012-tokenizer-classes.md: without its code a Python class finds only what the files list.
    #[test]
    fn a_class_whose_code_is_missing_adds_no_special_token() {
        let mut config =
            json!({"tokenizer_class": "BaichuanTokenizer", "add_bos_token": false, "bos_token": "<b>"});
        let alone = configured(config.clone());
        assert_eq!((alone.size(), alone.bos()), (5, None));
        assert_eq!(
            alone.describe(),
            "SentencePiece BPE, no byte fallback, unnamed normaliser, a dummy prefix, extra spaces removed, from tokenizer.model"
        );
        config["auto_map"] = json!({});
        assert_eq!(configured(config).bos(), Some((5, "<b>".to_owned())));
    }

    /// `LlamaConverter.vocab` of transformers 4: the names of the ids 0 to 2 are the configuration's, all others the
    /// model's; a name that no piece has is numbered on.
    #[test]
    fn llama_s_class_renames_the_first_three_pieces_and_no_more() {
        let names = ["<u>", "<b>", "<e>", "<x>"].map(|name| json!({"content": name, "special": true}));
        let names: serde_json::Map<_, _> = (0..4).map(|id| id.to_string()).zip(names).collect();
        let tokenizer = configured(json!({
            "tokenizer_class": "LlamaTokenizer", "legacy": false, "add_bos_token": false,
            "unk_token": "<u>", "bos_token": "<b>", "eos_token": "<e>", "added_tokens_decoder": names,
        }));
        let texts = ["<u>", "<b>", "<e>", "a", " ", "<x>"].map(|text| Some(text.to_owned()));
        assert_eq!([0, 1, 2, 3, 4, 5].map(|id| tokenizer.token_text(id)), texts);
        assert_eq!(tokenizer.encode_piece("a<x>a<e>").unwrap(), [4, 3, 5, 3, 2]);
        assert!(tokenizer.class_rule().contains("\"<x>\" is 5, not 3"), "{}", tokenizer.class_rule());
    }

    #[test]
    fn tiktoken_files_are_known_by_their_first_line() {
        for tiktoken in [&b"IQ== 0\nIg== 1\n"[..], b"+/a9 12", b"IQ== 0\r\n"] {
            assert!(other_kind(tiktoken).is_some(), "{tiktoken:?}");
        }
        for other in
            [&b"hello world\n"[..], b"IQ==\n", b"IQ== \n", b" 0\n", b"#! 0\n", b"\nIQ== 0\n", b"\n\x05 0"]
        {
            assert!(other_kind(other).is_none(), "{other:?}");
        }
    }
}
