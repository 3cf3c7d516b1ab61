//! The score of one prompt: how the probability of what comes next falls on the choices.

use serde::{Deserialize, Serialize};

use crate::backend::TokenLogit;

/// What counts for each answer; as JSON the lists alone, `[[32,362],[33]]` or `[[[32],[30,32]],[[33]]]`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(untagged)]
pub enum ChoiceSet {
    /// Next tokens, any of which counts; ids within an answer are distinct, and no id serves two answers.
    Tokens(Vec<Vec<u32>>),
    /// Whole continuations of one or more tokens, any of which counts; they are distinct over all answers.
    Continuations(Vec<Vec<Vec<u32>>>),
}

impl ChoiceSet {
    /// How many tokens or continuations count for each answer.
    pub fn counts(&self) -> Vec<usize> {
        match self {
            ChoiceSet::Tokens(answers) => answers.iter().map(Vec::len).collect(),
            ChoiceSet::Continuations(answers) => answers.iter().map(Vec::len).collect(),
        }
    }
}

/// What the model says at the answer position.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceScore {
    /// In the shape of the choice set: the raw logit of each choice token; of a continuation its log-probability, the sum
    /// over its tokens.
    pub logits: Vec<Vec<f32>>,
    /// `log(sum(exp(logits)))` over the whole vocabulary; of continuations 0, since they are log-probabilities already.
    pub logsumexp: f64,
    /// Per answer: log of the summed probability of its tokens or continuations (natural logarithm).
    pub choice_logprobs: Vec<f64>,
    /// First answer's log-probability less the second's.
    pub log_odds: f64,
    /// Probability that one of the choices comes next.
    pub compliance: f64,
    /// The likeliest tokens, when asked for.
    pub top: Vec<TokenLogit>,
    /// Log-probability of each continuation; empty for tokens.
    pub continuations: Vec<Vec<f64>>,
}

impl ChoiceScore {
    /// From the logits of choice tokens.
    pub fn new(logits: Vec<Vec<f32>>, logsumexp: f64, top: Vec<TokenLogit>) -> ChoiceScore {
        let sums: Vec<f64> =
            logits.iter().map(|l| log_sum_exp(l.iter().map(|&logit| f64::from(logit)))).collect();
        let choice_logprobs: Vec<f64> = sums.iter().map(|s| s - logsumexp).collect();
        let compliance = choice_logprobs.iter().map(|l| l.exp()).sum();
        let log_odds = first_less_second(&sums);
        let continuations = Vec::new();
        ChoiceScore { logits, logsumexp, choice_logprobs, log_odds, compliance, top, continuations }
    }

    /// From the log-probabilities of `ids`, in their shape.
    ///
    /// A continuation that begins with another one is a part of the other's probability: it is left out of the sum over
    /// the answer, and of compliance.
    pub fn of_continuations(continuations: Vec<Vec<f64>>, ids: &[Vec<Vec<u32>>]) -> ChoiceScore {
        let all: Vec<&Vec<u32>> = ids.iter().flatten().collect();
        let answer = |(logprobs, ids): (&Vec<f64>, &Vec<Vec<u32>>)| {
            let others: Vec<&Vec<u32>> = ids.iter().collect();
            log_sum_exp(apart(logprobs, ids, &others))
        };
        let choice_logprobs: Vec<f64> = continuations.iter().zip(ids).map(answer).collect();
        let compliance = continuations
            .iter()
            .zip(ids)
            .flat_map(|(logprobs, ids)| apart(logprobs, ids, &all))
            .map(f64::exp)
            .sum();
        let logits = continuations.iter().map(|list| list.iter().map(|&l| l as f32).collect()).collect();
        let log_odds = first_less_second(&choice_logprobs);
        ChoiceScore {
            logits,
            logsumexp: 0.0,
            choice_logprobs,
            log_odds,
            compliance,
            top: Vec::new(),
            continuations,
        }
    }

    /// Whether it can be told: also where continuations are summed and there is no log-sum-exp to show it.
    pub fn is_finite(&self) -> bool {
        self.log_odds.is_finite() && self.logsumexp.is_finite()
    }
}

/// The log-probabilities of those that do not begin with another of `all`.
fn apart<'a>(
    logprobs: &'a [f64],
    ids: &'a [Vec<u32>],
    all: &[&'a Vec<u32>],
) -> impl Iterator<Item = f64> + Clone {
    let begins = |own: &Vec<u32>| all.iter().any(|other| *other != own && own.starts_with(other));
    let kept: Vec<f64> =
        logprobs.iter().zip(ids).filter(|(_, own)| !begins(own)).map(|(logprob, _)| *logprob).collect();
    kept.into_iter()
}

fn first_less_second(sums: &[f64]) -> f64 {
    match sums {
        [first, second, ..] => first - second,
        _ => f64::NAN,
    }
}

/// In f64, largest first taken out.
fn log_sum_exp(logits: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = logits.clone().fold(f64::NEG_INFINITY, f64::max);
    max + logits.map(|l| (l - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overflowed_is_not_finite() {
        let of =
            |logit: f32, logsumexp: f64| ChoiceScore::new(vec![vec![logit], vec![0.0]], logsumexp, vec![]);
        assert!(of(1.0, 3.0).is_finite());
        assert!(!of(f32::NAN, 3.0).is_finite() && !of(1.0, f64::INFINITY).is_finite());
        let ids = [vec![vec![1, 2]], vec![vec![3]]];
        let whole = |logprob: f64| ChoiceScore::of_continuations(vec![vec![logprob], vec![-2.0]], &ids);
        assert!(whole(-1.0).is_finite() && !whole(f64::NAN).is_finite());
    }

    #[test]
    fn variants_of_an_answer_add_up() {
        let score = ChoiceScore::new(vec![vec![1.0, 1.0], vec![0.0]], 3.0, vec![]);
        assert!((score.log_odds - (1.0 + 2f64.ln())).abs() < 1e-12);
        assert!((score.choice_logprobs[1] + 3.0).abs() < 1e-12);
        let want = (2.0 * 1f64.exp() + 1.0) / 3f64.exp();
        assert!((score.compliance - want).abs() < 1e-12);
    }

    #[test]
    fn a_continuation_of_another_is_not_counted_twice() {
        let ids = [vec![vec![1], vec![1, 2], vec![3]], vec![vec![3, 4], vec![5]]];
        let logprobs = vec![vec![-1.0, -2.0, -3.0], vec![-4.0, -5.0]];
        let score = ChoiceScore::of_continuations(logprobs, &ids);
        let sum = |list: &[f64]| list.iter().map(|l: &f64| l.exp()).sum::<f64>();
        assert!((score.choice_logprobs[0] - sum(&[-1.0, -3.0]).ln()).abs() < 1e-12);
        // Within its own answer [3, 4] stands alone; of what may come next it is a part of [3].
        assert!((score.choice_logprobs[1] - sum(&[-4.0, -5.0]).ln()).abs() < 1e-12);
        assert!((score.compliance - sum(&[-1.0, -3.0, -5.0])).abs() < 1e-12);
        assert!((score.log_odds - (score.choice_logprobs[0] - score.choice_logprobs[1])).abs() < 1e-12);
    }
}
