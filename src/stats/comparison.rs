//! Two conditions of one checkpoint side by side.

use serde::Serialize;

use super::cells::{Question, Subset};
use super::cluster::Averages;
use super::figure::{ByAverage, Estimate, Figure};
use super::plan::PlanComparison;
use super::table::{Id, Run, Table};
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

impl PlanComparison {
    /// Every checkpoint that has both sides: (checkpoint, the condition's language, condition, baseline).
    pub fn runs<'t>(&self, table: &'t Table) -> Vec<(Id, Id, &'t Run, &'t Run)> {
        let sides = |model: Id, language: Id, baseline_language: Id| {
            let condition = table.run(model, language, self.condition)?;
            let baseline = table.run(model, baseline_language, self.baseline)?;
            Some((model, language, condition, baseline))
        };
        let each = table.models.ids().flat_map(|model| self.languages.iter().map(move |(l, b)| (model, *l, *b)));
        each.filter_map(|(model, language, baseline)| sides(model, language, baseline)).collect()
    }
}

pub fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    for comparison in &view.plan.comparisons {
        for (model, language, condition, baseline) in comparison.runs(view.table) {
            for (country, question, subset) in view.selections(condition) {
                let Some(estimate) = sides(view, model, condition, baseline, country, question, subset) else {
                    continue;
                };
                out.push(Figure {
                    id: format!(
                        "comparison/{}/{}/{}/{}",
                        view.language(language),
                        view.table.models.name(model),
                        comparison.name,
                        view.tail(country, question, subset)
                    ),
                    estimator: "comparison",
                    estimate: Estimate::Comparison(Box::new(estimate)),
                });
            }
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
