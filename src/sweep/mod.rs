//! A sweep: every checkpoint of a roster is asked a study, and each pack's scores are kept as they come.
//!
//! One load per checkpoint for all its languages and conditions; what the run already holds is not asked again.

mod ask;
mod error;
mod model;
mod request;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Instant;

use crate::scoring::{ChoiceScore, ChoiceSet, Plan, ScoreItem, ScoreOptions, Tally};
use crate::store::{
    AnswersId, CheckpointId, Family, Progress, PromptKey, RunIdentity, RunStore, ScoreRow, SessionRecord,
    Stage, StoreError,
};
use crate::study::Study;

use ask::{Chunk, ask, prompt_sha256};
pub use error::{ModelError, PromptError, SweepError};
pub use model::{FileModel, FromFiles, Loader, Model, Pack};
pub use request::Request;

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
    /// A checkpoint's turn begins, the `index`th of `count` (from 1).
    fn begin(&mut self, stage: &Stage, index: usize, count: usize);
    /// It is loaded and its prompts are laid out.
    fn plan(&mut self, stage: &Stage, plan: PlanFigures, load_seconds: f64);
    /// A pack is stored.
    fn advance(&mut self, tally: &Tally);
    /// Its turn is over; `None` if nothing was left to do.
    fn end(&mut self, stage: &Stage, done: Option<&Tally>);
    /// Its turn ended with an error; the sweep goes on.
    fn fail(&mut self, error: &SweepError);
}

/// What became of the roster's checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    pub done: usize,
    /// Reported to [`Watch::fail`].
    pub failed: usize,
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
pub fn sweep<L: Loader>(
    request: &Request<'_>,
    store: &mut RunStore,
    loader: &L,
    watch: &mut dyn Watch,
) -> Result<Outcome, SweepError> {
    let stages = request.check()?;
    let mut passed = HashSet::new();
    each_checkpoint(&stages, loader, watch, |family, stage, watch| {
        checkpoint(request, store, loader, (family, stage), &mut passed, watch)
    })
}

/// Keeps the roster beside the scores once `stage` is known to be what it was: one that is turned down changes nothing.
fn keep_roster(
    request: &Request<'_>,
    store: &RunStore,
    stage: &Stage,
    passed: &mut HashSet<String>,
    watch: &mut dyn Watch,
) -> Result<(), SweepError> {
    passed.insert(stage.model.clone());
    let kept = store.keep_roster(&request.roster.text, passed)?;
    if kept.replaced {
        watch.note("the run's copy of the roster was replaced by the one given");
    }
    if !kept.also.is_empty() {
        watch.note(&format!(
            "the run's copy of the roster also keeps {}, with scores in the run but not in the roster given",
            kept.also.join(", ")
        ));
    }
    Ok(())
}

/// Only plans: says what scoring would take, whatever a run holds already.
///
/// # Errors
/// Unknown names.
pub fn dry_run<L: Loader>(
    request: &Request<'_>,
    loader: &L,
    watch: &mut dyn Watch,
) -> Result<Outcome, SweepError> {
    let stages = request.check()?;
    each_checkpoint(&stages, loader, watch, |family, stage, watch| {
        let start = Instant::now();
        let model = loader.load(family, stage).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
        let load_seconds = start.elapsed().as_secs_f64();
        let mut items = Vec::new();
        let sets = ask(request, stage, &model, watch, |chunk, _| {
            items.extend(chunk.items);
            Ok(())
        })?;
        let figures = figures(&model, &Plan::new(&items, &sets, request.sharing), items.len(), items.len());
        watch.plan(stage, figures, load_seconds);
        Ok(())
    })
}

fn each_checkpoint<L: Loader>(
    stages: &[(&Family, &Stage)],
    loader: &L,
    watch: &mut dyn Watch,
    mut turn: impl FnMut(&Family, &Stage, &mut dyn Watch) -> Result<(), SweepError>,
) -> Result<Outcome, SweepError> {
    let mut outcome = Outcome::default();
    // All at once and first: a misspelt folder should not show after hours.
    let mut missing = HashSet::new();
    for (_, stage) in stages {
        if let Err(error) = loader.find(stage) {
            watch.fail(&SweepError::checkpoint(&stage.model, error));
            outcome.failed += 1;
            missing.insert(stage.model.as_str());
        }
    }
    for (index, (family, stage)) in stages.iter().enumerate() {
        if missing.contains(stage.model.as_str()) {
            continue;
        }
        watch.begin(stage, index + 1, stages.len());
        match turn(family, stage, watch) {
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
    Ok(outcome)
}

/// What is left to score of one checkpoint, item by item.
#[derive(Default)]
struct Left {
    items: Vec<ScoreItem>,
    keys: Vec<PromptKey>,
    prompt_sha256: Vec<[u8; 32]>,
    /// One per choice set.
    answers: Vec<AnswersId>,
    asked: usize,
}

impl Left {
    /// `None` if the score answers no item of ours, or has fewer than two answers.
    fn row<'s>(&self, index: usize, score: &'s ChoiceScore) -> Option<ScoreRow<'s>> {
        let item = self.items.get(index)?;
        let [first, second, ..] = score.choice_logprobs[..] else { return None };
        Some(ScoreRow {
            key: *self.keys.get(index)?,
            prompt_sha256: *self.prompt_sha256.get(index)?,
            n_tokens: u32::try_from(item.tokens.len()).ok()?,
            answers: *self.answers.get(item.choices)?,
            logits: &score.logits,
            logsumexp: score.logsumexp,
            logprobs: [first, second],
            log_odds: score.log_odds,
            compliance: score.compliance,
        })
    }
}

fn checkpoint<L: Loader>(
    request: &Request<'_>,
    store: &mut RunStore,
    loader: &L,
    (family, stage): (&Family, &Stage),
    passed: &mut HashSet<String>,
    watch: &mut dyn Watch,
) -> Result<(), SweepError> {
    let start = Instant::now();
    let model = loader.load(family, stage).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    let load_seconds = start.elapsed().as_secs_f64();
    let id = store.checkpoint(model.record())?;
    let (left, choice_sets) = left(request, store, id, stage, &model, watch)?;
    keep_roster(request, store, stage, passed, watch)?;
    let plan = Plan::new(&left.items, &choice_sets, request.sharing);
    let figures = figures(&model, &plan, left.asked, left.items.len());
    watch.plan(stage, figures, load_seconds);
    if left.items.is_empty() {
        watch.end(stage, None);
        return Ok(());
    }
    let pack_tokens = model.pack_tokens(&plan).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    let options = ScoreOptions { pack_tokens, sharing: request.sharing, top: 0 };
    let session = store.begin_session(
        id,
        &SessionRecord {
            device: model.device(),
            pack_tokens: pack_tokens as u64,
            sharing: request.sharing,
            prompts: left.items.len() as u64,
            naive_tokens: figures.naive_tokens as u64,
            tree_tokens: figures.tree_tokens as u64,
            computed_tokens: 0,
            load_seconds,
            compute_seconds: 0.0,
            complete: false,
        },
    )?;
    let mut progress = Progress { load_seconds, ..Progress::default() };
    let tally = model.score(&plan, &options, &mut |pack| {
        progress = Progress {
            computed_tokens: pack.tally.computed_tokens as u64,
            load_seconds: load_seconds + pack.load_seconds,
            compute_seconds: pack.tally.compute_seconds,
        };
        let rows: Option<Vec<ScoreRow<'_>>> =
            pack.scores.iter().map(|(index, score)| left.row(*index, score)).collect();
        let rows = rows.ok_or_else(|| StoreError::LogitCount {
            id: stage.model.clone(),
            given: pack.scores.iter().map(|(_, s)| s.choice_logprobs.len()).min().unwrap_or(0),
            expected: 2,
        })?;
        store.put(id, session, &rows, progress)?;
        watch.advance(pack.tally);
        Ok(())
    })?;
    store.end_session(session, progress)?;
    watch.end(stage, Some(&tally));
    Ok(())
}

/// Asks everything, and leaves out what is scored already; a scored prompt must be the one asked now.
fn left<M: Model>(
    request: &Request<'_>,
    store: &mut RunStore,
    id: CheckpointId,
    stage: &Stage,
    model: &M,
    watch: &mut dyn Watch,
) -> Result<(Left, Vec<ChoiceSet>), SweepError> {
    let scored = store.scored(id)?;
    let mut left = Left::default();
    let mut seen = HashSet::new();
    let sets = ask(request, stage, model, watch, |Chunk { prompts, items }, sets| {
        for set in sets.get(left.answers.len()..).unwrap_or_default() {
            left.answers.push(store.answers(id, set)?);
        }
        let keys = store.keys(prompts)?;
        for ((prompt, key), item) in prompts.iter().zip(keys).zip(items) {
            if !seen.insert(key) {
                let twice = PromptError::Twice { id: prompt.id.clone() };
                return Err(SweepError::checkpoint(&stage.model, twice));
            }
            left.asked += 1;
            let sha256 = prompt_sha256(&item.tokens);
            match scored.get(&key) {
                Some(known) if known.prompt_sha256 != sha256 => {
                    return Err(store.other_prompt(id, key, "token ids").into());
                }
                Some(known) if left.answers.get(item.choices) != Some(&known.answers) => {
                    return Err(store.other_prompt(id, key, "answer tokens").into());
                }
                Some(_) => {}
                None => {
                    left.items.push(item);
                    left.keys.push(key);
                    left.prompt_sha256.push(sha256);
                }
            }
        }
        Ok(())
    })?;
    Ok((left, sets))
}

fn figures<M: Model>(model: &M, plan: &Plan<'_>, asked: usize, left: usize) -> PlanFigures {
    PlanFigures {
        asked,
        scored: asked - left,
        naive_tokens: plan.naive_tokens(),
        tree_tokens: plan.tree_tokens(),
        skipped: model.work(plan).skipped(),
    }
}
