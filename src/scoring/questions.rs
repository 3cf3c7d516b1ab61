//! What is asked of a pack's rows, and the scores that the answers complete.

use super::choice::{ChoiceScore, ChoiceSet};
use super::continuation::{Ask as Inner, Open};
use super::plan::{Place, Plan};
use crate::backend::reading::{Ask, Asks, ReadOff};
use crate::prefix::Pack;
use std::collections::{BTreeMap, BTreeSet};

/// Tokens of continuations whose logits are read at once: their rows times their ids are held.
const ASKED_TOGETHER: usize = 1024;

/// A pack's questions: groups of them, each an [`Ask`], those of next tokens first.
pub(super) struct Questions<'p> {
    next: Vec<Vec<Asked<'p>>>,
    inner: Vec<Vec<Inner>>,
    asks: Asks,
}

/// A row of hidden values at which the tokens of a set are asked.
struct Asked<'p> {
    row: usize,
    item: usize,
    set: &'p Vec<Vec<u32>>,
}

impl<'p> Questions<'p> {
    pub fn new(plan: &'p Plan<'p>, pack: &Pack, open: &Open<'p>, top: usize) -> Self {
        // (row, what is read there): one row may answer several items.
        let ends: Vec<(usize, Place)> = pack
            .ends
            .iter()
            .enumerate()
            .flat_map(|(row, &(branch, _))| {
                let prompts = plan.tree().branches[branch].prompts.iter();
                prompts.map(move |&sequence| (row, plan.place(sequence)))
            })
            .collect();
        let asked = ends.iter().filter_map(|&(row, place)| match place {
            Place::Prompt(item) => match &plan.choice_sets()[plan.items()[item].choices] {
                ChoiceSet::Tokens(set) => Some(Asked { row, item, set }),
                ChoiceSet::Continuations(_) => None,
            },
            Place::Inside(_) => None,
        });
        let next = together(asked.collect());
        let inner: Vec<Vec<Inner>> = open.asked(&ends).chunks(ASKED_TOGETHER).map(<[_]>::to_vec).collect();
        let of_next = next
            .iter()
            .map(|group| Ask { rows: sorted(group.iter().map(|asked| asked.row)), ids: distinct(group) });
        let of_inner = inner.iter().map(|group| Ask {
            rows: sorted(group.iter().map(|ask| ask.row)),
            ids: sorted(group.iter().map(|ask| ask.id)),
        });
        let logits = of_next.chain(of_inner).collect();
        Questions { next, inner, asks: Asks { logits, top } }
    }

    pub fn asks(&self) -> &Asks {
        &self.asks
    }

    /// The scores that are complete now, by item.
    pub fn answered(&self, read: &ReadOff, open: &mut Open<'_>) -> Vec<(usize, ChoiceScore)> {
        let mut scores: Vec<(usize, ChoiceScore)> = Vec::new();
        let mut answers = self.asks.logits.iter().zip(&read.logits);
        let logit = |(ask, logits): (&Ask, &Vec<Vec<f32>>), row: usize, id: u32| {
            let place = ask.rows.binary_search(&row).ok().zip(ask.ids.binary_search(&id).ok());
            place.map_or(f32::NAN, |(row, id)| logits[row][id])
        };
        for (group, answer) in self.next.iter().zip(&mut answers) {
            for Asked { row, item, set } in group {
                let in_shape =
                    set.iter().map(|ids| ids.iter().map(|id| logit(answer, *row, *id)).collect()).collect();
                let top = read.top.get(*row).cloned().unwrap_or_default();
                scores.push((*item, ChoiceScore::new(in_shape, read.sums[*row], top)));
            }
        }
        for (group, answer) in self.inner.iter().zip(&mut answers) {
            for ask in group {
                let logprob = f64::from(logit(answer, ask.row, ask.id)) - read.sums[ask.row];
                scores.extend(open.add(ask, logprob));
            }
        }
        scores.sort_by_key(|&(item, _)| item);
        scores
    }
}

fn sorted<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.collect::<BTreeSet<_>>().into_iter().collect()
}

fn distinct(asked: &[Asked<'_>]) -> Vec<u32> {
    sorted(asked.iter().flat_map(|ask| ask.set.iter().flatten().copied()))
}

/// What is read at once, since each reading waits for some devices: everything, unless much of it would be logits that
/// nobody asked for; then set by set.
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
