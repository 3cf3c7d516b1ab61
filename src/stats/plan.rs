//! The settings resolved against a table: every name an id, every default filled in.

use std::collections::BTreeMap;

use super::cells::Question;
use super::error::StatsError;
use super::restrict::usual_condition;
use super::settings::{AnalysisSettings, Comparison, Questions, Settings};
use super::table::{Id, Names, Run, Table};
use crate::plain::nearest;

/// A family's checkpoint.
#[derive(Debug, Clone)]
pub struct PlanStage {
    pub name: String,
    pub model: Id,
}

#[derive(Debug, Clone)]
pub struct PlanFamily {
    pub name: String,
    pub home: Home,
    /// In order; a shift is the last minus the first.
    pub stages: Vec<PlanStage>,
}

impl PlanFamily {
    /// First and last stage, where there are two.
    pub fn ends(&self) -> Option<(&PlanStage, &PlanStage)> {
        match self.stages.as_slice() {
            [first, .., last] => Some((first, last)),
            _ => None,
        }
    }
}

/// Where a family's maker is at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// The settings do not say: the family takes no part in the maker test.
    Unknown,
    /// In a country that the table does not have (a partial run).
    Elsewhere,
    Country(Id),
}

impl Home {
    /// +1 at home in the country, -1 elsewhere.
    pub fn sign(self, country: Id) -> Option<f64> {
        match self {
            Home::Unknown => None,
            Home::Country(home) if home == country => Some(1.0),
            _ => Some(-1.0),
        }
    }
}

/// One run, as ids name it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// `model`, or `model@condition` where the condition is not the routed one.
    pub label: String,
    pub model: Id,
    pub language: Id,
    pub condition: Id,
    pub routed: bool,
}

/// A comparison of two conditions, resolved.
#[derive(Debug, Clone)]
pub struct PlanComparison {
    pub name: String,
    pub condition: Id,
    pub baseline: Id,
    /// (language of the condition's rows, of the baseline's).
    pub languages: Vec<(Id, Id)>,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub analysis: AnalysisSettings,
    pub target: Id,
    /// The baseline first.
    pub languages: Vec<Id>,
    pub families: Vec<PlanFamily>,
    /// The two polarities, other questions, then what is made of the two.
    pub questions: Vec<Question>,
    /// In the order of the families, then by name; routed runs first.
    pub subjects: Vec<Subject>,
    pub comparisons: Vec<PlanComparison>,
    /// Checkpoints whose runs the coherence filter counts.
    pub filtered: Vec<Id>,
    /// By model.
    route: Vec<Id>,
    /// (name, by model).
    pub variants: Vec<(String, Vec<Id>)>,
}

impl Plan {
    /// Positive and negative question, where the table has both polarities.
    pub fn polarity(&self) -> Option<(Id, Id)> {
        self.questions.iter().find_map(|q| match *q {
            Question::Preference { positive, negative } => Some((positive, negative)),
            _ => None,
        })
    }

    /// The question that speaks against the country that is chosen, where its counterpart was not asked.
    pub fn turned(&self) -> Option<Id> {
        self.questions.iter().find_map(|q| match *q {
            Question::Turned(question) => Some(question),
            _ => None,
        })
    }

    pub fn preference(&self) -> Option<Question> {
        self.questions.iter().copied().find(|q| q.is_preference())
    }

    /// The question that the confirmatory analysis is about: the preference, else the first one asked.
    pub fn lead(&self) -> Option<Question> {
        self.preference().or(self.questions.first().copied())
    }

    pub fn routed(&self, model: Id) -> Id {
        self.route.get(model as usize).copied().unwrap_or_default()
    }

    /// The routed run of a checkpoint in a language.
    pub fn run<'t>(&self, table: &'t Table, model: Id, language: Id) -> Option<&'t Run> {
        table.run(model, language, self.routed(model))
    }

    /// Resolves every name; one that the table lacks is an error.
    pub fn new(settings: &Settings, table: &Table) -> Result<Plan, StatsError> {
        let lookup = Lookup { settings, table };
        let written = settings.analysis.clone().unwrap_or_default();

        let condition = match &written.condition {
            Some(name) => lookup.find("analysis.condition", "condition", &table.conditions, name)?,
            None => usual_condition(table, None),
        };
        let families = lookup.families()?;
        let mut route = vec![condition; table.models.len()];
        lookup.lay("analysis.route", &written.route, &mut route)?;
        for family in &families {
            for stage in &family.stages {
                let routed = route.get(stage.model as usize).copied().unwrap_or_default();
                lookup.rows(&format!("family `{}`", family.name), stage.model, routed)?;
            }
        }
        let mut variants = Vec::new();
        for variant in &written.coherence.variant {
            let mut other = route.clone();
            lookup.lay(
                &format!("analysis.coherence.variant `{}`", variant.name),
                &variant.route,
                &mut other,
            )?;
            variants.push((variant.name.clone(), other));
        }

        let baseline = match &written.baseline_language {
            Some(name) => lookup.find("analysis.baseline_language", "language", &table.languages, name)?,
            None => table.languages.id("en").unwrap_or_default(),
        };
        let mut languages = vec![baseline];
        languages.extend(table.languages.ids().filter(|l| *l != baseline));

        let is_routed = |run: &&Run| route.get(run.model as usize) == Some(&run.condition);
        let target = match &written.target {
            Some(name) => lookup.find("analysis.target", "country", &table.countries, name)?,
            None => {
                let maker = families.iter().find_map(|f| match f.home {
                    Home::Country(country) => Some(country),
                    _ => None,
                });
                let first = || {
                    table.runs.iter().filter(is_routed).flat_map(|r| &r.countries).map(|c| c.country).min()
                };
                maker.or_else(first).unwrap_or_default()
            }
        };

        let comparisons = written
            .comparison
            .iter()
            .map(|c| lookup.comparison(c))
            .collect::<Result<Vec<_>, StatsError>>()?;
        let questions = lookup.questions(&written)?;
        let mut order: Vec<Id> = families.iter().flat_map(|f| &f.stages).map(|s| s.model).collect();
        let filtered = if order.is_empty() { table.models.ids().collect() } else { order.clone() };
        order.extend(table.models.ids().filter(|m| !order.contains(m)).collect::<Vec<_>>());
        let subjects = subjects(table, &languages, &order, &route);

        let mut plan = Plan {
            analysis: written,
            target,
            languages,
            families,
            questions,
            subjects,
            comparisons,
            filtered,
            route,
            variants,
        };
        plan.analysis.target = Some(table.countries.name(target).to_owned());
        plan.analysis.baseline_language = Some(table.languages.name(baseline).to_owned());
        if let Some((positive, negative)) = plan.polarity() {
            let name = |question| table.questions.name(question).to_owned();
            plan.analysis.questions =
                Some(Questions { positive: Some(name(positive)), negative: Some(name(negative)) });
        } else if let Some(negative) = plan.turned() {
            let negative = Some(table.questions.name(negative).to_owned());
            plan.analysis.questions = Some(Questions { positive: None, negative });
        }
        plan.analysis.condition = Some(table.conditions.name(condition).to_owned());
        Ok(plan)
    }
}

/// Routed runs before the others; within either, languages, then checkpoints, then conditions.
fn subjects(table: &Table, languages: &[Id], order: &[Id], route: &[Id]) -> Vec<Subject> {
    let mut subjects = Vec::with_capacity(table.runs.len());
    for &language in languages {
        for &model in order {
            for run in table.runs.iter().filter(|r| r.model == model && r.language == language) {
                let routed = route.get(model as usize) == Some(&run.condition);
                let mut label = table.models.name(model).to_owned();
                if !routed {
                    label = format!("{label}@{}", table.conditions.name(run.condition));
                }
                subjects.push(Subject { label, model, language, condition: run.condition, routed });
            }
        }
    }
    subjects.sort_by_key(|s| !s.routed);
    subjects
}

/// Finds the settings' names in the table.
struct Lookup<'a> {
    settings: &'a Settings,
    table: &'a Table,
}

impl Lookup<'_> {
    fn find(&self, setting: &str, kind: &'static str, names: &Names, name: &str) -> Result<Id, StatsError> {
        names.id(name).ok_or_else(|| {
            let known = names.iter().take(12).collect::<Vec<_>>().join(", ");
            let more = if names.len() > 12 { ", ..." } else { "" };
            StatsError::UnknownName {
                settings: self.settings.name.clone(),
                setting: setting.to_owned(),
                kind,
                name: name.to_owned(),
                known: format!("{} (it has {known}{more})", nearest(name, names.iter())),
            }
        })
    }

    fn rows(&self, setting: &str, model: Id, condition: Id) -> Result<(), StatsError> {
        if self.table.has(model, condition) {
            return Ok(());
        }
        Err(StatsError::NoRows {
            settings: self.settings.name.clone(),
            setting: setting.to_owned(),
            model: self.table.models.name(model).to_owned(),
            condition: self.table.conditions.name(condition).to_owned(),
        })
    }

    /// Lays a route over `by_model`.
    fn lay(
        &self,
        setting: &str,
        route: &BTreeMap<String, String>,
        by_model: &mut [Id],
    ) -> Result<(), StatsError> {
        for (model, condition) in route {
            let model = self.find(setting, "checkpoint", &self.table.models, model)?;
            let condition = self.find(setting, "condition", &self.table.conditions, condition)?;
            self.rows(setting, model, condition)?;
            if let Some(slot) = by_model.get_mut(model as usize) {
                *slot = condition;
            }
        }
        Ok(())
    }

    fn families(&self) -> Result<Vec<PlanFamily>, StatsError> {
        let mut families = Vec::with_capacity(self.settings.families.len());
        for family in &self.settings.families {
            let setting = format!("family `{}`", family.name);
            let home = match &family.maker_country {
                None => Home::Unknown,
                // A sweep may leave a maker's country out of its pairs; an analysis that is spelled out may not.
                Some(country) if self.settings.partial => {
                    self.table.countries.id(country).map_or(Home::Elsewhere, Home::Country)
                }
                Some(country) => {
                    Home::Country(self.find(&setting, "country", &self.table.countries, country)?)
                }
            };
            let mut stages = Vec::with_capacity(family.stages.len());
            for stage in &family.stages {
                let model = self.find(&setting, "checkpoint", &self.table.models, &stage.model)?;
                stages.push(PlanStage { name: stage.name.clone(), model });
            }
            families.push(PlanFamily { name: family.name.clone(), home, stages });
        }
        // Away from everything that is compared says nothing about a direction.
        if !families.iter().any(|family| matches!(family.home, Home::Country(_))) {
            families.iter_mut().for_each(|family| family.home = Home::Unknown);
        }
        Ok(families)
    }

    fn comparison(&self, comparison: &Comparison) -> Result<PlanComparison, StatsError> {
        let setting = format!("analysis.comparison `{}`", comparison.name);
        let condition = self.find(&setting, "condition", &self.table.conditions, &comparison.condition)?;
        let baseline = self.find(&setting, "condition", &self.table.conditions, &comparison.baseline)?;
        let language = |name: &Option<String>| {
            name.as_ref().map(|name| self.find(&setting, "language", &self.table.languages, name)).transpose()
        };
        let languages = match (language(&comparison.language)?, language(&comparison.baseline_language)?) {
            (None, None) => self.table.languages.ids().map(|l| (l, l)).collect(),
            (Some(l), None) => vec![(l, l)],
            (None, Some(b)) => self.table.languages.ids().map(|l| (l, b)).collect(),
            (Some(l), Some(b)) => vec![(l, b)],
        };
        Ok(PlanComparison { name: comparison.name.clone(), condition, baseline, languages })
    }

    fn questions(&self, analysis: &AnalysisSettings) -> Result<Vec<Question>, StatsError> {
        let names = &self.table.questions;
        let (positive, negative) = match &analysis.questions {
            Some(questions) => {
                let find = |name: &str| self.find("analysis.questions", "question", names, name);
                let of = |name: &Option<String>| name.as_deref().map(find).transpose();
                (of(&questions.positive)?, of(&questions.negative)?)
            }
            None => (names.id("justified"), names.id("unjustified")),
        };
        let mut questions: Vec<Question> =
            [positive, negative].into_iter().flatten().map(Question::Asked).collect();
        questions
            .extend(names.ids().map(Question::Asked).filter(|q| !questions.contains(q)).collect::<Vec<_>>());
        match (positive, negative) {
            (Some(positive), Some(negative)) => {
                questions.push(Question::Preference { positive, negative });
                questions.push(Question::Residual { positive, negative });
            }
            (None, Some(negative)) => questions.push(Question::Turned(negative)),
            _ => {}
        }
        Ok(questions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_maker_whose_country_is_known_has_a_sign() {
        assert_eq!(
            [Home::Country(1), Home::Country(2), Home::Elsewhere].map(|home| home.sign(1)),
            [1.0, -1.0, -1.0].map(Some)
        );
        assert_eq!(Home::Unknown.sign(1), None);
    }
}
