//! Where a figure comes from: what it is, which runs, items and figures it is made of, and what moves it most.
//!
//! What something moves is told by making the figure again without it, by its own recipe, on a table cut down to what the
//! figure rests on: there is no second formula that could disagree with the first.

mod again;
mod catalogue;
mod explanation;
mod headline;
mod made_from;
mod source;
#[cfg(test)]
mod tests;
mod text;

pub use explanation::{CellOf, Counts, Explanation, Influence, LeftOut, MadeOf, Part, PromptRead, ReadingOf};
pub use headline::Headline;
pub(super) use headline::headline as headline_of;
pub use text::explanation_text;

use std::collections::BTreeSet;

use super::error::StatsError;
use super::figure::{Analysis, Figure};
use super::groups::Prepared;
use super::settings::Settings;
use super::table::{Id, Table};
use again::{Again, Out};
use catalogue::{Listed, entry_of};
use headline::headline;
use made_from::made_from;
use source::Source;
pub(super) use source::runs_of;

/// What the JSON document calls its shape.
pub const EXPLANATION_SCHEMA: &str = "tiltmeter-explanation/1";

/// Explains figures of one table.
pub struct Explainer<'t> {
    table: &'t Table,
    prepared: Prepared,
}

impl<'t> Explainer<'t> {
    /// # Errors
    /// As [`super::analyze_with`]'s.
    pub fn new(table: &'t Table, settings: &Settings) -> Result<Explainer<'t>, StatsError> {
        let mut prepared = Prepared::new(table, settings)?;
        // A figure's one number needs neither, and they take most of a recipe's time.
        prepared.plan.analysis.power.effects.clear();
        prepared.plan.analysis.margins.clear();
        Ok(Explainer { table, prepared })
    }

    /// A figure of `analysis`, which was made of the same table and settings, with the `most` cells that move it most.
    pub fn explain(&self, analysis: &Analysis, figure: &Figure, most: usize) -> Explanation {
        let view = self.prepared.view(self.table);
        let source = Source::new(&view, figure);
        let entry = entry_of(figure.parts.group);
        let cells = source.cells();
        let kind = |scenario: Id| self.table.type_of.get(scenario as usize).copied().unwrap_or_default();
        let kinds: BTreeSet<Id> = cells.iter().map(|(_, scenario)| kind(*scenario)).collect();
        let pairs: BTreeSet<(Id, Id)> = cells.iter().map(|(pair, _)| *pair).collect();
        let scenarios: BTreeSet<Id> = cells.iter().map(|(_, scenario)| *scenario).collect();
        let part = |(factor, run): &source::Factored<'_>| Part {
            factor: *factor,
            checkpoint: self.table.models.name(run.model).to_owned(),
            language: view.language(run.language).to_owned(),
            condition: self.table.conditions.name(run.condition).to_owned(),
            items: run.rows.iter().filter(|row| source.has(row)).count(),
            compliance: run.compliance,
        };
        let runs: Vec<Part> = source.runs.iter().map(part).collect();
        let items = runs.iter().map(|run| run.items).sum();
        let influence = match entry.map(|entry| entry.listed) {
            None => Influence::default(),
            Some(Listed::Nothing(why)) => Influence { untold: Some(why), ..Influence::default() },
            Some(listed) => {
                let again = Again::new(self, figure, &source);
                let mut influence = Influence {
                    types: again.each(kinds.iter().map(|k| Out::Kind(*k)), self.table),
                    pairs: again.each(pairs.iter().map(|p| Out::Pair(*p)), self.table),
                    families: again.each((0..source.families.len()).map(Out::Family), self.table),
                    ..Influence::default()
                };
                match listed {
                    Listed::Clusters(why) => influence.untold = Some(why),
                    _ => influence.cells = again.cells(self.table, &cells, most),
                }
                influence
            }
        };
        Explanation {
            schema: EXPLANATION_SCHEMA,
            id: figure.id.clone(),
            parts: figure.parts.clone(),
            definition: entry.map_or("", |entry| entry.definition),
            formula: entry.map_or("", |entry| entry.formula),
            documented: entry.map_or("", |entry| entry.documented),
            headline: headline(&figure.estimate),
            adjusted: figure.adjusted.clone(),
            compliance: figure.compliance,
            estimate: figure.estimate.clone(),
            made_from: entry.map_or_else(Vec::new, |entry| made_from(analysis, figure, entry, &runs)),
            runs,
            made_of: Counts {
                cells: cells.len(),
                items,
                prompts: 4 * items,
                pairs: pairs.len(),
                scenarios: scenarios.len(),
                types: kinds.len(),
            },
            influence,
        }
    }
}
