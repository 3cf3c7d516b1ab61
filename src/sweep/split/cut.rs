//! Where a sweep is cut into shards: a pure function of what its pieces take.

use std::ops::Range;

/// What can go to one shard or to another, in the order of the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Multiply-adds of its own.
    pub cost: u128,
    /// Tokens that are computed twice where the sweep is cut before this piece.
    pub shared: usize,
    /// Of its checkpoint.
    pub first: bool,
}

/// A cut may lie so far from an equal share, in parts of one, to stand between two checkpoints.
const BETWEEN_CHECKPOINTS: u128 = 10;
/// The same, to stand where fewer tokens are computed twice.
const BETWEEN_SUBTREES: u128 = 20;

/// The pieces of each of `count` shards, one range behind the other.
///
/// None is empty unless there are fewer pieces than shards. What a shard's pieces take is at most an equal share and the
/// larger of a fifth of one and the largest piece.
pub fn cuts(pieces: &[Piece], count: usize) -> Vec<Range<usize>> {
    let mut ends = Vec::with_capacity(pieces.len() + 1);
    ends.push(0);
    ends.extend(pieces.iter().scan(0u128, |sum, piece| {
        *sum += piece.cost;
        Some(*sum)
    }));
    let total = ends[pieces.len()];
    let mut shards = Vec::with_capacity(count);
    let mut start = 0;
    for shard in 1..=count {
        let end = match count - shard {
            0 => pieces.len(),
            after => {
                let target = total * shard as u128 / count as u128;
                // One piece at least for this one and for each that follows, as far as they go.
                let low = (start + 1).min(pieces.len());
                let high = pieces.len().saturating_sub(after).max(low);
                place(pieces, &ends, low..high + 1, target, total / count as u128)
            }
        };
        shards.push(start..end);
        start = end;
    }
    shards
}

/// The best of `places` to cut at, `ends[place]` being what lies before.
fn place(pieces: &[Piece], ends: &[u128], places: Range<usize>, target: u128, share: u128) -> usize {
    let distance = |place: usize| ends[place].abs_diff(target);
    let within = |window: u128| {
        let from = ends.partition_point(|end| *end < target.saturating_sub(window));
        let to = ends.partition_point(|end| *end <= target + window);
        from.max(places.start)..to.min(places.end)
    };
    let starts = |place: &usize| pieces.get(*place).is_some_and(|piece| piece.first);
    let between = within(share / BETWEEN_CHECKPOINTS).filter(starts).min_by_key(|place| distance(*place));
    let shared = |place: usize| pieces.get(place).map_or(0, |piece| piece.shared);
    let near = || within(share / BETWEEN_SUBTREES).min_by_key(|place| (shared(*place), distance(*place)));
    let nearest = || {
        let at = ends.partition_point(|end| *end < target).clamp(places.start, places.end - 1);
        let before = at.saturating_sub(1).max(places.start);
        if distance(before) <= distance(at) { before } else { at }
    };
    between.or_else(near).unwrap_or_else(nearest)
}
