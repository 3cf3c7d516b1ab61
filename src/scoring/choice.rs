//! The score of one prompt: how the next token's probability falls on the choices.

use crate::backend::TokenLogit;

/// The token ids that count for each answer; ids within an answer are distinct, and no id serves two answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChoiceSet(pub Vec<Vec<u32>>);

/// What the model says at the answer position.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceScore {
    /// Raw logit of each choice token, in the shape of the choice set.
    pub logits: Vec<Vec<f32>>,
    /// `log(sum(exp(logits)))` over the whole vocabulary; NaN when it was not asked for.
    pub logsumexp: f64,
    /// Per answer: log of the summed probability of its tokens (natural logarithm).
    pub choice_logprobs: Vec<f64>,
    /// First answer's log-probability less the second's.
    pub log_odds: f64,
    /// Probability that the next token is one of the choice tokens.
    pub compliance: f64,
    /// The likeliest tokens, when asked for.
    pub top: Vec<TokenLogit>,
}

impl ChoiceScore {
    pub fn new(logits: Vec<Vec<f32>>, logsumexp: f64, top: Vec<TokenLogit>) -> ChoiceScore {
        let sums: Vec<f64> = logits.iter().map(|l| log_sum_exp(l)).collect();
        let choice_logprobs: Vec<f64> = sums.iter().map(|s| s - logsumexp).collect();
        let log_odds = match sums.as_slice() {
            [first, second, ..] => first - second,
            _ => f64::NAN,
        };
        let compliance = choice_logprobs.iter().map(|l| l.exp()).sum();
        ChoiceScore { logits, logsumexp, choice_logprobs, log_odds, compliance, top }
    }
}

/// In f64, largest first taken out.
fn log_sum_exp(logits: &[f32]) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    f64::from(max) + logits.iter().map(|&l| (f64::from(l) - f64::from(max)).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_of_an_answer_add_up() {
        let score = ChoiceScore::new(vec![vec![1.0, 1.0], vec![0.0]], 3.0, vec![]);
        assert!((score.log_odds - (1.0 + 2f64.ln())).abs() < 1e-12);
        assert!((score.choice_logprobs[1] + 3.0).abs() < 1e-12);
        let want = (2.0 * 1f64.exp() + 1.0) / 3f64.exp();
        assert!((score.compliance - want).abs() < 1e-12);
    }
}
