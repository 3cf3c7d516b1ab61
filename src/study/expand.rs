//! From a condition's layout to spans: every slot filled in, only the entities left open.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{Finding, Origin, list};
use super::model::{Condition, EntitySet, Layout, Scenario, Study, Text};
use super::template::{Piece, Spelling, Template, Who};

/// A prompt that grows past this is a mistake (texts that use each other over and over).
const MAX_BYTES: usize = 1 << 20;
const MAX_PIECES: usize = 1 << 16;
const MAX_DEPTH: usize = 64;

/// A run of text, or an entity with its spelling for each entity of the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    Literal(String),
    Entity(Inserted),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inserted {
    pub who: Who,
    /// The form's name; `None` for an agreement.
    pub form: Option<String>,
    /// By entity of the set.
    pub spelled: Vec<String>,
    /// Language of the spelling.
    pub language: String,
}

/// What fills the slots of a text.
#[derive(Clone, Copy)]
pub(super) struct Context<'s> {
    pub study: &'s Study,
    pub entities: &'s EntitySet,
    /// Of the narrative.
    pub scenario_language: &'s str,
    /// Of everything else.
    pub text_language: &'s str,
    pub replace: &'s BTreeMap<String, String>,
    pub omit: &'s BTreeSet<String>,
}

impl<'s> Context<'s> {
    pub fn new(
        study: &'s Study,
        condition: &'s Condition,
        layout: &'s Layout,
        entities: &'s EntitySet,
        language: &'s str,
    ) -> Self {
        Self {
            study,
            entities,
            scenario_language: language,
            text_language: condition.question_language.as_deref().unwrap_or(language),
            replace: &layout.replace,
            omit: &layout.omit,
        }
    }

    /// Fills in `template` for one scenario and question. Several things may be missing at once.
    pub fn expand(
        &self,
        template: &'s Template,
        scenario: Option<&'s Scenario>,
        question: &'s str,
    ) -> Result<Vec<Span>, Vec<Finding>> {
        let mut work = Work {
            context: *self,
            scenario,
            question,
            spans: Vec::new(),
            findings: Vec::new(),
            stack: Vec::new(),
            bytes: 0,
            pieces: 0,
        };
        work.fill(template, self.text_language);
        if work.findings.is_empty() {
            Ok(work.spans)
        } else {
            Err(work.findings)
        }
    }
}

struct Work<'s> {
    context: Context<'s>,
    scenario: Option<&'s Scenario>,
    question: &'s str,
    spans: Vec<Span>,
    findings: Vec<Finding>,
    /// Names of the texts being filled in, the narrative as `narrative`.
    stack: Vec<&'s str>,
    bytes: usize,
    pieces: usize,
}

impl<'s> Work<'s> {
    fn fill(&mut self, template: &'s Template, language: &'s str) {
        for piece in &template.pieces {
            self.pieces += 1;
            if self.bytes > MAX_BYTES || self.pieces > MAX_PIECES {
                self.stop(template);
                return;
            }
            match piece {
                Piece::Literal(text) => self.literal(text),
                Piece::Entity { who, spelling } => self.entity(*who, spelling, language, template),
                Piece::Slot(name) => self.slot(name, language, template),
                Piece::Narrative => self.narrative(template),
            }
        }
    }

    /// Said once, however many texts are still open.
    fn stop(&mut self, template: &Template) {
        let finding = Finding::error(
            &template.origin,
            "the texts use each other so often that a prompt would exceed a mebibyte",
        );
        if !self.findings.iter().any(|f| f.message == finding.message) {
            self.findings.push(finding);
        }
    }

    fn literal(&mut self, text: &str) {
        self.bytes += text.len();
        if let Some(Span::Literal(last)) = self.spans.last_mut() {
            last.push_str(text);
        } else {
            self.spans.push(Span::Literal(text.to_owned()));
        }
    }

    fn slot(&mut self, name: &'s str, language: &'s str, user: &Template) {
        if self.context.omit.contains(name) {
            return;
        }
        let name = self.context.replace.get(name).map_or(name, String::as_str);
        if self.stack.contains(&name) || self.stack.len() >= MAX_DEPTH {
            let path = self.stack.join(" > ");
            self.findings.push(Finding::error(
                &user.origin,
                format!("the text `{name}` uses itself or nests too deeply ({path} > {name})"),
            ));
            return;
        }
        match self.context.study.text(language, name, self.question) {
            Ok(template) => {
                self.stack.push(name);
                self.fill(template, language);
                self.stack.pop();
            }
            Err(missing) => self.findings.push(missing.finding(&user.origin)),
        }
    }

    fn narrative(&mut self, user: &Template) {
        let Some(scenario) = self.scenario.filter(|_| !self.stack.contains(&"narrative")) else {
            self.findings.push(Finding::error(
                &user.origin,
                "`{narrative}` cannot stand inside a narrative",
            ));
            return;
        };
        self.stack.push("narrative");
        self.fill(&scenario.text, self.context.scenario_language);
        self.stack.pop();
    }

    fn entity(&mut self, who: Who, spelling: &Spelling, language: &'s str, user: &Template) {
        let mut spelled = Vec::with_capacity(self.context.entities.entities.len());
        for entity in &self.context.entities.entities {
            match spell(&entity.id, entity.spelled.get(language), spelling) {
                Ok(text) => spelled.push(text),
                Err(what) => {
                    let set = &self.context.entities.name;
                    let written = written(who, spelling);
                    let message = format!(
                        "`{{{written}}}` cannot be filled in: {what} in {language} (entities/{set}.toml)"
                    );
                    self.findings.push(Finding::error(&user.origin, message));
                }
            }
        }
        self.bytes += spelled.iter().map(String::len).max().unwrap_or(0);
        self.spans.push(Span::Entity(Inserted {
            who,
            form: match spelling {
                Spelling::Form(form) => Some(form.clone()),
                Spelling::Agree(_) => None,
            },
            spelled,
            language: language.to_owned(),
        }));
    }
}

fn spell(
    id: &str,
    spelled: Option<&super::model::Spelled>,
    spelling: &Spelling,
) -> Result<String, String> {
    let Some(spelled) = spelled else {
        return Err(format!("the entity `{id}` has no names"));
    };
    match spelling {
        Spelling::Form(form) => spelled
            .forms
            .get(form)
            .cloned()
            .ok_or_else(|| format!("the entity `{id}` has no form `{form}`")),
        Spelling::Agree(alternatives) => alternatives
            .iter()
            .find(|(class, _)| spelled.agree.contains(class))
            .map(|(_, text)| text.clone())
            .ok_or_else(|| {
                format!(
                    "the entity `{id}` has the classes {}, none of which is among the alternatives",
                    list(spelled.agree.iter().map(String::as_str))
                )
            }),
    }
}

/// A placeholder as it was written, without its braces.
pub(super) fn written(who: Who, spelling: &Spelling) -> String {
    let mut text = who.name().to_owned();
    match spelling {
        Spelling::Form(form) if form == "name" => {}
        Spelling::Form(form) => {
            text.push('.');
            text.push_str(form);
        }
        Spelling::Agree(alternatives) => {
            for (class, alternative) in alternatives {
                text.push_str(&format!("|{class}:{alternative}"));
            }
        }
    }
    text
}

/// A text that a slot asks for and a language does not have.
pub(super) enum MissingText<'a> {
    Text {
        name: &'a str,
        language: &'a str,
    },
    Question {
        name: &'a str,
        question: &'a str,
        origin: &'a Origin,
    },
}

impl MissingText<'_> {
    fn finding(&self, user: &Origin) -> Finding {
        match self {
            Self::Text { name, language } => Finding::error(
                user,
                format!("`{{{name}}}` asks for a text that texts/{language}.toml does not have"),
            ),
            Self::Question {
                name,
                question,
                origin,
            } => Finding::error(
                origin,
                format!("the text `{name}` has nothing for the question `{question}`"),
            ),
        }
    }
}

impl Study {
    /// A text by language, name and question.
    pub(super) fn text<'a>(
        &'a self,
        language: &'a str,
        name: &'a str,
        question: &'a str,
    ) -> Result<&'a Template, MissingText<'a>> {
        match self.texts.get(language).and_then(|texts| texts.get(name)) {
            Some(Text::One(template)) => Ok(template),
            Some(Text::ByQuestion(by_question, origin)) => {
                by_question.get(question).ok_or(MissingText::Question {
                    name,
                    question,
                    origin,
                })
            }
            None => Err(MissingText::Text { name, language }),
        }
    }
}
