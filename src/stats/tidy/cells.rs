//! What each kind of estimate has for the tidy table.

use super::super::cluster::Clustered;
use super::super::confirmatory::{Block, Confirmatory};
use super::super::figure::{Estimate, Figure, Named};
use super::super::pairs::PairEstimate;

/// What an estimate says, in the columns that depend on its kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cells<'a> {
    /// Which of a figure's estimates.
    pub term: Option<&'a str>,
    /// What is taken to vary.
    pub scope: Option<&'a str>,
    pub unit: Option<&'a str>,
    pub verdict: Option<&'a str>,
    pub estimate: Option<f64>,
    pub se: Option<f64>,
    pub df: Option<f64>,
    pub half_width: Option<f64>,
    pub t: Option<f64>,
    pub p: Option<f64>,
    pub types: Option<usize>,
    pub scenarios: Option<usize>,
    /// Whether the figure's adjusted p is this estimate's.
    pub adjusted: bool,
}

const LOG_ODDS: Option<&str> = Some("log-odds");
const PROBABILITY: Option<&str> = Some("probability");

fn of_block<'a>(estimate: f64, scope: &'a str, unit: Option<&'a str>, block: &Block) -> Cells<'a> {
    Cells {
        scope: Some(scope),
        unit,
        estimate: Some(estimate),
        se: block.se,
        df: block.df,
        half_width: block.ci,
        t: block.t,
        p: block.p,
        ..Cells::default()
    }
}

fn term<'a>(term: &'a str, unit: Option<&'a str>, estimate: Option<f64>) -> Cells<'a> {
    Cells { term: Some(term), unit, estimate, ..Cells::default() }
}

fn clustered<'a>(c: &Clustered) -> Cells<'a> {
    Cells {
        scope: Some("new_types"),
        unit: LOG_ODDS,
        estimate: Some(c.mean_cluster),
        se: c.se,
        df: Some(c.df as f64),
        half_width: c.ci_t,
        t: c.t,
        p: c.p,
        types: Some(c.clusters),
        adjusted: true,
        ..Cells::default()
    }
}

/// A row for every scope that there is; one without an interval where there is none.
fn scopes<'a>(c: &Confirmatory) -> Vec<Cells<'a>> {
    let named = [
        ("same_types", c.same_types),
        ("new_types", c.new_types),
        ("crossed", c.crossed),
        ("new_opponents", c.new_opponents),
    ];
    let (types, scenarios) = (Some(c.types), Some(c.scenarios));
    let rows: Vec<Cells<'a>> = named
        .into_iter()
        .filter_map(|(scope, block)| {
            let cells = of_block(c.estimate, scope, LOG_ODDS, &block?);
            Some(Cells { types, scenarios, adjusted: scope == "crossed", ..cells })
        })
        .collect();
    match rows.is_empty() {
        true => {
            vec![Cells { unit: LOG_ODDS, estimate: Some(c.estimate), types, scenarios, ..Cells::default() }]
        }
        false => rows,
    }
}

/// One an estimate. Lists of scenarios (`bank`, `coherence`) and ranks are no estimates: the JSON has them.
pub fn cells(figure: &Figure) -> Vec<Cells<'_>> {
    let types = "new_types";
    match &figure.estimate {
        Estimate::Clustered(c) => vec![clustered(c)],
        Estimate::Confirmatory(c) => scopes(c),
        Estimate::Choice(c) => vec![
            Cells { adjusted: true, ..of_block(c.mean, types, PROBABILITY, &c.block) },
            term("in_both_roles", PROBABILITY, Some(c.in_both_roles)),
            term("in_neither", PROBABILITY, Some(c.in_neither)),
            term("role_decides", PROBABILITY, Some(c.role_decides)),
        ],
        Estimate::ChoiceShift(c) => {
            vec![Cells { adjusted: true, ..of_block(c.mean, types, PROBABILITY, &c.block) }]
        }
        Estimate::RoleScaled(r) => {
            let whole = Cells {
                scope: Some(types),
                unit: Some("role effects"),
                estimate: Some(r.estimate),
                se: r.se,
                df: Some(r.df as f64),
                half_width: r.ci,
                p: r.p,
                adjusted: true,
                ..Cells::default()
            };
            let effect = r.role_effect.map(|effect| term("role_effect", LOG_ODDS, Some(effect)));
            [Some(whole), effect].into_iter().flatten().collect()
        }
        Estimate::SignFlip(s) => {
            vec![Cells { p: s.p, types: Some(s.types), scope: Some(types), ..Cells::default() }]
        }
        Estimate::Cr2(c) => vec![Cells {
            scope: Some(types),
            unit: LOG_ODDS,
            estimate: Some(c.mean_row),
            se: c.se,
            df: c.df,
            p: c.p,
            ..Cells::default()
        }],
        Estimate::Firm(f) => vec![Cells { verdict: Some(f.verdict.name()), ..Cells::default() }],
        Estimate::FamilyByStage(f) => vec![Cells {
            unit: Some("F"),
            estimate: f.f,
            df: f.epsilon.map(|e| e * f.df1 as f64),
            p: f.p_greenhouse_geisser,
            ..Cells::default()
        }],
        Estimate::MakerHome(m) => {
            let mut rows = vec![Cells { p: m.p_permutation, ..term("mean", LOG_ODDS, Some(m.mean)) }];
            let standardised = term("standardised", Some("root mean squares"), Some(m.standardised.mean));
            rows.push(Cells { p: m.standardised.p_permutation, ..standardised });
            if let Some(r) = &m.readable {
                rows.push(Cells { p: r.p_permutation, ..term("mean of readable", LOG_ODDS, Some(r.mean)) });
            }
            rows.extend(
                m.advantage.iter().map(|(family, advantage)| term(family, LOG_ODDS, Some(*advantage))),
            );
            rows
        }
        Estimate::MakerGroups(m) => vec![Cells {
            unit: LOG_ODDS,
            estimate: Some(m.difference),
            se: m.se,
            df: m.df,
            p: m.p,
            ..Cells::default()
        }],
        Estimate::LanguageInvariance(l) => vec![term("shared", Some("share"), l.shared)],
        Estimate::ScenarioDif(d) => {
            d.differing.iter().map(|(scenario, d)| term(scenario, LOG_ODDS, Some(d.difference))).collect()
        }
        Estimate::Reliability(r) => vec![
            term("g", Some("share"), r.g),
            term("split_half", Some("correlation"), r.split_half),
            term("spearman_brown", Some("correlation"), r.spearman_brown),
        ],
        Estimate::ItemQuality(q) => {
            q.scenarios.iter().map(|(scenario, r)| term(scenario, Some("correlation"), *r)).collect()
        }
        Estimate::LeaveOneOut(l) => {
            l.opponents.iter().chain(l.types.iter()).map(|(out, e)| term(out, LOG_ODDS, Some(*e))).collect()
        }
        Estimate::EmpiricalNull(n) => vec![Cells {
            scope: Some("crossed"),
            unit: LOG_ODDS,
            estimate: Some(n.estimate),
            se: n.se,
            df: Some(n.df as f64),
            half_width: n.ci,
            p: n.p_calibrated,
            ..Cells::default()
        }],
        Estimate::SpecificationCurve(s) => s
            .specifications
            .iter()
            .map(|(condition, s)| Cells {
                scope: Some("crossed"),
                half_width: s.ci,
                ..term(condition, LOG_ODDS, Some(s.estimate))
            })
            .collect(),
        Estimate::Effect(e) => vec![term("rms", LOG_ODDS, Some(e.rms)), term("mean", LOG_ODDS, Some(e.mean))],
        Estimate::Compliance(c) => vec![term("mean", PROBABILITY, Some(c.mean))],
        Estimate::Correlation(c) => vec![term("r", Some("correlation"), c.r)],
        Estimate::TwoWay(t) => {
            vec![Cells { unit: LOG_ODDS, estimate: Some(t.mean_row), se: t.se, ..Cells::default() }]
        }
        Estimate::PlannedContrast(c) => vec![Cells {
            unit: LOG_ODDS,
            estimate: Some(c.mean),
            se: c.se,
            df: Some(c.df as f64),
            half_width: c.ci_t,
            t: c.t,
            p: c.p,
            scenarios: Some(c.scenarios),
            ..Cells::default()
        }],
        Estimate::Comparison(c) => vec![
            term("baseline", LOG_ODDS, Some(c.mean_cluster.baseline)),
            term("condition", LOG_ODDS, Some(c.mean_cluster.condition)),
            term("difference", LOG_ODDS, Some(c.mean_cluster.difference)),
        ],
        Estimate::Contrast(c) => vec![
            term("inside", LOG_ODDS, c.inside),
            term("outside", LOG_ODDS, c.outside),
            term("difference", LOG_ODDS, c.difference),
        ],
        Estimate::Opponents(o) => {
            o.iter().map(|(name, a)| term(name, LOG_ODDS, Some(a.mean_cluster))).collect()
        }
        Estimate::Topics(t) => t.iter().map(|(name, mean)| term(name, LOG_ODDS, Some(*mean))).collect(),
        Estimate::Maker(m) => {
            let m = &m.mean_cluster;
            let whole = term("mean", LOG_ODDS, Some(m.mean));
            let whole = Cells { df: Some(m.df as f64), t: m.t, p: m.p, ..whole };
            let signed = m.signed.iter().map(|(family, shift)| term(family, LOG_ODDS, Some(*shift)));
            std::iter::once(whole).chain(signed).collect()
        }
        Estimate::LanguagePopulation(l) => {
            let l = &l.mean_cluster;
            let whole = term("mean", LOG_ODDS, Some(l.mean));
            vec![Cells { df: Some(l.df as f64), t: l.t, p: l.p, ..whole }]
        }
        Estimate::CoherenceSweep(s) => {
            s.iter().map(|(least, point)| term(least, LOG_ODDS, Some(point.mean_cluster))).collect()
        }
        Estimate::Pairs(pairs) => {
            let of_question = |q: &'_ Named<PairEstimate>| q.0.len();
            let mut rows = Vec::with_capacity(pairs.iter().map(|(_, q)| of_question(q)).sum());
            for (question, by_pair) in pairs.iter() {
                rows.extend(by_pair.iter().map(|(pair, e)| Cells {
                    scope: Some(question),
                    p: e.p,
                    ..term(pair, LOG_ODDS, Some(e.mean_cluster))
                }));
            }
            rows
        }
        Estimate::Spread(s) => vec![term("sd", Some("percentage points"), Some(s.mean_cluster.sd))],
        Estimate::Power(p) => vec![term("sd", LOG_ODDS, Some(p.sd.quantile))],
        Estimate::CoherenceCounts(_) | Estimate::CoherentSet(_) | Estimate::Bank(_) | Estimate::Rank(_) => {
            Vec::new()
        }
    }
}
