//! A pack as the study's are, for attention to be measured with.

use crate::prefix::{Pack, PrefixTree};

/// Length of a prompt for attention, and of the part that siblings share.
const PROMPT: usize = 200;
const SHARED: usize = 160;

/// A pack of `n` tokens: prompts of which each shares most of its tokens with others.
pub fn prompts(n: usize) -> (PrefixTree, Pack) {
    let family = |i: usize| i / 8;
    let items: Vec<Vec<u32>> = (0..n.div_ceil(PROMPT - SHARED) + 8)
        .map(|i| {
            let token = |place: usize| {
                if place < SHARED { family(i) * PROMPT + place } else { (1 << 20) | (i * PROMPT + place) }
            };
            (0..PROMPT).map(|place| token(place) as u32).collect()
        })
        .collect();
    let tree = PrefixTree::new(&items, true);
    let first = tree.packs(n).swap_remove(0);
    (tree, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_for_attention_is_full_and_starts_at_the_root() {
        for n in [64, 100, 2048] {
            let (tree, pack) = prompts(n);
            assert_eq!((pack.len(), pack.path), (n, 0));
            assert_eq!(tree.depth[pack.places.start], 0);
        }
    }
}
