//! What was understood of a checkpoint: its arithmetic, weights, tokenizer, template and cost.

mod answer;
mod contexts;
mod cost;
mod decoder;
mod spelling;
mod weights;

use std::path::Path;

use serde::Serialize;

use crate::checkpoint::Checkpoint;
use crate::study::Study;
use crate::tokens::{ChatTemplate, ChoiceTokens, PromptTokenizer, TokensError};

pub use answer::{Answer, AnswerError, Likely, answer};
pub use contexts::{ContextError, Contexts, Oddity, oddities};
pub use cost::Cost;
pub use decoder::{DecoderFacts, LayerGroup};
pub use spelling::{AnswerTokens, ChatFacts, TokenizerFacts};
pub use weights::{Bf16Facts, TypeTotal, WeightFacts};

/// A checkpoint folder's parts as far as they could be opened.
pub struct Parts {
    pub checkpoint: Checkpoint,
    pub tokenizer: Result<PromptTokenizer, TokensError>,
    pub template: Result<ChatTemplate, TokensError>,
}

/// A part that was read, or why it could not be.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Read<T> {
    Fine(T),
    Failed { error: String },
}

impl<T> From<Result<T, String>> for Read<T> {
    fn from(result: Result<T, String>) -> Self {
        match result {
            Ok(part) => Read::Fine(part),
            Err(error) => Read::Failed { error },
        }
    }
}

/// Everything that `tiltmeter inspect` prints.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Inspection {
    pub folder: String,
    pub family: &'static str,
    pub parameters: u64,
    pub config_sha256: String,
    pub decoder: DecoderFacts,
    pub weights: WeightFacts,
    pub cost: Cost,
    pub tokenizer: Read<TokenizerFacts>,
    pub chat: Read<ChatFacts>,
    /// The study's answers, language by language; languages that spell them alike stand together.
    pub answers: Read<Vec<AnswerTokens>>,
    /// The answers behind the study's prompts.
    pub contexts: Read<Contexts>,
    /// What the model says to a given prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

impl Parts {
    /// # Errors
    /// Of the weights and their config; tokenizer and template may fail on their own.
    pub fn open(dir: &Path) -> Result<Self, crate::checkpoint::CheckpointError> {
        Ok(Self {
            checkpoint: Checkpoint::open(dir)?,
            tokenizer: PromptTokenizer::open(dir),
            template: ChatTemplate::open(dir),
        })
    }

    /// Reads no weight. `prefill` opens the answers under the study's conditions that ask for the checkpoint's own.
    pub fn inspect(&self, study: &Study, prefill: Option<&str>) -> Inspection {
        let checkpoint = &self.checkpoint;
        let tokenizer = self.tokenizer.as_ref().map_err(ToString::to_string);
        let template = self.template.as_ref().map_err(ToString::to_string);
        let chat = match (&tokenizer, &template) {
            (Ok(tokenizer), Ok(template)) => ChatFacts::of(tokenizer, template).map_err(|e| e.to_string()),
            (Err(error), _) | (_, Err(error)) => Err(error.clone()),
        };
        // A template that has just failed would fail again, and may take long to.
        let sound = template.as_ref().ok().copied().filter(|_| chat.is_ok());
        let contexts = tokenizer
            .clone()
            .and_then(|tokenizer| contexts::of(study, tokenizer, sound, prefill).map_err(|e| e.to_string()));
        Inspection {
            folder: checkpoint.dir.display().to_string(),
            family: checkpoint.family,
            parameters: checkpoint.parameters(),
            config_sha256: checkpoint.config_sha256.clone(),
            decoder: DecoderFacts::of(&checkpoint.spec),
            weights: WeightFacts::of(checkpoint),
            cost: Cost::of(checkpoint),
            answers: tokenizer.clone().and_then(|tokenizer| spelling::answers(study, tokenizer)).into(),
            tokenizer: tokenizer.map(TokenizerFacts::of).into(),
            chat: chat.into(),
            contexts: contexts.into(),
            answer: None,
        }
    }
}

/// The study's answers in a language, as token ids.
pub fn choices(
    study: &Study,
    language: &str,
    tokenizer: &PromptTokenizer,
) -> Result<ChoiceTokens, TokensError> {
    ChoiceTokens::from_answers(tokenizer, study.answers(language))
}
