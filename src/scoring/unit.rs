//! A plan in pieces that can be scored apart: what each takes, and what it shares with the piece before it.

use super::plan::Place;
use super::{Plan, Rates};

/// Prompts that stand together in the tree and are scored together: one prompt with what is read behind it, and whatever
/// stands in its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Indices of the plan's items.
    pub items: Vec<usize>,
    /// Tokens that it shares with the units before it: what is computed again where the tree is cut before this one.
    pub shared: usize,
    /// Tokens of its own.
    pub tokens: usize,
    /// Multiply-adds of its own.
    pub cost: u128,
}

impl Plan<'_> {
    /// The whole plan as units, in the tree's order: their tokens add up to the tree's.
    pub fn units(&self, rates: &Rates) -> Vec<Unit> {
        let tree = self.tree();
        let mut units: Vec<Unit> = Vec::new();
        let mut home = vec![0; self.items().len()];
        for (index, branch) in tree.branches.iter().enumerate() {
            let (from, own) = (tree.first_depth(index), branch.places.len());
            let mut first = units.len();
            let mut items = Vec::new();
            for &sequence in &branch.prompts {
                match self.place(sequence) {
                    Place::Prompt(item) => items.push(item),
                    // What is read inside an answer stays with its prompt, and so does whatever lies between.
                    Place::Inside(inside) => first = first.min(home[inside.item]),
                }
            }
            let mut unit = Unit {
                items,
                shared: from,
                tokens: own,
                cost: rates.run(from, from + own) + rates.end(from + own),
            };
            let mut at_home = 0;
            if first < units.len() {
                at_home = units[first].items.len();
                let joined = units.drain(first..).reduce(Unit::join);
                unit = joined.into_iter().fold(unit, |unit, before| before.join(unit));
            }
            for &item in &unit.items[at_home..] {
                home[item] = first;
            }
            units.push(unit);
        }
        units
    }
}

impl Unit {
    /// This one and the next.
    fn join(mut self, next: Unit) -> Unit {
        self.items.extend(next.items);
        Unit { tokens: self.tokens + next.tokens, cost: self.cost + next.cost, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ChoiceSet, ScoreItem, Work};
    use super::*;
    use crate::checkpoint::spec::{DecoderSpec, LayerSpec};

    #[test]
    fn what_is_read_behind_a_prompt_stays_with_it() {
        let sets = [
            ChoiceSet::Tokens(vec![vec![1], vec![2]]),
            ChoiceSet::Continuations(vec![vec![vec![7, 8, 9]], vec![vec![3]]]),
        ];
        let item = |tokens: &[u32], choices| ScoreItem { tokens: tokens.to_vec(), choices };
        // The second stands between the first and what is read behind that, [1, 2, 7] and [1, 2, 7, 8]; the last is the fourth.
        let items =
            [item(&[1, 2], 1), item(&[1, 2, 5], 0), item(&[1, 3], 0), item(&[1, 4], 0), item(&[1, 4], 0)];
        let plan = Plan::new(&items, &sets, true);
        let spec = DecoderSpec::plain(4, 10, 8, 1e-6, vec![LayerSpec::plain(2, 1, 3, 5); 2]);
        let units = plan.units(&Rates::of(&spec));
        let shown: Vec<(&[usize], usize, usize)> =
            units.iter().map(|unit| (unit.items.as_slice(), unit.shared, unit.tokens)).collect();
        assert_eq!(shown, [(&[0, 1][..], 0, 5), (&[2], 1, 1), (&[3, 4], 1, 1)]);
        assert_eq!(units.iter().map(|unit| unit.tokens).sum::<usize>(), plan.tree_tokens());
        let cost: u128 = units.iter().map(|unit| unit.cost).sum();
        assert_eq!(2.0 * cost as f64, Work::of(&plan, &spec).total());
    }
}
