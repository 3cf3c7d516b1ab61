//! Prompts through a decoder, timed, and what the times mean.

use serde::Serialize;

use super::BenchError;
use crate::backend::measure::Measured;
use crate::checkpoint::DecoderSpec;
use crate::scoring::{ChoiceSet, Plan, ScoreItem, Work};

/// One way of computing the prompts; medians over the repeats.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Timing {
    pub computed_tokens: usize,
    pub seconds: f64,
    pub prompts_per_second: f64,
    pub tokens_per_second: f64,
    pub gflop_per_second: f64,
    /// Of `Report::peak_gflop_per_second`.
    pub share_of_peak: f64,
    /// The same with products counted as matrix units are used, where one product takes several of them.
    pub share_of_cycles: Option<f64>,
}

#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Report {
    pub device: String,
    /// A checkpoint's folder or id, or the name of a shape with random weights.
    pub checkpoint: String,
    pub layers: usize,
    pub parameters: u64,
    pub dtype: String,
    pub prompts: usize,
    pub naive_tokens: usize,
    pub tree_tokens: usize,
    pub pack_tokens: usize,
    pub repeat: usize,
    /// The best of all tries in this run.
    pub peak_gflop_per_second: f64,
    /// What was measured to get it.
    pub peak_is: &'static str,
    pub load_seconds: f64,
    pub sharing: Timing,
    pub no_sharing: Option<Timing>,
    /// Wall time without sharing over wall time with it.
    pub no_sharing_over_sharing: Option<f64>,
    /// Highest resident memory of the process in MB, where the system tells it; mapped weights count.
    pub peak_memory_mb: Option<f64>,
    /// Most memory taken on a device that has its own, in MB.
    pub peak_device_memory_mb: Option<f64>,
}

/// The same prompts with and without sharing.
pub(super) struct Plans<'i> {
    shared: Plan<'i>,
    alone: Option<Plan<'i>>,
}

/// Figures that are known before the clock starts.
pub(super) struct Setting {
    pub checkpoint: String,
    pub parameters: u64,
    pub dtype: String,
    pub pack_tokens: usize,
    pub repeat: usize,
    pub load_seconds: f64,
}

impl<'i> Plans<'i> {
    pub fn new(items: &'i [ScoreItem], sets: &'i [ChoiceSet], no_sharing: bool) -> Plans<'i> {
        let plan = |sharing| Plan::new(items, sets, sharing);
        Plans { shared: plan(true), alone: no_sharing.then(|| plan(false)) }
    }

    pub fn shared(&self) -> &Plan<'i> {
        &self.shared
    }

    /// Runs each plan `setting.repeat` times, in turn, with `score`, which returns the seconds it took and calls the
    /// function it is given at the end of each pack.
    pub fn time<B: Measured>(
        &self,
        backend: &B,
        spec: &DecoderSpec,
        setting: Setting,
        mut score: impl FnMut(&Plan<'_>, &mut dyn FnMut()) -> Result<f64, BenchError>,
    ) -> Result<Report, BenchError> {
        let (mut peak, mut memory) = (0.0f64, None);
        let (mut with, mut without) = (Vec::new(), Vec::new());
        let mut device_bytes = None;
        let mut pack_ended = || device_bytes = device_bytes.max(backend.memory_in_use());
        for _ in 0..setting.repeat.max(1) {
            with.push(score(&self.shared, &mut pack_ended)?);
            if let Some(alone) = &self.alone {
                without.push(score(alone, &mut pack_ended)?);
            }
            // Before the large arrays that a peak is measured with, which would count.
            memory = memory.or_else(peak_memory_mb);
            peak = peak.max(backend.peak()?.gflop_per_second);
        }
        let timing = |plan: &Plan<'_>, seconds: &mut [f64]| {
            let seconds = median(seconds)?;
            let work = Work::of(plan, spec);
            let rate = work.total() / seconds / 1e9;
            // Attention and the output embedding take two planes each.
            let used = |planes: f64| planes * work.layers + 2.0 * (work.attention + work.head);
            let share_of_cycles = backend.planes(spec).map(|planes| used(planes) / seconds / 1e9 / peak);
            Some(Timing {
                computed_tokens: plan.tree_tokens(),
                seconds,
                prompts_per_second: plan.items().len() as f64 / seconds,
                tokens_per_second: plan.tree_tokens() as f64 / seconds,
                gflop_per_second: rate,
                share_of_peak: rate / peak,
                share_of_cycles,
            })
        };
        let sharing =
            timing(&self.shared, &mut with).ok_or_else(|| BenchError::Nothing("the clock".to_owned()))?;
        let no_sharing = self.alone.as_ref().and_then(|alone| timing(alone, &mut without));
        Ok(Report {
            device: backend.describe(),
            checkpoint: setting.checkpoint,
            layers: spec.layers.len(),
            parameters: setting.parameters,
            dtype: setting.dtype,
            prompts: self.shared.items().len(),
            naive_tokens: self.shared.naive_tokens(),
            tree_tokens: self.shared.tree_tokens(),
            pack_tokens: setting.pack_tokens,
            repeat: setting.repeat,
            peak_gflop_per_second: peak,
            peak_is: B::PEAK,
            load_seconds: setting.load_seconds,
            no_sharing_over_sharing: no_sharing.as_ref().map(|t| t.seconds / sharing.seconds),
            sharing,
            no_sharing,
            peak_memory_mb: memory,
            peak_device_memory_mb: device_bytes.map(|bytes| bytes as f64 / 1e6),
        })
    }
}

pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let (low, high) = (values.get(n.checked_sub(1)? / 2)?, values.get(n / 2)?);
    Some((low + high) / 2.0)
}

/// `VmHWM` of this process.
fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kb: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_both_middles() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }
}
