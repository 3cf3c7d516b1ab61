//! Two conditions of one checkpoint side by side.

use std::collections::HashSet;

use serde::Serialize;

use super::cells::{Cell, Question, Subset, common};
use super::cluster::Averages;
use super::figure::{ByAverage, Estimate, Figure};
use super::key::Key;
use super::table::{Id, Run};
use super::view::View;
use crate::plain::counted;

/// One average of either side. The shifts exist for a checkpoint that is not its family's first stage:
/// each side less that stage, routed, in the language of the side's rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Sides {
    pub baseline: f64,
    pub condition: f64,
    /// condition - baseline.
    pub difference: f64,
    /// condition / baseline.
    pub ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_shift: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition_shift: Option<f64>,
}

/// A checkpoint that has both sides of a comparison.
pub struct Compared<'a> {
    /// The comparison's, in the settings.
    pub name: &'a str,
    pub condition: &'a Run,
    pub baseline: &'a Run,
}

impl Compared<'_> {
    /// `<group>/<language of the condition>/<checkpoint>/<comparison>`.
    pub fn key(&self, view: &View<'_>, group: &'static str) -> Key {
        let Compared { condition, baseline, .. } = self;
        let name = |id: Id| view.table.conditions.name(id);
        let mut key = Key::new(group)
            .language(view.language(condition.language))
            .checkpoint(view.table.models.name(condition.model))
            .name(self.name)
            .condition(name(condition.condition), view.plan.routed(condition.model) == condition.condition)
            .baseline_condition(name(baseline.condition))
            .made_of([*condition, *baseline]);
        if baseline.language != condition.language {
            key.parts.baseline_language = Some(view.language(baseline.language).to_owned());
        }
        key
    }
}

/// Every one, comparison by comparison.
pub fn compared<'a>(view: &View<'a>) -> Vec<Compared<'a>> {
    let mut all = Vec::new();
    for comparison in &view.plan.comparisons {
        for model in view.table.models.ids() {
            for &(language, of_baseline) in &comparison.languages {
                let condition = view.table.run(model, language, comparison.condition);
                let baseline = view.table.run(model, of_baseline, comparison.baseline);
                let Some((condition, baseline)) = condition.zip(baseline) else { continue };
                all.push(Compared { name: &comparison.name, condition, baseline });
            }
        }
    }
    all
}

pub fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    for compared in compared(view) {
        for (country, question, subset) in view.selections(compared.condition) {
            let Some(estimate) = sides(view, &compared, country, question, subset) else { continue };
            let key = compared.key(view, "comparison").selection(view, country, question, subset);
            out.push(key.figure(Estimate::Comparison(Box::new(estimate))));
        }
    }
}

/// A sentence for each checkpoint and language in which one side of a comparison lacks rows of the other.
pub fn notes(view: &View<'_>) -> Vec<String> {
    let rows = |run: &Run| -> HashSet<((Id, Id), Id, Id)> {
        run.rows.iter().map(|row| (row.pair(), row.scenario, row.question)).collect()
    };
    let mut notes = Vec::new();
    for compared in compared(view) {
        let (condition, baseline) = (rows(compared.condition), rows(compared.baseline));
        let both = condition.intersection(&baseline).count();
        let side = |run: &Run, own: usize, other: usize| {
            (both < other).then(|| {
                let lacks = other - both;
                let name = view.table.conditions.name(run.condition);
                format!(
                    "{name} lacks {} that the other side has ({own} against {other})",
                    counted(lacks, "row")
                )
            })
        };
        let sides = [
            side(compared.condition, condition.len(), baseline.len()),
            side(compared.baseline, baseline.len(), condition.len()),
        ];
        let lacking: Vec<String> = sides.into_iter().flatten().collect();
        if !lacking.is_empty() {
            notes.push(format!(
                "comparison `{}`, {} in {}: {}; the two are compared on the rows that both have",
                compared.name,
                view.table.models.name(compared.condition.model),
                view.language(compared.condition.language),
                lacking.join(", and ")
            ));
        }
    }
    notes
}

/// Both sides on the cells that both have, and the shifts on those that the family's first stage has too.
fn sides(
    view: &View<'_>,
    compared: &Compared<'_>,
    country: Id,
    question: Question,
    subset: &Subset,
) -> Option<ByAverage<Sides>> {
    let Compared { condition, baseline, .. } = *compared;
    let cells = |run: &Run| view.cells(run, country, question, subset);
    let averages = |cells: &[Cell]| Averages::new(view.table, cells);
    let (whole_condition, whole_baseline) = (cells(condition), cells(baseline));
    let in_condition = common(&whole_condition, &whole_baseline);
    let in_baseline = common(&whole_baseline, &whole_condition);
    let (of_condition, of_baseline) = (averages(&in_condition)?, averages(&in_baseline)?);

    let model = condition.model;
    let family = view.plan.families.iter().find(|f| f.stages.iter().skip(1).any(|s| s.model == model));
    let first = family.and_then(|f| f.stages.first());
    let shift = |of_side: &[Cell], language: Id| {
        let base = cells(view.plan.run(view.table, first?.model, language)?);
        Some((averages(&common(of_side, &base))?, averages(&common(&base, of_side))?))
    };
    let condition_shift = shift(&in_condition, condition.language);
    let baseline_shift = shift(&in_baseline, baseline.language);

    let side = |average: fn(&Averages) -> f64| {
        let (condition, baseline) = (average(&of_condition), average(&of_baseline));
        let ratio = condition / baseline;
        Sides {
            baseline,
            condition,
            difference: condition - baseline,
            ratio: ratio.is_finite().then_some(ratio),
            baseline_shift: baseline_shift.map(|(of, base)| average(&of) - average(&base)),
            condition_shift: condition_shift.map(|(of, base)| average(&of) - average(&base)),
        }
    };
    Some(ByAverage { mean_row: side(|a| a.mean_row), mean_cluster: side(|a| a.mean_cluster) })
}
