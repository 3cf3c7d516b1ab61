//! The one number by which a figure goes, where it has one.

use serde::Serialize;

use super::super::figure::Estimate;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Headline {
    /// The estimate's field.
    pub field: &'static str,
    pub unit: &'static str,
    pub value: f64,
}

/// `None` for lists, and where the number does not exist.
pub fn headline(estimate: &Estimate) -> Option<Headline> {
    const LOG_ODDS: &str = "log-odds";
    let (field, unit, value) = match estimate {
        Estimate::Clustered(c) => ("mean_cluster", LOG_ODDS, Some(c.mean_cluster)),
        Estimate::Confirmatory(c) => ("estimate", LOG_ODDS, Some(c.estimate)),
        Estimate::Choice(c) => ("mean", "probability", Some(c.mean)),
        Estimate::ChoiceShift(c) => ("mean", "probability", Some(c.mean)),
        Estimate::RoleScaled(r) => ("estimate", "role effects", Some(r.estimate)),
        Estimate::SignFlip(s) => ("p", "probability", s.p),
        Estimate::Cr2(c) => ("mean_row", LOG_ODDS, Some(c.mean_row)),
        Estimate::Firm(f) => ("log_odds.estimate", LOG_ODDS, f.log_odds.estimate),
        Estimate::FamilyByStage(f) => ("F", "F", f.f),
        Estimate::MakerHome(m) => ("mean", LOG_ODDS, Some(m.mean)),
        Estimate::MakerGroups(m) => ("difference", LOG_ODDS, Some(m.difference)),
        Estimate::LanguageInvariance(l) => ("shared", "share", l.shared),
        Estimate::ScenarioDif(d) => ("sd", LOG_ODDS, Some(d.sd)),
        Estimate::Reliability(r) => ("g", "share", r.g),
        Estimate::ItemQuality(q) => ("median", "correlation", q.median),
        Estimate::EmpiricalNull(n) => ("estimate", LOG_ODDS, Some(n.estimate)),
        Estimate::SpecificationCurve(s) => ("median", LOG_ODDS, Some(s.median)),
        Estimate::Effect(e) => ("rms", LOG_ODDS, Some(e.rms)),
        Estimate::Compliance(c) => ("mean", "probability", Some(c.mean)),
        Estimate::Spread(s) => ("mean_cluster.sd", "percentage points", Some(s.mean_cluster.sd)),
        Estimate::Maker(m) => ("mean_cluster.mean", LOG_ODDS, Some(m.mean_cluster.mean)),
        Estimate::LanguagePopulation(l) => ("mean_cluster.mean", LOG_ODDS, Some(l.mean_cluster.mean)),
        Estimate::Correlation(c) => ("r", "correlation", c.r),
        Estimate::Contrast(c) => ("difference", LOG_ODDS, c.difference),
        Estimate::TwoWay(t) => ("mean_row", LOG_ODDS, Some(t.mean_row)),
        Estimate::PlannedContrast(c) => ("mean", LOG_ODDS, Some(c.mean)),
        Estimate::Power(p) => ("sd.quantile", LOG_ODDS, Some(p.sd.quantile)),
        Estimate::Comparison(c) => ("mean_cluster.difference", LOG_ODDS, Some(c.mean_cluster.difference)),
        Estimate::Pairs(_)
        | Estimate::Opponents(_)
        | Estimate::Topics(_)
        | Estimate::CoherenceCounts(_)
        | Estimate::CoherentSet(_)
        | Estimate::CoherenceSweep(_)
        | Estimate::Bank(_)
        | Estimate::Rank(_)
        | Estimate::LeaveOneOut(_) => return None,
    };
    value.map(|value| Headline { field, unit, value })
}
