//! Continuations under reading: their log-probabilities grow token by token, row by row, also from pack to pack.

use std::collections::HashMap;

use super::choice::{ChoiceScore, ChoiceSet};
use super::plan::{Inside, Place, Plan};

/// The items whose continuations are partly read.
pub(super) struct Open<'p> {
    plan: &'p Plan<'p>,
    items: HashMap<usize, Partial>,
}

struct Partial {
    /// In the shape of the choices: the sum over the tokens read so far.
    logprobs: Vec<Vec<f64>>,
    /// Tokens that are not read yet.
    left: usize,
}

/// A row of hidden values that is to give the logit of a token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub row: usize,
    pub id: u32,
    at: Inside,
}

impl<'p> Open<'p> {
    pub fn new(plan: &'p Plan<'p>) -> Self {
        Open { plan, items: HashMap::new() }
    }

    fn continuations(&self, item: usize) -> Option<&'p [Vec<Vec<u32>>]> {
        match self.plan.choice_sets().get(self.plan.items()[item].choices)? {
            ChoiceSet::Continuations(choices) => Some(choices),
            ChoiceSet::Tokens(_) => None,
        }
    }

    /// Every token of a continuation that these rows are read for. A continuation's tokens come in their order: its rows
    /// stand one behind the other.
    pub fn asked(&self, ends: &[(usize, Place)]) -> Vec<Ask> {
        let mut asks = Vec::new();
        for &(row, place) in ends {
            match place {
                Place::Inside(at) => {
                    let id = self.continuations(at.item).map(|all| all[at.choice][at.continuation][at.depth]);
                    asks.extend(id.map(|id| Ask { row, id, at }));
                }
                Place::Prompt(item) => {
                    for (choice, list) in self.continuations(item).unwrap_or_default().iter().enumerate() {
                        for (continuation, ids) in list.iter().enumerate() {
                            let at = Inside { item, choice, continuation, depth: 0 };
                            asks.extend(ids.first().map(|&id| Ask { row, id, at }));
                        }
                    }
                }
            }
        }
        asks
    }

    /// Adds a token's log-probability; the item's score, if it was the last that it waited for.
    pub fn add(&mut self, ask: &Ask, logprob: f64) -> Option<(usize, ChoiceScore)> {
        let Inside { item, choice, continuation, .. } = ask.at;
        let ids = self.continuations(item)?;
        let partial = self.items.entry(item).or_insert_with(|| Partial {
            logprobs: ids.iter().map(|list| vec![0.0; list.len()]).collect(),
            left: ids.iter().flatten().map(Vec::len).sum(),
        });
        partial.logprobs[choice][continuation] += logprob;
        partial.left -= 1;
        if partial.left > 0 {
            return None;
        }
        let Partial { logprobs, .. } = self.items.remove(&item)?;
        Some((item, ChoiceScore::of_continuations(logprobs, ids)))
    }
}
