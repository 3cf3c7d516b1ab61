//! A loaded checkpoint as a sweep sees it, and the real one: files, tokenizer, template, backend.

use std::path::Path;

use crate::backend::Backend;
use crate::checkpoint::{Checkpoint, DecoderSpec, fingerprint, hub};
use crate::decoder::DecoderError;
use crate::scoring::{ChoiceScore, PackSize, Plan, ScoreError, ScoreOptions, Tally, Work, spread};
use crate::store::{CheckpointRecord, Family, Stage};
use crate::study::{Choices, Prompt, PromptText, StageForm};
use crate::tokens::{Behind, Chat, ChatTemplate, ChoiceTokens, PromptInput, PromptTokenizer, Rendered};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::error::{ModelError, SweepError};

/// One pack's scores as it ends.
#[derive(Debug)]
pub struct Pack<'a> {
    /// Indices into the plan's items, and their scores.
    pub scores: &'a [(usize, ChoiceScore)],
    /// Everything computed so far, this pack included.
    pub tally: &'a Tally,
    /// Seconds spent on bringing the weights to the device.
    pub load_seconds: f64,
}

/// A prompt whose answers are read as a whole.
#[derive(Debug, Clone)]
pub struct Whole {
    pub tokens: Vec<u32>,
    /// Ids of each answer's spellings behind the prompt.
    pub answers: Vec<Vec<Vec<u32>>>,
}

/// A checkpoint that can be asked.
pub trait Model {
    fn record(&self) -> &CheckpointRecord;

    /// The device's name, for the record of a session.
    fn device(&self) -> String;

    /// Longest prompt in tokens.
    fn context(&self) -> usize;

    /// Rows of the embedding.
    fn vocab(&self) -> usize;

    /// The arithmetic that scoring `plan` takes.
    fn work(&self, plan: &Plan<'_>) -> Work;

    /// Token ids of each prompt, in order.
    fn encode(&self, prompts: &[Prompt]) -> Result<Vec<Vec<u32>>, ModelError>;

    /// Token ids by which each answer is read off.
    fn answers(&self, spellings: &Choices) -> Result<Vec<Vec<u32>>, ModelError>;

    /// Each prompt's token ids and those of the answers behind it, which are read as a whole.
    fn whole(&self, prompts: &[Prompt], answers: &Choices) -> Result<Vec<Whole>, ModelError>;

    /// What is odd about the answers behind this prompt (a letter that merges with the cue), as sentences.
    fn oddities(&self, prompt: &Prompt, spellings: &Choices) -> Result<Vec<String>, ModelError>;

    /// Tokens of a pack of `plan`, at most.
    fn pack_tokens(&self, plan: &Plan<'_>) -> Result<usize, ModelError>;

    /// Scores all items of `plan`; `store` is given each pack as it ends, and its error ends the work.
    fn score(
        &self,
        plan: &Plan<'_>,
        options: &ScoreOptions,
        store: &mut dyn FnMut(Pack<'_>) -> Result<(), SweepError>,
    ) -> Result<Tally, SweepError>;
}

/// Where models come from.
pub trait Loader {
    type Model: Model;

    /// Finds the stage's files without reading them, and says how many bytes of weights they hold.
    fn find(&self, stage: &Stage) -> Result<u64, ModelError>;

    fn load(&self, family: &Family, stage: &Stage) -> Result<Self::Model, ModelError>;
}

/// Checkpoints in folders and in the local Hugging Face cache, computed on all of `backends` together: one device, or several
/// of one model.
#[derive(Debug)]
pub struct FromFiles<'b, B> {
    pub backends: &'b [B],
    /// Backend and arithmetic, as recorded: scores of different ones are not mixed within a checkpoint.
    pub arithmetic: String,
    /// [`crate::scoring::fingerprint`] of the backend.
    pub fingerprint: Option<String>,
    pub pack: PackSize,
    /// Plans only: weights are neither hashed nor checked.
    pub plan_only: bool,
}

/// One of them, open.
pub struct FileModel<'b, B> {
    backends: &'b [B],
    pack: PackSize,
    checkpoint: Checkpoint,
    tokenizer: PromptTokenizer,
    /// For checkpoints that are asked as chats.
    template: Option<ChatTemplate>,
    record: CheckpointRecord,
}

impl<'b, B: Backend + Sync> Loader for FromFiles<'b, B> {
    type Model = FileModel<'b, B>;

    fn find(&self, stage: &Stage) -> Result<u64, ModelError> {
        let found = hub::resolve(&stage.location, stage.revision.as_deref())?;
        Ok(weight_bytes(&found.dir))
    }

    fn load(&self, family: &Family, stage: &Stage) -> Result<Self::Model, ModelError> {
        let found = hub::resolve(&stage.location, stage.revision.as_deref())?;
        let checkpoint = Checkpoint::open(&found.dir)?;
        let tokenizer = PromptTokenizer::open(&found.dir)?;
        let template = match stage.form {
            StageForm::Base => None,
            StageForm::Chat => Some(ChatTemplate::open(&found.dir)?),
        };
        let weights_sha256 = if self.plan_only {
            String::new()
        } else {
            checkpoint.check_finite()?;
            let hash = fingerprint(&checkpoint.weight_hashes());
            // Hashed and checked as one and the same file.
            checkpoint.check_unchanged()?;
            hash
        };
        let record = CheckpointRecord {
            model: stage.model.clone(),
            family: family.name.clone(),
            stage: stage.name.clone(),
            form: stage.form,
            source: stage.checkpoint.clone(),
            revision: found.revision,
            config_sha256: checkpoint.config_sha256.clone(),
            weights_sha256,
            tokenizer_sha256: combined(&tokenizer),
            template_sha256: template.as_ref().map(|t| t.sha256().to_owned()),
            template_date: template.as_ref().filter(|t| t.uses_date()).map(|t| t.date().to_string()),
            prefill: stage.prefill.clone(),
            dtype: stored_types(&checkpoint),
            parameters: checkpoint.parameters(),
            backend: self.arithmetic.clone(),
            arithmetic: self.fingerprint.clone(),
        };
        Ok(FileModel { backends: self.backends, pack: self.pack, checkpoint, tokenizer, template, record })
    }
}

impl<B: Backend + Sync> Model for FileModel<'_, B> {
    fn record(&self) -> &CheckpointRecord {
        &self.record
    }

    fn device(&self) -> String {
        let first = self.backends.first().map(Backend::describe).unwrap_or_default();
        match self.backends.len() {
            0 | 1 => first,
            devices => format!("{first}, {devices} of them"),
        }
    }

    fn context(&self) -> usize {
        self.checkpoint.spec.context
    }

    fn vocab(&self) -> usize {
        self.checkpoint.spec.vocab
    }

    fn work(&self, plan: &Plan<'_>) -> Work {
        Work::of(plan, &self.checkpoint.spec)
    }

    fn encode(&self, prompts: &[Prompt]) -> Result<Vec<Vec<u32>>, ModelError> {
        let plain: Option<Vec<&str>> = prompts
            .iter()
            .map(|prompt| match &prompt.text {
                PromptText::Plain(text) => Some(text.as_str()),
                PromptText::Chat { .. } => None,
            })
            .collect();
        match plain {
            Some(texts) => Ok(self.tokenizer.encode_plain_batch(&texts)?),
            None => Ok(self.tokenizer.encode_rendered_batch(&self.render(prompts)?)?),
        }
    }

    fn answers(&self, spellings: &Choices) -> Result<Vec<Vec<u32>>, ModelError> {
        Ok(ChoiceTokens::from_answers(&self.tokenizer, spellings)?.ids())
    }

    fn whole(&self, prompts: &[Prompt], answers: &Choices) -> Result<Vec<Whole>, ModelError> {
        let tokenizer = &self.tokenizer;
        let one = |input: PromptInput<'_>| -> Result<Whole, ModelError> {
            let behind =
                Behind::new(tokenizer, input, answers)?.ok_or("the whole prompt merges with an answer")?;
            Ok(Whole { tokens: behind.prompt, answers: behind.continuations })
        };
        match &self.template {
            None => prompts
                .par_iter()
                .map(|prompt| match &prompt.text {
                    PromptText::Plain(text) => one(PromptInput::Plain(text)),
                    PromptText::Chat { .. } => {
                        Err("a chat prompt for a checkpoint that is asked in plain text".into())
                    }
                })
                .collect(),
            Some(_) => self
                .render(prompts)?
                .par_iter()
                .map(|rendered| one(PromptInput::Rendered(rendered)))
                .collect(),
        }
    }

    fn oddities(&self, prompt: &Prompt, spellings: &Choices) -> Result<Vec<String>, ModelError> {
        let choices = ChoiceTokens::from_answers(&self.tokenizer, spellings)?;
        Ok(match &prompt.text {
            PromptText::Plain(text) => choices.oddities(&self.tokenizer, PromptInput::Plain(text))?,
            PromptText::Chat { .. } => {
                let rendered = self.render(std::slice::from_ref(prompt))?;
                let one = rendered.first().ok_or("the template gives no text")?;
                choices.oddities(&self.tokenizer, PromptInput::Rendered(one))?
            }
        })
    }

    fn pack_tokens(&self, plan: &Plan<'_>) -> Result<usize, ModelError> {
        Ok(self.pack.tokens(&self.checkpoint.spec, self.checkpoint.device_bytes(), plan)?)
    }

    fn score(
        &self,
        plan: &Plan<'_>,
        options: &ScoreOptions,
        store: &mut dyn FnMut(Pack<'_>) -> Result<(), SweepError>,
    ) -> Result<Tally, SweepError> {
        let model = &self.record.model;
        let (spec, weights) = (&self.checkpoint.spec, &self.checkpoint);
        spread(self.backends, spec, weights, plan, options, |scores, tally, load_seconds| {
            self.checkpoint.check_unchanged().map_err(|e| SweepError::checkpoint(model, e))?;
            store(Pack { scores, tally, load_seconds })
        })
        .map_err(|e| match e {
            ScoreError::Sink(error) => error,
            ScoreError::Decoder(error) => decoder_error(model, error),
        })
    }
}

impl<B> FileModel<'_, B> {
    /// The decoder's arithmetic.
    pub fn spec(&self) -> &DecoderSpec {
        &self.checkpoint.spec
    }

    /// Chat prompts through the template; plain ones as they are.
    fn render(&self, prompts: &[Prompt]) -> Result<Vec<Rendered>, ModelError> {
        let Some(template) = &self.template else {
            return Err("a chat prompt for a checkpoint that is asked in plain text".into());
        };
        let chats: Vec<Chat<'_>> = prompts
            .iter()
            .filter_map(|prompt| match &prompt.text {
                PromptText::Chat { messages, prefill } => {
                    Some(Chat { messages, prefill: Some(prefill.as_str()).filter(|p| !p.is_empty()) })
                }
                PromptText::Plain(_) => None,
            })
            .collect();
        if chats.len() != prompts.len() {
            return Err("a plain prompt among chat prompts".into());
        }
        Ok(template.render_batch(&chats)?)
    }
}

/// A device that is gone takes the other checkpoints with it; anything else is this one's.
fn decoder_error(model: &str, error: DecoderError) -> SweepError {
    match &error {
        DecoderError::Backend(inner) if inner.is_fatal() => {
            SweepError::Device { model: model.to_owned(), source: error.into() }
        }
        _ => SweepError::checkpoint(model, error),
    }
}

/// Bytes of all files in `dir` that may hold weights, links followed.
fn weight_bytes(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let weights = files.filter(|path| path.extension().is_some_and(|e| e == "safetensors" || e == "bin"));
    weights.filter_map(|path| Some(std::fs::metadata(path).ok()?.len())).sum()
}

/// One hash over the tokenizer's files, by name.
fn combined(tokenizer: &PromptTokenizer) -> String {
    let mut digest = Sha256::new();
    for (file, sha256) in tokenizer.hashes() {
        digest.update(format!("{file} {sha256}\n"));
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `bf16`, or `bf16+f32` where the files hold more than one type.
fn stored_types(checkpoint: &Checkpoint) -> String {
    let mut names: Vec<String> =
        checkpoint.used().iter().map(|tensor| format!("{:?}", tensor.dtype).to_lowercase()).collect();
    names.sort_unstable();
    names.dedup();
    names.join("+")
}
