//! One prompt of a run as a checkpoint was shown it, and what it answered.

use crate::stats::items::ItemNames;
use crate::stats::{Analysis, Settings};
use crate::store::{PromptScore, RunReader, StoreError, StoredCheckpoint};
use crate::study::{OptionOrder, Roles, Study};

use super::checkpoints::condition_of;

use super::input::Example;
use super::prompts::{Asking, texts};

/// What a search through the prompts ends with.
enum Stop {
    Found(Box<Asked>),
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Store(error)
    }
}

/// A prompt by its names, with its score.
struct Asked {
    language: String,
    condition: String,
    pair: [String; 2],
    scenario: String,
    question: String,
    score: PromptScore,
}

impl Example {
    /// The first prompt about the target that a family's last stage was asked, in the condition that its figures are read
    /// from; any checkpoint's, where no last stage was asked yet. `None` where the run has none, and where `study` is not
    /// the one that it was asked.
    ///
    /// # Errors
    /// As [`RunReader`]'s.
    pub fn of_run(
        reader: &RunReader,
        settings: &Settings,
        analysis: &Analysis,
        study: &Study,
    ) -> Result<Option<Example>, StoreError> {
        let identity = reader.identity()?;
        if !identity.iter().any(|(key, value)| key == "study_sha256" && value == study.hash()) {
            return Ok(None);
        }
        let mut checkpoints = reader.checkpoints()?;
        checkpoints.retain(|checkpoint| condition_of(analysis, &checkpoint.record.model).is_some());
        let last = settings.families.iter().filter_map(|family| family.stages.last());
        let of_family =
            last.filter_map(|stage| checkpoints.iter().find(|c| c.record.model == stage.model)).next();
        let Some(checkpoint) = of_family.or(checkpoints.first()) else { return Ok(None) };
        let model = &checkpoint.record.model;
        let target = analysis.settings["analysis"]["target"].as_str().unwrap_or("");
        let Some(condition) = condition_of(analysis, model) else { return Ok(None) };
        Ok(find(reader, model, target, condition)?.and_then(|asked| shown(study, checkpoint, asked)))
    }
}

fn find(reader: &RunReader, model: &str, target: &str, condition: &str) -> Result<Option<Asked>, StoreError> {
    let about_target = |names: &ItemNames<'_>| {
        (names.model, names.condition) == (model, condition)
            && [names.country_1, names.country_2].contains(&target)
    };
    let visited = reader.visit_prompts_of(about_target, |names, score| {
        if (score.roles, score.order) != (Roles::Fwd, OptionOrder::First) {
            return Ok(());
        }
        Err(Stop::Found(Box::new(Asked {
            language: names.language.to_owned(),
            condition: names.condition.to_owned(),
            pair: [names.country_1.to_owned(), names.country_2.to_owned()],
            scenario: names.scenario.to_owned(),
            question: names.question.to_owned(),
            score,
        })))
    });
    match visited {
        Ok(_) => Ok(None),
        Err(Stop::Found(asked)) => Ok(Some(*asked)),
        Err(Stop::Store(error)) => Err(error),
    }
}

/// `None` where the study does not ask this, whatever its hash says.
fn shown(study: &Study, checkpoint: &StoredCheckpoint, asked: Asked) -> Option<Example> {
    let asking = Asking {
        language: &asked.language,
        condition: &asked.condition,
        pair: [&asked.pair[0], &asked.pair[1]],
        scenario: &asked.scenario,
        question: &asked.question,
    };
    let arrangement = (asked.score.roles, asked.score.order);
    let found = texts(study, &checkpoint.record, &asking).into_iter().find(|(at, ..)| *at == arrangement);
    let (_, id, text) = found?;
    let [first, second] = asked.pair;
    Some(Example {
        checkpoint: checkpoint.record.model.clone(),
        language: asked.language,
        id,
        text,
        answers: [(first, asked.score.logprob_a.exp()), (second, asked.score.logprob_b.exp())],
    })
}
