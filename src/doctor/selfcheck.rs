//! The self-check of a device: shared prefixes against prompts one by one, and its scores against the processor's.

use serde::Serialize;
use tempfile::TempDir;

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::decoder::{Decoder, DecoderError};
use crate::scoring::{ChoiceScore, ChoiceSet, Engine, Plan, ScoreError, ScoreItem, ScoreOptions};
use crate::store::StoreError;
use crate::study::{PromptQuery, PromptText, Study, StudyError};
use crate::tokens::{ChoiceTokens, PromptTokenizer, TokensError};

/// Prompts of the sample: a pair of countries under the first scenarios.
const PROMPTS: usize = 48;
/// So small that the sample takes several packs, whose paths are carried from one to the next.
const PACK: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum SelfCheckError {
    #[error("the sample's checkpoint cannot be written: {0}")]
    Scratch(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Tokens(#[from] TokensError),
    #[error(transparent)]
    Decoder(#[from] DecoderError),
}

/// Prompts of the default study for the demo's base checkpoint, and the processor's scores.
pub struct Sample {
    checkpoint: Checkpoint,
    items: Vec<ScoreItem>,
    sets: [ChoiceSet; 1],
    reference: Vec<ChoiceScore>,
    _files: TempDir,
}

/// What a device's scores were like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct SelfCheck {
    pub prompts: usize,
    /// Every bit the same with shared prefixes in small packs and with each prompt computed alone.
    pub tree_equals_flat: bool,
    /// Norm of the logits' difference from the processor's over the norm of the processor's logits.
    pub logit_error: f64,
    /// Largest difference of log-odds from the processor's.
    pub log_odds_error: f64,
}

/// What a device may differ by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Bounds {
    pub logit_error: f64,
    pub log_odds_error: f64,
}

impl Bounds {
    /// With f32 products.
    pub const F32: Bounds = Bounds { logit_error: 1e-3, log_odds_error: 5e-3 };
    /// With f16 products.
    pub const FAST: Bounds = Bounds { logit_error: 2e-2, log_odds_error: 5e-2 };
}

impl SelfCheck {
    pub fn passes(&self, bounds: &Bounds) -> bool {
        // Written so that a NaN fails.
        self.tree_equals_flat
            && self.logit_error <= bounds.logit_error
            && self.log_odds_error <= bounds.log_odds_error
    }
}

impl Sample {
    /// Unpacks the demo's checkpoint into a temporary folder and scores the prompts on the processor.
    pub fn new() -> Result<Sample, SelfCheckError> {
        let files = tempfile::tempdir()?;
        crate::demo::unpack(files.path(), None)?;
        let dir = files.path().join("checkpoints/base");
        let checkpoint = Checkpoint::open(&dir)?;
        let tokenizer = PromptTokenizer::open(&dir)?;
        let study = Study::embedded()?;
        let query = PromptQuery::new("en", "main", crate::study::StageForm::Base);
        let texts: Vec<String> = study
            .prompts(&query)?
            .take(PROMPTS)
            .filter_map(|prompt| match prompt.text {
                PromptText::Plain(text) => Some(text),
                PromptText::Chat { .. } => None,
            })
            .collect();
        let items = tokenizer.encode_plain_batch(&texts)?;
        let items = items.into_iter().map(|tokens| ScoreItem { tokens, choices: 0 }).collect();
        let sets = [ChoiceSet::Tokens(ChoiceTokens::from_answers(&tokenizer, study.answers("en"))?.ids())];
        let mut sample = Sample { checkpoint, items, sets, reference: Vec::new(), _files: files };
        sample.reference = sample.score(&Cpu, true)?;
        Ok(sample)
    }

    /// Scores the prompts on `backend`, both ways.
    ///
    /// # Errors
    /// Whatever the device refuses. Scores that are wrong are no error, see [`SelfCheck::passes`].
    pub fn check<B: Backend>(&self, backend: &B) -> Result<SelfCheck, SelfCheckError> {
        let tree = self.score(backend, true)?;
        let flat = self.score(backend, false)?;
        let (mut difference, mut norm, mut log_odds) = (0.0f64, 0.0f64, 0.0f64);
        for (ours, reference) in tree.iter().zip(&self.reference) {
            let pairs = ours.logits.iter().flatten().zip(reference.logits.iter().flatten());
            for (a, b) in pairs.map(|(a, b)| (f64::from(*a), f64::from(*b))) {
                difference += (a - b) * (a - b);
                norm += b * b;
            }
            log_odds = log_odds.max((ours.log_odds - reference.log_odds).abs());
        }
        Ok(SelfCheck {
            prompts: tree.len(),
            tree_equals_flat: tree == flat,
            logit_error: (difference / norm).sqrt(),
            log_odds_error: log_odds,
        })
    }

    fn score<B: Backend>(&self, backend: &B, sharing: bool) -> Result<Vec<ChoiceScore>, SelfCheckError> {
        let engine = Engine::new(Decoder::new(backend, &self.checkpoint.spec, &self.checkpoint)?);
        let plan = Plan::new(&self.items, &self.sets, sharing);
        let options = ScoreOptions { pack_tokens: if sharing { PACK } else { 1024 }, sharing, top: 0 };
        let mut scores = Vec::with_capacity(self.items.len());
        engine
            .score(&plan, &options, |batch, _| {
                scores.extend_from_slice(batch);
                Ok::<_, std::convert::Infallible>(())
            })
            .map_err(|ScoreError::Decoder(error)| error)?;
        scores.sort_by_key(|(item, _)| *item);
        Ok(scores.into_iter().map(|(_, score)| score).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_agrees_with_itself_to_the_bit() {
        let check = Sample::new().expect("a sample").check(&Cpu).expect("scores");
        assert_eq!(
            check,
            SelfCheck { prompts: PROMPTS, tree_equals_flat: true, logit_error: 0.0, log_odds_error: 0.0 }
        );
        assert!(check.passes(&Bounds::F32));
    }

    #[test]
    fn what_differs_or_is_no_number_fails() {
        let good = SelfCheck { prompts: 1, tree_equals_flat: true, logit_error: 1e-6, log_odds_error: 1e-5 };
        assert!(good.passes(&Bounds::F32));
        assert!(!SelfCheck { tree_equals_flat: false, ..good }.passes(&Bounds::F32));
        assert!(!SelfCheck { logit_error: f64::NAN, ..good }.passes(&Bounds::F32));
        let rough = SelfCheck { log_odds_error: 2e-2, ..good };
        assert!(!rough.passes(&Bounds::F32) && rough.passes(&Bounds::FAST));
    }
}
