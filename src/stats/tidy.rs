//! Figures as a tidy table: one row an estimate, every part of its name a column.

use std::io::Write;

use super::cluster::Clustered;
use super::confirmatory::{Block, Confirmatory};
use super::figure::{Analysis, Estimate, Figure};

/// The columns, in their order. docs/data.md says what each holds.
pub const TIDY_COLUMNS: [&str; 33] = [
    "id",
    "group",
    "language",
    "baseline_language",
    "checkpoint",
    "family",
    "stage",
    "baseline_stage",
    "condition",
    "baseline_condition",
    "country",
    "question",
    "subset",
    "name",
    "term",
    "scope",
    "unit",
    "verdict",
    "p_adjusted_by",
    "p_adjusted_over",
    "estimate",
    "se",
    "df",
    "half_width",
    "low",
    "high",
    "t",
    "p",
    "p_adjusted",
    "p_adjusted_tests",
    "types",
    "scenarios",
    "compliance",
];

/// How many of [`TIDY_COLUMNS`] are text; the rest are numbers.
pub const TIDY_TEXTS: usize = 20;

/// One row: texts and numbers, each absent where it does not apply.
#[derive(Debug, Clone, PartialEq)]
pub struct TidyRow<'a> {
    pub texts: [Option<&'a str>; TIDY_TEXTS],
    pub numbers: [Option<f64>; TIDY_COLUMNS.len() - TIDY_TEXTS],
}

/// What an estimate says, in the columns that depend on its kind.
#[derive(Debug, Clone, Copy, Default)]
struct Cells<'a> {
    /// Which of a figure's estimates.
    term: Option<&'a str>,
    /// What is taken to vary.
    scope: Option<&'a str>,
    unit: Option<&'a str>,
    verdict: Option<&'a str>,
    estimate: Option<f64>,
    se: Option<f64>,
    df: Option<f64>,
    half_width: Option<f64>,
    t: Option<f64>,
    p: Option<f64>,
    types: Option<usize>,
    scenarios: Option<usize>,
    /// Whether the figure's adjusted p is this estimate's.
    adjusted: bool,
}

const LOG_ODDS: Option<&str> = Some("log-odds");
const PROBABILITY: Option<&str> = Some("probability");

impl Analysis {
    /// Hands every row to `take`, figure by figure.
    pub fn tidy<E>(&self, mut take: impl FnMut(&TidyRow<'_>) -> Result<(), E>) -> Result<(), E> {
        for figure in self.figures() {
            for cells in cells(figure) {
                take(&row(figure, &cells))?;
            }
        }
        Ok(())
    }

    /// The table as CSV; numbers read back to the same f64, what does not exist is empty.
    pub fn write_csv(&self, out: impl Write) -> std::io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(TIDY_COLUMNS)?;
        self.tidy(|row| {
            let numbers = row.numbers.iter().map(|n| n.map_or_else(String::new, |n| n.to_string()));
            let texts = row.texts.iter().map(|text| text.unwrap_or_default().to_owned());
            csv.write_record(texts.chain(numbers))
        })?;
        csv.flush()
    }

    /// The table in Markdown, the columns that hold something in some row.
    pub fn write_markdown(&self, mut out: impl Write) -> std::io::Result<()> {
        let mut used = [false; TIDY_COLUMNS.len()];
        let cells = |row: &TidyRow<'_>| -> Vec<String> {
            let texts = row.texts.iter().map(|text| text.unwrap_or_default().replace('|', "\\|"));
            let numbers = row.numbers.iter().map(|n| n.map_or_else(String::new, short));
            texts.chain(numbers).map(|cell| cell.replace(['\n', '\r'], " ")).collect()
        };
        self.tidy(|row| {
            used.iter_mut().zip(cells(row)).for_each(|(used, cell)| *used |= !cell.is_empty());
            Ok::<(), std::io::Error>(())
        })?;
        let line = |cells: &[String]| {
            let shown = cells.iter().zip(&used).filter(|(_, used)| **used).map(|(cell, _)| cell.as_str());
            format!("| {} |\n", shown.collect::<Vec<_>>().join(" | "))
        };
        out.write_all(line(&TIDY_COLUMNS.map(str::to_owned)).as_bytes())?;
        let rules: Vec<String> = (0..TIDY_COLUMNS.len())
            .map(|at| if at < TIDY_TEXTS { "---" } else { "--:" }.to_owned())
            .collect();
        out.write_all(line(&rules).as_bytes())?;
        self.tidy(|row| out.write_all(line(&cells(row)).as_bytes()))?;
        out.flush()
    }
}

/// Four digits that count.
fn short(n: f64) -> String {
    match n.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e4).contains(&size) && n.fract() != 0.0 => format!("{n:.3e}"),
        _ if n.fract() == 0.0 => n.to_string(),
        size => format!("{n:.*}", (3 - size.log10().floor() as i32).max(0) as usize),
    }
}

fn row<'a>(figure: &'a Figure, cells: &Cells<'a>) -> TidyRow<'a> {
    let p = &figure.parts;
    let adjusted = figure.adjusted.as_ref().filter(|_| cells.adjusted);
    let beside = |sign: f64| Some(cells.estimate? + sign * cells.half_width?);
    let count = |n: Option<usize>| n.map(|n| n as f64);
    TidyRow {
        texts: [
            Some(&figure.id),
            Some(p.group),
            p.language.as_deref(),
            p.baseline_language.as_deref(),
            p.checkpoint.as_deref(),
            p.family.as_deref(),
            p.stage.as_deref(),
            p.baseline_stage.as_deref(),
            p.condition.as_deref(),
            p.baseline_condition.as_deref(),
            p.country.as_deref(),
            p.question.as_deref(),
            p.subset.as_deref(),
            p.name.as_deref(),
            cells.term,
            cells.scope,
            cells.unit,
            cells.verdict,
            adjusted.map(|a| a.method),
            adjusted.map(|a| a.over),
        ],
        numbers: [
            cells.estimate,
            cells.se,
            cells.df,
            cells.half_width,
            beside(-1.0),
            beside(1.0),
            cells.t,
            cells.p,
            adjusted.and_then(|a| a.p),
            adjusted.map(|a| a.tests as f64),
            count(cells.types),
            count(cells.scenarios),
            figure.compliance,
        ],
    }
}

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
fn cells(figure: &Figure) -> Vec<Cells<'_>> {
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
            let of_question = |q: &'_ super::figure::Named<super::pairs::PairEstimate>| q.0.len();
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
