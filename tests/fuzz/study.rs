//! What is asked: a study's folder, some of its files changed, left out or added.

use std::collections::BTreeMap;

use tiltmeter::study::{PromptQuery, StageForm, Study, StudyFiles};

use super::folder::{joined, parts};

/// Prompts of a condition that are put together.
const PROMPTS: usize = 8;

/// The parts stand in for files of the study that `study new` writes; an empty one takes its file away.
pub fn study(bytes: &[u8]) -> Result<(), String> {
    let mut files: BTreeMap<String, Vec<u8>> =
        StudyFiles::template_pair().iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    for (name, part) in parts("study.toml", bytes) {
        match part.is_empty() {
            true => drop(files.remove(name)),
            false => drop(files.insert(name.to_owned(), part.to_vec())),
        }
    }
    let files: StudyFiles = files.into_iter().collect();
    let findings = Study::validate_files(files.clone()).findings;
    let study = Study::from_files(files).map_err(super::told)?;
    let mut outcome = match findings.iter().find(|finding| finding.is_error()) {
        Some(finding) => Err(finding.to_string()),
        None => Ok(()),
    };
    for language in study.languages() {
        for form in [StageForm::Base, StageForm::Chat] {
            let conditions: Vec<String> =
                study.conditions_for(language, form).map(|condition| condition.name.clone()).collect();
            for condition in conditions {
                let query = PromptQuery {
                    prefill: Some("So: (".to_owned()),
                    ..PromptQuery::new(language.clone(), condition, form)
                };
                match study.prompts(&query) {
                    Ok(prompts) => prompts.take(PROMPTS).for_each(drop),
                    // A study without findings expands whole.
                    Err(error) => {
                        assert!(outcome.is_err(), "sound, and yet: {error}");
                        outcome = Err(error.to_string());
                    }
                }
            }
        }
    }
    outcome
}

pub fn study_seeds() -> Vec<Vec<u8>> {
    let files = StudyFiles::template_pair();
    let header = files.get("study.toml").unwrap_or_default();
    let mut seeds = vec![header.to_vec()];
    let others = files.iter().filter(|(name, _)| *name != "study.toml");
    seeds.extend(others.map(|part| joined([("study.toml", header), part])));
    // Conditions with everything that a condition may say.
    let whole = Study::embedded().ok();
    let conditions = whole.as_ref().and_then(|study| study.files().get("conditions.toml"));
    let conditions = conditions.and_then(|bytes| std::str::from_utf8(bytes).ok());
    let conditions = conditions.map(|text| text.replace("countries", "companies"));
    seeds.extend(
        conditions.map(|text| joined([("study.toml", header), ("conditions.toml", text.as_bytes())])),
    );
    seeds
}
