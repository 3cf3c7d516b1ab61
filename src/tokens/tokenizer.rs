//! Text to token ids, through a folder's tokenizer.json or tokenizer.model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::class::{Class, Rules};
use super::encoder::{Encoder, Frame};
use super::error::{Result, TokensError, excerpt};
use super::files::{CONFIG_LIMIT, TOKENIZER_LIMIT, malformed, read_fields, read_optional, sha256};
use super::special::TokenizerConfig;
use super::template::{Rendered, Segment, template_file, unknown_id};
use super::tokenizer_json::TokenizerJson;
use super::tokenizer_model::TokenizerModel;

/// A checkpoint's tokenizer. Never truncates, never pads, draws no random numbers.
pub struct PromptTokenizer {
    path: PathBuf,
    encoder: Box<dyn Encoder>,
    config: TokenizerConfig,
    class: Class,
    bos: Option<(u32, String)>,
    frame: Frame,
    hashes: BTreeMap<&'static str, String>,
}

/// A prompt on its way to the model.
#[derive(Debug, Clone, Copy)]
pub enum PromptInput<'a> {
    /// Plain text: the tokenizer adds its special tokens.
    Plain(&'a str),
    /// From a chat template: nothing is added.
    Rendered(&'a Rendered),
}

impl PromptTokenizer {
    /// Reads tokenizer.json, or tokenizer.model where there is none, and the configurations beside it in `dir`.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let config = TokenizerConfig::read(dir)?;
        let (name, bytes, class) = find(dir, &config)?;
        let path = dir.join(name);
        let encoder: Box<dyn Encoder> = match name {
            MODEL => Box::new(TokenizerModel::from_bytes(&path, &bytes, &config, &class)?),
            _ => Box::new(TokenizerJson::from_bytes(&path, &bytes, &config, &class)?),
        };
        let bos = find_bos(dir, encoder.as_ref(), &config, &class)?;
        let frame = encoder.frame().map_err(|reason| malformed(&path, reason))?;
        Ok(Self { hashes: hashes(dir, name, &bytes)?, path, encoder, config, class, bos, frame })
    }

    /// A plain prompt: special tokens as the tokenizer adds them.
    ///
    /// A text that itself begins with what the tokenizer puts in front is refused: the model would read BOS twice.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        let bare = self.encode_piece(text)?;
        let ids = [&self.frame.prefix, &bare, &self.frame.suffix].map(Vec::as_slice).concat();
        self.refuse_doubled_prefix(text, &ids, false)?;
        Ok(ids)
    }

    /// What a chat template has rendered: nothing is added, the template has written BOS itself. Each text of several
    /// is encoded on its own.
    pub fn encode_rendered(&self, rendered: &Rendered) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        for segment in rendered.segments() {
            match segment {
                Segment::Text(text) => ids.extend(self.encode_piece(text)?),
                Segment::Id(id) if self.encoder.token(*id).is_some() => ids.push(*id),
                Segment::Id(id) => return Err(unknown_id(&self.path, *id)),
            }
        }
        self.refuse_doubled_prefix(rendered.first_text(), &ids, true)?;
        Ok(ids)
    }

    /// [`encode_plain`](Self::encode_plain) or [`encode_rendered`](Self::encode_rendered).
    pub fn encode(&self, prompt: PromptInput<'_>) -> Result<Vec<u32>> {
        match prompt {
            PromptInput::Plain(text) => self.encode_plain(text),
            PromptInput::Rendered(rendered) => self.encode_rendered(rendered),
        }
    }

    /// A piece of text on its own (an answer string, say): nothing is added and nothing checked.
    pub fn encode_piece(&self, text: &str) -> Result<Vec<u32>> {
        self.encoder.encode(text).map_err(|reason| TokensError::Encode {
            path: self.path.clone(),
            excerpt: excerpt(text),
            reason,
        })
    }

    /// [`encode_plain`](Self::encode_plain) of many texts on all cores, in order; the first failure in order is returned.
    pub fn encode_plain_batch<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Vec<u32>>> {
        texts.par_iter().map(|text| self.encode_plain(text.as_ref())).collect()
    }

    /// [`encode_rendered`](Self::encode_rendered) of many texts on all cores, in order.
    pub fn encode_rendered_batch(&self, prompts: &[Rendered]) -> Result<Vec<Vec<u32>>> {
        prompts.par_iter().map(|prompt| self.encode_rendered(prompt)).collect()
    }

    /// A token as a person reads it: `" A"`, `"\n"`, `"<|im_end|>"`; a lone byte of a longer character as `<0xE4>` or
    /// in the vocabulary's own spelling. `None` if the tokenizer has no such id.
    pub fn token_text(&self, id: u32) -> Option<String> {
        self.encoder.readable(id)
    }

    /// A rendered conversation as one text, its ids spelled as their tokens.
    pub fn rendered_text(&self, rendered: &Rendered) -> String {
        let spelled = rendered.segments().iter().map(|segment| match segment {
            Segment::Text(text) => text.clone(),
            Segment::Id(id) => self.encoder.token(*id).unwrap_or_default(),
        });
        spelled.collect()
    }

    /// Kind of tokenizer and where it comes from, in words.
    pub fn describe(&self) -> String {
        self.encoder.describe()
    }

    /// The class of the reference whose rules are followed, what they are, and what of the folder's files they leave
    /// out, in words.
    pub fn class_rule(&self) -> String {
        let notes = self.encoder.notes().iter();
        notes.fold(self.class.to_string(), |rule, note| format!("{rule}; {note}"))
    }

    /// The number of entries, added tokens included. The embedding often has more rows than that.
    pub fn size(&self) -> usize {
        self.encoder.size()
    }

    /// The beginning-of-sequence token, if the checkpoint names one; whether it is put in front is another matter.
    pub fn bos(&self) -> Option<(u32, String)> {
        self.bos.clone()
    }

    /// What the tokenizer puts in front of a plain prompt: usually BOS or nothing.
    pub fn prefix(&self) -> &[u32] {
        &self.frame.prefix
    }

    /// What the tokenizer puts behind a plain prompt: nothing, unless it was made for another purpose.
    pub fn suffix(&self) -> &[u32] {
        &self.frame.suffix
    }

    /// SHA-256 of each file that decides the ids, by file name.
    pub fn hashes(&self) -> &BTreeMap<&'static str, String> {
        &self.hashes
    }

    /// tokenizer.json or tokenizer.model.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn config(&self) -> &TokenizerConfig {
        &self.config
    }

    /// Ids and texts of some tokens, for messages: `<s> (1)`.
    pub(crate) fn spell(&self, ids: &[u32]) -> String {
        let spelled: Vec<String> = ids
            .iter()
            .map(|&id| match self.token_text(id) {
                Some(text) => format!("{} ({id})", text.escape_debug()),
                None => format!("({id})"),
            })
            .collect();
        spelled.join(" ")
    }

    fn refuse_doubled_prefix(&self, text: &str, ids: &[u32], rendered: bool) -> Result<()> {
        let doubled = |prefix: &[u32]| {
            !prefix.is_empty() && ids.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(prefix))
        };
        let bos = self.bos.as_ref().map(|(id, _)| *id);
        let prefix = match bos.as_slice() {
            bos if doubled(bos) => bos,
            _ if doubled(&self.frame.prefix) => &self.frame.prefix,
            _ => return Ok(()),
        };
        let (excerpt, prefix) = (excerpt(text), self.spell(prefix));
        Err(match rendered {
            false => TokensError::DoubledPrefix { excerpt, prefix },
            true => {
                let dir = self.path.parent().unwrap_or(&self.path);
                let file = template_file(dir, &self.config).unwrap_or_else(|| dir.to_owned());
                TokensError::TemplateDoublesPrefix { file, excerpt, prefix }
            }
        })
    }
}

const JSON: &str = "tokenizer.json";
const MODEL: &str = "tokenizer.model";

/// The class of the folder's tokenizer, whether or not its files can be read.
pub(super) fn class_of(dir: &Path, config: &TokenizerConfig) -> Result<Class> {
    Class::of(dir, config, read_optional(&dir.join(JSON), TOKENIZER_LIMIT)?.as_deref())
}

/// tokenizer.json if there is one, else tokenizer.model: makers who ship both derive the first from the second. Python
/// classes know only the second.
fn find(dir: &Path, config: &TokenizerConfig) -> Result<(&'static str, Vec<u8>, Class)> {
    let read = |name| read_optional(&dir.join(name), TOKENIZER_LIMIT);
    let json = read(JSON)?;
    let class = Class::of(dir, config, json.as_deref())?;
    let first = match (json, matches!(class.rules, Rules::Python { .. })) {
        (Some(bytes), false) => return Ok((JSON, bytes, class)),
        (json, _) => json,
    };
    match (read(MODEL)?, first) {
        (Some(bytes), _) => Ok((MODEL, bytes, class)),
        (None, Some(bytes)) => Ok((JSON, bytes, class)),
        (None, None) => Err(TokensError::NoTokenizer { dir: dir.to_owned() }),
    }
}

/// tokenizer_config.json decides, and the class where it is silent; only without one do the model's configurations.
fn find_bos(
    dir: &Path,
    encoder: &dyn Encoder,
    config: &TokenizerConfig,
    class: &Class,
) -> Result<Option<(u32, String)>> {
    if config.present() {
        let text = config.token_of(class, "bos_token");
        return Ok(text.and_then(|text| Some((encoder.id(text)?, text.to_owned()))));
    }
    for name in ["config.json", "generation_config.json"] {
        let fields = read_fields(&dir.join(name))?;
        let id = fields
            .as_ref()
            .and_then(|fields| fields.get("bos_token_id")?.as_u64())
            .and_then(|id| u32::try_from(id).ok());
        if let Some(id) = id
            && let Some(text) = encoder.token(id)
        {
            return Ok(Some((id, text)));
        }
    }
    Ok(None)
}

fn hashes(dir: &Path, name: &'static str, tokenizer: &[u8]) -> Result<BTreeMap<&'static str, String>> {
    let mut hashes = BTreeMap::from([(name, sha256(tokenizer))]);
    for name in ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"] {
        if let Some(bytes) = read_optional(&dir.join(name), CONFIG_LIMIT)? {
            hashes.insert(name, sha256(&bytes));
        }
    }
    Ok(hashes)
}
