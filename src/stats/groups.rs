//! What a table and settings come to before any figure is made, and one group of figures at a time.

use super::cells::Subset;
use super::coherence::{self, Counts};
use super::error::StatsError;
use super::figure::Figure;
use super::plan::Plan;
use super::settings::Settings;
use super::table::{Id, Table};
use super::view::View;
use super::{
    comparison, compliance, confirmatory, correlation, decomposition, favourability, maker, nuisance, pairs,
    planned, review, shift,
};

#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub plan: Plan,
    pub counts: Option<Counts>,
    pub subsets: Vec<Subset>,
}

impl Prepared {
    pub fn new(table: &Table, settings: &Settings) -> Result<Prepared, StatsError> {
        let mut plan = Plan::new(settings, table)?;
        let counts = Counts::new(table, &plan, |model| plan.routed(model));
        let mut subsets = vec![Subset::all(table)];
        if let Some(counts) = &counts {
            let kept = counts.subset(plan.analysis.coherence.subset);
            subsets.extend(kept.keep.contains(&true).then_some(kept));
            plan.analysis.coherence.sweep.get_or_insert_with(|| counts.default_sweep());
        }
        Ok(Prepared { plan, counts, subsets })
    }

    /// A look at `table`, which has the names of the one that this was made of.
    pub fn view<'a>(&'a self, table: &'a Table) -> View<'a> {
        View { table, plan: &self.plan, subsets: &self.subsets, only: None }
    }

    /// The figures of one group (and of those that are made in one go with it), by the recipe of the whole analysis; where `only`
    /// a country's are asked for, other countries' may be left out.
    pub fn group(&self, table: &Table, group: &str, only: Option<Id>) -> Vec<Figure> {
        let view = &View { only, ..self.view(table) };
        let mut figures = Vec::new();
        let out = &mut figures;
        match group {
            "compliance" => compliance::figures(view, out),
            "coherence" | "bank" => coherence::figures(view, self.counts.as_ref(), out),
            "coherence_sweep" => {
                if let (Some(counts), Some(least)) = (&self.counts, &self.plan.analysis.coherence.sweep) {
                    coherence::sweeps(view, counts, least, out);
                }
            }
            "favourability" | "spread" | "rank" => favourability::figures(view, out),
            "shift" => shift::shifts(view, out),
            "language_shift" => shift::language_shifts(view, out),
            "maker" => maker::makers(view, out),
            "language_population" => maker::language_populations(view, out),
            "question_correlation" => correlation::questions(view, out),
            "comparison_correlation" => correlation::comparisons(view, out),
            "comparison" => comparison::figures(view, out),
            "pairs" => pairs::figures(view, out),
            "opponents" | "topics" | "type_contrast" | "two_way" => decomposition::figures(view, out),
            "planned_contrast" | "power" => planned::figures(view, out),
            "role_bias" => nuisance::role_bias(view, out),
            "letter_bias" | "letter_effect" => {
                nuisance::letter_bias(view, out);
            }
            group if review::GROUPS.contains(&group) => review::group(view, group, out),
            group => confirmatory::group(view, group, out),
        }
        figures
    }
}
