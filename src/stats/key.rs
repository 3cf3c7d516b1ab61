//! A figure's name: the id that people write, and its parts as fields, so that nobody parses an id.

use serde::Serialize;

use super::cells::{Question, Subset};
use super::figure::{Estimate, Figure};
use super::plan::{PlanFamily, PlanStage, Subject};
use super::table::{Id, Run};
use super::view::View;

/// What a figure is about. What does not apply is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
pub struct Parts {
    /// The recipe's group, the id's first part.
    pub group: &'static str,
    /// Of the rows; of the later side of a difference between languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The other side of a difference between languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_language: Option<String>,
    /// The name in the item table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The later stage of a shift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The condition that another is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_condition: Option<String>,
    /// Whether the condition is the one that the settings read for the checkpoint; a shift's: for both stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset: Option<String>,
    /// Of a comparison, a contrast of types, a variant, a unit: what else tells the figure apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Parts {
    /// A checkpoint as people are told it: `model`, or `model@condition` where the condition is not the routed one.
    pub fn label(&self) -> Option<String> {
        self.labelled(self.checkpoint.as_deref()?)
    }

    /// A family's step: `family`, `family:later-earlier`, `family@condition`.
    pub fn step_label(&self, between: bool) -> Option<String> {
        let family = self.family.as_deref()?;
        match (between, &self.stage, &self.baseline_stage) {
            (true, Some(stage), Some(from)) => Some(format!("{family}:{stage}-{from}")),
            _ => self.labelled(family),
        }
    }

    fn labelled(&self, name: &str) -> Option<String> {
        Some(match (self.routed, self.condition.as_deref()) {
            (Some(false), Some(condition)) => format!("{name}@{condition}"),
            _ => name.to_owned(),
        })
    }

    /// `fr`, or `fr-en` for a difference between languages.
    pub fn spoken(&self) -> Option<String> {
        let language = self.language.as_deref()?;
        Some(
            self.baseline_language
                .as_deref()
                .map_or_else(|| language.to_owned(), |from| format!("{language}-{from}")),
        )
    }
}

/// An id in the making. Each method adds to the id and to the parts.
#[derive(Debug, Clone)]
pub struct Key {
    id: String,
    pub parts: Parts,
    /// The lowest mean compliance of the runs that the figure is made of.
    compliance: Option<f64>,
    step_between: bool,
}

impl Key {
    pub fn new(group: &'static str) -> Key {
        Key {
            id: group.to_owned(),
            parts: Parts { group, ..Parts::default() },
            compliance: None,
            step_between: false,
        }
    }

    fn push(mut self, part: &str) -> Key {
        self.id.push('/');
        self.id.push_str(part);
        self
    }

    /// The runs that the figure is made of.
    pub fn made_of<'r>(mut self, runs: impl IntoIterator<Item = &'r Run>) -> Key {
        let means = runs.into_iter().map(|run| run.compliance).chain(self.compliance);
        self.compliance = means.min_by(f64::total_cmp);
        self
    }

    pub fn language(mut self, language: &str) -> Key {
        self.parts.language = Some(language.to_owned());
        self.push(language)
    }

    /// `fr-en`.
    pub fn languages(mut self, language: &str, baseline: &str) -> Key {
        self.parts.language = Some(language.to_owned());
        self.parts.baseline_language = Some(baseline.to_owned());
        self.push(&format!("{language}-{baseline}"))
    }

    /// A checkpoint in one condition; `label` tells both.
    pub fn subject(mut self, view: &View<'_>, subject: &Subject) -> Key {
        self.parts.checkpoint = Some(view.table.models.name(subject.model).to_owned());
        self.parts.condition = Some(view.table.conditions.name(subject.condition).to_owned());
        self.parts.routed = Some(subject.routed);
        self.push(&subject.label)
    }

    /// A checkpoint by its name alone.
    pub fn checkpoint(mut self, name: &str) -> Key {
        self.parts.checkpoint = Some(name.to_owned());
        self.push(name)
    }

    /// A family's step from one stage to another; `label` tells it.
    pub fn step(mut self, label: &str, family: &PlanFamily, from: &PlanStage, to: &PlanStage) -> Key {
        self.parts.family = Some(family.name.clone());
        self.parts.baseline_stage = Some(from.name.clone());
        self.parts.stage = Some(to.name.clone());
        self.push(label)
    }

    /// The step of a family from its first stage to its last, both routed.
    pub fn family(self, family: &PlanFamily) -> Key {
        let mut key = match family.ends() {
            Some((from, to)) => self.step(&family.name, family, from, to),
            None => self.push(&family.name),
        };
        key.parts.family = Some(family.name.clone());
        key.routed()
    }

    /// A step between two stages that are not the family's ends.
    pub fn between(mut self) -> Key {
        self.step_between = true;
        self
    }

    /// Each checkpoint in the condition that the settings read for it.
    pub fn routed(mut self) -> Key {
        self.parts.routed = Some(true);
        self
    }

    /// Sets the condition without a part of the id.
    pub fn condition(mut self, condition: &str, routed: bool) -> Key {
        self.parts.condition = Some(condition.to_owned());
        self.parts.routed = Some(routed);
        self
    }

    pub fn baseline_condition(mut self, condition: &str) -> Key {
        self.parts.baseline_condition = Some(condition.to_owned());
        self
    }

    pub fn country(mut self, country: &str) -> Key {
        self.parts.country = Some(country.to_owned());
        self.push(country)
    }

    pub fn question(mut self, question: &str) -> Key {
        self.parts.question = Some(question.to_owned());
        self.push(question)
    }

    pub fn subset(mut self, subset: &str) -> Key {
        self.parts.subset = Some(subset.to_owned());
        self.push(subset)
    }

    pub fn name(mut self, name: &str) -> Key {
        self.parts.name = Some(name.to_owned());
        self.push(name)
    }

    /// A part of the id that no field repeats.
    pub fn id_part(self, part: &str) -> Key {
        self.push(part)
    }

    /// Puts a name behind the group's own, as in `coherence@naive`.
    pub fn variant(mut self, name: &str) -> Key {
        self.parts.name = Some(name.to_owned());
        self.id.push('@');
        self.id.push_str(name);
        self
    }

    /// The tail of most ids: `China/justified/coherent70`.
    pub fn selection(self, view: &View<'_>, country: Id, question: Question, subset: &Subset) -> Key {
        self.country(view.country(country)).question(view.question(question)).subset(&subset.name)
    }

    /// The figure of that name; its estimator is called like its group.
    pub fn figure(self, estimate: Estimate) -> Figure {
        let estimator = self.parts.group;
        self.figure_by(estimator, estimate)
    }

    pub fn figure_by(self, estimator: &'static str, estimate: Estimate) -> Figure {
        let Key { id, parts, compliance, step_between } = self;
        Figure { id, parts, estimator, compliance, step_between, adjusted: None, estimate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_called_by_its_stages_only_where_there_are_others() {
        let parts = |routed, stage: Option<&str>| Parts {
            family: Some("f".to_owned()),
            stage: stage.map(str::to_owned),
            baseline_stage: Some("sft".to_owned()),
            condition: Some("main".to_owned()),
            routed,
            ..Parts::default()
        };
        let label = |parts: Parts, between| parts.step_label(between).expect("a family");
        assert_eq!(label(parts(Some(true), Some("dpo")), true), "f:dpo-sft");
        assert_eq!(label(parts(Some(true), Some("dpo")), false), "f");
        assert_eq!(label(parts(Some(false), Some("dpo")), false), "f@main");
        assert_eq!(label(parts(Some(true), None), true), "f");
        assert_eq!(Parts::default().step_label(true), None);
    }
}
