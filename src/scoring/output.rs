//! One output line of `tiltmeter score`. Figures are written in the shortest form that reads back to the same value.

use super::{ChoiceScore, ChoiceSet, ScoreItem};
use crate::tokens::PromptTokenizer;
use serde::Serialize;
use serde_json::Value;

/// With next tokens as choices, or with continuations.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ScoreLine<'a> {
    Tokens(TokensLine<'a>),
    Continuations(ContinuationsLine<'a>),
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct TokensLine<'a> {
    id: &'a Value,
    n_tokens: usize,
    /// The ids that were read, in the shape of the choices.
    choice_tokens: &'a [Vec<u32>],
    logits: &'a [Vec<f32>],
    logsumexp: f64,
    choice_logprobs: &'a [f64],
    log_odds: f64,
    compliance: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top: Vec<TopToken>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct TopToken {
    token: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    logit: f32,
    logprob: f64,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ContinuationsLine<'a> {
    id: &'a Value,
    /// Of the prompt that the continuations stand behind.
    n_tokens: usize,
    /// In the shape of the choices.
    continuations: Vec<Vec<Continuation<'a>>>,
    choice_logprobs: &'a [f64],
    log_odds: f64,
    compliance: f64,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Continuation<'a> {
    tokens: &'a [u32],
    /// Sum over the tokens.
    logprob: f64,
    /// Mean over the tokens.
    mean: f64,
    /// The sum over the bytes of the choice as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_byte: Option<f64>,
}

impl<'a> ScoreLine<'a> {
    /// `bytes`: of each continuation's text, where it was given as text.
    pub fn new(
        id: &'a Value,
        item: &ScoreItem,
        set: &'a ChoiceSet,
        score: &'a ChoiceScore,
        bytes: Option<&[Vec<usize>]>,
        tokenizer: Option<&PromptTokenizer>,
    ) -> ScoreLine<'a> {
        let n_tokens = item.tokens.len();
        let ChoiceScore { choice_logprobs, log_odds, compliance, .. } = score;
        let (log_odds, compliance) = (*log_odds, *compliance);
        match set {
            ChoiceSet::Tokens(choice_tokens) => {
                let top = score.top.iter().map(|t| TopToken {
                    token: t.token,
                    text: tokenizer.and_then(|tokenizer| tokenizer.token_text(t.token)),
                    logit: t.logit,
                    logprob: f64::from(t.logit) - score.logsumexp,
                });
                ScoreLine::Tokens(TokensLine {
                    id,
                    n_tokens,
                    choice_tokens,
                    logits: &score.logits,
                    logsumexp: score.logsumexp,
                    choice_logprobs,
                    log_odds,
                    compliance,
                    top: top.collect(),
                })
            }
            ChoiceSet::Continuations(choices) => {
                let one = |choice: usize, index: usize| {
                    let tokens: &[u32] = &choices[choice][index];
                    let logprob = score.continuations[choice][index];
                    Continuation {
                        tokens,
                        logprob,
                        mean: logprob / tokens.len() as f64,
                        per_byte: bytes.map(|bytes| logprob / bytes[choice][index] as f64),
                    }
                };
                let list = |(choice, list): (usize, &Vec<Vec<u32>>)| {
                    (0..list.len()).map(|index| one(choice, index)).collect()
                };
                let continuations = choices.iter().enumerate().map(list).collect();
                ScoreLine::Continuations(ContinuationsLine {
                    id,
                    n_tokens,
                    continuations,
                    choice_logprobs,
                    log_odds,
                    compliance,
                })
            }
        }
    }
}
