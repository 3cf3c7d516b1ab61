//! study.toml: name, version, languages, questions, answers.

use std::collections::{BTreeMap, BTreeSet};

use super::super::files::StudyFiles;
use super::super::kind::Kind;
use super::super::model::{Choices, Question, Study};
use super::super::template::excerpt;
use super::document::{Document, Table, is_id};
use crate::plain::nearest;

/// The format that this program writes and reads.
const FORMAT: i64 = 1;

const MAX_LANGUAGES: usize = 64;
const MAX_QUESTIONS: usize = 64;

/// A study without anything but its header.
pub fn read(document: &Document<'_>) -> Option<Study> {
    let root = document.root();
    root.only(&[
        "format",
        "name",
        "version",
        "title",
        "languages",
        "question",
        "answers",
        "verbatim",
        "silence",
    ]);
    let format = root.integer("format")?;
    if format != FORMAT {
        root.problem(format!("`format` is {format}; this program reads format {FORMAT}"));
        return None;
    }
    let name = root.need_id("name");
    let version = root.need_string("version");
    let title = root.string("title");
    let languages = languages(&root);
    let questions = questions(&root);
    let (answers, answers_in) = answers(&root, languages.as_deref().unwrap_or_default())?;
    Some(Study {
        name: name?,
        version: version?.text,
        title: title.map(|t| t.text).unwrap_or_default(),
        languages: languages?,
        questions: questions?,
        answers,
        answers_in,
        entity_sets: BTreeMap::new(),
        texts: BTreeMap::new(),
        scenarios: BTreeMap::new(),
        conditions: Vec::new(),
        verbatim: root.boolean("verbatim").unwrap_or(false),
        verbatim_files: BTreeSet::new(),
        silenced: silenced(&root),
        noticed: Vec::new(),
        files: StudyFiles::default(),
        hash: String::new(),
    })
}

fn silenced(root: &Table<'_>) -> BTreeSet<Kind> {
    let mut kinds = BTreeSet::new();
    for name in root.strings("silence").unwrap_or_default() {
        match Kind::of(&name) {
            Some(kind) => {
                kinds.insert(kind);
            }
            None => root.problem(format!(
                "`silence` names `{}`, which is no kind of warning{} (there is {})",
                excerpt(&name),
                nearest(&name, Kind::ALL.iter().map(|kind| kind.name())),
                Kind::ALL.map(Kind::name).join(", ")
            )),
        }
    }
    kinds
}

fn languages(root: &Table<'_>) -> Option<Vec<String>> {
    root.need("languages")?;
    let languages = root.strings("languages")?;
    if languages.is_empty() {
        root.problem("`languages` is empty; a study has at least one");
        return None;
    }
    if languages.len() > MAX_LANGUAGES {
        root.problem(format!("`languages` has {} entries (at most {MAX_LANGUAGES})", languages.len()));
        return None;
    }
    for (i, language) in languages.iter().enumerate() {
        if !is_id(language) || language == "choices" {
            root.problem(format!("`{language}` cannot be the name of a language"));
            return None;
        }
        if languages[..i].contains(language) {
            root.problem(format!("the language `{language}` is listed twice"));
            return None;
        }
    }
    Some(languages)
}

fn questions(root: &Table<'_>) -> Option<Vec<Question>> {
    root.need("question")?;
    let mut questions: Vec<Question> = Vec::new();
    for table in root.tables("question", MAX_QUESTIONS) {
        let Some(id) = table.need_id("id") else {
            continue;
        };
        let table = table.at(format!("question `{id}`"));
        table.only(&["id", "polarity"]);
        let polarity = match table.integer("polarity") {
            Some(1) => 1,
            Some(-1) => -1,
            Some(other) => {
                table.problem(format!("`polarity` must be 1 or -1, not {other}"));
                continue;
            }
            None => continue,
        };
        if questions.iter().any(|q| q.id == id) {
            table.problem("the id is used twice");
            continue;
        }
        questions.push(Question { id, polarity });
    }
    if questions.is_empty() {
        root.problem("the study asks no question");
        return None;
    }
    Some(questions)
}

fn answers(root: &Table<'_>, languages: &[String]) -> Option<(Choices, BTreeMap<String, Choices>)> {
    root.need("answers")?;
    let table = root.table("answers")?.at("answers");
    let mut known = vec!["choices"];
    known.extend(languages.iter().map(String::as_str));
    table.only(&known);
    let all = choices(&table, "choices")?;
    let mut by_language = BTreeMap::new();
    for language in languages.iter().filter(|l| table.has(l)) {
        let table = table.table(language)?.at(format!("answers.{language}"));
        table.only(&["choices"]);
        by_language.insert(language.clone(), choices(&table, "choices")?);
    }
    Some((all, by_language))
}

/// The spellings of exactly two answers under `key`.
pub fn choices(table: &Table<'_>, key: &str) -> Option<Choices> {
    table.need(key)?;
    let lists = table.string_lists(key)?;
    let [first, second]: Choices = match lists.try_into() {
        Ok(two) => two,
        Err(lists) => {
            table.problem(format!(
                "`{key}` needs the spellings of exactly two answers, not of {}",
                lists.len()
            ));
            return None;
        }
    };
    for (which, list) in [("first", &first), ("second", &second)] {
        if list.is_empty() {
            table.problem(format!("the {which} answer has no spelling"));
            return None;
        }
        for (i, spelling) in list.iter().enumerate() {
            if spelling.is_empty() {
                table.problem(format!("the {which} answer has an empty spelling"));
                return None;
            }
            if list[..i].contains(spelling) {
                table.problem(format!("the {which} answer has the spelling {spelling:?} twice"));
                return None;
            }
        }
    }
    if let Some(shared) = first.iter().find(|s| second.contains(s)) {
        table.problem(format!("both answers share the spelling {shared:?}"));
        return None;
    }
    Some([first, second])
}
