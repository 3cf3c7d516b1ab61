//! Whole prompts: how the texts join, and how each prompt ends.

use std::collections::BTreeSet;

use super::super::error::{Finding, Severity};
use super::super::expand::Context;
use super::super::kind::Kind;
use super::super::model::{Condition, EntitySet, Layout, Prefill, Scenario, Study};
use super::super::prompt::StageForm;
use super::super::prompts::Cast;
use super::wording::{self, ByText, Slips};

/// Prompts are read until this many bytes have been: they are samples.
const MAX_READ: usize = 64 << 20;

/// `said` holds what is wrong inside the texts; it has been told there.
pub fn check(study: &Study, mut said: BTreeSet<String>, findings: &mut Vec<Finding>) {
    let mut found = ByText::default();
    let mut left = MAX_READ;
    for condition in &study.conditions {
        let Ok(entities) = study.entity_set(&condition.entities) else {
            continue;
        };
        for form in [StageForm::Base, StageForm::Chat] {
            let Some(layout) = condition.layout(form) else {
                continue;
            };
            ends(condition, form, layout, findings);
            for language in study.languages.iter().filter(|l| condition.exists(l, form)) {
                let prompts = Samples { study, condition, layout, entities, language, form };
                prompts.check(&mut left, &mut said, &mut found, findings);
            }
        }
    }
    findings.extend(found.findings());
}

/// The last thing of a conversation is the user's.
fn ends(condition: &Condition, form: StageForm, layout: &Layout, findings: &mut Vec<Finding>) {
    let last = layout.parts.last().map_or("", |(role, _)| role);
    if form == StageForm::Chat && last != "user" {
        let message = format!("the last chat message is the {last}'s; the checkpoint answers a user");
        findings.push(Finding::warning(&condition.origin, Kind::AnswerPlace, message));
    }
    if let Prefill::Literal(text) = &layout.prefill
        && text.chars().count() > 40
    {
        let message = "the prefill is longer than 40 characters; it only begins the answer";
        findings.push(Finding::warning(&condition.origin, Kind::Prefill, message));
    }
}

/// One prompt for each scenario type and question of a condition in a language.
struct Samples<'s> {
    study: &'s Study,
    condition: &'s Condition,
    layout: &'s Layout,
    entities: &'s EntitySet,
    language: &'s str,
    form: StageForm,
}

impl<'s> Samples<'s> {
    fn scenarios(&self) -> impl Iterator<Item = &'s Scenario> {
        let mut kinds = BTreeSet::new();
        let set = &self.condition.scenarios;
        let scenarios = self.study.scenarios_in(self.language).iter();
        scenarios.filter(move |s| s.set == *set && kinds.insert(s.kind.as_str()))
    }

    fn check(
        &self,
        left: &mut usize,
        said: &mut BTreeSet<String>,
        found: &mut ByText,
        findings: &mut Vec<Finding>,
    ) {
        let context = Context::new(self.study, self.condition, self.layout, self.entities, self.language);
        let cast = Cast { a: 0, b: 1, first: 0, second: 1 };
        for scenario in self.scenarios() {
            for question in &self.study.questions {
                for (_, template) in &self.layout.parts {
                    let spans = match context.expand(template, Some(scenario), &question.id) {
                        Ok(spans) => spans,
                        Err(more) => {
                            findings.extend(more.into_iter().filter(|f| said.insert(f.message.clone())));
                            continue;
                        }
                    };
                    let text = cast.render(&spans);
                    let Some(rest) = left.checked_sub(text.len()) else {
                        return;
                    };
                    *left = rest;
                    let mut slips = Slips::default();
                    if self.form == StageForm::Base {
                        self.answer_place(&text, &mut slips);
                    }
                    wording::joined(text, &mut slips);
                    found.of(&template.origin).join(slips, |slip| said.insert(slip));
                }
            }
        }
    }

    /// How a base prompt ends decides which token the answer is.
    fn answer_place(&self, text: &str, slips: &mut Slips) {
        if text.ends_with(char::is_whitespace) {
            let message = "the base prompt ends in white space, which many tokenizers join to the answer";
            slips.add(Kind::AnswerPlace, Severity::Warning, message, "");
        }
        let language = self.condition.text_language(self.language);
        let label = |answers: &Vec<String>| {
            answers.iter().any(|a| !a.starts_with('(') && text.contains(&format!("({})", a.trim())))
        };
        if self.study.answers(language).iter().all(label) && !text.ends_with(['(', '（']) {
            let message = "the options are written (A), but the base prompt does not end in `(`: the model may open a bracket first";
            slips.add(Kind::AnswerPlace, Severity::Warning, message, "");
        }
    }
}
