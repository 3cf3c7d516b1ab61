//! From a condition's layout to spans: every slot filled in, only the entities left open.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::error::{Finding, Origin, list};
use super::model::{Condition, Entity, EntitySet, Layout, Scenario, Study, Text};
use super::template::{Piece, Spelling, Template, Who};

/// A prompt that grows past this is a mistake (texts that use each other over and over).
const MAX_BYTES: usize = 1 << 20;
const MAX_PIECES: usize = 1 << 16;
/// All spellings of all entities that one condition asks for.
const MAX_SPELLED: usize = 64 << 20;
/// Enough to see what is wrong.
const MAX_FINDINGS: usize = 20;
/// Texts inside texts.
pub(super) const MAX_DEPTH: usize = 64;

/// A run of text, or an entity with its spelling for each entity of the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    Literal(String),
    Entity(Inserted),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inserted {
    pub who: Who,
    /// A name, not an agreement.
    pub named: bool,
    /// By entity of the set.
    pub spelled: Arc<[String]>,
}

/// What fills the slots of a text.
pub(super) struct Context<'s> {
    pub study: &'s Study,
    pub entities: &'s EntitySet,
    /// Of the narrative.
    pub scenario_language: &'s str,
    /// Of everything else.
    pub text_language: &'s str,
    /// Of the names in option slots.
    pub option_language: &'s str,
    pub replace: &'s BTreeMap<String, String>,
    pub omit: &'s BTreeSet<String>,
    /// What placeholders have been filled in with, by language: the same few over and over.
    spelled: RefCell<HashMap<(&'s str, &'s Spelling), Arc<[String]>>>,
    spelled_bytes: Cell<usize>,
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
            text_language: condition.text_language(language),
            option_language: match condition.narrative_options {
                true => language,
                false => condition.text_language(language),
            },
            replace: &layout.replace,
            omit: &layout.omit,
            spelled: RefCell::default(),
            spelled_bytes: Cell::default(),
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
            context: self,
            scenario,
            question,
            spans: Vec::new(),
            findings: Vec::new(),
            stack: Vec::new(),
            bytes: 0,
            pieces: 0,
        };
        work.fill(template, self.text_language);
        if work.findings.is_empty() { Ok(work.spans) } else { Err(work.findings) }
    }
}

struct Work<'s, 'c> {
    context: &'c Context<'s>,
    scenario: Option<&'s Scenario>,
    question: &'s str,
    spans: Vec<Span>,
    findings: Vec<Finding>,
    /// Names of the texts being filled in, the narrative as `narrative`.
    stack: Vec<&'s str>,
    bytes: usize,
    pieces: usize,
}

impl<'s> Work<'s, '_> {
    fn fill(&mut self, template: &'s Template, language: &'s str) {
        for piece in &template.pieces {
            if self.findings.len() >= MAX_FINDINGS {
                return;
            }
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
            self.findings.push(Finding::error(&user.origin, "`{narrative}` cannot stand inside a narrative"));
            return;
        };
        self.stack.push("narrative");
        self.fill(&scenario.text, self.context.scenario_language);
        self.stack.pop();
    }

    fn entity(&mut self, who: Who, spelling: &'s Spelling, language: &'s str, user: &Template) {
        let language = match (who, spelling) {
            // An agreement is a word of the text and goes with it.
            (Who::First | Who::Second, Spelling::Form(_)) if !self.stack.contains(&"narrative") => {
                self.context.option_language
            }
            _ => language,
        };
        match self.context.spelled(who, spelling, language) {
            Ok(spelled) => {
                self.bytes += spelled.iter().map(String::len).max().unwrap_or(0);
                let named = matches!(spelling, Spelling::Form(_));
                self.spans.push(Span::Entity(Inserted { who, named, spelled }));
            }
            Err(message) => self.findings.push(Finding::error(&user.origin, message)),
        }
    }
}

impl<'s> Context<'s> {
    fn spelled(&self, who: Who, spelling: &'s Spelling, language: &'s str) -> Result<Arc<[String]>, String> {
        if let Some(known) = self.spelled.borrow().get(&(language, spelling)) {
            return Ok(Arc::clone(known));
        }
        let mut texts = Vec::with_capacity(self.entities.entities.len());
        for entity in &self.entities.entities {
            match spell(entity, language, spelling) {
                Ok(text) => texts.push(text.to_owned()),
                Err(what) => return Err(lacking(what, entity, language, who, spelling)),
            }
        }
        let bytes = texts.iter().map(|t| t.len() + size_of::<String>()).sum::<usize>();
        self.spelled_bytes.set(self.spelled_bytes.get() + bytes);
        if self.spelled_bytes.get() > MAX_SPELLED {
            return Err("the condition has too many different placeholders for its entities".into());
        }
        let texts: Arc<[String]> = texts.into();
        self.spelled.borrow_mut().insert((language, spelling), Arc::clone(&texts));
        Ok(texts)
    }
}

/// An entity's text for a placeholder, or what it lacks.
pub(super) fn spell<'e>(
    entity: &'e Entity,
    language: &str,
    spelling: &'e Spelling,
) -> Result<&'e str, Lacking> {
    let spelled = entity.spelled.get(language).ok_or(Lacking::Language)?;
    match spelling {
        Spelling::Form(form) => spelled.forms.get(form).map(String::as_str).ok_or(Lacking::Form),
        Spelling::Agree(alternatives) => alternatives
            .iter()
            .find(|(class, _)| spelled.agree.contains(class))
            .map(|(_, text)| text.as_str())
            .ok_or(Lacking::Class),
    }
}

/// What an entity has not got in a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lacking {
    Language,
    Form,
    Class,
}

/// Why a placeholder cannot be filled in with an entity.
pub(super) fn lacking(
    lacking: Lacking,
    entity: &Entity,
    language: &str,
    who: Who,
    spelling: &Spelling,
) -> String {
    let (id, written) = (&entity.id, written(who, spelling));
    let what = match lacking {
        Lacking::Language => "no names".to_owned(),
        Lacking::Form => match spelling {
            Spelling::Form(form) => format!("no form `{form}`"),
            Spelling::Agree(_) => "no form".to_owned(),
        },
        Lacking::Class => {
            let spelled = entity.spelled.get(language);
            let classes = list(spelled.into_iter().flat_map(|s| &s.agree).map(String::as_str));
            format!("none of the classes (it has: {classes})")
        }
    };
    format!("`{{{written}}}` cannot be filled in: the entity `{id}` has {what} in {language}")
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
    Text { name: &'a str, language: &'a str },
    Question { name: &'a str, question: &'a str, origin: &'a Origin },
}

impl MissingText<'_> {
    fn finding(&self, user: &Origin) -> Finding {
        match self {
            Self::Text { name, language } => Finding::error(
                user,
                format!("`{{{name}}}` asks for a text that texts/{language}.toml does not have"),
            ),
            Self::Question { name, question, origin } => {
                Finding::error(origin, format!("the text `{name}` has nothing for the question `{question}`"))
            }
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
                by_question.get(question).ok_or(MissingText::Question { name, question, origin })
            }
            None => Err(MissingText::Text { name, language }),
        }
    }
}
