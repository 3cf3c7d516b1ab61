//! How prompts become a checkpoint's tokens: by its tokenizer, its chat template and its context, without its weights.

use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::checkpoint::DecoderSpec;
use crate::scoring::Rates;
use crate::study::{Choices, Prompt, PromptText, StageForm};
use crate::tokens::{Behind, Chat, ChatTemplate, ChoiceTokens, PromptInput, PromptTokenizer, Rendered};

use super::error::ModelError;

/// A prompt whose answers are read as a whole.
#[derive(Debug, Clone)]
pub struct Whole {
    pub tokens: Vec<u32>,
    /// Ids of each answer's spellings behind the prompt.
    pub answers: Vec<Vec<Vec<u32>>>,
}

/// A checkpoint as far as its prompts are concerned.
pub trait Speller {
    /// Longest prompt in tokens.
    fn context(&self) -> usize;

    /// Rows of the embedding.
    fn vocab(&self) -> usize;

    /// What its tokens take.
    fn rates(&self) -> Rates;

    /// Token ids of each prompt, in order.
    fn encode(&self, prompts: &[Prompt]) -> Result<Vec<Vec<u32>>, ModelError>;

    /// Token ids by which each answer is read off.
    fn answers(&self, spellings: &Choices) -> Result<Vec<Vec<u32>>, ModelError>;

    /// Each prompt's token ids and those of the answers behind it, which are read as a whole.
    fn whole(&self, prompts: &[Prompt], answers: &Choices) -> Result<Vec<Whole>, ModelError>;

    /// What is odd about the answers behind this prompt (a letter that merges with the cue), as sentences.
    fn oddities(&self, prompt: &Prompt, spellings: &Choices) -> Result<Vec<String>, ModelError>;
}

/// By the files of a checkpoint's folder.
pub struct FileSpeller {
    spec: DecoderSpec,
    tokenizer: PromptTokenizer,
    /// For checkpoints that are asked as chats.
    template: Option<ChatTemplate>,
}

impl FileSpeller {
    /// `spec`: what the config.json in `dir` says.
    pub(super) fn open(dir: &Path, form: StageForm, spec: DecoderSpec) -> Result<Self, ModelError> {
        let tokenizer = PromptTokenizer::open(dir)?;
        let template = match form {
            StageForm::Base => None,
            StageForm::Chat => Some(ChatTemplate::open(dir)?),
        };
        Ok(Self { spec, tokenizer, template })
    }

    /// One hash over the tokenizer's files, by name.
    pub(super) fn tokenizer_sha256(&self) -> String {
        let mut digest = Sha256::new();
        for (file, sha256) in self.tokenizer.hashes() {
            digest.update(format!("{file} {sha256}\n"));
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn template_sha256(&self) -> Option<String> {
        self.template.as_ref().map(|t| t.sha256().to_owned())
    }

    /// Of a template that prints one.
    pub(super) fn template_date(&self) -> Option<String> {
        self.template.as_ref().filter(|t| t.uses_date()).map(|t| t.date().to_string())
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

impl Speller for FileSpeller {
    fn context(&self) -> usize {
        self.spec.context
    }

    fn vocab(&self) -> usize {
        self.spec.vocab
    }

    fn rates(&self) -> Rates {
        Rates::of(&self.spec)
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
}
