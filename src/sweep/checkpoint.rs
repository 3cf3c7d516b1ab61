//! One checkpoint's turn: loaded, asked what is not scored yet, and scored pack by pack.

use std::collections::HashSet;
use std::time::Instant;

use crate::scoring::{ChoiceScore, ChoiceSet, Plan, ScoreItem, ScoreOptions};
use crate::store::{
    AnswersId, CheckpointId, Progress, PromptKey, RunStore, ScoreRow, SessionRecord, Stage, StoreError,
};

use super::ahead::Ahead;
use super::ask::{Chunk, ask, parts};
use super::error::{PromptError, SweepError};
use super::model::{Loader, Model};
use super::pace::Pace;
use super::split::{Share, own};
use super::{PlanFigures, Request, Totals, Watch};

/// What the checkpoints' turns have in common.
pub struct Turn<'a, 'r, 'scope, 'env, L: Loader> {
    pub request: &'a Request<'r>,
    /// What of it is this machine's, if not all.
    pub share: Option<&'a Share>,
    pub store: &'a mut RunStore,
    pub ahead: Ahead<'scope, 'env, L>,
    pub pace: Pace,
    pub totals: &'a mut Totals,
    /// Checkpoints that are what they were when they were scored first.
    pub passed: HashSet<String>,
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

impl<'env, L> Turn<'_, '_, '_, 'env, L>
where
    L: Loader + Sync,
    L::Model: Send + 'env,
{
    /// The turn of the sweep's `index`th checkpoint, from 0.
    pub fn run(&mut self, index: usize, stage: &Stage, watch: &mut dyn Watch) -> Result<(), SweepError> {
        let start = Instant::now();
        let model = self.ahead.take(index).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
        model.notes().iter().for_each(|note| watch.note(note));
        let load_seconds = start.elapsed().as_secs_f64();
        self.totals.load_seconds += load_seconds;
        let id = self.store.checkpoint(model.record())?;
        let twins = self.store.same_weights(id)?;
        if !twins.is_empty() {
            watch.note(&format!(
                "{}: its weights are those of {}, so they differ only where they are asked differently",
                stage.model,
                twins.join(", ")
            ));
        }
        let (left, choice_sets) = self.left(id, stage, &model, watch)?;
        self.keep_roster(stage, watch)?;
        let plan = Plan::new(&left.items, &choice_sets, self.request.sharing);
        let figures = figures(&model, &plan, left.asked, left.items.len());
        watch.plan(stage, figures, load_seconds);
        if left.items.is_empty() {
            watch.end(stage, None);
            return Ok(());
        }
        let pack_tokens = model.pack_tokens(&plan).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
        let options = ScoreOptions { pack_tokens, sharing: self.request.sharing, top: 0 };
        let session = self.store.begin_session(
            id,
            &SessionRecord {
                device: model.device(),
                pack_tokens: pack_tokens as u64,
                sharing: self.request.sharing,
                prompts: left.items.len() as u64,
                scored: Some(0),
                naive_tokens: figures.naive_tokens as u64,
                tree_tokens: figures.tree_tokens as u64,
                computed_tokens: 0,
                load_seconds,
                compute_seconds: 0.0,
                complete: false,
            },
        )?;
        let before = *self.totals;
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
            self.store.put(id, session, &rows, progress)?;
            // This one's weights are where they are needed: the next one's may come.
            self.ahead.begin(index);
            self.totals.prompts += rows.len() as u64;
            self.totals.naive_tokens += rows.iter().map(|row| u64::from(row.n_tokens)).sum::<u64>();
            self.totals.computed_tokens = before.computed_tokens + progress.computed_tokens;
            self.totals.load_seconds = before.load_seconds + pack.load_seconds;
            self.totals.compute_seconds = before.compute_seconds + progress.compute_seconds;
            let fraction = pack.tally.computed_tokens as f64 / pack.tally.tree_tokens.max(1) as f64;
            watch.advance(pack.tally, self.pace.left(index, fraction));
            match watch.stop() && pack.tally.prompts < left.items.len() {
                true => Err(SweepError::Stopped),
                false => Ok(()),
            }
        })?;
        self.store.end_session(session, progress)?;
        watch.end(stage, Some(&tally));
        Ok(())
    }

    /// Asks everything, and leaves out what is scored already; a scored prompt must be the one asked now.
    fn left(
        &mut self,
        id: CheckpointId,
        stage: &Stage,
        model: &L::Model,
        watch: &mut dyn Watch,
    ) -> Result<(Left, Vec<ChoiceSet>), SweepError> {
        let store = &mut *self.store;
        let scored = store.scored(id)?;
        let mut left = Left::default();
        let mut seen = HashSet::new();
        let parts = parts(self.request, stage, own(self.share, stage), &mut |text| watch.note(text))?;
        let sets = ask(
            self.request,
            stage,
            model.speller(),
            &parts,
            watch,
            |Chunk { prompts, items, sha256 }, sets| {
                for set in sets.get(left.answers.len()..).unwrap_or_default() {
                    left.answers.push(store.answers(id, set)?);
                }
                let keys = store.keys(prompts)?;
                for (((prompt, key), item), sha256) in prompts.iter().zip(keys).zip(items).zip(sha256) {
                    if !seen.insert(key) {
                        let twice = PromptError::Twice { id: prompt.id.clone() };
                        return Err(SweepError::checkpoint(&stage.model, twice));
                    }
                    left.asked += 1;
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
            },
        )?;
        Ok((left, sets))
    }

    /// Keeps the roster beside the scores once `stage` is known to be what it was: one that is turned down changes nothing.
    fn keep_roster(&mut self, stage: &Stage, watch: &mut dyn Watch) -> Result<(), SweepError> {
        self.passed.insert(stage.model.clone());
        let kept = self.store.keep_roster(&self.request.roster.text, &self.passed)?;
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
}

/// What scoring `plan` takes.
pub fn figures<M: Model>(model: &M, plan: &Plan<'_>, asked: usize, left: usize) -> PlanFigures {
    PlanFigures {
        asked,
        scored: asked - left,
        naive_tokens: plan.naive_tokens(),
        tree_tokens: plan.tree_tokens(),
        skipped: model.work(plan).skipped(),
    }
}
