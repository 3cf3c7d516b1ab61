//! Whether lm-evaluation-harness, with a checkpoint's tokenizer, reads the tokens that are read here.

use std::path::Path;

use rayon::prelude::*;

use crate::study::{Choices, Prompt};
use crate::study::{Condition, PromptText, StageForm, Study};
use crate::tokens::{
    Behind, Chat, ChatTemplate, ChoiceTokens, PromptInput, PromptTokenizer, Rendered, TokensError,
};

use super::InterchangeError;

/// A checkpoint as far as its prompts are concerned.
pub struct Engine {
    name: String,
    tokenizer: PromptTokenizer,
    template: Option<ChatTemplate>,
}

/// What both are asked.
pub(super) struct Asked<'a> {
    pub study: &'a Study,
    pub condition: &'a Condition,
    pub language: &'a str,
    /// Texts that the harness puts behind a prompt.
    pub answers: &'a Choices,
}

/// Token ids of a prompt, and of what is read behind it.
type Read = (Vec<u32>, Vec<Vec<Vec<u32>>>);

impl Engine {
    /// # Errors
    /// Whatever the tokenizer's files, and for chats the template, say.
    pub fn open(name: &str, dir: &Path, form: StageForm) -> Result<Self, InterchangeError> {
        let template = match form {
            StageForm::Base => None,
            StageForm::Chat => Some(ChatTemplate::open(dir)?),
        };
        Ok(Self { name: name.to_owned(), tokenizer: PromptTokenizer::open(dir)?, template })
    }

    pub fn form(&self) -> StageForm {
        if self.template.is_some() { StageForm::Chat } else { StageForm::Base }
    }

    /// Refuses the first of `prompts` that the harness would read otherwise.
    pub(super) fn check(&self, prompts: &[Prompt], asked: &Asked<'_>) -> Result<(), InterchangeError> {
        prompts.par_iter().try_for_each(|prompt| {
            let differs = |why: String| InterchangeError::OtherTokens {
                checkpoint: self.name.clone(),
                id: prompt.id.clone(),
                why,
            };
            let rendered = self.render(&prompt.text)?;
            let (input, text) = match (&rendered, &prompt.text) {
                (Some(rendered), _) => (PromptInput::Rendered(rendered), self.tokenizer.rendered_text(rendered)),
                (None, PromptText::Plain(text)) => (PromptInput::Plain(text), text.clone()),
                (None, PromptText::Chat { .. }) => return Err(differs("it is a chat".to_owned())),
            };
            let (own, mut read) = self.read(input, asked)?;
            let context = self.as_the_harness(text.trim_end())?.len();
            for (answers, read) in asked.answers.iter().zip(&mut read) {
                for answer in answers {
                    let whole = self.as_the_harness(&format!("{text}{answer}"))?;
                    let behind = whole.strip_prefix(own.as_slice()).filter(|_| context <= own.len());
                    let known = behind.and_then(|ids| read.iter().position(|known| known == ids));
                    match known {
                        Some(at) => drop(read.swap_remove(at)),
                        None => {
                            return Err(differs(format!(
                                "the prompt with {answer:?} behind it becomes tokens that end in {:?}, which are not those read here",
                                whole.iter().rev().take(3).rev().collect::<Vec<_>>()
                            )));
                        }
                    }
                }
                if let Some(left) = read.first() {
                    return Err(differs(format!("no text behind it stands for the token {left:?}")));
                }
            }
            Ok(())
        })
    }

    fn render(&self, text: &PromptText) -> Result<Option<Rendered>, TokensError> {
        match (&self.template, text) {
            (Some(template), PromptText::Chat { messages, prefill }) => {
                let prefill = Some(prefill.as_str()).filter(|prefill| !prefill.is_empty());
                Ok(template.render_batch(&[Chat { messages, prefill }])?.pop())
            }
            _ => Ok(None),
        }
    }

    /// What a sweep reads.
    fn read(&self, input: PromptInput<'_>, asked: &Asked<'_>) -> Result<Read, TokensError> {
        match &asked.condition.whole_answers {
            Some(answers) => {
                let behind = Behind::new(&self.tokenizer, input, answers)?;
                Ok(behind.map_or_else(Default::default, |behind| (behind.prompt, behind.continuations)))
            }
            None => {
                let spellings = asked.study.answers(asked.condition.text_language(asked.language));
                let ids = ChoiceTokens::from_answers(&self.tokenizer, spellings)?.ids();
                let each = |ids: Vec<u32>| ids.into_iter().map(|id| vec![id]).collect();
                Ok((self.tokenizer.encode(input)?, ids.into_iter().map(each).collect()))
            }
        }
    }

    /// The harness lets the tokenizer add its special tokens, unless a text begins with BOS already.
    fn as_the_harness(&self, text: &str) -> Result<Vec<u32>, TokensError> {
        let ids = self.tokenizer.encode_piece(text)?;
        let begun = self.tokenizer.bos().is_some_and(|(_, bos)| text.starts_with(&bos));
        Ok(match begun {
            true => ids,
            false => [self.tokenizer.prefix(), &ids, self.tokenizer.suffix()].concat(),
        })
    }
}
