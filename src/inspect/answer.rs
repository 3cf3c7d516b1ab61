//! What the model says at the answer position of one prompt.

use serde::Serialize;

use crate::backend::Backend;
use crate::scoring::{ChoiceScore, ChoiceSet, Engine, Plan, ScoreError, ScoreItem, ScoreOptions};
use crate::tokens::PromptTokenizer;

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Answer {
    /// The prompt as token ids.
    pub tokens: Vec<u32>,
    /// The likeliest next tokens.
    pub top: Vec<Likely>,
    /// Log-odds of the first answer over the second.
    pub log_odds: f64,
    /// Probability that one of the answers follows.
    pub compliance: f64,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Likely {
    pub token: u32,
    pub text: String,
    pub logit: f32,
    pub probability: f64,
}

#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error("the prompt has no tokens")]
    Empty,
    #[error("the prompt has {tokens} tokens, more than the model's context of {context}")]
    TooLong { tokens: usize, context: usize },
    #[error("the prompt's token {token} is beyond the embedding's {rows} rows")]
    Token { token: u32, rows: usize },
    #[error(transparent)]
    Score(#[from] ScoreError<std::convert::Infallible>),
    #[error("the engine left out the prompt")]
    LeftOut,
}

/// Scores one prompt; `options.top` tokens are listed.
pub fn answer<B: Backend>(
    engine: &Engine<'_, B>,
    tokens: Vec<u32>,
    choices: Vec<Vec<u32>>,
    tokenizer: &PromptTokenizer,
    options: &ScoreOptions,
) -> Result<Answer, AnswerError> {
    let spec = engine.decoder().spec();
    if tokens.is_empty() {
        return Err(AnswerError::Empty);
    }
    if tokens.len() > spec.context {
        return Err(AnswerError::TooLong { tokens: tokens.len(), context: spec.context });
    }
    if let Some(&token) = tokens.iter().chain(choices.iter().flatten()).find(|id| **id as usize >= spec.vocab)
    {
        return Err(AnswerError::Token { token, rows: spec.vocab });
    }
    let items = [ScoreItem { tokens, choices: 0 }];
    let mut found: Option<ChoiceScore> = None;
    let sets = [ChoiceSet::Tokens(choices)];
    engine.score(&Plan::new(&items, &sets, true), options, |scores, _| {
        found = scores.first().map(|(_, score)| score.clone());
        Ok(())
    })?;
    let score = found.ok_or(AnswerError::LeftOut)?;
    let [ScoreItem { tokens, .. }] = items;
    let likely = |token: u32, logit: f32| Likely {
        token,
        text: tokenizer.token_text(token).unwrap_or_default(),
        logit,
        probability: (f64::from(logit) - score.logsumexp).exp(),
    };
    Ok(Answer {
        tokens,
        top: score.top.iter().map(|top| likely(top.token, top.logit)).collect(),
        log_odds: score.log_odds,
        compliance: score.compliance,
    })
}
