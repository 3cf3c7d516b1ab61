//! `tokenizer.model`: SentencePiece's own file, read and encoded here so that the ids are the original's to the last one.
//!
//! A text is normalised (`normalize`), then split by the model: byte-pair merges by score (`bpe`) or the likeliest
//! path of a unigram model (`unigram`). Text never reaches control pieces; what no piece covers becomes bytes, or the
//! unknown token, one for a run.
//!
//! Source: github.com/google/sentencepiece, `sentencepiece_model.proto`, `normalizer.cc`, `bpe_model.cc`,
//! `unigram_model.cc`, `sentencepiece_processor.cc`.

mod bpe;
mod charsmap;
mod model;
mod normalize;
mod prefixes;
mod protobuf;
mod unigram;

use std::collections::{BTreeMap, HashMap, HashSet};

use tokenizers::AddedToken;

use self::model::{Algorithm, Kind, Model, Piece};
use self::normalize::Normalizer;
pub(crate) use self::prefixes::Prefixes;
use self::unigram::Unigram;

/// What SentencePiece writes for a space.
pub(crate) const SPACE: &str = "\u{2581}";

/// A loaded model.
pub(crate) struct SentencePiece {
    pieces: Vec<Piece>,
    /// Every piece's id, control pieces included.
    ids: HashMap<String, u32>,
    unknown: u32,
    /// Ids of the 256 byte pieces, if characters without a piece become bytes.
    bytes: Option<Vec<u32>>,
    normalizer: Normalizer,
    /// Pieces that the maker has set by hand: found in the text before anything else.
    user_defined: Prefixes,
    /// `None` for byte-pair encoding.
    unigram: Option<Unigram>,
}

/// One part of the normalised text and its piece, if there is one.
struct Part<'t> {
    text: &'t str,
    id: Option<u32>,
}

impl SentencePiece {
    /// `names`: what pieces are called instead of their own names, but for a name that another piece has and keeps.
    /// `converted`: split as a tokenizer splits that was converted from the file.
    ///
    /// # Errors
    /// Whatever is broken, or of a kind whose ids are not known to come out right, by field or piece.
    pub(crate) fn from_bytes(
        bytes: &[u8],
        names: &BTreeMap<u32, &str>,
        converted: bool,
    ) -> Result<Self, String> {
        let Model { mut pieces, algorithm, byte_fallback, normalizer } = model::read(bytes)?;
        rename(&mut pieces, names);
        let mut ids = HashMap::with_capacity(pieces.len());
        for (id, piece) in (0..).zip(&pieces) {
            if ids.insert(piece.text.clone(), id).is_some() {
                return Err(format!("piece {:?} stands there twice", piece.text));
            }
        }
        let of_kind = |kind: Kind| {
            let all = pieces.iter().zip(0..).filter(move |(piece, _)| piece.kind == kind);
            all.map(|(piece, id)| (piece.text.as_str(), id))
        };
        let unknown = match &of_kind(Kind::Unknown).collect::<Vec<_>>()[..] {
            &[(_, id)] => id,
            several => return Err(format!("it has {} unknown pieces, expected one", several.len())),
        };
        let bytes = byte_pieces(byte_fallback, of_kind(Kind::Byte).count(), &ids)?;
        let user_defined = Prefixes::new(of_kind(Kind::UserDefined));
        let unigram = match algorithm {
            Algorithm::Bpe => None,
            Algorithm::Unigram => Some(Unigram::new(&pieces, converted)?),
        };
        let normalizer = Normalizer::new(normalizer)?;
        Ok(Self { unknown, bytes, user_defined, normalizer, unigram, ids, pieces })
    }

    /// Ids of a text, nothing in front and nothing behind.
    pub(crate) fn encode(&self, text: &str) -> Vec<u32> {
        let normal = self.normalizer.apply(text, &self.user_defined, true);
        self.ids_of(&normal, &self.user_defined)
    }

    /// [`encode`](Self::encode) with the dummy prefix only if this is the `first` text and begins with no space.
    pub(crate) fn encode_once_prefixed(&self, text: &str, first: bool) -> Vec<u32> {
        let bare = self.normalizer.apply(text, &self.user_defined, false);
        match first && !bare.starts_with(SPACE) {
            true => self.encode(text),
            false => self.ids_of(&bare, &self.user_defined),
        }
    }

    /// Ids of a text that is normalised already, to which a user-defined piece is a piece like others.
    pub(crate) fn encode_normal(&self, normal: &str) -> Vec<u32> {
        self.ids_of(normal, &Prefixes::new([].into_iter()))
    }

    /// `whole` are pieces that nothing is joined to.
    fn ids_of(&self, normal: &str, whole: &Prefixes) -> Vec<u32> {
        let parts = match &self.unigram {
            Some(unigram) => unigram.split(normal),
            None => bpe::split(normal, self, whole),
        };
        let mut ids = Vec::with_capacity(parts.len());
        let mut after_unknown = false;
        for Part { text, id } in parts {
            let id = id.unwrap_or(self.unknown);
            let is_unknown = id == self.unknown;
            match &self.bytes {
                Some(bytes) if is_unknown => ids.extend(text.bytes().map(|byte| bytes[usize::from(byte)])),
                // a run of unknown characters is one unknown token
                _ if is_unknown && after_unknown => {}
                _ => ids.push(id),
            }
            after_unknown = is_unknown;
        }
        ids
    }

    /// Control pieces, and user-defined ones if they are asked for, as added tokens.
    pub(crate) fn marked(&self, user_defined: bool) -> Vec<AddedToken> {
        let marked = self.pieces.iter().filter(|piece| match piece.kind {
            Kind::Control => true,
            Kind::UserDefined => user_defined,
            _ => false,
        });
        let token = |piece: &Piece| {
            AddedToken::from(piece.text.clone(), piece.kind == Kind::Control).normalized(false)
        };
        marked.map(token).collect()
    }

    /// Pieces of the vocabulary itself, with their ids.
    pub(crate) fn normal(&self) -> impl Iterator<Item = (u32, &str)> {
        let normal = (0..).zip(&self.pieces).filter(|(_, piece)| piece.kind == Kind::Normal);
        normal.map(|(id, piece)| (id, piece.text.as_str()))
    }

    pub(crate) fn size(&self) -> usize {
        self.pieces.len()
    }

    /// The id of a piece by its spelling in the file.
    pub(crate) fn id(&self, piece: &str) -> Option<u32> {
        self.ids.get(piece).copied()
    }

    /// A piece as the file spells it.
    pub(crate) fn piece(&self, id: u32) -> Option<&str> {
        Some(self.pieces.get(id as usize)?.text.as_str())
    }

    /// A piece as a person reads it: spaces as spaces, ASCII bytes as their characters.
    pub(crate) fn readable(&self, id: u32) -> Option<String> {
        let piece = self.pieces.get(id as usize)?;
        Some(match (piece.kind, byte_value(&piece.text)) {
            (Kind::Byte, Some(byte)) if byte.is_ascii() => char::from(byte).to_string(),
            (Kind::Normal | Kind::UserDefined, _) => piece.text.replace(SPACE, " "),
            _ => piece.text.clone(),
        })
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        let algorithm = match self.unigram {
            Some(_) => "unigram",
            None => "BPE",
        };
        let rest = match self.bytes {
            Some(_) => "byte fallback",
            None => "no byte fallback",
        };
        format!("SentencePiece {algorithm}, {rest}, {}", self.normalizer.describe())
    }

    /// Id and score of a piece that merges may give.
    fn mergeable(&self, text: &str) -> Option<f32> {
        let piece = self.pieces.get(self.id(text)? as usize)?;
        matches!(piece.kind, Kind::Normal | Kind::UserDefined).then_some(piece.score)
    }
}

fn rename(pieces: &mut [Piece], names: &BTreeMap<u32, &str>) {
    let kept = pieces.iter().zip(0..).filter(|(_, id)| !names.contains_key(id));
    let kept: HashSet<String> = kept.map(|(piece, _)| piece.text.clone()).collect();
    for (piece, id) in pieces.iter_mut().zip(0..) {
        if let Some(name) = names.get(&id).filter(|name| !kept.contains(**name)) {
            (*name).clone_into(&mut piece.text);
        }
    }
}

/// The byte pieces' ids by byte.
fn byte_pieces(fallback: bool, count: usize, ids: &HashMap<String, u32>) -> Result<Option<Vec<u32>>, String> {
    if !fallback {
        return match count {
            0 => Ok(None),
            _ => Err("it has byte pieces, but `byte_fallback` is off".into()),
        };
    }
    let id = |byte: u8| {
        let piece = format!("<0x{byte:02X}>");
        ids.get(&piece).copied().ok_or_else(|| format!("`byte_fallback` is on, but piece {piece} is missing"))
    };
    let ids = (0..=u8::MAX).map(id).collect::<Result<_, _>>()?;
    match count {
        256 => Ok(Some(ids)),
        _ => Err(format!("it has {count} byte pieces, expected 256")),
    }
}

fn byte_value(piece: &str) -> Option<u8> {
    u8::from_str_radix(piece.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

#[cfg(test)]
mod tests;
