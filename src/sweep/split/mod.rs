//! A sweep split over machines: by checkpoint first, then by whole subtrees of its prompts, in equal shares of the counted
//! arithmetic. A pure function of roster, study, filters and number of shards, and of the checkpoints' text files; how and
//! on what anything is computed has no part in it.

mod cut;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::scoring::{Plan, Rates, Tally, Unit};
use crate::store::{Family, ShardRecord, Stage};

use super::ask::{ask, parts};
use super::error::SweepError;
use super::model::Loader;
use super::shard::Shard;
use super::speller::Speller;
use super::{PlanFigures, Request, Watch};
use cut::{Piece, cuts};

/// How a sweep is split into shards.
#[derive(Debug)]
pub struct Split {
    checkpoints: Vec<Counted>,
    /// By shard, over the units of all checkpoints.
    shards: Vec<Range<usize>>,
    sha256: String,
}

/// One checkpoint's prompts.
#[derive(Debug)]
struct Counted {
    model: String,
    rates: Rates,
    /// In the order of its tree.
    units: Vec<Unit>,
    /// Prompts.
    asked: usize,
}

/// A shard's part of one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piecework<'a> {
    pub model: &'a str,
    pub prompts: usize,
    /// Of the prefix tree of these prompts.
    pub tree_tokens: usize,
    /// Multiply-adds, with what is computed here and by another shard too.
    pub cost: u128,
}

/// One shard of a split.
#[derive(Debug)]
pub struct Share {
    pub record: ShardRecord,
    /// By checkpoint, which prompts are its own, in the order in which one machine asks them all. A checkpoint of which it
    /// has none is not there.
    own: HashMap<String, Vec<bool>>,
}

impl Share {
    /// Whether any prompt of `stage` is its own.
    pub fn has(&self, stage: &Stage) -> bool {
        self.own.contains_key(&stage.model)
    }
}

/// Which prompts of `stage` are asked, if not all.
pub fn own<'s>(share: Option<&'s Share>, stage: &Stage) -> Option<&'s [bool]> {
    share.map(|share| share.own.get(&stage.model).map_or(&[][..], Vec::as_slice))
}

impl Split {
    /// Counts the prompts of all `stages` and splits them into `count` shards.
    ///
    /// # Errors
    /// A checkpoint whose prompts cannot be counted: another machine would split otherwise.
    pub fn of<L: Loader>(
        request: &Request<'_>,
        stages: &[(&Family, &Stage)],
        loader: &L,
        count: u32,
        watch: &mut dyn Watch,
    ) -> Result<Split, SweepError> {
        let mut hash = Sha256::new();
        let mut checkpoints = Vec::with_capacity(stages.len());
        for (index, (_, stage)) in stages.iter().enumerate() {
            watch.count(stage, index + 1, stages.len());
            let counted = counted(request, stage, loader, &mut hash, watch).map_err(|error| match error {
                SweepError::Checkpoint { model, source } => SweepError::Uncounted { model, source },
                other => other,
            })?;
            checkpoints.push(counted);
        }
        let shards = cuts(&pieces(&checkpoints), count as usize);
        for shard in &shards {
            hash.update((shard.end as u64).to_le_bytes());
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Split { checkpoints, shards, sha256 })
    }

    /// Number of shards.
    pub fn count(&self) -> u32 {
        self.shards.len() as u32
    }

    /// What `shard` has of each checkpoint of which it has something.
    pub fn pieces(&self, shard: Shard) -> Vec<Piecework<'_>> {
        self.ranges(shard).into_iter().map(|(index, units)| self.checkpoints[index].piece(units)).collect()
    }

    /// Tokens of the prefix trees of one machine.
    pub fn tree_tokens(&self) -> usize {
        self.checkpoints.iter().flat_map(|counted| &counted.units).map(|unit| unit.tokens).sum()
    }

    /// What `shard` computes.
    pub fn share(&self, shard: Shard) -> Share {
        let own = |(index, units): (usize, Range<usize>)| {
            let counted: &Counted = &self.checkpoints[index];
            let mut own = vec![false; counted.asked];
            for &item in counted.units[units].iter().flat_map(|unit| &unit.items) {
                own[item] = true;
            }
            (counted.model.clone(), own)
        };
        let record = ShardRecord {
            index: shard.index(),
            count: shard.count(),
            split: self.sha256.clone(),
            prompts: self.pieces(shard).iter().map(|piece| piece.prompts as u64).sum(),
            of: self.checkpoints.iter().map(|counted| counted.asked as u64).sum(),
        };
        Share { record, own: self.ranges(shard).into_iter().map(own).collect() }
    }

    /// Checkpoints, by their place, and the units of each, of which `shard` has any.
    fn ranges(&self, shard: Shard) -> Vec<(usize, Range<usize>)> {
        let Some(own) = self.shards.get(shard.index() as usize - 1) else { return Vec::new() };
        let mut ranges = Vec::new();
        let mut start = 0;
        for (index, counted) in self.checkpoints.iter().enumerate() {
            let all = start..start + counted.units.len();
            let (from, to) = (own.start.max(all.start), own.end.min(all.end));
            if from < to {
                ranges.push((index, from - start..to - start));
            }
            start = all.end;
        }
        ranges
    }
}

impl Counted {
    fn piece(&self, units: Range<usize>) -> Piecework<'_> {
        let units = &self.units[units];
        let again = units.first().map_or(0, |first| first.shared);
        Piecework {
            model: &self.model,
            prompts: units.iter().map(|unit| unit.items.len()).sum(),
            tree_tokens: again + units.iter().map(|unit| unit.tokens).sum::<usize>(),
            cost: self.rates.run(0, again) + units.iter().map(|unit| unit.cost).sum::<u128>(),
        }
    }
}

/// The units of all checkpoints in one row.
fn pieces(checkpoints: &[Counted]) -> Vec<Piece> {
    let of = |counted: &Counted| {
        let piece =
            |(index, unit): (usize, &Unit)| Piece { cost: unit.cost, shared: unit.shared, first: index == 0 };
        counted.units.iter().enumerate().map(piece).collect::<Vec<_>>()
    };
    checkpoints.iter().flat_map(of).collect()
}

fn counted<L: Loader>(
    request: &Request<'_>,
    stage: &Stage,
    loader: &L,
    hash: &mut Sha256,
    watch: &mut dyn Watch,
) -> Result<Counted, SweepError> {
    let speller = loader.speller(stage).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    let parts = parts(request, stage, None, &mut |_| ())?;
    let (mut items, mut hashes) = (Vec::new(), Vec::new());
    let sets = ask(request, stage, &speller, &parts, &mut Counting(watch), |chunk, _| {
        items.extend(chunk.items);
        hashes.extend(chunk.sha256);
        Ok(())
    })?;
    let rates = speller.rates();
    let units = Plan::new(&items, &sets, true).units(&rates);
    hash.update((stage.model.len() as u64).to_le_bytes());
    hash.update(&stage.model);
    hash.update((items.len() as u64).to_le_bytes());
    for item in units.iter().flat_map(|unit| &unit.items) {
        hash.update((*item as u64).to_le_bytes());
        hash.update(hashes[*item]);
    }
    Ok(Counted { model: stage.model.clone(), rates, units, asked: items.len() })
}

/// Passes on how far the counting is, and no more: whoever computes a checkpoint says what is to be said of it.
struct Counting<'w>(&'w mut dyn Watch);

impl Watch for Counting<'_> {
    fn note(&mut self, _: &str) {}
    fn count(&mut self, _: &Stage, _: usize, _: usize) {}
    fn begin(&mut self, _: &Stage, _: usize, _: usize) {}
    fn spell(&mut self, done: usize, all: usize) {
        self.0.spell(done, all);
    }
    fn plan(&mut self, _: &Stage, _: PlanFigures, _: f64) {}
    fn advance(&mut self, _: &Tally, _: Option<f64>) {}
    fn end(&mut self, _: &Stage, _: Option<&Tally>) {}
    fn fail(&mut self, _: &SweepError) {}
    fn stop(&mut self) -> bool {
        self.0.stop()
    }
}
