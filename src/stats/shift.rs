//! Shifts: what post-training changed, and what the language changes. Both are paired, cell by cell.

use super::figure::{Estimate, Figure};
use super::plan::{PlanFamily, PlanStage};
use super::table::{Id, Run};
use super::view::View;

/// `shift`: a family's last stage less its first. With more than two stages every step has its own figure,
/// `<family>:<later>-<earlier>`; a condition that is not the routed one on both sides has `<family>@<condition>`.
pub fn shifts(view: &View<'_>, out: &mut Vec<Figure>) {
    for &language in &view.plan.languages {
        for family in &view.plan.families {
            let Some((first, last)) = family.ends() else { continue };
            routed(view, language, &family.name, first, last, out);
            if family.stages.len() > 2 {
                for pair in family.stages.windows(2) {
                    if let [earlier, later] = pair {
                        let label = format!("{}:{}-{}", family.name, later.name, earlier.name);
                        routed(view, language, &label, earlier, later, out);
                    }
                }
            }
            for condition in view.table.conditions.ids() {
                other_condition(view, language, family, condition, out);
            }
        }
    }
}

fn routed(view: &View<'_>, language: Id, label: &str, from: &PlanStage, to: &PlanStage, out: &mut Vec<Figure>) {
    let run = |stage: &PlanStage| view.plan.run(view.table, stage.model, language);
    if let (Some(from), Some(to)) = (run(from), run(to)) {
        push(view, "shift", &format!("{}/{label}", view.language(language)), from, to, out);
    }
}

fn other_condition(view: &View<'_>, language: Id, family: &PlanFamily, condition: Id, out: &mut Vec<Figure>) {
    let Some((first, last)) = family.ends() else { return };
    if view.plan.routed(first.model) == condition && view.plan.routed(last.model) == condition {
        return;
    }
    let run = |stage: &PlanStage| view.table.run(stage.model, language, condition);
    if let (Some(from), Some(to)) = (run(first), run(last)) {
        let head = format!("{}/{}@{}", view.language(language), family.name, view.table.conditions.name(condition));
        push(view, "shift", &head, from, to, out);
    }
}

/// `language_shift`: a checkpoint in another language less the same in the baseline language.
pub fn language_shifts(view: &View<'_>, out: &mut Vec<Figure>) {
    let Some((&baseline, others)) = view.plan.languages.split_first() else { return };
    for &language in others {
        let pair = format!("{}-{}", view.language(language), view.language(baseline));
        for (subject, run) in view.runs().filter(|(s, _)| s.language == language) {
            if let Some(from) = view.table.run(subject.model, baseline, subject.condition) {
                push(view, "language_shift", &format!("{pair}/{}", subject.label), from, run, out);
            }
        }
    }
}

fn push(view: &View<'_>, group: &'static str, head: &str, from: &Run, to: &Run, out: &mut Vec<Figure>) {
    for of_country in &to.countries {
        let country = of_country.country;
        for &question in &view.plan.questions {
            for subset in view.subsets {
                if let Some(shift) = view.shift(to, from, country, question, subset) {
                    out.push(Figure {
                        id: format!("{group}/{head}/{}", view.tail(country, question, subset)),
                        estimator: group,
                        estimate: Estimate::Clustered(shift),
                    });
                }
            }
        }
    }
}
