//! Which rows a figure is made of, told by its parts.

use super::super::cells::Subset;
use super::super::confirmatory::{Lens, balanced};
use super::super::figure::{Estimate, Figure};
use super::super::plan::PlanFamily;
use super::super::review::null_conditions;
use super::super::table::{Id, Names, Row, Run, Table};
use super::super::view::View;

/// A run with its factor in the figure: 1 and -1 of a difference; 0 where runs are not subtracted.
pub type Factored<'t> = (f64, &'t Run);

/// Figures that rest on pairs without their country too.
const WHOLE: [&str; 6] =
    ["role_scaled", "role_scaled_shift", "firm", "empirical_null", "family_by_stage", "maker_groups"];

pub struct Source<'t> {
    pub runs: Vec<Factored<'t>>,
    /// The questions that it is read from.
    pub questions: Vec<Id>,
    pub country: Option<Id>,
    pub subset: Option<Subset>,
    /// Families of a figure over families.
    pub families: Vec<&'t PlanFamily>,
    /// Types and opponents whose cells its recipe leaves out.
    dropped: [Vec<Id>; 2],
    type_of: &'t [Id],
    whole: bool,
}

impl<'t> Source<'t> {
    pub fn new(view: &View<'t>, figure: &Figure) -> Source<'t> {
        let (table, plan, parts) = (view.table, view.plan, &figure.parts);
        let question = parts.question.as_deref();
        let named = plan.questions.iter().find(|q| question == Some(view.question(**q)));
        let questions = match named {
            Some(question) => question.sides().into_iter().map(|(id, _)| id).collect(),
            None if parts.group == "planned_contrast" => {
                let sides = plan.preference().map(|preference| preference.sides()).unwrap_or_default();
                sides.into_iter().map(|(id, _)| id).collect()
            }
            None => table.questions.ids().collect(),
        };
        let subset = parts.subset.as_deref().and_then(|name| {
            let of_view = view.subsets.iter().find(|subset| subset.name == name).cloned();
            of_view.or_else(|| balanced(table).filter(|subset| subset.name == name))
        });
        let over_families = parts.checkpoint.is_none() && parts.family.is_none();
        Source {
            runs: runs_of(view, figure),
            questions,
            country: id(&table.countries, &parts.country),
            subset,
            families: if over_families { plan.families.iter().collect() } else { Vec::new() },
            dropped: dropped(table, figure),
            type_of: &table.type_of,
            whole: WHOLE.contains(&parts.group),
        }
    }

    pub fn has_run(&self, run: &Run) -> bool {
        let key = |run: &Run| (run.model, run.language, run.condition);
        self.runs.iter().any(|(_, own)| key(own) == key(run))
    }

    /// Whether a row has a part in the figure.
    pub fn has(&self, row: &Row) -> bool {
        self.questions.contains(&row.question)
            && self.country.is_none_or(|country| [row.country_1, row.country_2].contains(&country))
            && self.subset.as_ref().is_none_or(|subset| subset.has(row.scenario))
            && !self.is_dropped(row)
    }

    fn is_dropped(&self, row: &Row) -> bool {
        let [kinds, opponents] = &self.dropped;
        self.type_of.get(row.scenario as usize).is_some_and(|kind| kinds.contains(kind))
            || [row.country_1, row.country_2].iter().any(|country| opponents.contains(country))
    }

    /// The table that the figure can be made from again: its runs, and the pairs that it rests on.
    pub fn table(&self, table: &Table) -> Table {
        let rests = |row: &Row| {
            self.whole || self.country.is_none_or(|c| [row.country_1, row.country_2].contains(&c))
        };
        table.cut(|run| self.has_run(run), |_, row| rests(row))
    }

    /// (pair, scenario) of every cell: for a difference those that every run has whole, else those of any.
    pub fn cells(&self) -> Vec<((Id, Id), Id)> {
        let of_run = |run: &Run| {
            let mut cells = Vec::new();
            let rows: Vec<&Row> = run.rows.iter().filter(|row| self.has(row)).collect();
            for cell in rows.chunk_by(|a, b| (a.pair(), a.scenario) == (b.pair(), b.scenario)) {
                let whole = cell.len() == self.questions.len();
                if let Some(row) = cell.first().filter(|_| whole || !self.is_paired()) {
                    cells.push((row.pair(), row.scenario));
                }
            }
            cells
        };
        let mut runs = self.runs.iter().map(|(_, run)| of_run(run));
        let mut all = runs.next().unwrap_or_default();
        for cells in runs {
            match self.is_paired() {
                true => all.retain(|cell| cells.binary_search(cell).is_ok()),
                false => all.extend(cells),
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    fn is_paired(&self) -> bool {
        self.runs.len() > 1 && self.runs.iter().all(|(factor, _)| *factor != 0.0)
    }
}

/// As the estimate names them.
fn dropped(table: &Table, figure: &Figure) -> [Vec<Id>; 2] {
    let Estimate::Confirmatory(of) = &figure.estimate else { return Default::default() };
    let ids = |names: &Names, dropped: &[String]| dropped.iter().filter_map(|name| names.id(name)).collect();
    [ids(&table.types, &of.dropped_types), ids(&table.countries, &of.dropped_opponents)]
}

fn id(names: &Names, part: &Option<String>) -> Option<Id> {
    part.as_deref().and_then(|name| names.id(name))
}

/// The runs that a figure is made of, each with its factor.
pub fn runs_of<'t>(view: &View<'t>, figure: &Figure) -> Vec<Factored<'t>> {
    let parts = &figure.parts;
    let (table, plan) = (view.table, view.plan);
    let language = id(&table.languages, &parts.language);
    let baseline = id(&table.languages, &parts.baseline_language);
    let condition = id(&table.conditions, &parts.condition);
    let (language, languages) = match language {
        Some(language) => (language, vec![language]),
        None => (0, plan.languages.clone()),
    };
    let nulls = Lens::new(view).map_or_else(Vec::new, |lens| null_conditions(&lens));
    let routed = |model: Id| condition.unwrap_or_else(|| plan.routed(model));
    let mut found: Vec<(f64, Option<&Run>)> = Vec::new();
    if let Some(model) = id(&table.models, &parts.checkpoint) {
        let own = routed(model);
        match parts.group {
            "specification_curve" => {
                let conditions = table.conditions.ids().filter(|id| !nulls.contains(id));
                found.extend(conditions.map(|c| (0.0, table.run(model, language, c))));
            }
            "empirical_null" => {
                found.push((1.0, table.run(model, language, own)));
                let null = id(&table.conditions, &parts.name).unwrap_or(own);
                found.push((0.0, table.run(model, language, null)));
            }
            "language_invariance" => {
                found.extend(languages.iter().map(|l| (0.0, table.run(model, *l, own))));
            }
            _ => {
                found.push((1.0, table.run(model, language, own)));
                let other = id(&table.conditions, &parts.baseline_condition);
                if baseline.is_some() || other.is_some() {
                    let (from, condition) = (baseline.unwrap_or(language), other.unwrap_or(own));
                    found.push((-1.0, table.run(model, from, condition)));
                }
            }
        }
    } else if let Some(family) = plan.families.iter().find(|f| parts.family.as_ref() == Some(&f.name)) {
        let stage = |name: &Option<String>| {
            let stage = family.stages.iter().find(|stage| Some(&stage.name) == name.as_ref());
            stage.map(|stage| stage.model)
        };
        let stages = [(1.0, stage(&parts.stage)), (-1.0, stage(&parts.baseline_stage))];
        for (sign, spoken) in [(1.0, Some(language)), (-1.0, baseline)] {
            for (factor, model) in stages {
                let Some((model, spoken)) = model.zip(spoken) else { continue };
                if parts.group == "specification_curve_shift" {
                    let conditions = table.conditions.ids().filter(|id| !nulls.contains(id));
                    found.extend(conditions.map(|c| (0.0, table.run(model, spoken, c))));
                } else {
                    found.push((sign * factor, table.run(model, spoken, routed(model))));
                }
            }
        }
    } else if parts.group == "coherence" {
        let variant = plan.variants.iter().find(|(name, _)| Some(name) == parts.name.as_ref());
        for &model in &plan.filtered {
            let route = variant.and_then(|(_, route)| route.get(model as usize).copied());
            let condition = route.unwrap_or_else(|| routed(model));
            found.extend(languages.iter().map(|l| (0.0, table.run(model, *l, condition))));
        }
    } else if parts.group != "bank" {
        for spoken in [Some(language), baseline].into_iter().flatten() {
            let ends = plan.families.iter().filter_map(|family| view.ends(family, spoken));
            found.extend(ends.flat_map(|(first, last)| [(0.0, Some(last)), (0.0, Some(first))]));
        }
    }
    found.into_iter().filter_map(|(factor, run)| Some((factor, run?))).collect()
}
