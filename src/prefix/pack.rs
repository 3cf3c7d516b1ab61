//! Packs: the tree's depth-first sequence cut into pieces that are computed together.
//!
//! Within a pack a child may stand right behind its parent: a layer makes the keys and values of all tokens of the
//! pack before any attention runs. Between packs only the keys and values of the *path* are carried over, that is of
//! the ancestors of the next pack's first token: in depth-first order every ancestor outside the pack is one of them.

use super::PrefixTree;
use std::ops::Range;

/// A slice of the tree that is computed in one pass.
///
/// Key/value rows of a pass are numbered `0..path` for the carried path (row = depth) and `path..path + len` for the
/// pack's own tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Places of the pack's tokens.
    pub places: Range<usize>,
    /// Rows of carried keys and values: the number of ancestors of the first token.
    pub path: usize,
    /// The queries of all tokens of the pack; together they cover its rows in order.
    pub runs: Vec<QueryRun>,
    /// For each branch that ends in this pack: branch index and row (place less `places.start`), ascending.
    pub ends: Vec<(usize, usize)>,
    /// What the next pack needs of this pack's key/value rows.
    pub carry: Vec<Carry>,
}

/// Consecutive tokens of one branch: row `rows.start + i` has depth `first_depth + i` and sees all keys of depth
/// `0..=first_depth + i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRun {
    /// Rows of the query matrix.
    pub rows: Range<usize>,
    pub first_depth: usize,
    /// Key rows in order of depth from 0 on, up to and including the run's own.
    pub keys: Vec<KeyRange>,
}

/// Consecutive key/value rows of consecutive depths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRange {
    pub row: usize,
    pub len: usize,
}

/// Key/value rows `from..from + len` of a pass that become rows `depth..depth + len` of the next pass's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carry {
    pub from: usize,
    pub depth: usize,
    pub len: usize,
}

impl QueryRun {
    /// Number of keys that the run's last query sees.
    pub fn key_count(&self) -> usize {
        self.first_depth + self.rows.len()
    }
}

impl Pack {
    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// One run per prompt end, for a layer that only needs those: query row `i` is the `i`-th of `ends`.
    pub fn end_runs(&self) -> Vec<QueryRun> {
        let mut ends = self.ends.iter().map(|&(_, row)| row).enumerate().peekable();
        let mut out = Vec::with_capacity(self.ends.len());
        for run in &self.runs {
            while let Some(&(i, row)) = ends.peek() {
                if row >= run.rows.end {
                    break;
                }
                // An end is the last row of its run, which sees all of the run's keys.
                let first_depth = run.first_depth + (row - run.rows.start);
                out.push(QueryRun { rows: i..i + 1, first_depth, keys: run.keys.clone() });
                ends.next();
            }
        }
        out
    }
}

impl PrefixTree {
    /// Cuts the tree into packs of at most `pack_tokens` tokens (at least one).
    pub fn packs(&self, pack_tokens: usize) -> Vec<Pack> {
        let size = pack_tokens.max(1);
        let mut packs: Vec<Pack> = Vec::with_capacity(self.len().div_ceil(size));
        let mut branch = 0;
        for start in (0..self.len()).step_by(size) {
            let places = start..(start + size).min(self.len());
            let path = self.depth[start] as usize;
            let mut pack =
                Pack { places: places.clone(), path, runs: Vec::new(), ends: Vec::new(), carry: Vec::new() };
            let row_of = |place: usize, depth: usize| {
                if place < start { depth } else { path + (place - start) }
            };
            let mut at = start;
            while at < places.end {
                let own = &self.branches[branch].places;
                let end = own.end.min(places.end);
                let first_depth = self.depth[at] as usize;
                let mut keys = Vec::new();
                let mut depth = 0;
                for range in self.ancestors(branch).into_iter().chain(std::iter::once(own.start..end)) {
                    push_range(&mut keys, &range, start, depth, row_of);
                    depth += range.len();
                }
                pack.runs.push(QueryRun { rows: at - start..end - start, first_depth, keys });
                if end == own.end {
                    pack.ends.push((branch, end - 1 - start));
                    branch += 1;
                }
                at = end;
            }
            if at < self.len() {
                pack.carry = self.carry(branch, at, start, path);
            }
            packs.push(pack);
        }
        packs
    }

    /// What the pass over `start..next` hands on to the pass that begins with place `next` in `branch`.
    fn carry(&self, branch: usize, next: usize, start: usize, path: usize) -> Vec<Carry> {
        let own = self.branches[branch].places.start..next;
        let mut carry = Vec::new();
        let mut depth = 0;
        for range in self.ancestors(branch).into_iter().chain(std::iter::once(own)) {
            let from = range.start.max(start);
            if from < range.end {
                let skipped = from - range.start;
                carry.push(Carry {
                    from: path + (from - start),
                    depth: depth + skipped,
                    len: range.end - from,
                });
            }
            depth += range.len();
        }
        carry
    }
}

/// Adds the rows of `range` (places; first depth `depth`), split where the carried path ends and the pack begins,
/// merged with the range before where the rows go on.
fn push_range(
    keys: &mut Vec<KeyRange>,
    range: &Range<usize>,
    start: usize,
    depth: usize,
    row_of: impl Fn(usize, usize) -> usize,
) {
    let cut = start.clamp(range.start, range.end);
    for part in [range.start..cut, cut..range.end] {
        if part.is_empty() {
            continue;
        }
        let row = row_of(part.start, depth + (part.start - range.start));
        match keys.last_mut() {
            Some(last) if last.row + last.len == row => last.len += part.len(),
            _ => keys.push(KeyRange { row, len: part.len() }),
        }
    }
}
