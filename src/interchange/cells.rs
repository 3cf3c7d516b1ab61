//! A run beside the texts of its study: cell by cell, in the study's order of prompts.

use std::collections::HashMap;

use crate::plain::nearest;
use crate::store::{CheckpointRecord, PromptScore, RunReader, StoreError};
use crate::study::{EMBEDDED, OptionOrder, PromptQuery, Roles, Study};

use super::InterchangeError;
use super::answers::named;
use super::document::{Document, Task};

/// The scores of one checkpoint in one language and condition.
pub struct Cell<'a> {
    pub record: &'a CheckpointRecord,
    pub task: Task,
    /// Prompts that the study has for it.
    pub whole: usize,
    pub samples: Vec<Sample>,
}

pub struct Sample {
    /// Among the study's prompts of the cell.
    pub place: usize,
    pub document: Document,
    pub score: PromptScore,
}

/// Which checkpoints of a run are handed on, with their study.
pub struct Source<'a> {
    pub run: &'a RunReader,
    pub study: &'a Study,
    /// By name.
    pub records: Vec<CheckpointRecord>,
}

/// The study that the run was asked: `name`, or the one that ships.
pub fn study_of(run: &RunReader, name: Option<&str>) -> Result<Study, InterchangeError> {
    let given = name.unwrap_or(EMBEDDED[0]);
    let study = Study::open(given)?;
    let kept = run.identity()?;
    let of = |key: &str| kept.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    if of("study_sha256") == Some(study.hash()) {
        return Ok(study);
    }
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    let asked = [of("study_name"), of("study_version")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Err(InterchangeError::OtherStudy {
        asked: format!("{asked} ({})", of("study_sha256").map(short).unwrap_or_default()),
        given: given.to_owned(),
        found: format!("{} {}, {}", study.name(), study.version(), short(study.hash())),
    })
}

impl<'a> Source<'a> {
    /// All checkpoints with scores, or those of `names`.
    pub fn new(run: &'a RunReader, study: &'a Study, names: &[String]) -> Result<Self, InterchangeError> {
        let checkpoints = run.checkpoints()?;
        let known: Vec<&str> = checkpoints.iter().map(|c| c.record.model.as_str()).collect();
        if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(InterchangeError::NoCheckpoint {
                name: name.clone(),
                hint: nearest(name, known.iter().copied()),
                known: known.join(", "),
            });
        }
        let wanted = |model: &String| names.is_empty() || names.contains(model);
        let records: Vec<CheckpointRecord> = checkpoints
            .into_iter()
            .filter(|checkpoint| checkpoint.prompts > 0 && wanted(&checkpoint.record.model))
            .map(|checkpoint| checkpoint.record)
            .collect();
        match records.is_empty() {
            true => Err(InterchangeError::Empty),
            false => Ok(Self { run, study, records }),
        }
    }

    /// Hands over every cell, by checkpoint, language and condition; one cell's scores are held at a time.
    pub fn visit(
        &self,
        mut visit: impl FnMut(Cell<'_>) -> Result<(), InterchangeError>,
    ) -> Result<(), InterchangeError> {
        let mut gathered: Option<(&CheckpointRecord, Task, Scores)> = None;
        self.run.visit_prompts(|names, score| {
            let Some(record) = self.records.iter().find(|record| record.model == names.model) else {
                return Ok(());
            };
            let task = Task {
                condition: names.condition.to_owned(),
                language: names.language.to_owned(),
                form: record.form,
            };
            let begun =
                gathered.as_ref().is_some_and(|(of, known, _)| of.model == record.model && *known == task);
            if !begun && let Some((record, task, scores)) = gathered.take() {
                visit(self.cell(record, task, scores)?)?;
            }
            let (_, _, scores) = gathered.get_or_insert_with(|| (record, task, Scores::new()));
            let words = [names.country_1, names.country_2, names.scenario, names.question];
            scores.insert((words.map(str::to_owned), score.roles, score.order), score);
            Ok::<(), InterchangeError>(())
        })?;
        match gathered {
            Some((record, task, scores)) => visit(self.cell(record, task, scores)?),
            None => Ok(()),
        }
    }

    fn cell<'r>(
        &self,
        record: &'r CheckpointRecord,
        task: Task,
        mut scores: Scores,
    ) -> Result<Cell<'r>, InterchangeError> {
        let condition = self.study.condition(&task.condition)?;
        let query = PromptQuery {
            prefill: record.prefill.clone(),
            ..PromptQuery::new(&task.language, &task.condition, task.form)
        };
        let prompts = self.study.prompts(&query)?;
        let whole = prompts.len();
        let answers = named(self.study, condition, &task.language);
        let mut samples = Vec::with_capacity(scores.len());
        for (place, prompt) in prompts.enumerate() {
            let [one, two] = prompt.pair.clone();
            let words = [one, two, prompt.scenario.clone(), prompt.question.clone()];
            if let Some(score) = scores.remove(&(words, prompt.roles, prompt.order)) {
                let document = Document::new(prompt, task.form, self.study, &answers);
                samples.push(Sample { place, document, score });
            }
        }
        match scores.into_keys().next() {
            None => Ok(Cell { record, task, whole, samples }),
            Some(([one, two, scenario, question], ..)) => Err(InterchangeError::NotAsked {
                id: format!("{}/{}/{one}-{two}/{scenario}/{question}", task.language, task.condition),
            }),
        }
    }
}

type Scores = HashMap<([String; 4], Roles, OptionOrder), PromptScore>;

/// When the last session of each checkpoint began, in UTC; of a run without any when the run was made.
pub fn begun(run: &RunReader, model: &str) -> Result<String, StoreError> {
    let of = run.checkpoints()?.into_iter().find(|checkpoint| checkpoint.record.model == model);
    let last = of.and_then(|checkpoint| checkpoint.sessions.into_iter().map(|(started, _)| started).max());
    match last {
        Some(started) => Ok(started),
        None => {
            let kept = run.identity()?;
            Ok(kept
                .into_iter()
                .find(|(key, _)| key == "created")
                .map_or_else(String::new, |(_, value)| value))
        }
    }
}
