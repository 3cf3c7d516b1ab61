//! What it means: figures from item tables. Knows no token and no prompt.
//!
//! `analyze_with` is the way through: an item table (rows interned and ordered in `table`) and `Settings` become a
//! `plan::Plan`; each group of figures, one file a group, looks at both through a `view::View` and adds to the
//! `Analysis`.

mod adjust;
mod agreement;
mod builder;
mod cells;
mod cluster;
mod coherence;
mod comparison;
mod compliance;
mod confirmatory;
mod corrections;
mod correlation;
mod decomposition;
mod distributions;
mod error;
mod explain;
mod favourability;
mod figure;
mod formats;
mod groups;
pub mod items;
mod key;
mod lines;
mod maker;
mod misnamed;
mod nuisance;
mod origin;
mod pairs;
mod parquet_pages;
mod plan;
mod planned;
mod preregistration;
mod random;
mod restrict;
mod review;
pub mod settings;
mod shape;
mod shift;
pub mod simulate;
mod student;
pub mod summary;
pub mod table;
mod tidy;
mod view;

#[cfg(test)]
mod tests;

pub use adjust::ALPHA;
pub use agreement::{
    AGREEMENT_SCHEMA, Agreement, At, Changed, Conclusion, Conclusions, Differing as DiffersBetween, Joined,
    Pair as ScorePair, Paired, Scores, Side, Spread as LogOddsSpread, agreement_text, conclusions,
    join_items, paired, renamed,
};
pub use builder::{Singly, TableBuilder};
pub use cluster::{Averages, Clustered};
pub use coherence::{CoherenceCounts, CoherentSet, SweepPoint};
pub use comparison::Sides;
pub use compliance::{Quantiles, Tier};
pub use confirmatory::{
    Block, Choice, ChoiceShift, Components, Confirmatory, Cr2, FamilyByStage, Firm, LeftOut, MakerGroups,
    MakerHome, Needed, OnScale, Permuted, Planning, Readable, ReadableGroups, RoleScaled, SignFlip, Size,
    Verdict,
};
pub use corrections::{benjamini_hochberg, holm};
pub use correlation::Coefficient;
pub use decomposition::{Contrast, TwoWay};
pub use error::StatsError;
pub use explain::{
    CellOf, EXPLANATION_SCHEMA, Explainer, Explanation, Headline, Influence, LeftOut as InfluenceOf, MadeOf,
    Part, PromptRead, ReadingOf, explanation_text,
};
pub use favourability::{Rank, Spread, percent};
pub use figure::{Adjusted, Analysis, ByAverage, Estimate, Figure, Named, SCHEMA};
pub use items::{ItemNames, ItemRef, ItemRow, read_table};
pub use key::Parts;
pub use maker::{LanguagePopulation, MakerTest};
pub use misnamed::Nameable;
pub use origin::{CheckpointHashes, Dates, Hashes, Origin, Program};
pub use pairs::PairEstimate;
pub use planned::{PlannedContrast, PowerPlan, SdRange};
pub use preregistration::{Facts, PLAN_SCHEMA, PlanCheck, PlannedHashes, Preregistration};
pub use review::{
    Differing, Effect, EmpiricalNull, ItemQuality, LanguageInvariance, LeaveOneOut, Reliability, ScenarioDif,
    Specification, SpecificationCurve,
};
pub use settings::Settings;
pub use shape::document_schema;
pub use table::Table;
pub use tidy::{TIDY_COLUMNS, TIDY_TEXTS, TidyRow};

use crate::plain::{alike, counted, nearest};
use coherence::Counts;
use groups::Prepared;
use plan::Plan;
use serde_json::{Value, json};
use view::View;

/// Which groups of figures are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipes {
    /// Those of the published study.
    Published,
    /// The complete bank, stated scopes, three scales; what reviewers ask next.
    Confirmatory,
    Both,
}

impl Recipes {
    fn published(self) -> bool {
        self != Recipes::Confirmatory
    }

    fn confirmatory(self) -> bool {
        self != Recipes::Published
    }
}

/// Every figure of rows in memory; [`analyze_table`] is the same for a table that was read.
pub fn analyze(items: &[ItemRow], settings: &Settings) -> Result<Analysis, StatsError> {
    analyze_table(&Table::from_rows(items)?, settings)
}

/// Every figure of a table.
pub fn analyze_table(table: &Table, settings: &Settings) -> Result<Analysis, StatsError> {
    analyze_with(table, settings, Recipes::Both)
}

/// The groups of figures that `recipes` names, for every checkpoint, language, condition, country and question that the
/// table has. A group whose parts the table or the settings lack is absent.
pub fn analyze_with(table: &Table, settings: &Settings, recipes: Recipes) -> Result<Analysis, StatsError> {
    let prepared = Prepared::new(table, settings)?;
    let (plan, counts) = (&prepared.plan, prepared.counts.as_ref());
    let view = prepared.view(table);
    let mut figures = Vec::new();
    compliance::figures(&view, &mut figures);
    if recipes.confirmatory() {
        confirmatory::figures(&view, &mut figures);
        review::figures(&view, &mut figures);
    }
    if recipes.published() {
        published(&view, counts, &mut figures);
    }
    nuisance::role_bias(&view, &mut figures);
    comparison::figures(&view, &mut figures);
    correlation::comparisons(&view, &mut figures);
    nuisance::letter_bias(&view, &mut figures);
    adjust::adjust(&mut figures);

    let mut notes = notes(table, settings, plan);
    notes.extend(comparison::notes(&view));
    let mut analysis = Analysis::new(understood(settings, plan), notes);
    analysis.extend(figures)?;
    Ok(analysis)
}

/// The published study's groups.
fn published(view: &View<'_>, counts: Option<&Counts>, figures: &mut Vec<Figure>) {
    coherence::figures(view, counts, figures);
    favourability::figures(view, figures);
    shift::shifts(view, figures);
    maker::makers(view, figures);
    shift::language_shifts(view, figures);
    maker::language_populations(view, figures);
    correlation::questions(view, figures);
    pairs::figures(view, figures);
    decomposition::figures(view, figures);
    planned::figures(view, figures);
    if let (Some(counts), Some(least)) = (counts, &view.plan.analysis.coherence.sweep) {
        coherence::sweeps(view, counts, least, figures);
    }
}

/// The settings as understood, in the shape of the file.
fn understood(settings: &Settings, plan: &Plan) -> Value {
    let families: Vec<Value> = settings
        .families
        .iter()
        .map(|family| {
            let mut object = serde_json::Map::new();
            object.insert("name".into(), json!(family.name));
            object.insert("maker".into(), json!(family.maker));
            object.insert("maker_country".into(), json!(family.maker_country));
            for stage in &family.stages {
                object.insert(
                    stage.name.clone(),
                    json!({ "model": stage.model, "checkpoint": stage.checkpoint }),
                );
            }
            Value::Object(object)
        })
        .collect();
    json!({ "sha256": settings.sha256, "analysis": plan.analysis, "family": families })
}

/// What the table says in two ways, and what the settings leave unsaid or say in vain.
fn notes(table: &Table, settings: &Settings, plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    if settings.analysis.as_ref().is_none_or(|analysis| analysis.target.is_none()) {
        notes.push(format!(
            "the settings name no target: {} stands in ({}); name one as analysis.target",
            table.countries.name(plan.target),
            match plan.families.iter().any(|family| family.home == plan::Home::Country(plan.target)) {
                true => "the first maker's own country",
                false => "the first country of the table",
            }
        ));
    }
    if let Some(question) = plan.turned() {
        notes.push(format!(
            "only `{}` speaks of the preference, and against the country that is chosen: the preference is that question turned, \
             and what both questions share stays in it",
            table.questions.name(question)
        ));
    } else if plan.polarity().is_none() && table.questions.len() > 1 {
        let asked: Vec<&str> = table.questions.iter().collect();
        notes.push(format!(
            "the table's questions are {}; name their polarity in analysis.questions to get preference and coherence",
            asked.join(", ")
        ));
    }
    for (kind, names) in table.kinds() {
        notes.extend(
            alike(names.iter())
                .into_iter()
                .map(|(one, other)| format!("the {kind} {}", misnamed::read_alike(one, other))),
        );
    }
    for contrast in &plan.analysis.type_contrast {
        for name in contrast.types.iter().filter(|name| table.types.id(name).is_none()) {
            notes.push(format!(
                "type contrast `{}` names the scenario type `{name}`, which the table does not have{}",
                contrast.name,
                nearest(name, table.types.iter())
            ));
        }
    }
    let mut odd =
        table.runs.iter().flat_map(|run| &run.rows).filter(|row| !row.is_mean()).map(|row| row.place);
    if let Some(place) = odd.next() {
        let (first, count) = odd.fold((place, 1), |(first, count), place| (first.min(place), count + 1));
        notes.push(format!(
            "`bias` is not the mean of `diff_fwd` and `diff_rev` in {} (first in {} {first}): preferences are \
             made from `bias`, role bias from the other two",
            counted(count, "row"),
            table.place
        ));
    }
    notes
}
