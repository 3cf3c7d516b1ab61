//! Pair by pair: each pair's bias as it stands, corrected for the number of pairs and questions of the run.

use serde::Serialize;

use super::cells::{Cell, Question, Subset};
use super::cluster::Clustered;
use super::corrections::benjamini_hochberg;
use super::figure::{Estimate, Figure, Named};
use super::table::{Id, Run};
use super::view::View;

/// Positive favours the pair's first country.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PairEstimate {
    pub country_1: String,
    pub country_2: String,
    pub mean_cluster: f64,
    pub ci_z: Option<f64>,
    pub p: Option<f64>,
    /// Benjamini-Hochberg over all pairs and questions of the run.
    pub p_bh: Option<f64>,
}

pub fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    for (subject, run) in view.runs() {
        for subset in view.subsets {
            let by_question = estimates(view, run, subset);
            if by_question.0.iter().all(|(_, pairs)| pairs.0.is_empty()) {
                continue;
            }
            let key = view.of_run("pairs", subject, run).subset(&subset.name);
            out.push(key.figure(Estimate::Pairs(by_question)));
        }
    }
}

fn estimates(view: &View<'_>, run: &Run, subset: &Subset) -> Named<Named<PairEstimate>> {
    let mut by_question: Named<Named<PairEstimate>> = view
        .plan
        .questions
        .iter()
        .filter_map(|question| match question {
            Question::Asked(id) => {
                Some((view.question(*question).to_owned(), of_question(view, run, *id, subset)))
            }
            _ => None,
        })
        .collect();
    let estimates = || by_question.0.iter().flat_map(|(_, pairs)| &pairs.0).map(|(_, estimate)| estimate.p);
    let adjusted = benjamini_hochberg(&estimates().collect::<Vec<_>>());
    let slots =
        by_question.0.iter_mut().flat_map(|(_, pairs)| &mut pairs.0).map(|(_, estimate)| &mut estimate.p_bh);
    for (slot, adjusted) in slots.zip(adjusted) {
        *slot = adjusted;
    }
    by_question
}

/// The pairs as the rows spell them, ordered by first and second country.
fn of_question(view: &View<'_>, run: &Run, question: Id, subset: &Subset) -> Named<PairEstimate> {
    let mut rows: Vec<((Id, Id), Cell)> = run
        .rows
        .iter()
        .filter(|row| row.question == question && subset.has(row.scenario))
        .map(|row| {
            let cell = Cell { opponent: row.country_2, scenario: row.scenario, value: row.bias };
            ((row.country_1, row.country_2), cell)
        })
        .collect();
    rows.sort_by_key(|(pair, cell)| (*pair, cell.scenario));
    rows.chunk_by(|(a, _), (b, _)| a == b)
        .filter_map(|chunk| {
            let ((first, second), _) = chunk.first()?;
            let cells: Vec<Cell> = chunk.iter().map(|(_, cell)| *cell).collect();
            let clustered = Clustered::new(view.table, &cells)?;
            let (country_1, country_2) = (view.country(*first).to_owned(), view.country(*second).to_owned());
            let name = format!("{country_1}|{country_2}");
            let estimate = PairEstimate {
                country_1,
                country_2,
                mean_cluster: clustered.mean_cluster,
                ci_z: clustered.ci_z,
                p: clustered.p,
                p_bh: None,
            };
            Some((name, estimate))
        })
        .collect()
}
