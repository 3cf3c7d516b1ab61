//! The token-level prefix tree of a set of prompts, laid out depth first.

use std::cmp::Ordering;
use std::ops::Range;

use rayon::prelude::*;

/// All distinct prefixes of a set of prompts as one sequence of tokens in depth-first order.
///
/// Prompts are visited in lexicographic order of their ids. Each distinct prompt adds one [`Branch`]: the tokens that
/// it does not share with the prompt before it. A prompt therefore always ends with its branch, also when it is a
/// strict prefix of others, and the ancestors of any token are the heads of a short chain of earlier branches.
#[derive(Debug, Clone)]
pub struct PrefixTree {
    /// Token ids in depth-first order; the index into this list is a token's *place*.
    pub tokens: Vec<u32>,
    /// Position of each token in its prompts (0 = first), by place.
    pub depth: Vec<u32>,
    pub branches: Vec<Branch>,
    /// Sum of the lengths of all prompts: what computing each prompt alone would cost.
    pub naive_tokens: usize,
}

/// A run of tokens that hangs on one earlier token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Places of the branch's own tokens.
    pub places: Range<usize>,
    /// The place of the token that the branch continues, and the branch which holds it. `None` at the root.
    pub parent: Option<Attachment>,
    /// Indices of the prompts that end with this branch's last token, ascending.
    pub prompts: Vec<usize>,
}

/// Where a branch is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment {
    pub branch: usize,
    pub place: usize,
}

/// A sequence of ids in two parts, so that what stands behind a prompt needs no copy of it.
#[derive(Debug, Clone, Copy)]
pub struct Sequence<'a> {
    pub head: &'a [u32],
    pub tail: &'a [u32],
}

impl<'a> Sequence<'a> {
    fn len(self) -> usize {
        self.head.len() + self.tail.len()
    }

    fn ids_from(self, start: usize) -> impl Iterator<Item = u32> + 'a {
        let (head, tail) = match start.checked_sub(self.head.len()) {
            None => (&self.head[start..], self.tail),
            Some(beyond) => (&[][..], &self.tail[beyond..]),
        };
        head.iter().chain(tail).copied()
    }

    /// Lexicographic.
    fn order(self, other: Self) -> Ordering {
        match self.tail.is_empty() && other.tail.is_empty() {
            true => self.head.cmp(other.head),
            false => self.ids_from(0).cmp(other.ids_from(0)),
        }
    }

    fn shared_with(self, other: Self) -> usize {
        self.ids_from(0).zip(other.ids_from(0)).take_while(|(x, y)| x == y).count()
    }
}

impl PrefixTree {
    /// Builds the tree of `prompts`. With `sharing` off each prompt is a branch of its own at the root.
    ///
    /// Empty prompts are not allowed: there is no last token to read. They must have been refused before.
    pub fn new<P: AsRef<[u32]>>(prompts: &[P], sharing: bool) -> PrefixTree {
        let sequences: Vec<Sequence<'_>> =
            prompts.iter().map(|prompt| Sequence { head: prompt.as_ref(), tail: &[] }).collect();
        Self::grouped(&sequences, |index| if sharing { 0 } else { index })
    }

    /// Builds the tree of `sequences`, which share their prefixes within a group.
    pub fn grouped(sequences: &[Sequence<'_>], group: impl Fn(usize) -> usize + Sync) -> PrefixTree {
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        // Equal sequences by their index: there is one order, however many cores find it.
        order.par_sort_unstable_by(|&a, &b| {
            let by_group = group(a).cmp(&group(b));
            by_group.then_with(|| sequences[a].order(sequences[b])).then(a.cmp(&b))
        });
        let shared_with_last = |i: usize| match i.checked_sub(1).map(|last| order[last]) {
            Some(last) if group(last) == group(order[i]) => sequences[last].shared_with(sequences[order[i]]),
            _ => 0,
        };
        let shared: Vec<usize> = (0..order.len()).into_par_iter().map(shared_with_last).collect();
        let mut tree = PrefixTree {
            tokens: Vec::new(),
            depth: Vec::new(),
            branches: Vec::new(),
            naive_tokens: sequences.iter().map(|sequence| sequence.len()).sum(),
        };
        // The chain of branches from the root to the sequence laid out last.
        let mut chain: Vec<usize> = Vec::new();
        for (&index, &shared) in order.iter().zip(&shared) {
            let sequence = sequences[index];
            debug_assert!(sequence.len() > 0);
            // They ascend: one that is all shared with the one before it is the same.
            if shared == sequence.len() {
                tree.branches[chain[chain.len() - 1]].prompts.push(index);
                continue;
            }
            while chain.last().is_some_and(|&b| tree.first_depth(b) >= shared) {
                chain.pop();
            }
            let parent = chain.last().map(|&branch| {
                let start = tree.branches[branch].places.start;
                Attachment { branch, place: start + (shared - 1 - tree.first_depth(branch)) }
            });
            let start = tree.tokens.len();
            tree.tokens.extend(sequence.ids_from(shared));
            tree.depth.extend(shared as u32..sequence.len() as u32);
            chain.push(tree.branches.len());
            tree.branches.push(Branch { places: start..tree.tokens.len(), parent, prompts: vec![index] });
        }
        tree
    }

    /// Number of tokens in the tree: each is computed once.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Depth of a branch's first token: the number of its ancestors.
    pub fn first_depth(&self, branch: usize) -> usize {
        self.depth[self.branches[branch].places.start] as usize
    }

    /// Places of all strict ancestors of a branch's first token, as ranges in order of depth from the root.
    pub fn ancestors(&self, branch: usize) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let mut at = self.branches[branch].parent;
        while let Some(Attachment { branch, place }) = at {
            ranges.push(self.branches[branch].places.start..place + 1);
            at = self.branches[branch].parent;
        }
        ranges.reverse();
        ranges
    }
}
