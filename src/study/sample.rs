//! A random part of a condition's prompts that covers pairs and scenario types evenly.

use std::collections::BTreeSet;

use super::prompts::{Prompts, VARIANTS};

impl Prompts {
    /// Places of the prompts that are asked: all; the first `limit`; or with a seed so many at random.
    pub fn places(&self, limit: Option<usize>, seed: Option<u64>) -> Vec<usize> {
        match (limit, seed) {
            (Some(limit), Some(seed)) => self.sampled(limit, seed),
            (limit, _) => (0..self.len().min(limit.unwrap_or(usize::MAX))).collect(),
        }
    }

    /// Places, ascending, of at most `limit` prompts: whole items with all their questions, as many as fit, one behind the
    /// other each of the pair, and of the scenario type, that was taken least so far. The same seed takes the same items in
    /// every language of a condition.
    pub fn sampled(&self, limit: usize, seed: u64) -> Vec<usize> {
        let layout = self.layout();
        let per_unit = layout.questions * VARIANTS;
        let units = (limit / per_unit.max(1)).max(1);
        let mut random = Random(seed);
        let chosen = layout.choose(units, &mut random);
        let mut places: Vec<usize> = chosen
            .into_iter()
            .flat_map(|(pair, scenario)| {
                let first = (pair * layout.scenarios() + scenario) * per_unit;
                first..first + per_unit
            })
            .collect();
        places.sort_unstable();
        places.truncate(limit);
        places
    }
}

/// What the order of prompts is made of.
pub(super) struct Layout {
    /// Entities of each pair.
    pub pairs: Vec<(usize, usize)>,
    /// Places of scenarios, by type.
    pub types: Vec<Vec<usize>>,
    /// Asked of each scenario.
    pub questions: usize,
}

impl Layout {
    fn scenarios(&self) -> usize {
        self.types.iter().map(Vec::len).sum()
    }

    /// Distinct (pair, scenario), at most all there are.
    fn choose(&self, units: usize, random: &mut Random) -> Vec<(usize, usize)> {
        let mut taken: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut of_pair = vec![0usize; self.pairs.len()];
        let mut of_type = vec![0usize; self.types.len()];
        let entities = self.pairs.iter().map(|&(one, two)| one.max(two) + 1).max().unwrap_or(0);
        let mut of_entity = vec![0usize; entities];
        let mut chosen = Vec::new();
        for _ in 0..units.min(self.pairs.len() * self.scenarios()) {
            // Ties are broken by lot.
            let mut pairs: Vec<usize> = (0..self.pairs.len()).collect();
            random.shuffle(&mut pairs);
            pairs.sort_by_key(|&pair| {
                let (one, two) = self.pairs[pair];
                (of_pair[pair], of_entity[one] + of_entity[two])
            });
            let mut types: Vec<usize> = (0..self.types.len()).collect();
            random.shuffle(&mut types);
            types.sort_by_key(|&kind| of_type[kind]);
            let free = pairs.iter().find_map(|&pair| {
                types.iter().find_map(|&kind| {
                    let mut scenarios = self.types[kind].clone();
                    random.shuffle(&mut scenarios);
                    let free = scenarios.into_iter().find(|&scenario| !taken.contains(&(pair, scenario)))?;
                    Some((pair, kind, free))
                })
            });
            let Some((pair, kind, scenario)) = free else { break };
            taken.insert((pair, scenario));
            chosen.push((pair, scenario));
            of_pair[pair] += 1;
            of_type[kind] += 1;
            let (one, two) = self.pairs[pair];
            of_entity[one] += 1;
            of_entity[two] += 1;
        }
        chosen
    }
}

/// Steele, Lea and Flood's SplitMix64: a few bits of state, the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // The high half of a product: no bias worth a word at these sizes.
        ((u128::from(z) * limit as u128) >> 64) as usize
    }

    /// Fisher and Yates.
    fn shuffle(&mut self, list: &mut [usize]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{PromptQuery, StageForm, Study};

    #[test]
    fn a_sample_is_whole_items_spread_over_pairs_and_types() {
        let study = Study::embedded().expect("the study that ships");
        let prompts = |language: &str| {
            study.prompts(&PromptQuery::new(language, "main", StageForm::Base)).expect("prompts")
        };
        let (en, fr) = (prompts("en"), prompts("fr"));
        let questions = study.questions().len();
        for limit in [1, 7, 8, 100, 1000] {
            let places = en.sampled(limit, 7);
            assert!(places.len() <= limit && places.is_sorted());
            assert_eq!(places, fr.sampled(limit, 7), "the same in every language");
            if limit < 4 * questions {
                continue;
            }
            let mut items: BTreeMap<(String, String), usize> = BTreeMap::new();
            let (mut pairs, mut types) = (BTreeMap::new(), BTreeMap::new());
            for place in places {
                let prompt = en.get(place).expect("in range");
                let pair = prompt.pair.join("-");
                *pairs.entry(pair.clone()).or_insert(0) += 1;
                *types.entry(prompt.scenario_type).or_insert(0) += 1;
                *items.entry((pair, prompt.scenario)).or_default() += 1;
            }
            assert!(items.values().all(|&n| n == 4 * questions), "whole items");
            assert_eq!(items.len(), limit / (4 * questions));
            for counts in [pairs, types] {
                let (low, high) = (counts.values().min().copied(), counts.values().max().copied());
                assert!(high.zip(low).is_some_and(|(h, l)| h - l <= 4 * questions), "{limit}: {counts:?}");
            }
        }
        assert_ne!(en.sampled(1000, 7), en.sampled(1000, 8));
        assert_eq!(en.sampled(usize::MAX, 7).len(), en.len());
    }
}
