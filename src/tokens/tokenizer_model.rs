//! tokenizer.model beside its tokenizer_config.json, which says whether BOS and EOS are added.

use std::path::Path;

use super::encoder::{Encoder, Frame};
use super::error::Result;
use super::files::malformed;
use super::sentencepiece::SentencePiece;
use super::special::TokenizerConfig;

/// Classes that add BOS, and not EOS, unless their configuration says otherwise.
const ADD_BOS_BY_DEFAULT: [&str; 3] = ["LlamaTokenizer", "BaichuanTokenizer", "YiTokenizer"];

/// SentencePiece itself adds nothing to a text; what is added stands in tokenizer_config.json.
pub(crate) struct TokenizerModel {
    model: SentencePiece,
    frame: Frame,
}

impl TokenizerModel {
    /// `path` is named in messages.
    pub(crate) fn from_bytes(path: &Path, bytes: &[u8], config: &TokenizerConfig) -> Result<Self> {
        let model = SentencePiece::from_bytes(bytes).map_err(|reason| malformed(path, reason))?;
        let config_file = path.with_file_name("tokenizer_config.json");
        let frame = check_added_tokens(&model, config)
            .and_then(|()| frame(&model, config))
            .map_err(|reason| malformed(config_file, reason))?;
        Ok(Self { model, frame })
    }
}

/// Tokens on top of the model's own would change how every text is split; none of the families has them.
fn check_added_tokens(model: &SentencePiece, config: &TokenizerConfig) -> Result<(), String> {
    for (id, token) in config.added_tokens()? {
        if model.piece(id) != Some(&token.content) {
            return Err(format!(
                "`added_tokens_decoder` adds {:?} as {id}, which is not in tokenizer.model; such additions are not covered",
                token.content
            ));
        }
    }
    Ok(())
}

fn frame(model: &SentencePiece, config: &TokenizerConfig) -> Result<Frame, String> {
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
                let id = config.token(token).and_then(|text| model.id(text));
                id.map(|id| vec![id])
                    .ok_or(format!("`{flag}` is on, but `{token}` names no piece of tokenizer.model"))
            }
        }
    };
    let class = config.get("tokenizer_class").and_then(|class| class.as_str());
    let bos = match class {
        _ if !config.present() => Some(false),
        Some(class) if ADD_BOS_BY_DEFAULT.contains(&class) => Some(true),
        _ => None,
    };
    Ok(Frame {
        prefix: side("add_bos_token", "bos_token", bos)?,
        suffix: side("add_eos_token", "eos_token", Some(false))?,
    })
}

impl Encoder for TokenizerModel {
    fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        Ok(self.model.encode(text))
    }

    fn frame(&self) -> Result<Frame, String> {
        Ok(self.frame.clone())
    }

    fn id(&self, token: &str) -> Option<u32> {
        self.model.id(token)
    }

    fn token(&self, id: u32) -> Option<String> {
        self.model.piece(id).map(str::to_owned)
    }

    fn readable(&self, id: u32) -> Option<String> {
        self.model.readable(id)
    }

    fn size(&self) -> usize {
        self.model.size()
    }

    fn describe(&self) -> String {
        format!("{}, from tokenizer.model", self.model.describe())
    }
}
