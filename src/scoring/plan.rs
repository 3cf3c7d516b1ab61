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
