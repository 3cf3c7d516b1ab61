//! One output line of `tiltmeter score`. Figures are written in the shortest form that reads back to the same value.

use super::{ChoiceScore, ChoiceSet, ScoreItem};
use crate::tokens::PromptTokenizer;
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Serialize)]
pub struct ScoreLine<'a> {
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

#[derive(Debug, Serialize)]
struct TopToken {
    token: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    logit: f32,
    logprob: f64,
}

impl<'a> ScoreLine<'a> {
    pub fn new(
        id: &'a Value,
        item: &ScoreItem,
        set: &'a ChoiceSet,
        score: &'a ChoiceScore,
        tokenizer: Option<&PromptTokenizer>,
    ) -> ScoreLine<'a> {
        let top = score.top.iter().map(|t| TopToken {
            token: t.token,
            text: tokenizer.and_then(|tokenizer| tokenizer.token_text(t.token)),
            logit: t.logit,
            logprob: f64::from(t.logit) - score.logsumexp,
        });
        ScoreLine {
            id,
            n_tokens: item.tokens.len(),
            choice_tokens: &set.0,
            logits: &score.logits,
            logsumexp: score.logsumexp,
            choice_logprobs: &score.choice_logprobs,
            log_odds: score.log_odds,
            compliance: score.compliance,
            top: top.collect(),
        }
    }
}
