//! A sweep: every checkpoint of a roster is asked a study, and each pack's scores are kept as they come.
//!
//! One load per checkpoint for all its languages and conditions; what the run already holds is not asked again.

mod ahead;
mod ask;
mod checkpoint;
mod error;
mod model;
mod pace;
mod record;
mod request;
mod shard;
mod speller;
mod split;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::scoring::{Plan, Tally};
use crate::store::{DATABASE, Ended, Family, RunIdentity, RunReader, RunStore, Stage, StoreError};
use crate::study::{Prompt, Study};

use ahead::{Ahead, Coming};
use ask::{ask, first_prompts, parts};
use checkpoint::{Turn, figures};
pub use error::{ModelError, PromptError, SweepError};
pub use model::{FileModel, FromFiles, Loader, Manner, Model, Pack};
use pace::Pace;
use record::record;
pub use request::Request;
pub use shard::{Shard, ShardError, Told};
pub use speller::{FileSpeller, Speller, Whole};
use split::own;
pub use split::{Piecework, Share, Split};

/// The figures of one checkpoint's plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanFigures {
    /// Prompts that the request asks.
    pub asked: usize,
    /// Of these, scored before.
    pub scored: usize,
    /// Tokens of the prompts left, each computed alone.
    pub naive_tokens: usize,
    /// Tokens of their prefix tree.
    pub tree_tokens: usize,
    /// Share of the layers' arithmetic that is skipped because nothing reads its results.
    pub skipped: f64,
}

/// Who watches a sweep: a person at a terminal, a log, nobody.
pub trait Watch {
    /// Something worth knowing that is no error.
    fn note(&mut self, text: &str);
    /// The prompts of a checkpoint are going to be counted, the `index`th of `count` (from 1), to split the sweep.
    fn count(&mut self, stage: &Stage, index: usize, count: usize);
    /// A checkpoint's turn begins, the `index`th of `count` (from 1).
    fn begin(&mut self, stage: &Stage, index: usize, count: usize);
    /// It is loaded, and of its prompts `done` of `all` have been turned into tokens.
    fn spell(&mut self, done: usize, all: usize);
    /// Its prompts are laid out.
    fn plan(&mut self, stage: &Stage, plan: PlanFigures, load_seconds: f64);
    /// A pack is stored. `left`: seconds until the end of the whole sweep, once they can be told.
    fn advance(&mut self, tally: &Tally, left: Option<f64>);
    /// Its turn is over; `None` if nothing was left to do.
    fn end(&mut self, stage: &Stage, done: Option<&Tally>);
    /// Its turn ended with an error; the sweep goes on.
    fn fail(&mut self, error: &SweepError);
    /// Whether the sweep shall end here: asked after each pack, when it is stored.
    fn stop(&mut self) -> bool;
}

/// What became of the roster's checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Outcome {
    pub done: usize,
    /// Reported to [`Watch::fail`].
    pub failed: usize,
    /// [`Watch::stop`] said so before the end.
    pub stopped: bool,
    pub totals: Totals,
}

/// What one sweep has done, over all checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Prompts scored and stored.
    pub prompts: u64,
    /// Sum of their tokens.
    pub naive_tokens: u64,
    pub computed_tokens: u64,
    pub load_seconds: f64,
    pub compute_seconds: f64,
    /// From beginning to end.
    pub seconds: f64,
}

/// The identity of a run of this program with `study`.
pub fn run_identity(study: &Study) -> RunIdentity {
    RunIdentity {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        study_name: study.name().to_owned(),
        study_version: study.version().to_owned(),
        study_sha256: study.hash().to_owned(),
        questions: study.questions().iter().map(|q| (q.id.clone(), q.polarity)).collect(),
    }
}

/// Scores what is not scored yet. A checkpoint that fails is reported and passed over; a failure of the run
/// folder or the loss of the device ends the sweep, with everything stored so far kept.
///
/// # Errors
/// Unknown names; [`SweepError::Store`]; [`SweepError::Device`].
pub fn sweep<L>(
    request: &Request<'_>,
    store: &mut RunStore,
    loader: &L,
    watch: &mut dyn Watch,
) -> Result<Outcome, SweepError>
where
    L: Loader + Sync,
    L::Model: Send,
{
    let start = Instant::now();
    let stages = request.check()?;
    let mut outcome = Outcome::default();
    let mut totals = Totals::default();
    let share = match request.shard {
        None => None,
        Some(shard) => match Split::of(request, &stages, loader, shard.count(), watch) {
            Err(SweepError::Stopped) => return Ok(Outcome { stopped: true, ..outcome }),
            split => Some(split?.share(shard)),
        },
    };
    if let (Some(shard), Some(share)) = (request.shard, &share)
        && store.shards()?.iter().any(|kept| kept.split != share.record.split)
    {
        return Err(SweepError::OtherSplit { dir: store.dir().to_path_buf(), shard });
    }
    // What is not computed here need not be here.
    let stages: Vec<_> =
        stages.into_iter().filter(|(_, stage)| share.as_ref().is_none_or(|share| share.has(stage))).collect();
    let asked = Asked { stages: &stages, share: share.as_ref() };
    let result = recorded(request, &asked, store, loader, &mut outcome, &mut totals, watch);
    match result {
        Err(SweepError::Stopped) => outcome.stopped = true,
        Err(error) => {
            // The first error is the one to tell; without this record the sweep reads as one that was killed.
            let _ = store.end_sweep(Ended::Failed);
            return Err(error);
        }
        Ok(()) => {}
    }
    store.end_sweep(match (outcome.stopped, outcome.failed) {
        (true, _) => Ended::Interrupted,
        (false, 0) => Ended::Done,
        (false, _) => Ended::Failed,
    })?;
    totals.seconds = start.elapsed().as_secs_f64();
    Ok(Outcome { totals, ..outcome })
}

/// The checkpoints of a sweep, and which of their prompts it asks, if not all.
struct Asked<'a, 'r> {
    stages: &'a [(&'r Family, &'r Stage)],
    share: Option<&'a Share>,
}

fn recorded<L>(
    request: &Request<'_>,
    asked: &Asked<'_, '_>,
    store: &mut RunStore,
    loader: &L,
    outcome: &mut Outcome,
    totals: &mut Totals,
    watch: &mut dyn Watch,
) -> Result<(), SweepError>
where
    L: Loader + Sync,
    L::Model: Send,
{
    let &Asked { stages, share } = asked;
    record(request, store, stages, share, watch)?;
    if let Some(note) = first_prompts(request, stages)? {
        watch.note(&note);
    }
    let sizes = found(stages, loader, outcome, watch);
    let shares = stages.iter().zip(&sizes).map(|((_, stage), bytes)| {
        Ok(pace::Share { prompts: store.left(&stage.model)?, weight_bytes: bytes.unwrap_or(0) })
    });
    let shares: Vec<pace::Share> = shares.collect::<Result<_, StoreError>>()?;
    let coming: Vec<Option<Coming<'_>>> = stages
        .iter()
        .zip(&shares)
        .zip(&sizes)
        .map(|((&(family, stage), share), size)| {
            size.map(|_| Coming { family, stage, is_scored: share.prompts > 0 })
        })
        .collect();
    let (pace, stop) = (Pace::new(shares), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let ahead = Ahead::new(scope, loader, &coming, &stop);
        let mut turn = Turn { request, share, store, ahead, pace, totals, passed: HashSet::new() };
        let swept = each_checkpoint(stages, &sizes, outcome, watch, |index, watch| {
            turn.run(index, stages[index].1, watch)
        });
        // Whatever is still being read ahead is not waited for.
        stop.store(true, Ordering::Relaxed);
        swept
    })
}

/// Prompts that a run holds scores of: checkpoint and id.
pub type Kept = HashSet<(String, String)>;

/// What the run in `dir` holds; nothing where there is none yet.
///
/// # Errors
/// A run that cannot be read.
pub fn kept(dir: &Path) -> Result<Kept, StoreError> {
    let mut kept = Kept::new();
    if dir.join(DATABASE).is_file() {
        RunReader::open(dir)?.visit_prompts(|names, score| {
            let (roles, order) = (score.roles.name(), score.order.name());
            let pair = format!("{}-{}", names.country_1, names.country_2);
            let place =
                [names.language, names.condition, &pair, names.scenario, names.question, roles, order];
            kept.insert((names.model.to_owned(), place.join("/")));
            Ok::<(), StoreError>(())
        })?;
    }
    Ok(kept)
}

/// Only plans: says what scoring would take that is not in `kept`.
///
/// # Errors
/// Unknown names.
pub fn dry_run<L: Loader>(
    request: &Request<'_>,
    loader: &L,
    kept: &Kept,
    split: Option<&Split>,
    watch: &mut dyn Watch,
) -> Result<Outcome, SweepError> {
    let start = Instant::now();
    let mut stages = request.check()?;
    let mut outcome = Outcome::default();
    let share = request.shard.zip(split).map(|(shard, split)| split.share(shard));
    stages.retain(|(_, stage)| share.as_ref().is_none_or(|share| share.has(stage)));
    if let Some(note) = first_prompts(request, &stages)? {
        watch.note(&note);
    }
    let sizes = found(&stages, loader, &mut outcome, watch);
    let planned = each_checkpoint(&stages, &sizes, &mut outcome, watch, |index, watch| {
        let (family, stage) = stages[index];
        let start = Instant::now();
        let manner = Manner { is_scored: false, is_ahead: false, stop: &AtomicBool::new(false) };
        let model =
            loader.load(family, stage, &manner).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
        let load_seconds = start.elapsed().as_secs_f64();
        let (mut items, mut asked) = (Vec::new(), 0);
        let parts = parts(request, stage, own(share.as_ref(), stage), &mut |text| watch.note(text))?;
        let sets = ask(request, stage, model.speller(), &parts, watch, |chunk, _| {
            asked += chunk.prompts.len();
            let left = |prompt: &Prompt| !kept.contains(&(stage.model.clone(), prompt.id.clone()));
            let asked = chunk.prompts.iter().zip(chunk.items);
            items.extend(asked.filter(|(prompt, _)| left(prompt)).map(|(_, item)| item));
            Ok(())
        })?;
        let figures = figures(&model, &Plan::new(&items, &sets, request.sharing), asked, items.len());
        watch.plan(stage, figures, load_seconds);
        Ok(())
    });
    match planned {
        Err(SweepError::Stopped) => outcome.stopped = true,
        other => other?,
    }
    outcome.totals.seconds = start.elapsed().as_secs_f64();
    Ok(outcome)
}

/// Bytes of each checkpoint's weights; `None`, and a failure, of one that cannot be found. All at once and first: a misspelt
/// folder should not show after hours.
fn found<L: Loader>(
    stages: &[(&Family, &Stage)],
    loader: &L,
    outcome: &mut Outcome,
    watch: &mut dyn Watch,
) -> Vec<Option<u64>> {
    let mut find = |family: &Family, stage: &Stage| match loader.find(family, stage) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            watch.fail(&SweepError::checkpoint(&stage.model, error));
            outcome.failed += 1;
            None
        }
    };
    stages.iter().map(|(family, stage)| find(family, stage)).collect()
}

fn each_checkpoint(
    stages: &[(&Family, &Stage)],
    sizes: &[Option<u64>],
    outcome: &mut Outcome,
    watch: &mut dyn Watch,
    mut turn: impl FnMut(usize, &mut dyn Watch) -> Result<(), SweepError>,
) -> Result<(), SweepError> {
    for (index, (_, stage)) in stages.iter().enumerate() {
        if sizes[index].is_none() {
            continue;
        }
        if watch.stop() {
            return Err(SweepError::Stopped);
        }
        watch.begin(stage, index + 1, stages.len());
        match turn(index, watch) {
            Ok(()) => outcome.done += 1,
            Err(error @ SweepError::Checkpoint { .. }) => {
                watch.fail(&error);
                outcome.failed += 1;
            }
            Err(SweepError::Store(
                error @ (StoreError::OtherCheckpoint { .. } | StoreError::OtherPrompt { .. }),
            )) => {
                watch.fail(&error.into());
                outcome.failed += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
