//! The study's own prompts, through a checkpoint or through random weights of a real one's size.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::timing::{Plans, Report, Setting};
use super::{BenchError, RandomWeights, Shape};
use crate::backend::cpu::Cpu;
use crate::backend::measure::Measured;
use crate::decoder::Decoder;
use crate::scoring::{ChoiceSet, Engine, PackSize, ScoreError, ScoreItem, ScoreOptions};
use crate::store::Roster;
use crate::store::roster::Single;
use crate::study::{PromptQuery, StageForm, Study};
use crate::sweep::{FileModel, FromFiles, Loader, Manner, Model, Pack, Speller};

/// Which prompts, and how often.
#[derive(Debug, Clone)]
pub struct StudyBench<'a> {
    pub study: &'a Study,
    /// `base` or `chat`
    pub stage: &'a str,
    pub language: &'a str,
    pub condition: &'a str,
    /// The first so many prompts of the study.
    pub prompts: usize,
    /// Measurements of each kind, in turn; medians are reported.
    pub repeat: usize,
    pub pack: PackSize,
    /// Also time the same prompts without sharing.
    pub no_sharing: bool,
}

/// Random weights instead of a checkpoint.
#[derive(Debug, Clone)]
pub struct ShapeBench<'a> {
    pub prompts: StudyBench<'a>,
    pub shape: Shape,
}

impl StudyBench<'_> {
    /// Through `checkpoint`, a folder or a hub id.
    pub fn run<B: Measured>(&self, backend: &B, checkpoint: &str) -> Result<Report, BenchError> {
        let start = Instant::now();
        let model = self.load(backend, checkpoint, false)?;
        let load_seconds = start.elapsed().as_secs_f64();
        let (items, sets) = self.items(&model)?;
        let plans = Plans::new(&items, &sets, self.no_sharing);
        let pack_tokens = model.pack_tokens(plans.shared())?;
        let options = ScoreOptions { pack_tokens, ..ScoreOptions::default() };
        let setting = Setting {
            checkpoint: checkpoint.to_owned(),
            parameters: model.record().parameters,
            dtype: model.record().dtype.clone(),
            pack_tokens,
            repeat: self.repeat,
            load_seconds,
        };
        plans.time(backend, model.spec(), setting, |plan, pack_ended| {
            let mut each = |_: Pack<'_>| {
                pack_ended();
                Ok(())
            };
            Ok(model.score(plan, &options, &mut each)?.compute_seconds)
        })
    }

    /// The prompts as tokens of `model`, and the answers they are asked for.
    fn items<B: Measured>(
        &self,
        model: &FileModel<'_, B>,
    ) -> Result<(Vec<ScoreItem>, [ChoiceSet; 1]), BenchError> {
        let query = PromptQuery {
            prefill: Some(String::new()),
            ..PromptQuery::new(self.language, self.condition, model.record().form)
        };
        let prompts: Vec<_> = self.study.prompts(&query)?.take(self.prompts).collect();
        if prompts.is_empty() {
            return Err(BenchError::Nothing(format!("{} in {}", self.condition, self.language)));
        }
        let sets = [ChoiceSet::Tokens(model.speller().answers(self.study.answers(self.language))?)];
        let items = model
            .speller()
            .encode(&prompts)?
            .into_iter()
            .map(|tokens| ScoreItem { tokens, choices: 0 })
            .collect();
        Ok((items, sets))
    }

    fn load<'b, B: Measured>(
        &self,
        backend: &'b B,
        checkpoint: &str,
        plan_only: bool,
    ) -> Result<FileModel<'b, B>, BenchError> {
        let form = if self.stage == "base" { StageForm::Base } else { StageForm::Chat };
        let roster = Roster::single(&Single { checkpoint, ..Single::default() }, form)?;
        let Some((family, stage)) = roster.stages().next() else {
            return Err(BenchError::Nothing(checkpoint.to_owned()));
        };
        let loader = FromFiles {
            backends: std::slice::from_ref(backend),
            arithmetic: "f32".to_owned(),
            fingerprint: None,
            pack: self.pack,
            plan_only,
        };
        let manner = Manner { is_scored: !plan_only, is_ahead: false, stop: &AtomicBool::new(false) };
        Ok(loader.load(family, stage, &manner)?)
    }
}

impl ShapeBench<'_> {
    /// Through random weights. The prompts' tokens are those of the demo's tokenizer, whose ids all shapes know.
    pub fn run<B: Measured>(&self, backend: &B) -> Result<Report, BenchError> {
        let prompts = &self.prompts;
        let scratch = tempfile::tempdir().map_err(BenchError::Scratch)?;
        crate::demo::unpack(scratch.path(), None)?;
        let demo = scratch.path().join("checkpoints").join(prompts.stage);
        let (items, sets) = prompts.items(&prompts.load(&Cpu, &demo.to_string_lossy(), true)?)?;
        let plans = Plans::new(&items, &sets, prompts.no_sharing);

        let weights = RandomWeights::new(&self.shape).map_err(BenchError::Scratch)?;
        let (spec, name) = (&self.shape.spec, self.shape.title());
        let pack_tokens = prompts.pack.tokens(spec, weights.device_bytes(), plans.shared())?;
        let options = ScoreOptions { pack_tokens, ..ScoreOptions::default() };
        let start = Instant::now();
        let decoder = Decoder::new(backend, spec, &weights)?;
        backend.finish()?;
        let setting = Setting {
            checkpoint: name.clone(),
            parameters: weights.parameters(),
            dtype: "bf16, random".to_owned(),
            pack_tokens,
            repeat: prompts.repeat,
            load_seconds: start.elapsed().as_secs_f64(),
        };
        let engine = Engine::new(decoder);
        plans.time(backend, spec, setting, |plan, pack_ended| {
            let scored = engine.score(plan, &options, |_, _| {
                pack_ended();
                Ok::<_, std::convert::Infallible>(())
            });
            Ok(scored.map_err(|ScoreError::Decoder(e)| e)?.compute_seconds)
        })
    }
}
