//! Which shards of a split sweep a run holds, and which are elsewhere or nowhere.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::plain::{grouped, total};
use crate::store::origin::{Filters, StoredSweep};
use crate::store::shard::ShardRecord;

/// The shards of one split that a run holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Shards {
    pub count: u32,
    /// From 1, in order.
    pub present: Vec<u32>,
    pub missing: Vec<u32>,
    /// Prompts of those present.
    pub prompts: u64,
    /// Prompts of all.
    pub of: u64,
}

impl Shards {
    /// Of everything that swept into a run. `asked`: its prompts.
    ///
    /// Nothing is missing where the whole was asked in another way too: unsplit, or in other shards.
    pub fn of_sweeps<'s>(sweeps: impl IntoIterator<Item = &'s StoredSweep>, asked: u64) -> Vec<Shards> {
        let mut splits: BTreeMap<&str, (Filters, BTreeMap<u32, &ShardRecord>)> = BTreeMap::new();
        let mut unsplit: Vec<&Filters> = Vec::new();
        for sweep in sweeps {
            let filters = &sweep.record.filters;
            let Some(shard) = &filters.shard else {
                unsplit.push(filters);
                continue;
            };
            let (_, present) = splits
                .entry(&shard.split)
                .or_insert_with(|| (Filters { shard: None, ..filters.clone() }, BTreeMap::new()));
            present.insert(shard.index, shard);
        }
        let same_question = {
            let mut all = splits.values().map(|(filters, _)| filters).chain(unsplit.iter().copied());
            let first = all.next();
            all.all(|filters| Some(filters) == first)
        };
        let mut found = Vec::new();
        for (filters, present) in splits.values() {
            let Some(any) = present.values().next() else { continue };
            let is_whole = |(other, present): &(Filters, BTreeMap<u32, &ShardRecord>)| {
                other == filters
                    && present.values().next().is_some_and(|any| present.len() == any.count as usize)
            };
            let elsewhere = unsplit.contains(&filters)
                || splits.values().any(is_whole)
                || (same_question && asked >= any.of);
            let absent = |index: &u32| !elsewhere && !present.contains_key(index);
            found.push(Shards {
                count: any.count,
                present: present.keys().copied().collect(),
                missing: (1..=any.count).filter(absent).collect(),
                prompts: total(present.values().map(|shard| shard.prompts)),
                of: any.of,
            });
        }
        found
    }

    /// What must be said first, if not all are there.
    pub fn sentence(&self) -> Option<String> {
        if self.missing.is_empty() {
            return None;
        }
        let prompts = format!("{} of {} prompts", grouped(self.prompts), grouped(self.of));
        Some(match self.present.as_slice() {
            [one] => format!("shard {one} of {}: {prompts}", self.count),
            _ => format!(
                "{} of {} shards: {prompts}; missing: {}",
                self.present.len(),
                self.count,
                in_ranges(&self.missing)
            ),
        })
    }
}

/// `1-3, 7`
fn in_ranges(numbers: &[u32]) -> String {
    let ranges = numbers.chunk_by(|a, b| a + 1 == *b).map(|range| match range {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    ranges.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::origin::SweepRecord;

    fn sweep(shard: Option<(u32, u32)>, limit: Option<usize>) -> StoredSweep {
        let shard = shard.map(|(index, count)| ShardRecord {
            index,
            count,
            split: format!("{count} {limit:?}"),
            prompts: 10,
            of: 10 * u64::from(count),
        });
        let filters = Filters { shard, limit, ..Filters::default() };
        let record = SweepRecord { filters, ..SweepRecord::default() };
        StoredSweep { started: String::new(), ended: None, outcome: None, record }
    }

    fn said(sweeps: &[StoredSweep], asked: u64) -> Vec<String> {
        Shards::of_sweeps(sweeps, asked).iter().filter_map(Shards::sentence).collect()
    }

    #[test]
    fn a_run_says_which_shards_it_lacks_until_it_has_them_in_one_way_or_another() {
        assert_eq!(said(&[sweep(None, None)], 0), [""; 0]);
        assert_eq!(said(&[sweep(Some((1, 1)), None)], 10), [""; 0]);
        let one = sweep(Some((3, 7)), None);
        assert_eq!(said(&[one.clone(), one.clone()], 10), ["shard 3 of 7: 10 of 70 prompts"]);
        let some: Vec<StoredSweep> = [1, 3, 4, 7].map(|index| sweep(Some((index, 7)), None)).into();
        assert_eq!(said(&some, 40), ["4 of 7 shards: 40 of 70 prompts; missing: 2, 5-6"]);
        // Swept unsplit later, in all of three shards, or in whatever shards that have all prompts.
        let with = |more: &[StoredSweep]| [&some, more].concat();
        assert_eq!(said(&with(&[sweep(None, None)]), 40), [""; 0]);
        assert_eq!(said(&with(&[1, 2, 3].map(|index| sweep(Some((index, 3)), None))), 40), [""; 0]);
        assert_eq!(said(&with(&[sweep(Some((1, 3)), None)]), 70), [""; 0]);
        // Another question's prompts do not count.
        assert_eq!(said(&with(&[sweep(None, Some(5))]), 90).len(), 1);
    }
}
