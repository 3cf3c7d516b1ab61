//! Shifts: what post-training changed, and what the language changes. Both are paired, cell by cell.

use super::figure::{Estimate, Figure};
use super::key::Key;
use super::plan::{PlanFamily, PlanStage, Subject};
use super::table::{Id, Run};
use super::view::View;

/// A step of a family from one stage to another, in one language.
pub struct Step<'a> {
    pub family: &'a PlanFamily,
    pub language: Id,
    pub kind: StepKind,
    stages: (&'a PlanStage, &'a PlanStage),
    pub from: &'a Run,
    pub to: &'a Run,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// First stage to last, both routed.
    Ends,
    /// Between neighbours, where there are more than two stages; numbered.
    Between(usize),
    /// First to last under a condition that is not the routed one of both; of [`ON_BASE`], which only a first stage can be
    /// asked, to the last stage's routed run.
    Condition(Id),
}

/// The condition that brings a base prompt closer to a chat's: its hedge sentence.
const ON_BASE: &str = "hedge_on_base";

impl Step<'_> {
    /// `<group>/<language>/<family>`; between neighbours `<family>:<later>-<earlier>`, under a condition
    /// `<family>@<condition>`.
    pub fn key(&self, view: &View<'_>, group: &'static str) -> Key {
        let (from, to) = self.stages;
        let name = &self.family.name;
        let (label, condition) = match self.kind {
            StepKind::Ends => (name.clone(), None),
            StepKind::Between(_) => (format!("{name}:{}-{}", to.name, from.name), None),
            StepKind::Condition(id) => {
                let condition = view.table.conditions.name(id);
                (format!("{name}@{condition}"), Some(condition))
            }
        };
        let key = Key::new(group).language(view.language(self.language)).step(&label, self.family, from, to);
        let key = match self.kind {
            StepKind::Between(_) => key.between(),
            _ => key,
        };
        let key = match condition {
            Some(condition) => key.condition(condition, false),
            None => key.routed(),
        };
        key.made_of([self.from, self.to])
    }
}

/// Every step of which the table has both runs, language by language, family by family.
pub fn steps<'a>(view: &View<'a>) -> Vec<Step<'a>> {
    let (table, plan) = (view.table, view.plan);
    let mut steps = Vec::new();
    for &language in &plan.languages {
        for family in &plan.families {
            let Some((first, last)) = family.ends() else { continue };
            let run = |stage: &PlanStage| plan.run(table, stage.model, language);
            let mut push = |kind, stages: (&'a PlanStage, &'a PlanStage), from, to| {
                if let (Some(from), Some(to)) = (from, to) {
                    steps.push(Step { family, language, kind, stages, from, to });
                }
            };
            push(StepKind::Ends, (first, last), run(first), run(last));
            for (at, pair) in family.stages.windows(2).enumerate().filter(|_| family.stages.len() > 2) {
                if let [from, to] = pair {
                    push(StepKind::Between(at), (from, to), run(from), run(to));
                }
            }
            for condition in table.conditions.ids() {
                if plan.routed(first.model) != condition || plan.routed(last.model) != condition {
                    let on_base = table.conditions.name(condition) == ON_BASE;
                    let asked = |stage: &PlanStage| table.run(stage.model, language, condition);
                    let to = asked(last).or_else(|| run(last).filter(|_| on_base));
                    push(StepKind::Condition(condition), (first, last), asked(first), to);
                }
            }
        }
    }
    steps
}

/// `shift`: a family's last stage less its first, its steps between, and the same under other conditions.
pub fn shifts(view: &View<'_>, out: &mut Vec<Figure>) {
    for step in steps(view) {
        push(view, step.key(view, "shift"), step.from, step.to, out);
    }
}

/// A checkpoint in a language and in the baseline language, in one condition.
pub struct Spoken<'a> {
    pub subject: &'a Subject,
    pub from: &'a Run,
    pub to: &'a Run,
}

impl Spoken<'_> {
    /// `<group>/fr-en/<checkpoint>`.
    pub fn key(&self, view: &View<'_>, group: &'static str) -> Key {
        let Spoken { subject, from, to } = self;
        let key = Key::new(group).languages(view.language(subject.language), view.language(from.language));
        key.subject(view, subject).made_of([*from, *to])
    }
}

/// Every checkpoint and condition in every language but the baseline, where the baseline is there too.
pub fn spoken<'a>(view: &View<'a>) -> Vec<Spoken<'a>> {
    let Some((&baseline, others)) = view.plan.languages.split_first() else { return Vec::new() };
    let mut all = Vec::new();
    for &language in others {
        for (subject, to) in view.runs().filter(|(s, _)| s.language == language) {
            if let Some(from) = view.table.run(subject.model, baseline, subject.condition) {
                all.push(Spoken { subject, from, to });
            }
        }
    }
    all
}

/// `language_shift`: a checkpoint in another language less the same in the baseline language.
pub fn language_shifts(view: &View<'_>, out: &mut Vec<Figure>) {
    for spoken in spoken(view) {
        push(view, spoken.key(view, "language_shift"), spoken.from, spoken.to, out);
    }
}

fn push(view: &View<'_>, key: Key, from: &Run, to: &Run, out: &mut Vec<Figure>) {
    for of_country in &to.countries {
        let country = of_country.country;
        for &question in &view.plan.questions {
            for subset in view.subsets {
                if let Some(shift) = view.shift(to, from, country, question, subset) {
                    let key = key.clone().selection(view, country, question, subset);
                    out.push(key.figure(Estimate::Clustered(shift)));
                }
            }
        }
    }
}
