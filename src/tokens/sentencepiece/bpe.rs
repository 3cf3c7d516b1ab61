//! Byte-pair encoding: of all neighbours that make a piece, the pair of the best score joins first, the leftmost of
//! equals, until none is left.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::{Part, Prefixes, SentencePiece};

/// A stretch of the text, in a list linked both ways. Joined to its left neighbour, it is empty.
struct Symbol {
    start: usize,
    end: usize,
    left: Option<usize>,
    right: Option<usize>,
    /// A user-defined piece joins nothing.
    whole: bool,
}

/// Two neighbours that could join.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both together: other once either has joined something else.
    length: usize,
}

/// `whole` are pieces that join nothing.
pub(super) fn split<'t>(text: &'t str, model: &SentencePiece, whole: &Prefixes) -> Vec<Part<'t>> {
    let mut symbols = symbols(text, whole);
    let mut agenda = BinaryHeap::new();
    for right in 1..symbols.len() {
        agenda.extend(pair(text, model, &symbols, Some(right - 1), Some(right)));
    }
    while let Some(Pair { left, right, length, .. }) = agenda.pop() {
        let (a, b) = (&symbols[left], &symbols[right]);
        if a.start == a.end || b.start == b.end || b.end - a.start != length {
            continue;
        }
        let (end, after) = (b.end, b.right);
        symbols[left].end = end;
        symbols[left].right = after;
        symbols[right].end = symbols[right].start;
        if let Some(after) = after {
            symbols[after].left = Some(left);
        }
        agenda.extend(pair(text, model, &symbols, symbols[left].left, Some(left)));
        agenda.extend(pair(text, model, &symbols, Some(left), after));
    }
    let joined = symbols.iter().filter(|symbol| symbol.start < symbol.end);
    joined
        .map(|symbol| {
            let text = &text[symbol.start..symbol.end];
            Part { text, id: model.id(text) }
        })
        .collect()
}

/// Whole pieces and single characters.
fn symbols(text: &str, wholes: &Prefixes) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let whole = wholes.longest(rest);
        let end = start + whole.unwrap_or_else(|| rest.chars().next().map_or(1, char::len_utf8));
        let number = symbols.len();
        symbols.push(Symbol {
            start,
            end,
            left: number.checked_sub(1),
            right: (end < text.len()).then_some(number + 1),
            whole: whole.is_some(),
        });
        start = end;
    }
    symbols
}

fn pair(
    text: &str,
    model: &SentencePiece,
    symbols: &[Symbol],
    left: Option<usize>,
    right: Option<usize>,
) -> Option<Pair> {
    let (left, right) = (left?, right?);
    let (a, b) = (&symbols[left], &symbols[right]);
    if a.whole || b.whole {
        return None;
    }
    let joined = &text[a.start..b.end];
    Some(Pair { score: model.mergeable(joined)?, left, right, length: joined.len() })
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        // scores are finite, so there is an order; -0.0 equals 0.0
        let score = self.score.partial_cmp(&other.score).unwrap_or(Ordering::Equal);
        score.then(Reverse(self.left).cmp(&Reverse(other.left)))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}
