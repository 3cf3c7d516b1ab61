//! Two conditions of one checkpoint side by side.

use serde::Serialize;

use super::cells::{Question, Subset};
use super::cluster::Averages;
use super::figure::{ByAverage, Estimate, Figure};
use super::table::{Id, Run};
use super::view::View;

/// One average of either side. The shifts exist for a checkpoint that is not its family's first stage:
/// each side less that stage, routed, in the language of the side's rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
    /// In ids: `<language of the condition>/<checkpoint>/<comparison>`.
    pub name: String,
    pub model: Id,
    pub condition: &'a Run,
    pub baseline: &'a Run,
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
                let checkpoint = view.table.models.name(model);
                let name = format!("{}/{checkpoint}/{}", view.language(language), comparison.name);
                all.push(Compared { name, model, condition, baseline });
            }
        }
    }
    all
}

pub fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    for Compared { name, model, condition, baseline } in compared(view) {
        for (country, question, subset) in view.selections(condition) {
            let Some(estimate) = sides(view, model, condition, baseline, country, question, subset) else {
                continue;
            };
            out.push(Figure {
                id: format!("comparison/{name}/{}", view.tail(country, question, subset)),
                estimator: "comparison",
                estimate: Estimate::Comparison(Box::new(estimate)),
            });
        }
    }
}

fn sides(
    view: &View<'_>,
    model: Id,
    condition: &Run,
    baseline: &Run,
    country: Id,
    question: Question,
    subset: &Subset,
) -> Option<ByAverage<Sides>> {
    let averages = |run: &Run| Averages::new(view.table, &view.cells(run, country, question, subset));
    let (of_condition, of_baseline) = (averages(condition)?, averages(baseline)?);

    let family = view.plan.families.iter().find(|f| f.stages.iter().skip(1).any(|s| s.model == model));
    let first = family.and_then(|f| f.stages.first());
    let base = |language: Id| averages(view.plan.run(view.table, first?.model, language)?);
    let (condition_base, baseline_base) = (base(condition.language), base(baseline.language));

    let side = |average: fn(&Averages) -> f64| {
        let (condition, baseline) = (average(&of_condition), average(&of_baseline));
        let ratio = condition / baseline;
        Sides {
            baseline,
            condition,
            difference: condition - baseline,
            ratio: ratio.is_finite().then_some(ratio),
            baseline_shift: baseline_base.map(|base| baseline - average(&base)),
            condition_shift: condition_base.map(|base| condition - average(&base)),
        }
    };
    Some(ByAverage { mean_row: side(|a| a.mean_row), mean_cluster: side(|a| a.mean_cluster) })
}
