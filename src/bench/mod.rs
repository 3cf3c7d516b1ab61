//! How fast it is: the study's own prompts through a checkpoint, as shares of the machine's own peak.
//!
//! Every figure is a ratio to something measured in the same run: multiply-adds from the first-level cache, and the same prompts
//! with sharing switched off.

use crate::backend::Backend;
use crate::backend::cpu::peak;
use crate::scoring::{ChoiceSet, Plan, ScoreItem, ScoreOptions, Work};
use crate::store::{Roster, RosterError};
use crate::study::{PromptQuery, Study, StudyError};
use crate::sweep::{FromFiles, Loader, Model, ModelError, SweepError};
use serde::Serialize;
use std::path::Path;

/// What to time.
#[derive(Debug, Clone)]
pub struct StudyBench<'a> {
    pub study: &'a Study,
    /// Checkpoint folder or hub id.
    pub checkpoint: &'a str,
    /// `base` or `chat`
    pub stage: &'a str,
    pub language: &'a str,
    pub condition: &'a str,
    /// The first so many prompts of the study.
    pub prompts: usize,
    /// Measurements of each kind, in turn; medians are reported.
    pub repeat: usize,
    pub options: ScoreOptions,
    /// Also time the same prompts without sharing.
    pub no_sharing: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Roster(#[from] RosterError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Sweep(#[from] SweepError),
    #[error("the study asks nothing of {0}")]
    Nothing(String),
}

/// One way of computing the prompts; medians over the repeats.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    pub computed_tokens: usize,
    pub seconds: f64,
    pub prompts_per_second: f64,
    pub tokens_per_second: f64,
    pub gflop_per_second: f64,
    /// Of `Report::peak_gflop_per_second`.
    pub share_of_peak: f64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub device: String,
    pub checkpoint: String,
    pub parameters: u64,
    pub dtype: String,
    pub prompts: usize,
    pub naive_tokens: usize,
    pub tree_tokens: usize,
    pub pack_tokens: usize,
    pub repeat: usize,
    /// f32 multiply-adds on operands in the first-level cache, all threads together; the best of all tries in this run.
    pub peak_gflop_per_second: f64,
    pub load_seconds: f64,
    pub sharing: Timing,
    pub no_sharing: Option<Timing>,
    /// Wall time without sharing over wall time with it.
    pub no_sharing_over_sharing: Option<f64>,
    /// Highest resident memory of the process in MB, where the system tells it; mapped weights count.
    pub peak_memory_mb: Option<f64>,
}

impl StudyBench<'_> {
    pub fn run<B: Backend>(&self, backend: &B) -> Result<Report, BenchError> {
        let start = std::time::Instant::now();
        let roster = self.roster()?;
        let Some((family, stage)) = roster.stages().next() else {
            return Err(BenchError::Nothing(self.checkpoint.to_owned()));
        };
        let loader = FromFiles { backend, arithmetic: "f32".to_owned(), plan_only: false };
        let model = loader.load(family, stage)?;
        let load_seconds = start.elapsed().as_secs_f64();
        let query = PromptQuery {
            prefill: Some(String::new()),
            ..PromptQuery::new(self.language, self.condition, stage.form)
        };
        let prompts: Vec<_> = self.study.prompts(&query)?.take(self.prompts).collect();
        if prompts.is_empty() {
            return Err(BenchError::Nothing(format!("{} in {}", self.condition, self.language)));
        }
        let sets = [ChoiceSet(model.answers(self.study.answers(self.language))?)];
        let items: Vec<ScoreItem> =
            model.encode(&prompts)?.into_iter().map(|tokens| ScoreItem { tokens, choices: 0 }).collect();

        let shared = Plan::new(&items, true);
        let alone = Plan::new(&items, false);
        let mut ceiling = 0.0f64;
        let mut seconds = [Vec::new(), Vec::new()];
        for _ in 0..self.repeat.max(1) {
            ceiling = ceiling.max(peak(3));
            for (plan, seconds) in
                [&shared, &alone].into_iter().zip(&mut seconds).take(1 + usize::from(self.no_sharing))
            {
                let tally = model.score(plan, &sets, &self.options, &mut |_| Ok(()))?;
                seconds.push(tally.compute_seconds);
            }
        }
        let timing = |plan: &Plan<'_>, seconds: &mut Vec<f64>| {
            let seconds = median(seconds)?;
            let rate = Work::of(plan, model.spec()).total() / seconds / 1e9;
            Some(Timing {
                computed_tokens: plan.tree_tokens(),
                seconds,
                prompts_per_second: items.len() as f64 / seconds,
                tokens_per_second: plan.tree_tokens() as f64 / seconds,
                gflop_per_second: rate,
                share_of_peak: rate / ceiling,
            })
        };
        let [with, without] = &mut seconds;
        let sharing = timing(&shared, with).ok_or_else(|| BenchError::Nothing("the clock".to_owned()))?;
        let no_sharing = timing(&alone, without);
        Ok(Report {
            device: model.device(),
            checkpoint: self.checkpoint.to_owned(),
            parameters: model.record().parameters,
            dtype: model.record().dtype.clone(),
            prompts: items.len(),
            naive_tokens: shared.naive_tokens(),
            tree_tokens: shared.tree_tokens(),
            pack_tokens: self.options.pack_tokens,
            repeat: self.repeat,
            peak_gflop_per_second: ceiling,
            load_seconds,
            no_sharing_over_sharing: no_sharing.as_ref().map(|t| t.seconds / sharing.seconds),
            sharing,
            no_sharing,
            peak_memory_mb: peak_memory_mb(),
        })
    }

    /// A roster of the one checkpoint.
    fn roster(&self) -> Result<Roster, RosterError> {
        let mut stage = toml::Table::new();
        stage.insert("model".into(), "bench".into());
        stage.insert("checkpoint".into(), self.checkpoint.into());
        let mut family = toml::Table::new();
        family.insert("name".into(), "bench".into());
        family.insert("maker".into(), "-".into());
        family.insert("maker_country".into(), "-".into());
        family.insert(self.stage.into(), stage.into());
        let mut roster = toml::Table::new();
        roster.insert("family".into(), toml::Value::Array(vec![family.into()]));
        Roster::parse(&roster.to_string(), "the checkpoint", Path::new("."))
    }
}

fn median(values: &mut [f64]) -> Option<f64> {
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
