//! tokenizer.json, through the tokenizers crate.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{AddedToken, ModelWrapper, Tokenizer};

use super::added::AddedTokens;
use super::beside;
use super::class::{Class, Prefix, Rules};
use super::encoder::{Encoder, Frame};
use super::error::Result;
use super::files::{TOKENIZER_LIMIT, malformed, read_optional};
use super::sanity::{self, Facts};
use super::sentencepiece::SentencePiece;
use super::special::TokenizerConfig;
use crate::plain::{catch, said};

/// The crate's tokenizer, fenced in: never truncates, never pads, draws no random numbers, and a panic is an error.
pub(crate) struct TokenizerJson {
    tokenizer: Tokenizer,
    byte_level: bool,
    notes: Vec<String>,
}

impl TokenizerJson {
    /// `path` is named in messages.
    pub(crate) fn from_bytes(
        path: &Path,
        bytes: &[u8],
        config: &TokenizerConfig,
        class: &Class,
    ) -> Result<Self> {
        let facts = sanity::check(path, bytes)?;
        // What cannot be read as SentencePiece says nothing against this file.
        let beside = read_optional(&path.with_file_name("tokenizer.model"), TOKENIZER_LIMIT)?
            .and_then(|bytes| SentencePiece::from_bytes(&bytes, &BTreeMap::new(), true).ok());
        config
            .added_tokens()
            .map_err(|reason| malformed(path.with_file_name("tokenizer_config.json"), reason))?;
        let (tokenizer, notes) = catch(|| load(bytes, &facts, config, class, beside.as_ref()))
            .and_then(|loaded| loaded)
            .map_err(|reason| {
                malformed(path, format!("the tokenizer cannot be built from it: {}", crate_says(&reason)))
            })?;
        Ok(Self { tokenizer, byte_level: facts.byte_level, notes })
    }

    fn encode_with(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>, String> {
        // `encode_fast` leaves out the offsets, which nothing here reads.
        catch(|| self.tokenizer.encode_fast(text, add_special_tokens))?
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|error| crate_says(&error.to_string()))
    }
}

impl Encoder for TokenizerJson {
    fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        self.encode_with(text, false)
    }

    /// What the post-processor surrounds a text with.
    fn frame(&self) -> Result<Frame, String> {
        /// No family frames a prompt with more than a handful of tokens.
        const LONGEST: usize = 64;
        const PROBES: [&str; 4] = ["a", "A", "1", "."];
        let mut probes = PROBES.iter().map(|probe| Ok((probe, self.encode(probe)?)));
        let (probe, bare) = probes
            .find(|probe| probe.as_ref().map_or(true, |(_, ids)| !ids.is_empty()))
            .unwrap_or_else(|| Err("plain letters encode to no tokens".to_owned()))?;
        let framed = self.encode_with(probe, true)?;
        if framed.len() > bare.len() + LONGEST {
            return Err(format!("`post_processor` adds {} tokens to a prompt", framed.len() - bare.len()));
        }
        let at = (0..=framed.len().saturating_sub(bare.len()))
            .find(|&at| framed[at..].starts_with(&bare))
            .ok_or("`post_processor` changes the prompt's own tokens")?;
        Ok(Frame { prefix: framed[..at].to_vec(), suffix: framed[at + bare.len()..].to_vec() })
    }

    fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    fn readable(&self, id: u32) -> Option<String> {
        let piece = self.tokenizer.id_to_token(id)?;
        if self.tokenizer.get_added_vocabulary().is_special_token(&piece) {
            return Some(piece);
        }
        if self.byte_level {
            let decoded = catch(|| self.tokenizer.decode(&[id], false));
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

    fn size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn describe(&self) -> String {
        let model = match self.tokenizer.get_model() {
            ModelWrapper::BPE(_) => "BPE",
            ModelWrapper::Unigram(_) => "unigram",
            ModelWrapper::WordPiece(_) => "WordPiece",
            ModelWrapper::WordLevel(_) => "word level",
        };
        let bytes = if self.byte_level { ", byte level" } else { "" };
        format!("{model}{bytes}, from tokenizer.json")
    }
}

/// The tokenizer, and what of it is to be said. `beside` is the tokenizer.model beside it.
fn load(
    bytes: &[u8],
    facts: &Facts,
    config: &TokenizerConfig,
    class: &Class,
    beside: Option<&SentencePiece>,
) -> Result<(Tokenizer, Vec<String>), String> {
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
    let file = tokenizer.get_added_tokens_decoder();
    let mut notes = Vec::new();
    if let Some(how) = beside.and_then(|model| beside::differ(model, &tokenizer)) {
        if class.torn {
            return Err(format!(
                "tokenizer.model beside it is another tokenizer ({how}), and with `add_prefix_space` in \
                 tokenizer_config.json transformers 4 reads that one and 5 this one: take away the one that is not the \
                 checkpoint's"
            ));
        }
        notes.push(format!("tokenizer.model beside it is another tokenizer ({how}) and is not read"));
    }
    let mut pieces = Vec::new();
    // The class is of byte-pair encoding; under another model the reference's versions have nothing in common.
    if let (Rules::Llama { prefix }, ModelWrapper::BPE(_)) = (&class.rules, tokenizer.get_model()) {
        tokenizer = llama(&tokenizer, *prefix);
        // Transformers 4 asks tokenizer.model which pieces are tokens. Without one the file's own list is all there is.
        pieces = match beside.map(|model| model.marked(true)) {
            Some(marked) => {
                marked.into_iter().filter(|piece| tokenizer.token_to_id(&piece.content).is_some()).collect()
            }
            None => file.values().cloned().collect(),
        };
        let kept = |token: &AddedToken| {
            !config.lists_added_tokens()
                || lists(config, &token.content)
                || pieces.iter().any(|piece| piece.content == token.content)
        };
        let lost = file.values().find(|token| !kept(token));
        notes.extend(lost.map(|token| {
            format!("{:?} of tokenizer.json is no token here: `added_tokens_decoder` lacks it", token.content)
        }));
    }
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
    let present: HashSet<String> =
        tokenizer.get_added_tokens_decoder().into_values().map(|token| token.content).collect();
    let added = AddedTokens::plan(config, class, file, &present, pieces)?;
    // All at once: each call makes the crate go through all tokens that it has.
    if !added.tokens.is_empty() {
        tokenizer.add_tokens(added.tokens.clone()).map_err(|error| error.to_string())?;
    }
    notes.extend(added.renumbered(|text| tokenizer.token_to_id(text)));
    Ok((tokenizer, notes))
}

fn lists(config: &TokenizerConfig, text: &str) -> bool {
    config.added_tokens().is_ok_and(|tokens| tokens.iter().any(|(_, token)| token.content == text))
}

/// Model and post-processor with the class's own way to them: no normaliser, spaces as U+2581.
fn llama(file: &Tokenizer, prefix: Prefix) -> Tokenizer {
    let scheme = match prefix {
        Prefix::Never => PrependScheme::Never,
        Prefix::First => PrependScheme::First,
        Prefix::Always => PrependScheme::Always,
    };
    let mut tokenizer = Tokenizer::new(file.get_model().clone());
    tokenizer
        .with_pre_tokenizer(Some(Metaspace::new('\u{2581}', scheme, false)))
        .with_post_processor(file.get_post_processor().cloned())
        .with_decoder(file.get_decoder().cloned());
    tokenizer
}

/// An error of the tokenizers crate by the file's field where it names its own types instead.
fn crate_says(error: &str) -> String {
    const PARTS: [(&str, &str); 6] = [
        ("MergeType", "model.merges"),
        ("PreTokenizer", "pre_tokenizer"),
        ("PostProcessor", "post_processor"),
        ("Normalizer", "normalizer"),
        ("Decoder", "decoder"),
        ("Model", "model"),
    ];
    if error.contains("precompiled_charsmap") {
        return "`normalizer.precompiled_charsmap` cannot be read".to_owned();
    }
    if let Some((_, kind)) = error.split_once("did not match any variant of untagged enum ")
        && let Some((_, field)) = PARTS.iter().find(|(part, _)| kind.starts_with(part))
    {
        return format!("`{field}` is of a kind, or has fields, that the tokenizers crate does not know");
    }
    said(error)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tokenizer::PromptTokenizer;

    #[test]
    fn a_byte_is_read_as_its_character_if_it_is_one() {
        let vocabulary = json!({"a": 0, "<0x0A>": 1, "<0xE4>": 2, "\u{2581}b": 3, "<0x41": 4});
        let file = json!({"version": "1.0", "model": {"type": "BPE", "vocab": vocabulary, "merges": []}});
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tokenizer.json"), file.to_string()).unwrap();
        let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
        let read = (0..6).map(|id| tokenizer.token_text(id)).collect::<Vec<_>>();
        let texts = ["a", "\n", "<0xE4>", " b", "<0x41"].map(|text| Some(text.to_owned()));
        assert_eq!((&read[..5], &read[5]), (&texts[..], &None));
    }
}
