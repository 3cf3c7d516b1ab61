//! The unigram model: the split whose pieces' scores (log-probabilities) have the greatest sum.

use super::Part;
use super::model::{Kind, Piece};
use super::prefixes::Prefixes;

/// An unknown character costs this much more than the rarest piece.
const UNKNOWN_PENALTY: f32 = 10.0;

pub(super) struct Unigram {
    pieces: Prefixes,
    /// By id.
    scores: Vec<f32>,
    unknown_score: f32,
}

/// The best path that ends at a place.
#[derive(Clone, Copy, Default)]
struct End {
    score: f32,
    /// Where its last piece starts, and which it is (`None`: unknown).
    last: Option<(usize, Option<u32>)>,
}

impl Unigram {
    /// `spelled`: a text that spells a byte's piece is that piece, as in tokenizers converted from such a file.
    ///
    /// # Errors
    /// User-defined pieces: the original scores them by a rule of its own, whose ties are not reproduced here.
    pub fn new(pieces: &[Piece], spelled: bool) -> Result<Self, String> {
        if let Some(piece) = pieces.iter().find(|piece| piece.kind == Kind::UserDefined) {
            return Err(format!(
                "it is a unigram model with a user-defined piece, {:?}, which is not covered",
                piece.text
            ));
        }
        let found = |kind: Kind| kind == Kind::Normal || (spelled && kind == Kind::Byte);
        let normal = || pieces.iter().zip(0..).filter(|(piece, _)| found(piece.kind));
        let rarest = normal().map(|(piece, _)| piece.score).fold(f32::MAX, f32::min);
        Ok(Self {
            pieces: Prefixes::new(normal().map(|(piece, id)| (piece.text.as_str(), id))),
            scores: pieces.iter().map(|piece| piece.score).collect(),
            unknown_score: rarest - UNKNOWN_PENALTY,
        })
    }

    /// Viterbi's algorithm over character boundaries, in f32 and with the earliest start winning ties, as in the
    /// original: both decide which of two equally likely splits is taken.
    pub fn split<'t>(&self, text: &'t str) -> Vec<Part<'t>> {
        let mut ends = vec![End::default(); text.len() + 1];
        for (start, first) in text.char_indices() {
            let here = ends[start].score;
            let width = first.len_utf8();
            for (length, id) in self.pieces.matches(&text.as_bytes()[start..]) {
                ends[start + length].offer(here + self.scores[id as usize], start, Some(id));
            }
            // Where the character is a piece, that has scored more already.
            ends[start + width].offer(here + self.unknown_score, start, None);
        }
        let mut parts = Vec::new();
        let mut end = text.len();
        while let Some((start, id)) = ends[end].last {
            parts.push(Part { text: &text[start..end], id });
            end = start;
        }
        parts.reverse();
        parts
    }
}

impl End {
    fn offer(&mut self, score: f32, start: usize, id: Option<u32>) {
        if self.last.is_none() || score > self.score {
            *self = End { score, last: Some((start, id)) };
        }
    }
}
