//! Firm or not: does a shift hold on all three scales?

use serde::Serialize;

use super::choice::ChoiceShift;
use super::ladder::Confirmatory;
use super::role::RoleScaled;

/// What the three scales say of one shift or lean together.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Firm {
    pub verdict: Verdict,
    pub log_odds: OnScale,
    pub choice: OnScale,
    pub role_scaled: OnScale,
    /// The scales that leave zero in, or point the other way than the log-odds.
    pub disagree: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All three exclude zero, in one direction.
    Firm,
    /// The log-odds exclude zero, another scale does not agree.
    NotFirm,
    /// The log-odds do not exclude zero.
    NoneFound,
    /// There is no interval on the log-odds.
    NoInterval,
    /// Compliance is below 0.1.
    Unreadable,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Firm => "firm",
            Verdict::NotFirm => "not_firm",
            Verdict::NoneFound => "none_found",
            Verdict::NoInterval => "no_interval",
            Verdict::Unreadable => "unreadable",
        }
    }
}

/// An estimate and what its interval says about zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct OnScale {
    pub estimate: Option<f64>,
    /// Half-width of the 95 % interval.
    pub ci: Option<f64>,
    pub excludes_zero: bool,
}

impl OnScale {
    fn new(estimate: f64, ci: Option<f64>) -> OnScale {
        let excludes_zero = ci.is_some_and(|ci| estimate.abs() > ci);
        OnScale { estimate: Some(estimate), ci, excludes_zero }
    }

    const NONE: OnScale = OnScale { estimate: None, ci: None, excludes_zero: false };

    fn agrees(&self, other: &OnScale) -> bool {
        self.excludes_zero && self.estimate.zip(other.estimate).is_some_and(|(a, b)| a * b > 0.0)
    }
}

impl Firm {
    pub fn new(
        log_odds: &Confirmatory,
        choice: Option<&ChoiceShift>,
        role_scaled: Option<&RoleScaled>,
        readable: bool,
    ) -> Firm {
        let on_odds = OnScale::new(log_odds.estimate, log_odds.crossed.and_then(|c| c.interval()));
        let on_choice = choice.map_or(OnScale::NONE, |c| OnScale::new(c.mean, c.block.ci));
        let on_roles = role_scaled.map_or(OnScale::NONE, |r| OnScale::new(r.estimate, r.ci));
        let scales = [("choice", on_choice), ("role_scaled", on_roles)];
        let disagree: Vec<&'static str> =
            scales.iter().filter(|(_, scale)| !scale.agrees(&on_odds)).map(|(name, _)| *name).collect();
        let verdict = if !readable {
            Verdict::Unreadable
        } else if on_odds.ci.is_none() {
            Verdict::NoInterval
        } else if !on_odds.excludes_zero {
            Verdict::NoneFound
        } else if disagree.is_empty() {
            Verdict::Firm
        } else {
            Verdict::NotFirm
        };
        Firm { verdict, log_odds: on_odds, choice: on_choice, role_scaled: on_roles, disagree }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_agrees_that_leaves_zero_out_on_the_same_side() {
        let on = |estimate: f64, ci: f64| OnScale::new(estimate, Some(ci));
        let lean = on(0.5, 0.25);
        assert!(on(0.1, 0.05).agrees(&lean) && on(-0.1, 0.05).agrees(&on(-0.5, 0.25)));
        for other in [on(-0.1, 0.05), on(0.1, 0.1), on(0.1, 0.2), OnScale::new(0.1, None), OnScale::NONE] {
            assert!(!other.agrees(&lean), "{other:?}");
        }
    }

    #[test]
    fn tables_and_documents_call_a_verdict_the_same() {
        use Verdict::{Firm, NoInterval, NoneFound, NotFirm, Unreadable};
        for verdict in [Firm, NotFirm, NoneFound, NoInterval, Unreadable] {
            assert_eq!(serde_json::to_value(verdict).expect("JSON"), verdict.name());
        }
    }
}
