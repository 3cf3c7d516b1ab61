//! From files to a [`Study`]: every file is read before anything is refused, so that all slips are told at once.

mod conditions;
mod document;
mod entities;
mod header;
mod scenarios;
mod texts;

use std::path::Path;

use super::error::{Finding, Origin, StudyError, list};
use super::files::StudyFiles;
use super::kind::Kind;
use super::model::Study;
use crate::plain::nearest;
use document::Document;

/// The names of the embedded study.
pub const EMBEDDED: [&str; 2] = ["geopolitics", "default"];

impl Study {
    /// Reads a study's folder.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, StudyError> {
        Self::from_files(folder_files(folder.as_ref())?)
    }

    /// The study that ships with the program.
    pub fn embedded() -> Result<Self, StudyError> {
        Self::from_files(StudyFiles::default_study())
    }

    /// By name (`geopolitics` or `default`) or by folder.
    pub fn open(name_or_folder: &str) -> Result<Self, StudyError> {
        Self::from_files(Self::open_files(name_or_folder)?)
    }

    /// The files of a study by name or by folder, not yet read.
    pub fn open_files(name_or_folder: &str) -> Result<StudyFiles, StudyError> {
        if EMBEDDED.contains(&name_or_folder) {
            return Ok(StudyFiles::default_study());
        }
        let folder = Path::new(name_or_folder);
        if !folder.is_dir() {
            return Err(StudyError::NotFound {
                name: name_or_folder.to_owned(),
                hint: nearest(name_or_folder, EMBEDDED),
                known: list([EMBEDDED[0]]),
            });
        }
        folder_files(folder)
    }

    pub fn from_files(files: StudyFiles) -> Result<Self, StudyError> {
        Self::parse(files).map_err(|findings| {
            StudyError::from_findings(findings).unwrap_or_else(|| StudyError::folder("", "unreadable"))
        })
    }

    /// A study, or everything that keeps it from being read.
    pub(super) fn parse(files: StudyFiles) -> Result<Self, Vec<Finding>> {
        let (files, crlf) = files.with_line_feeds();
        let mut problems = Vec::new();
        if files.get("study.toml").is_none() {
            return Err(vec![Finding::error(
                &Origin::file("study.toml"),
                "the file is missing; it makes a folder a study (docs/writing-a-study.md shows one)",
            )]);
        }
        let mut study = None;
        read(&files, "study.toml", &mut problems, |d| study = header::read(d));
        let Some(mut study) = study else {
            return Err(problems);
        };
        let mut noticed: Vec<Finding> =
            crlf.first().map(|first| windows(first, crlf.len())).into_iter().collect();
        let mut has_conditions = false;
        for (name, _) in files.iter() {
            let parts: Vec<&str> = name.split('/').collect();
            let stem = |file: &str| file.strip_suffix(".toml").map(str::to_owned);
            match parts.as_slice() {
                ["study.toml"] => {}
                ["conditions.toml"] => {
                    has_conditions = true;
                    read(&files, name, &mut problems, |d| study.conditions = conditions::read(d));
                }
                ["entities", file] if stem(file).is_some() => {
                    let set = stem(file).unwrap_or_default();
                    read(&files, name, &mut problems, |d| {
                        if let Some(entities) = entities::read(d, &set) {
                            study.entity_sets.insert(set.clone(), entities);
                        }
                    });
                }
                ["texts", file] if stem(file).is_some_and(|l| study.languages.contains(&l)) => {
                    let language = stem(file).unwrap_or_default();
                    read(&files, name, &mut problems, |d| {
                        study.texts.insert(language, texts::read(d));
                    });
                }
                ["scenarios", language, file]
                    if stem(file).is_some() && study.languages.iter().any(|l| l == language) =>
                {
                    let kind = stem(file).unwrap_or_default();
                    read(&files, name, &mut problems, |d| {
                        let list = study.scenarios.entry((*language).to_owned()).or_default();
                        list.extend(scenarios::read(d, &kind));
                        if scenarios::is_verbatim(d) {
                            study.verbatim_files.insert(name.to_owned());
                        }
                    });
                }
                _ => noticed.push(stray(name, &parts)),
            }
        }
        if !has_conditions {
            problems.push(Finding::error(
                &Origin::file("conditions.toml"),
                "the file is missing; it says how prompts are put together",
            ));
        }
        if study.entity_sets.is_empty() && problems.is_empty() {
            problems.push(Finding::error(
                &Origin::file("entities"),
                "there is no file of entities; entities/<set>.toml names what is compared",
            ));
        }
        problems.extend(scenarios::repeated_ids(&study));
        if !problems.is_empty() {
            problems.extend(noticed);
            return Err(problems);
        }
        study.noticed = noticed;
        study.hash = files.hash();
        study.files = files;
        Ok(study)
    }
}

/// The files of a folder that is a study by its header: without one, the folder is what a person has to look at.
fn folder_files(folder: &Path) -> Result<StudyFiles, StudyError> {
    let files = StudyFiles::read(folder)?;
    if files.get("study.toml").is_none() {
        let what = "there is no study.toml, which makes a folder a study (docs/writing-a-study.md shows one)";
        return Err(StudyError::folder(folder, what));
    }
    Ok(files)
}

/// Parses one file and hands it on; what is wrong with it joins `problems`.
fn read(files: &StudyFiles, name: &str, problems: &mut Vec<Finding>, take: impl FnOnce(&Document<'_>)) {
    let bytes = files.get(name).unwrap_or_default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            let message = format!("not UTF-8 text (byte {})", e.valid_up_to());
            problems.push(Finding::error(&Origin::file(name), message));
            return;
        }
    };
    match Document::parse(name, text) {
        Ok(document) => {
            take(&document);
            problems.extend(document.into_problems());
        }
        Err(finding) => problems.push(*finding),
    }
}

fn windows(file: &str, count: usize) -> Finding {
    let message = match count {
        1 => "the file has Windows line ends, which are read as line feeds".to_owned(),
        _ => format!("{count} files, this the first, have Windows line ends, which are read as line feeds"),
    };
    Finding::warning(&Origin::file(file), Kind::LineEnds, message)
}

fn stray(name: &str, parts: &[&str]) -> Finding {
    let message = match parts {
        ["texts", file] | ["scenarios", _, file] if !file.ends_with(".toml") => {
            "the file is no part of a study (its files end in .toml)".to_owned()
        }
        ["texts", file] => format!(
            "the language `{}` is not among `languages` in study.toml",
            file.trim_end_matches(".toml")
        ),
        ["scenarios", language, _] => {
            format!("the language `{language}` is not among `languages` in study.toml")
        }
        _ => "the file is no part of a study (study.toml, conditions.toml, entities/, texts/, scenarios/<language>/)".to_owned(),
    };
    Finding::error(&Origin::file(name), message)
}
