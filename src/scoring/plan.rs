//! What is to be scored, laid out as one prefix tree: where something is read, a branch ends.

use super::ChoiceSet;
use crate::prefix::{PrefixTree, Sequence};

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

/// The prompts of one run laid out as a tree, with the continuations that are read token by token behind them.
pub struct Plan<'i> {
    items: &'i [ScoreItem],
    choice_sets: &'i [ChoiceSet],
    tree: PrefixTree,
    /// The tree's sequences are the prompts, in order, and then these.
    inner: Vec<Inside>,
}

/// A place inside a continuation: the row that stands there gives the logit of the continuation's token `depth`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside {
    pub item: usize,
    pub choice: usize,
    pub continuation: usize,
    /// At least 1: the first token is read at the prompt's end.
    pub depth: usize,
}

/// What is read where a sequence of the tree ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// The end of this prompt.
    Prompt(usize),
    Inside(Inside),
}

impl<'i> Plan<'i> {
    /// `items` point into `choice_sets`.
    pub fn new(items: &'i [ScoreItem], choice_sets: &'i [ChoiceSet], sharing: bool) -> Plan<'i> {
        let mut inner = Vec::new();
        let mut sequences: Vec<Sequence<'_>> =
            items.iter().map(|item| Sequence { head: &item.tokens, tail: &[] }).collect();
        let mut naive_tokens = 0;
        for (index, item) in items.iter().enumerate() {
            let Some(ChoiceSet::Continuations(choices)) = choice_sets.get(item.choices) else {
                naive_tokens += item.tokens.len();
                continue;
            };
            for (choice, continuations) in choices.iter().enumerate() {
                for (continuation, ids) in continuations.iter().enumerate() {
                    // The last token is asked for and never fed.
                    naive_tokens += item.tokens.len() + ids.len().saturating_sub(1);
                    for depth in 1..ids.len() {
                        inner.push(Inside { item: index, choice, continuation, depth });
                        sequences.push(Sequence { head: &item.tokens, tail: &ids[..depth] });
                    }
                }
            }
        }
        let group = |sequence: usize| match (sharing, sequence.checked_sub(items.len())) {
            (true, _) => 0,
            (false, None) => sequence,
            (false, Some(place)) => inner[place].item,
        };
        let mut tree = PrefixTree::grouped(&sequences, group);
        tree.naive_tokens = naive_tokens;
        Plan { items, choice_sets, tree, inner }
    }

    /// The prompts, in the order that scores' indices mean.
    pub fn items(&self) -> &'i [ScoreItem] {
        self.items
    }

    pub fn choice_sets(&self) -> &'i [ChoiceSet] {
        self.choice_sets
    }

    /// The items in at most `parts` stretches of the tree, about equally many tokens each. A cut is made where prompts share
    /// little with those before: what they share is computed on both sides.
    pub fn split(&self, parts: usize) -> Vec<Vec<usize>> {
        let (tree, all) = (&self.tree, self.tree.len());
        let starts = tree.branches.iter().map(|branch| branch.places.start);
        let mut cuts: Vec<usize> = (1..parts)
            .map(|cut| {
                let ideal = all * cut / parts;
                let near = all / (16 * parts);
                let shared = |start: &usize| (tree.depth[*start], start.abs_diff(ideal));
                starts
                    .clone()
                    .filter(|start| start.abs_diff(ideal) <= near)
                    .min_by_key(shared)
                    .unwrap_or(ideal)
            })
            .collect();
        cuts.dedup();
        let mut split = vec![Vec::new(); cuts.len() + 1];
        for branch in &tree.branches {
            let part = cuts.partition_point(|cut| *cut <= branch.places.start);
            // What stands behind a prompt goes with it.
            let items = branch.prompts.iter().filter(|sequence| **sequence < self.items.len());
            split[part].extend(items);
        }
        split.retain(|part| !part.is_empty());
        split
    }

    /// Tokens that computing each prompt, and each continuation of it, alone would take.
    pub fn naive_tokens(&self) -> usize {
        self.tree.naive_tokens
    }

    /// Tokens that will be computed.
    pub fn tree_tokens(&self) -> usize {
        self.tree.len()
    }

    /// Distinct places that are read: prompts' ends, and tokens of continuations.
    pub fn ends(&self) -> usize {
        self.tree.branches.len()
    }

    /// Tokens of the longest prompt, with what is read behind it.
    pub fn longest(&self) -> usize {
        self.tree.depth.iter().max().map_or(0, |depth| *depth as usize + 1)
    }

    pub(super) fn tree(&self) -> &PrefixTree {
        &self.tree
    }

    pub(super) fn place(&self, sequence: usize) -> Place {
        match sequence.checked_sub(self.items.len()) {
            None => Place::Prompt(sequence),
            Some(place) => Place::Inside(self.inner[place]),
        }
    }

    /// Sum over all tokens of the keys that each sees (no window).
    pub(super) fn keys_seen(&self) -> f64 {
        self.tree.depth.iter().map(|&d| f64::from(d) + 1.0).sum()
    }

    /// The same over the places that are read.
    pub(super) fn keys_seen_by_ends(&self) -> f64 {
        self.tree.branches.iter().map(|b| f64::from(self.tree.depth[b.places.end - 1]) + 1.0).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_split_where_prompts_share_little_and_each_item_is_in_one_part() {
        // Four families of prompts: a stem of 40 tokens of their own, five leaves of 4 tokens.
        let items: Vec<ScoreItem> = (0..20u32)
            .map(|i| ScoreItem {
                tokens: (0..40).map(|t| 100 * (i / 5) + t).chain((0..4).map(|t| 1000 + 10 * i + t)).collect(),
                choices: 0,
            })
            .collect();
        let sets = [ChoiceSet::Tokens(vec![vec![1], vec![2]])];
        let plan = Plan::new(&items, &sets, true);
        let split = plan.split(2);
        assert_eq!(split, [(0..10).collect::<Vec<_>>(), (10..20).collect()]);
        let families: Vec<Vec<usize>> = (0..4).map(|family| (5 * family..5 * family + 5).collect()).collect();
        assert_eq!(plan.split(4), families);
        for (parts, sharing) in [(1, true), (3, true), (7, true), (100, true), (3, false)] {
            let plan = Plan::new(&items, &sets, sharing);
            let split = plan.split(parts);
            assert!(split.len() <= parts && split.iter().all(|part| !part.is_empty()));
            let mut all = split.concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..20), "{parts} parts");
        }
        // What stands inside continuations is no item.
        let whole = [ChoiceSet::Continuations(vec![vec![vec![1, 2]], vec![vec![3, 4, 5]]])];
        let mut all = Plan::new(&items, &whole, true).split(3).concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..20));
        assert_eq!(Plan::new(&[], &sets, true).split(2), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn a_plan_is_split_between_families_that_lie_near_an_equal_share() {
        // Two families, 240 tokens: a stem, and leaves of 4 tokens.
        let of = |family: u32, stem: u32, leaves: u32| {
            (0..leaves).map(move |leaf| ScoreItem {
                tokens: (0..stem)
                    .map(|t| 100 * family + t)
                    .chain((0..4).map(|t| 1000 + 10 * leaf + t))
                    .collect(),
                choices: 0,
            })
        };
        let sets = [ChoiceSet::Tokens(vec![vec![1], vec![2]])];
        let first = |items: Vec<ScoreItem>| Plan::new(&items, &sets, true).split(2)[0].len();
        // Seven tokens off, a sixteenth of a share, is near; ten are not, and a family is cut.
        assert_eq!(first(of(0, 43, 21).chain(of(1, 41, 18)).collect()), 21);
        assert_eq!(first(of(0, 42, 22).chain(of(1, 42, 17)).collect()), 19);
    }
}
