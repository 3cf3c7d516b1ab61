//! The engine: prompts in, choice scores out, each shared token computed once.

use super::choice::{ChoiceScore, ChoiceSet};
use crate::backend::Backend;
use crate::decoder::{Decoder, DecoderError};
use crate::prefix::PrefixTree;
use std::time::Instant;

/// One prompt to score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreItem {
    /// At least one id, all below the vocabulary's size.
    pub tokens: Vec<u32>,
    /// Index into the list of choice sets.
    pub choices: usize,
}

impl AsRef<[u32]> for ScoreItem {
    fn as_ref(&self) -> &[u32] {
        &self.tokens
    }
}

/// How to compute; none of it changes a score's bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreOptions {
    /// Tokens of one pack at most.
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

/// The prompts of one run laid out as a tree.
pub struct Plan<'i> {
    items: &'i [ScoreItem],
    tree: PrefixTree,
}

impl<'i> Plan<'i> {
    pub fn new(items: &'i [ScoreItem], sharing: bool) -> Plan<'i> {
        Plan { items, tree: PrefixTree::new(items, sharing) }
    }

    /// The prompts, in the order that scores' indices mean.
    pub fn items(&self) -> &'i [ScoreItem] {
        self.items
    }

    /// Tokens that computing each prompt alone would take.
    pub fn naive_tokens(&self) -> usize {
        self.tree.naive_tokens
    }

    /// Tokens that will be computed.
    pub fn tree_tokens(&self) -> usize {
        self.tree.len()
    }
}

impl Plan<'_> {
    /// Distinct prompts: the rows that are read.
    pub fn ends(&self) -> usize {
        self.tree.branches.len()
    }

    /// Tokens of the longest prompt.
    pub fn longest(&self) -> usize {
        self.tree.depth.iter().max().map_or(0, |depth| *depth as usize + 1)
    }

    /// Sum over all tokens of the keys that each sees (no window).
    pub(super) fn keys_seen(&self) -> f64 {
        self.tree.depth.iter().map(|&d| f64::from(d) + 1.0).sum()
    }

    /// The same over the prompts' last tokens.
    pub(super) fn keys_seen_by_ends(&self) -> f64 {
        self.tree.branches.iter().map(|b| f64::from(self.tree.depth[b.places.end - 1]) + 1.0).sum()
    }
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

impl<'w, B: Backend> Engine<'w, B> {
    pub fn new(decoder: Decoder<'w, B>) -> Self {
        Engine { decoder }
    }

    pub fn decoder(&self) -> &Decoder<'w, B> {
        &self.decoder
    }

    /// Scores every item of `plan`. `sink` is handed the scores of each pack as it ends, with the indices of their
    /// items, and the tally so far; what it returns as an error ends the run.
    pub fn score<E>(
        &self,
        plan: &Plan<'_>,
        choice_sets: &[ChoiceSet],
        options: &ScoreOptions,
        mut sink: impl FnMut(&[(usize, ChoiceScore)], &Tally) -> Result<(), E>,
    ) -> Result<Tally, ScoreError<E>> {
        let tree = &plan.tree;
        let mut tally =
            Tally { naive_tokens: tree.naive_tokens, tree_tokens: tree.len(), ..Tally::default() };
        let flat: Vec<Vec<u32>> = choice_sets.iter().map(|set| set.0.concat()).collect();
        let start = Instant::now();
        let mut state = self.decoder.path_state(tree, options.pack_tokens)?;
        for pack in tree.packs(options.pack_tokens) {
            let hidden = self.decoder.forward(tree, &pack, &mut state)?;
            // (row of `hidden`, item): one row may answer several items.
            let ends: Vec<(usize, usize)> = pack
                .ends
                .iter()
                .enumerate()
                .flat_map(|(row, &(branch, _))| {
                    tree.branches[branch].prompts.iter().map(move |&item| (row, item))
                })
                .collect();
            let scores = self.read(&hidden, &ends, plan.items, choice_sets, &flat, options)?;
            tally.computed_tokens += pack.len();
            tally.prompts += scores.len();
            tally.compute_seconds = start.elapsed().as_secs_f64();
            sink(&scores, &tally).map_err(ScoreError::Sink)?;
        }
        Ok(tally)
    }

    /// Choice scores of the rows of `hidden`.
    fn read(
        &self,
        hidden: &B::Rows,
        ends: &[(usize, usize)],
        items: &[ScoreItem],
        choice_sets: &[ChoiceSet],
        flat: &[Vec<u32>],
        options: &ScoreOptions,
    ) -> Result<Vec<(usize, ChoiceScore)>, DecoderError> {
        let (backend, head) = (self.decoder.backend(), self.decoder.head());
        let sums = backend.log_sum_exp(hidden, &head)?;
        let top = if options.top > 0 { backend.top_tokens(hidden, &head, options.top)? } else { Vec::new() };
        let mut scores: Vec<(usize, ChoiceScore)> = Vec::with_capacity(ends.len());
        for (set, ids) in flat.iter().enumerate() {
            let asked: Vec<(usize, usize)> =
                ends.iter().copied().filter(|&(_, item)| items[item].choices == set).collect();
            if asked.is_empty() {
                continue;
            }
            let rows: Vec<usize> = asked.iter().map(|&(row, _)| row).collect();
            let logits = backend.choice_logits(&backend.gather_rows(hidden, &rows)?, &head, ids)?;
            for ((row, item), logits) in asked.into_iter().zip(logits) {
                let score = ChoiceScore::new(
                    in_shape(&choice_sets[set], &logits),
                    sums[row],
                    top.get(row).cloned().unwrap_or_default(),
                );
                if !score.log_odds.is_finite() || !score.logsumexp.is_finite() {
                    return Err(DecoderError::NotFinite { place: "the logits".into() });
                }
                scores.push((item, score));
            }
        }
        scores.sort_by_key(|&(item, _)| item);
        Ok(scores)
    }
}

/// A flat list of logits in the shape of its choice set.
fn in_shape(set: &ChoiceSet, flat: &[f32]) -> Vec<Vec<f32>> {
    let mut rest = flat;
    set.0
        .iter()
        .map(|ids| {
            let (these, others) = rest.split_at(ids.len());
            rest = others;
            these.to_vec()
        })
        .collect()
}
