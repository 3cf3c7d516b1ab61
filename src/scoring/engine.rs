//! The engine: prompts in, choice scores out, each shared token computed once.

use super::choice::{ChoiceScore, ChoiceSet};
use super::continuation::Open;
use super::plan::{Place, Plan};
use crate::backend::Backend;
use crate::decoder::{Decoder, DecoderError};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Tokens of continuations whose logits are read at once: their rows times their ids are held.
const ASKED_TOGETHER: usize = 1024;

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

    /// Scores every item of `plan`. `sink` is handed the scores that each pack completes, with the indices of their
    /// items, and the tally so far; what it returns as an error ends the run.
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
        for pack in tree.packs(options.pack_tokens) {
            let hidden = self.decoder.forward(tree, &pack, &mut state)?;
            // (row of `hidden`, what is read there): one row may answer several items.
            let ends: Vec<(usize, Place)> = pack
                .ends
                .iter()
                .enumerate()
                .flat_map(|(row, &(branch, _))| {
                    tree.branches[branch].prompts.iter().map(move |&sequence| (row, plan.place(sequence)))
                })
                .collect();
            let scores = self.read(&hidden, &ends, plan, &mut open, options)?;
            tally.computed_tokens += pack.len();
            tally.prompts += scores.len();
            tally.compute_seconds = start.elapsed().as_secs_f64();
            sink(&scores, &tally).map_err(ScoreError::Sink)?;
        }
        Ok(tally)
    }

    /// The scores that the rows of `hidden` complete, by item.
    fn read(
        &self,
        hidden: &B::Rows,
        ends: &[(usize, Place)],
        plan: &Plan<'_>,
        open: &mut Open<'_>,
        options: &ScoreOptions,
    ) -> Result<Vec<(usize, ChoiceScore)>, DecoderError> {
        let (backend, head) = (self.decoder.backend(), self.decoder.head());
        let sums = backend.log_sum_exp(hidden, &head)?;
        let top = if options.top > 0 { backend.top_tokens(hidden, &head, options.top)? } else { Vec::new() };
        let mut scores: Vec<(usize, ChoiceScore)> = Vec::with_capacity(ends.len());
        let asked: Vec<Asked<'_>> = ends
            .iter()
            .filter_map(|&(row, place)| match place {
                Place::Prompt(item) => match &plan.choice_sets()[plan.items()[item].choices] {
                    ChoiceSet::Tokens(set) => Some(Asked { row, item, set }),
                    ChoiceSet::Continuations(_) => None,
                },
                _ => None,
            })
            .collect();
        for asked in together(asked) {
            let rows = Vec::from_iter(asked.iter().map(|ask| ask.row).collect::<BTreeSet<_>>());
            let ids = distinct(&asked);
            let logits = backend.choice_logits(&backend.gather_rows(hidden, &rows)?, &head, &ids)?;
            for Asked { row, item, set } in asked {
                let Ok(place) = rows.binary_search(&row) else { continue };
                let logit = |id: &u32| ids.binary_search(id).map_or(f32::NAN, |at| logits[place][at]);
                let in_shape = set.iter().map(|ids| ids.iter().map(logit).collect()).collect();
                let top = top.get(row).cloned().unwrap_or_default();
                scores.push((item, ChoiceScore::new(in_shape, sums[row], top)));
            }
        }
        for asks in open.asked(ends).chunks(ASKED_TOGETHER) {
            let rows = Vec::from_iter(asks.iter().map(|ask| ask.row).collect::<BTreeSet<_>>());
            let ids = Vec::from_iter(asks.iter().map(|ask| ask.id).collect::<BTreeSet<_>>());
            let logits = backend.choice_logits(&backend.gather_rows(hidden, &rows)?, &head, &ids)?;
            for ask in asks {
                let (Ok(row), Ok(id)) = (rows.binary_search(&ask.row), ids.binary_search(&ask.id)) else {
                    continue;
                };
                scores.extend(open.add(ask, f64::from(logits[row][id]) - sums[ask.row]));
            }
        }
        if scores.iter().any(|(_, score)| !score.log_odds.is_finite() || !score.logsumexp.is_finite()) {
            return Err(DecoderError::NotFinite { place: "the logits".into() });
        }
        scores.sort_by_key(|&(item, _)| item);
        Ok(scores)
    }
}

/// A row of hidden values at which the tokens of a set are asked.
struct Asked<'p> {
    row: usize,
    item: usize,
    set: &'p Vec<Vec<u32>>,
}

fn distinct(asked: &[Asked<'_>]) -> Vec<u32> {
    asked
        .iter()
        .flat_map(|ask| ask.set.iter().flatten().copied())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// What is read at once, since each reading waits for the device: everything, unless much of it would be logits that nobody
/// asked for; then set by set.
fn together(asked: Vec<Asked<'_>>) -> Vec<Vec<Asked<'_>>> {
    const WASTE: usize = 8;
    let wanted: usize = asked.iter().map(|ask| ask.set.iter().map(Vec::len).sum::<usize>()).sum();
    if asked.is_empty() {
        return Vec::new();
    }
    if asked.len() * distinct(&asked).len() <= WASTE * wanted {
        return vec![asked];
    }
    let mut by_set: BTreeMap<&Vec<Vec<u32>>, Vec<Asked<'_>>> = BTreeMap::new();
    for ask in asked {
        by_set.entry(ask.set).or_default().push(ask);
    }
    by_set.into_values().collect()
}
