//! What is shared: one prefix tree over all prompts of a run, cut into packs.
//!
//! Pure functions of the token ids. A token that two prompts share from the start is laid out, and computed, once.

mod pack;
mod tree;

pub use pack::{Carry, KeyRange, Pack, QueryRun};
pub use tree::{Branch, PrefixTree, Sequence};

#[cfg(test)]
mod tests;
