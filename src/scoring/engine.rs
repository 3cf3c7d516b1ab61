//! The engine: prompts in, choice scores out, each shared token computed once.

use super::choice::ChoiceScore;
use super::continuation::Open;
use super::plan::Plan;
use super::questions::Questions;
use crate::backend::Backend;
use crate::decoder::{Decoder, DecoderError, PathState};
use crate::prefix::Pack;
use std::time::Instant;

/// How to compute; none of it changes a score's bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreOptions {
    /// Tokens of one pass at most.
    pub pack_tokens: usize,
    /// Compute shared prefixes once.
    pub sharing: bool,
    /// Likeliest tokens to return per prompt.
    pub top: usize,
}

impl Default for ScoreOptions {
    fn default() -> Self {
        ScoreOptions { pack_tokens: 2048, sharing: true, top: 0 }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ScoreError<E> {
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    #[error("{0}")]
    Sink(E),
}

/// What a run has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    pub prompts: usize,
    pub naive_tokens: usize,
    /// Counted as they are computed, pack by pack.
    pub computed_tokens: usize,
    /// Tokens of the whole plan.
    pub tree_tokens: usize,
    pub compute_seconds: f64,
}

/// A decoder ready to score.
pub struct Engine<'w, B: Backend> {
    decoder: Decoder<'w, B>,
}

/// A pack that is computed, or being computed, and not read yet.
struct UnderWay<'p, B: Backend> {
    reading: B::Reading,
    questions: Questions<'p>,
    tokens: usize,
}

impl<'w, B: Backend> Engine<'w, B> {
    pub fn new(decoder: Decoder<'w, B>) -> Self {
        Engine { decoder }
    }

    pub fn decoder(&self) -> &Decoder<'w, B> {
        &self.decoder
    }

    /// Scores every item of `plan`. `sink` is handed the scores that each pack completes, in the packs' order, with the
    /// indices of their items, and the tally so far; what it returns as an error ends the run.
    ///
    /// A device that reads late computes a pack while the scores of the one before it are read and handed on.
    pub fn score<E>(
        &self,
        plan: &Plan<'_>,
        options: &ScoreOptions,
        mut sink: impl FnMut(&[(usize, ChoiceScore)], &Tally) -> Result<(), E>,
    ) -> Result<Tally, ScoreError<E>> {
        let tree = plan.tree();
        let mut tally =
            Tally { naive_tokens: tree.naive_tokens, tree_tokens: tree.len(), ..Tally::default() };
        let start = Instant::now();
        let mut state = self.decoder.path_state(tree, options.pack_tokens)?;
        let mut open = Open::new(plan);
        let mut end = |pack: UnderWay<'_, B>, open: &mut Open<'_>| {
            let UnderWay { reading, questions, tokens } = pack;
            let scores = questions.answered(&self.decoder.collect(reading)?, open);
            if scores.iter().any(|(_, score)| !score.is_finite()) {
                return Err(DecoderError::NotFinite { place: "the logits".into() }.into());
            }
            tally.computed_tokens += tokens;
            tally.prompts += scores.len();
            tally.compute_seconds = start.elapsed().as_secs_f64();
            sink(&scores, &tally).map_err(ScoreError::Sink)
        };
        let mut under_way: Option<UnderWay<'_, B>> = None;
        for pack in tree.packs(options.pack_tokens) {
            let begun = self.begin(plan, &pack, &mut state, &open, options);
            // What went before is worth keeping, whatever became of this pack.
            if let Some(before) = under_way.take() {
                end(before, &mut open)?;
            }
            let begun = begun?;
            match B::READS_LATE {
                true => under_way = Some(begun),
                false => end(begun, &mut open)?,
            }
        }
        if let Some(last) = under_way {
            end(last, &mut open)?;
        }
        Ok(tally)
    }

    /// Computes a pack, or has the device begin with it.
    fn begin<'p>(
        &self,
        plan: &'p Plan<'p>,
        pack: &Pack,
        state: &mut PathState<B>,
        open: &Open<'p>,
        options: &ScoreOptions,
    ) -> Result<UnderWay<'p, B>, DecoderError> {
        let hidden = self.decoder.begin(plan.tree(), pack, state)?;
        let questions = Questions::new(plan, pack, open, options.top);
        let reading = self.decoder.read_off(&hidden, questions.asks(), state)?;
        Ok(UnderWay { reading, questions, tokens: pack.len() })
    }
}
