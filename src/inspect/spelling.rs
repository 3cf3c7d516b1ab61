//! Tokenizer, template and answers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::study::Study;
use crate::tokens::{ChatTemplate, PromptTokenizer, TokensError};

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct TokenizerFacts {
    pub kind: String,
    pub size: usize,
    /// The class of the reference whose rules are followed.
    pub class: String,
    pub bos: String,
    /// SHA-256 by file.
    pub files: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ChatFacts {
    pub kind: &'static str,
    pub file: String,
    pub sha256: String,
    /// The date that the template is told, if it asks.
    pub date: Option<String>,
    pub bos: String,
}

/// The tokens by which each answer is read off.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct AnswerTokens {
    pub languages: Vec<String>,
    /// Ids and texts, one list an answer.
    pub answers: Vec<Vec<(u32, String)>>,
}

impl TokenizerFacts {
    pub fn of(tokenizer: &PromptTokenizer) -> Self {
        Self {
            kind: tokenizer.describe(),
            size: tokenizer.size(),
            class: tokenizer.class_rule(),
            bos: tokenizer.bos_rule(),
            files: tokenizer.hashes().clone(),
        }
    }
}

impl ChatFacts {
    pub fn of(tokenizer: &PromptTokenizer, template: &ChatTemplate) -> Result<Self, TokensError> {
        let file = template.file().file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            kind: template.describe(),
            file,
            sha256: template.sha256().to_owned(),
            date: template.uses_date().then(|| template.date().to_string()),
            bos: tokenizer.chat_bos_rule(template)?,
        })
    }
}

pub(super) fn answers(study: &Study, tokenizer: &PromptTokenizer) -> Result<Vec<AnswerTokens>, String> {
    let mut found: Vec<AnswerTokens> = Vec::new();
    for language in study.languages() {
        let choices = super::choices(study, language, tokenizer).map_err(|e| e.to_string())?;
        let text = |id: u32| (id, tokenizer.token_text(id).unwrap_or_default());
        let answers: Vec<Vec<_>> =
            choices.ids().into_iter().map(|ids| ids.into_iter().map(text).collect()).collect();
        match found.iter_mut().find(|known| known.answers == answers) {
            Some(known) => known.languages.push(language.clone()),
            None => found.push(AnswerTokens { languages: vec![language.clone()], answers }),
        }
    }
    Ok(found)
}
