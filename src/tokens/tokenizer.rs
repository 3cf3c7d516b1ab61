//! Text to token ids, through a folder's tokenizer.json.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tokenizers::{AddedToken, Tokenizer};

use super::error::{Result, TokensError, excerpt};
use super::files::{CONFIG_LIMIT, TOKENIZER_LIMIT, malformed, read_json, read_optional, sha256};
use super::guard;
use super::sanity::{self, Facts};
use super::special::{NAMED, SpecialToken, TokenizerConfig};

/// A checkpoint's tokenizer. Never truncates, never pads, draws no random numbers.
pub struct PromptTokenizer {
    path: PathBuf,
    tokenizer: Tokenizer,
    config: TokenizerConfig,
    bos: Option<(u32, String)>,
    /// What the tokenizer puts in front of a plain prompt and behind it.
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    hashes: BTreeMap<&'static str, String>,
    byte_level: bool,
}

impl PromptTokenizer {
    /// Reads tokenizer.json, tokenizer_config.json and what stands beside them in `dir`.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let path = dir.join("tokenizer.json");
        let Some(bytes) = read_optional(&path, TOKENIZER_LIMIT)? else {
            let hint = match dir.join("tokenizer.model").exists() {
                true => "; there is a SentencePiece tokenizer.model, which this version does not read",
                false => "",
            };
            return Err(TokensError::NoTokenizer { dir: dir.to_owned(), hint });
        };
        let config = TokenizerConfig::read(dir)?;
        let facts = sanity::check(&path, &bytes)?;
        let hashes = hashes(dir, &bytes)?;
        let tokenizer = guard::catch(|| load(&bytes, &facts, &config))
            .and_then(|loaded| loaded)
            .map_err(|reason| malformed(&path, format!("the tokenizer cannot be built from it: {reason}")))?;
        let mut this = Self {
            bos: None,
            prefix: Vec::new(),
            suffix: Vec::new(),
            hashes,
            byte_level: facts.byte_level,
            path,
            tokenizer,
            config,
        };
        this.bos = this.find_bos(dir)?;
        (this.prefix, this.suffix) = this.find_frame()?;
        Ok(this)
    }

    /// A plain prompt: special tokens as the tokenizer adds them.
    ///
    /// A text that itself begins with what the tokenizer puts in front is refused: the model would read BOS twice.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        let ids = self.encode(text, true)?;
        self.refuse_doubled_prefix(text, &ids)?;
        Ok(ids)
    }

    /// A text that a chat template has rendered: nothing is added, the template has written BOS itself.
    pub fn encode_rendered(&self, text: &str) -> Result<Vec<u32>> {
        let ids = self.encode(text, false)?;
        self.refuse_doubled_prefix(text, &ids)?;
        Ok(ids)
    }

    /// A piece of text on its own (an answer string, say): nothing is added and nothing checked.
    pub fn encode_piece(&self, text: &str) -> Result<Vec<u32>> {
        self.encode(text, false)
    }

    /// [`encode_plain`](Self::encode_plain) of many texts on all cores, in order; the first failure in order is returned.
    pub fn encode_plain_batch<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Vec<u32>>> {
        texts.par_iter().map(|text| self.encode_plain(text.as_ref())).collect()
    }

    /// [`encode_rendered`](Self::encode_rendered) of many texts on all cores, in order.
    pub fn encode_rendered_batch<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Vec<u32>>> {
        texts.par_iter().map(|text| self.encode_rendered(text.as_ref())).collect()
    }

    /// A token as a person reads it: `" A"`, `"\n"`, `"<|im_end|>"`; a lone byte of a longer character as `<0xE4>` or
    /// in the vocabulary's own spelling. `None` if the tokenizer has no such id.
    pub fn token_text(&self, id: u32) -> Option<String> {
        let piece = self.tokenizer.id_to_token(id)?;
        if self.tokenizer.get_added_vocabulary().is_special_token(&piece) {
            return Some(piece);
        }
        if self.byte_level {
            let decoded = guard::catch(|| self.tokenizer.decode(&[id], false));
            return match decoded {
                Ok(Ok(text)) if !text.is_empty() && !text.contains('\u{FFFD}') => Some(text),
                _ => Some(piece),
            };
        }
        let byte = piece
            .strip_prefix("<0x")
            .and_then(|rest| rest.strip_suffix('>'))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        Some(match byte {
            Some(byte) if byte.is_ascii() => char::from(byte).to_string(),
            Some(_) => piece,
            None => piece.replace('\u{2581}', " "),
        })
    }

    /// The number of entries, added tokens included. The embedding often has more rows than that.
    pub fn size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The beginning-of-sequence token, if the checkpoint names one; whether it is put in front is another matter.
    pub fn bos(&self) -> Option<(u32, String)> {
        self.bos.clone()
    }

    /// What the tokenizer puts in front of a plain prompt: usually BOS or nothing.
    pub fn prefix(&self) -> &[u32] {
        &self.prefix
    }

    /// What the tokenizer puts behind a plain prompt: nothing, unless it was made for another purpose.
    pub fn suffix(&self) -> &[u32] {
        &self.suffix
    }

    /// SHA-256 of each file that decides the ids, by file name.
    pub fn hashes(&self) -> &BTreeMap<&'static str, String> {
        &self.hashes
    }

    /// tokenizer.json.
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

    fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>> {
        let failed =
            |reason: String| TokensError::Encode { path: self.path.clone(), excerpt: excerpt(text), reason };
        // `encode_fast` leaves out the offsets, which nothing here reads.
        guard::catch(|| self.tokenizer.encode_fast(text, add_special_tokens))
            .map_err(failed)?
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|error| failed(error.to_string()))
    }

    fn refuse_doubled_prefix(&self, text: &str, ids: &[u32]) -> Result<()> {
        let doubled = |prefix: &[u32]| {
            !prefix.is_empty() && ids.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(prefix))
        };
        let bos = self.bos.as_ref().map(|(id, _)| *id);
        let prefix = match bos.as_slice() {
            bos if doubled(bos) => bos,
            _ if doubled(&self.prefix) => &self.prefix,
            _ => return Ok(()),
        };
        Err(TokensError::DoubledPrefix { excerpt: excerpt(text), prefix: self.spell(prefix) })
    }

    /// tokenizer_config.json decides; only without one do the model's configurations.
    fn find_bos(&self, dir: &Path) -> Result<Option<(u32, String)>> {
        if self.config.present() {
            let text = self.config.token("bos_token");
            return Ok(text.and_then(|text| Some((self.tokenizer.token_to_id(text)?, text.to_owned()))));
        }
        for name in ["config.json", "generation_config.json"] {
            let fields: Option<serde_json::Value> = read_json(&dir.join(name), CONFIG_LIMIT)?;
            let id = fields
                .as_ref()
                .and_then(|fields| fields.get("bos_token_id")?.as_u64())
                .and_then(|id| u32::try_from(id).ok());
            if let Some(id) = id
                && let Some(text) = self.tokenizer.id_to_token(id)
            {
                return Ok(Some((id, text)));
            }
        }
        Ok(None)
    }

    /// What surrounds a plain text once it is encoded.
    fn find_frame(&self) -> Result<(Vec<u32>, Vec<u32>)> {
        /// No family frames a prompt with more than a handful of tokens.
        const LONGEST: usize = 64;
        const PROBES: [&str; 4] = ["a", "A", "1", "."];
        let mut probes = PROBES.iter().map(|probe| Ok((probe, self.encode(probe, false)?)));
        let (probe, bare) = probes
            .find(|probe| probe.as_ref().map_or(true, |(_, ids)| !ids.is_empty()))
            .unwrap_or_else(|| Err(malformed(&self.path, "plain letters encode to no tokens")))?;
        let framed = self.encode(probe, true)?;
        if framed.len() > bare.len() + LONGEST {
            return Err(malformed(
                &self.path,
                format!("`post_processor` adds {} tokens to a prompt", framed.len() - bare.len()),
            ));
        }
        let at = (0..=framed.len().saturating_sub(bare.len()))
            .find(|&at| framed[at..].starts_with(&bare))
            .ok_or_else(|| malformed(&self.path, "`post_processor` changes the prompt's own tokens"))?;
        Ok((framed[..at].to_vec(), framed[at + bare.len()..].to_vec()))
    }
}

fn load(bytes: &[u8], facts: &Facts, config: &TokenizerConfig) -> Result<Tokenizer, String> {
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| error.to_string())?;
    // The crate numbers added tokens itself: those that follow the vocabulary without a gap come out as the file has them.
    for (id, text) in &facts.added_tokens {
        let given = tokenizer.token_to_id(text);
        if given != Some(*id) {
            return Err(format!(
                "`added_tokens` says that {text:?} is {id}, but beside this vocabulary it is {}",
                given.map_or_else(|| "nothing".to_owned(), |id| id.to_string())
            ));
        }
    }
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
    add_configured_tokens(&mut tokenizer, config)?;
    Ok(tokenizer)
}

/// Tokens that only tokenizer_config.json knows join the vocabulary, in the order and with the flags that the
/// reference implementation gives them. In a consistent folder nothing is left to add.
fn add_configured_tokens(tokenizer: &mut Tokenizer, config: &TokenizerConfig) -> Result<(), String> {
    let mut added = config.added_tokens()?;
    added.sort_by_key(|(id, _)| *id);
    let add = |tokenizer: &mut Tokenizer, token: AddedToken| {
        tokenizer.add_tokens([token]).map_err(|error| error.to_string())
    };
    let known: Vec<AddedToken> = tokenizer.get_added_tokens_decoder().into_values().collect();
    for (_, token) in added {
        let token = added_token(token);
        if !known.contains(&token) {
            add(tokenizer, token)?;
        }
    }
    let named = NAMED.iter().filter_map(|name| config.token(name));
    let extra = config.extra_tokens();
    let missing: Vec<String> = named
        .map(str::to_owned)
        .chain(extra)
        .filter(|text| !tokenizer.get_added_vocabulary().get_vocab().contains_key(text.as_str()))
        .collect();
    for text in missing {
        add(tokenizer, AddedToken::from(text, true))?;
    }
    Ok(())
}

fn added_token(token: SpecialToken) -> AddedToken {
    AddedToken {
        content: token.content,
        single_word: token.single_word,
        lstrip: token.lstrip,
        rstrip: token.rstrip,
        normalized: token.normalized,
        special: token.special,
    }
}

fn hashes(dir: &Path, tokenizer_json: &[u8]) -> Result<BTreeMap<&'static str, String>> {
    let mut hashes = BTreeMap::from([("tokenizer.json", sha256(tokenizer_json))]);
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        if let Some(bytes) = read_optional(&dir.join(name), CONFIG_LIMIT)? {
            hashes.insert(name, sha256(&bytes));
        }
    }
    Ok(hashes)
}
