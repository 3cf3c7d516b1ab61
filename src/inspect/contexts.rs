//! The answers behind the study's prompts: a letter that merges with the end of the cue is never read where it is
//! looked for.

use serde::Serialize;

use crate::study::{Prompt, PromptQuery, PromptText, StageForm, Study, StudyError};
use crate::tokens::{ChatTemplate, ChoiceTokens, PromptInput, PromptTokenizer, TokensError};

/// One prompt for each condition, language and form that the checkpoint can be asked.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub struct Contexts {
    pub looked_at: usize,
    pub oddities: Vec<Oddity>,
    /// Conditions that need the checkpoint's own prefill, where none is given.
    pub left_out: Vec<String>,
}

/// What is wrong with the answers, and where; contexts of the same finding stand together.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Oddity {
    pub finding: String,
    /// `en main (base)`
    pub contexts: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Tokens(#[from] TokensError),
}

/// Looks at every condition of the study; as chats only with a `template`.
pub(super) fn of(
    study: &Study,
    tokenizer: &PromptTokenizer,
    template: Option<&ChatTemplate>,
    prefill: Option<&str>,
) -> Result<Contexts, ContextError> {
    let mut found = Contexts::default();
    for language in study.languages() {
        for form in [StageForm::Base, StageForm::Chat] {
            if form == StageForm::Chat && template.is_none() {
                continue;
            }
            for condition in study.conditions_for(language, form) {
                if condition.needs_prefill(form) && prefill.is_none() {
                    if !found.left_out.contains(&condition.name) {
                        found.left_out.push(condition.name.clone());
                    }
                    continue;
                }
                let query = PromptQuery {
                    prefill: prefill.map(str::to_owned),
                    ..PromptQuery::new(language, &condition.name, form)
                };
                let Some(prompt) = study.prompts(&query)?.next() else { continue };
                let findings = oddities(study, &prompt, tokenizer, template)?;
                found.looked_at += 1;
                let context = format!("{language} {} ({})", condition.name, form.name());
                findings.into_iter().for_each(|finding| found.add(finding, &context));
            }
        }
    }
    Ok(found)
}

/// What is odd about the study's answers behind one prompt, as sentences; a chat prompt without a `template` is not
/// looked at.
pub fn oddities(
    study: &Study,
    prompt: &Prompt,
    tokenizer: &PromptTokenizer,
    template: Option<&ChatTemplate>,
) -> Result<Vec<String>, ContextError> {
    let condition = study.condition(&prompt.condition)?;
    if condition.whole_answers.is_some() {
        // They are encoded together with the prompt.
        return Ok(Vec::new());
    }
    let answers = study.answers(condition.text_language(&prompt.language));
    let choices = ChoiceTokens::from_answers(tokenizer, answers)?;
    Ok(match (&prompt.text, template) {
        (PromptText::Plain(text), _) => choices.oddities(tokenizer, PromptInput::Plain(text))?,
        (PromptText::Chat { messages, prefill }, Some(template)) => {
            let rendered = template.render(messages, Some(prefill))?;
            choices.oddities(tokenizer, PromptInput::Rendered(&rendered))?
        }
        (PromptText::Chat { .. }, None) => Vec::new(),
    })
}

impl Contexts {
    fn add(&mut self, finding: String, context: &str) {
        match self.oddities.iter_mut().find(|known| known.finding == finding) {
            Some(known) => known.contexts.push(context.to_owned()),
            None => self.oddities.push(Oddity { finding, contexts: vec![context.to_owned()] }),
        }
    }
}
