//! The prompts of a condition: each pair, scenario, question, role assignment and option order once.

use std::collections::BTreeSet;
use std::iter::FusedIterator;

use super::error::{Finding, StudyError};
use super::expand::{Context, Span};
use super::model::{Layout, Prefill, Scenario, Study};
use super::prompt::{Message, OptionOrder, Prompt, PromptText, Roles, StageForm};
use super::query::{PromptQuery, malformed};
use super::sample;
use super::template::Who;

/// The text of all scenarios and questions of a condition, before entities are put in.
const MAX_TEXT: usize = 64 << 20;

/// Two role assignments and two option orders.
pub(super) const VARIANTS: usize = 4;

/// Prompts in a fixed order: by pair, scenario, question, roles (`fwd`, `rev`), option order (`12`, `21`).
#[derive(Debug, Clone)]
pub struct Prompts {
    language: String,
    condition: String,
    form: StageForm,
    prefill: String,
    /// Ids of the entity set.
    entities: Vec<String>,
    pairs: Vec<(usize, usize)>,
    /// Scenarios, each with every question.
    items: Vec<Item>,
    next: usize,
    end: usize,
}

#[derive(Debug, Clone)]
struct Item {
    scenario: String,
    kind: String,
    question: String,
    /// Role (empty for plain text) and spans.
    parts: Vec<(String, Vec<Span>)>,
}

impl Study {
    /// The prompts of one condition in one language and form.
    pub fn prompts(&self, query: &PromptQuery) -> Result<Prompts, StudyError> {
        self.check_language(&query.language)?;
        let condition = self.condition(&query.condition)?;
        let not_asked = || StudyError::NotAsked {
            condition: query.condition.clone(),
            language: query.language.clone(),
            form: query.form.name(),
        };
        let layout = condition.layout(query.form).ok_or_else(not_asked)?;
        if !condition.exists(&query.language, query.form) {
            return Err(not_asked());
        }
        let entities = self.entity_set(&condition.entities)?;
        if let Some(language) = &condition.question_language {
            self.check_language(language)?;
        }
        let prefill = match (&layout.prefill, &query.prefill) {
            (Prefill::Literal(text), _) => text.clone(),
            (Prefill::Checkpoint, Some(text)) => text.clone(),
            (Prefill::Checkpoint, None) => {
                return Err(StudyError::NeedsPrefill { condition: condition.name.clone() });
            }
        };
        let pairs = self.wanted_pairs(entities, query)?;
        let scenarios = self.wanted_scenarios(condition, query)?;
        let mut items = Vec::with_capacity(scenarios.len() * self.questions.len());
        let mut bytes = 0;
        let context = Context::new(self, condition, layout, entities, &query.language);
        for scenario in scenarios {
            for question in &self.questions {
                let item = item(&context, layout, scenario, &question.id)?;
                bytes += item.bytes();
                if bytes > MAX_TEXT {
                    let message = "the prompts of the condition hold more than 64 MiB of text";
                    return Err(malformed(vec![Finding::error(&condition.origin, message)]));
                }
                items.push(item);
            }
        }
        let end = pairs.len() * items.len() * VARIANTS;
        Ok(Prompts {
            language: query.language.clone(),
            condition: condition.name.clone(),
            form: query.form,
            prefill,
            entities: entities.entities.iter().map(|e| e.id.clone()).collect(),
            pairs,
            items,
            next: 0,
            end,
        })
    }
}

impl Item {
    /// Literal text and spans.
    fn bytes(&self) -> usize {
        let spans = self.parts.iter().flat_map(|(_, spans)| spans);
        spans
            .map(|span| match span {
                Span::Literal(text) => text.len() + size_of::<Span>(),
                Span::Entity(_) => size_of::<Span>(),
            })
            .sum()
    }
}

fn item<'s>(
    context: &Context<'s>,
    layout: &'s Layout,
    scenario: &'s Scenario,
    question: &'s str,
) -> Result<Item, StudyError> {
    let mut parts = Vec::with_capacity(layout.parts.len());
    for (role, template) in &layout.parts {
        let spans = context.expand(template, Some(scenario), question).map_err(malformed)?;
        parts.push((role.clone(), spans));
    }
    Ok(Item {
        scenario: scenario.id.clone(),
        kind: scenario.kind.clone(),
        question: question.to_owned(),
        parts,
    })
}

/// Which entity of the set stands behind each placeholder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cast {
    pub a: usize,
    pub b: usize,
    pub first: usize,
    pub second: usize,
}

impl Cast {
    pub fn new((one, two): (usize, usize), roles: Roles, order: OptionOrder) -> Self {
        let (a, b) = match roles {
            Roles::Fwd => (one, two),
            Roles::Rev => (two, one),
        };
        let (first, second) = match order {
            OptionOrder::First => (one, two),
            OptionOrder::Second => (two, one),
        };
        Self { a, b, first, second }
    }

    pub fn index(self, who: Who) -> usize {
        match who {
            Who::A => self.a,
            Who::B => self.b,
            Who::First => self.first,
            Who::Second => self.second,
        }
    }

    /// The span's text for this cast.
    pub fn text(self, span: &Span) -> &str {
        match span {
            Span::Literal(text) => text,
            Span::Entity(entity) => entity.spelled.get(self.index(entity.who)).map_or("", String::as_str),
        }
    }

    pub fn render(self, spans: &[Span]) -> String {
        let mut text = String::with_capacity(spans.iter().map(|s| self.text(s).len()).sum());
        for span in spans {
            text.push_str(self.text(span));
        }
        text
    }
}

impl Prompts {
    /// What a sample is drawn from.
    pub(super) fn layout(&self) -> sample::Layout {
        let mut types: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut questions = 0;
        for (index, chunk) in self.items.chunk_by(|a, b| a.scenario == b.scenario).enumerate() {
            questions = chunk.len();
            let Some(kind) = chunk.first().map(|item| item.kind.as_str()) else { continue };
            match types.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, scenarios)) => scenarios.push(index),
                None => types.push((kind, vec![index])),
            }
        }
        let types = types.into_iter().map(|(_, scenarios)| scenarios).collect();
        sample::Layout { pairs: self.pairs.clone(), types, questions }
    }

    /// How many pairs and scenario types the prompts at `places` are about.
    pub fn spread(&self, places: &[usize]) -> (usize, usize) {
        let (mut pairs, mut types) = (BTreeSet::new(), BTreeSet::new());
        let items = self.items.len().max(1);
        for group in places.iter().map(|place| place / VARIANTS) {
            pairs.insert(group / items);
            types.extend(self.items.get(group % items).map(|item| &item.kind));
        }
        (pairs.len(), types.len())
    }

    /// The prompt at a place of the whole order, whatever has been taken from the iterator.
    pub fn get(&self, index: usize) -> Option<Prompt> {
        let (group, variant) = (index / VARIANTS, index % VARIANTS);
        let per_pair = self.items.len();
        let pair = *self.pairs.get(group.checked_div(per_pair)?)?;
        let item = self.items.get(group % per_pair)?;
        let roles = if variant < 2 { Roles::Fwd } else { Roles::Rev };
        let order = if variant % 2 == 0 { OptionOrder::First } else { OptionOrder::Second };
        let cast = Cast::new(pair, roles, order);
        let one = self.entities.get(pair.0)?;
        let two = self.entities.get(pair.1)?;
        let id = format!(
            "{}/{}/{one}-{two}/{}/{}/{}/{}",
            self.language,
            self.condition,
            item.scenario,
            item.question,
            roles.name(),
            order.name()
        );
        let text = match self.form {
            StageForm::Base => {
                let part = item.parts.first()?;
                PromptText::Plain(cast.render(&part.1))
            }
            StageForm::Chat => PromptText::Chat {
                messages: item
                    .parts
                    .iter()
                    .map(|(role, spans)| Message { role: role.clone(), content: cast.render(spans) })
                    .collect(),
                prefill: self.prefill.clone(),
            },
        };
        Some(Prompt {
            id,
            language: self.language.clone(),
            condition: self.condition.clone(),
            pair: [one.clone(), two.clone()],
            scenario: item.scenario.clone(),
            scenario_type: item.kind.clone(),
            question: item.question.clone(),
            roles,
            order,
            text,
        })
    }
}

impl Iterator for Prompts {
    type Item = Prompt;

    fn next(&mut self) -> Option<Prompt> {
        let prompt = self.get(self.next)?;
        self.next += 1;
        Some(prompt)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Prompts {}
impl FusedIterator for Prompts {}
