//! A study in memory: questions, entities, texts, scenarios and conditions.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{Finding, Origin, StudyError, list};
use super::files::StudyFiles;
use super::kind::Kind;
use super::prompt::StageForm;
use super::template::Template;
use crate::plain::nearest;

/// A question and the sign of choosing an entity in answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub id: String,
    /// +1: choosing an entity favours it; -1: choosing it disfavours it.
    pub polarity: i8,
}

/// The spellings of the first and of the second answer.
pub type Choices = [Vec<String>; 2];

/// One of the things compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    pub id: String,
    /// By language.
    pub(super) spelled: BTreeMap<String, Spelled>,
    pub(super) origin: Origin,
}

/// An entity in one language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spelled {
    /// Agreement classes, for the alternatives of placeholders.
    pub agree: Vec<String>,
    /// Form name to text.
    pub forms: BTreeMap<String, String>,
}

/// A list of entities, and which of them are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitySet {
    pub name: String,
    pub entities: Vec<Entity>,
    /// Indices into `entities`: country_1, country_2.
    pub pairs: Vec<(usize, usize)>,
    pub(super) origin: Origin,
}

/// What the first-named entity of a narrative does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScenarioRole {
    Acts,
    Responds,
    None,
}

impl ScenarioRole {
    pub fn name(self) -> &'static str {
        match self {
            Self::Acts => "acts",
            Self::Responds => "responds",
            Self::None => "none",
        }
    }
}

/// One narrative in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    pub id: String,
    /// The scenario type: its file's name.
    pub kind: String,
    pub set: String,
    pub role: ScenarioRole,
    pub(super) text: Template,
    /// The narrative need not name both entities (controls).
    pub(super) free: bool,
}

/// A named text of one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    One(Template),
    /// By question id.
    ByQuestion(BTreeMap<String, Template>, Origin),
}

/// Where a chat prompt's prefill comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefill {
    Literal(String),
    /// The roster's entry of the checkpoint.
    Checkpoint,
}

/// The layout of one stage form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Base: one entry with an empty role. Chat: role and content of each message.
    pub parts: Vec<(String, Template)>,
    pub prefill: Prefill,
    /// Slot to another text's name, stage entries over the condition's.
    pub replace: BTreeMap<String, String>,
    /// Slots that become empty, the condition's and the stage's.
    pub omit: BTreeSet<String>,
}

/// A condition with everything it inherits filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub name: String,
    /// Name of the entity set.
    pub entities: String,
    /// Name of the scenario set.
    pub scenarios: String,
    /// Language of everything but the narrative; the scenario's if `None`.
    pub question_language: Option<String>,
    /// Languages it exists in; all if `None`.
    pub(super) languages: Option<Vec<String>>,
    pub(super) stages: Option<Vec<StageForm>>,
    /// The options' names are in the narrative's language, also where all else is in the question's.
    pub(super) narrative_options: bool,
    /// Answers that are read as a whole, rather than the study's by their last tokens.
    pub whole_answers: Option<Choices>,
    pub(super) base: Option<Layout>,
    pub(super) chat: Option<Layout>,
    pub(super) origin: Origin,
}

impl Condition {
    /// Whether prompts exist for this language (of the scenarios) and form.
    pub fn exists(&self, language: &str, form: StageForm) -> bool {
        self.layout(form).is_some()
            && self.languages.as_ref().is_none_or(|languages| languages.iter().any(|l| l == language))
    }

    /// Language of the question, the options and all other texts but the narrative; the answers are spelled in it.
    pub fn text_language<'a>(&'a self, language: &'a str) -> &'a str {
        self.question_language.as_deref().unwrap_or(language)
    }

    /// Whether its chat prompts need the checkpoint's own prefill.
    pub fn needs_prefill(&self, form: StageForm) -> bool {
        self.layout(form).is_some_and(|layout| layout.prefill == Prefill::Checkpoint)
    }

    pub(super) fn layout(&self, form: StageForm) -> Option<&Layout> {
        let allowed = self.stages.as_ref().is_none_or(|s| s.contains(&form));
        let layout = match form {
            StageForm::Base => self.base.as_ref(),
            StageForm::Chat => self.chat.as_ref(),
        };
        layout.filter(|_| allowed)
    }
}

/// A whole study. Its files parse; `validate` says whether they also fit together.
#[derive(Debug, Clone)]
pub struct Study {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) title: String,
    /// The first is the reference.
    pub(super) languages: Vec<String>,
    pub(super) questions: Vec<Question>,
    pub(super) answers: Choices,
    /// Overrides by language.
    pub(super) answers_in: BTreeMap<String, Choices>,
    pub(super) entity_sets: BTreeMap<String, EntitySet>,
    /// Language, text name.
    pub(super) texts: BTreeMap<String, BTreeMap<String, Text>>,
    /// Language; in the order of files and of entries.
    pub(super) scenarios: BTreeMap<String, Vec<Scenario>>,
    pub(super) conditions: Vec<Condition>,
    /// All texts are taken over word for word, or those of these files.
    pub(super) verbatim: bool,
    pub(super) verbatim_files: BTreeSet<String>,
    /// Kinds of warnings that are not told.
    pub(super) silenced: BTreeSet<Kind>,
    /// Files that belong to nothing, and other things that loading noticed but survived.
    pub(super) noticed: Vec<Finding>,
    pub(super) files: StudyFiles,
    pub(super) hash: String,
}

impl Study {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// May be empty.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// SHA-256 of the files, as [`StudyFiles::hash`].
    pub fn hash(&self) -> &str {
        &self.hash
    }

    pub fn files(&self) -> &StudyFiles {
        &self.files
    }

    /// The reference language first.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// +1 or -1; `None` for a question the study does not ask.
    pub fn polarity(&self, question: &str) -> Option<i8> {
        let question = self.questions.iter().find(|q| q.id == question)?;
        Some(question.polarity)
    }

    /// Spellings of the two answers in a language (of the question).
    pub fn answers(&self, language: &str) -> &Choices {
        self.answers_in.get(language).unwrap_or(&self.answers)
    }

    /// In the order of the file.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    pub fn condition(&self, name: &str) -> Result<&Condition, StudyError> {
        self.conditions
            .iter()
            .find(|c| c.name == name)
            .ok_or_else(|| self.unknown("condition", name, self.conditions.iter().map(|c| c.name.as_str())))
    }

    /// The conditions that have prompts for a language and form.
    pub fn conditions_for(&self, language: &str, form: StageForm) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().filter(move |c| c.exists(language, form))
    }

    pub fn entity_sets(&self) -> impl Iterator<Item = &EntitySet> {
        self.entity_sets.values()
    }

    pub fn entity_set(&self, name: &str) -> Result<&EntitySet, StudyError> {
        self.entity_sets
            .get(name)
            .ok_or_else(|| self.unknown("entity set", name, self.entity_sets.keys().map(String::as_str)))
    }

    /// The reference language's scenarios: files by name, entries as written.
    pub fn scenarios(&self) -> &[Scenario] {
        self.scenarios_in(self.reference())
    }

    pub(super) fn scenarios_in(&self, language: &str) -> &[Scenario] {
        self.scenarios.get(language).map_or(&[], Vec::as_slice)
    }

    pub(super) fn reference(&self) -> &str {
        self.languages.first().map_or("", String::as_str)
    }

    pub fn check_language(&self, language: &str) -> Result<(), StudyError> {
        if self.languages.iter().any(|l| l == language) {
            return Ok(());
        }
        Err(self.unknown("language", language, self.languages.iter().map(String::as_str)))
    }

    pub(super) fn unknown<'a>(
        &self,
        what: &'static str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> StudyError {
        let known: Vec<&str> = known.into_iter().collect();
        StudyError::Unknown {
            study: self.name.clone(),
            what,
            name: name.to_owned(),
            hint: nearest(name, known.iter().copied()),
            known: list(known),
        }
    }
}
