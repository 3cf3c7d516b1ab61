//! Two runs' scores and provenance, side by side.

use std::collections::{BTreeSet, HashSet};

use crate::stats::items::ItemNames;
use crate::stats::{DiffersBetween, Joined, ScorePair, Scores};
use crate::store::{Met, RunReader, StoreError, visit_joined};

/// An item, by its names but that of its scenario's type.
type Item = [String; 7];

/// What two runs' prompts say together.
#[derive(Debug, Default)]
pub struct JoinedRuns {
    pub scores: Scores,
    pub joined: Joined,
    /// Items of which some prompt has other tokens in the two, under the first run's names of checkpoints.
    other_tokens: HashSet<Item>,
}

fn item(names: &ItemNames<'_>, model: &str) -> Item {
    [model, names.language, names.condition, names.country_1, names.country_2, names.scenario, names.question]
        .map(str::to_owned)
}

impl JoinedRuns {
    /// `names`: what the second run's checkpoints are called in the first, where that is not the same.
    ///
    /// # Errors
    /// As the readers'.
    pub fn new(
        first: &RunReader,
        second: &RunReader,
        names: &[(String, String)],
    ) -> Result<JoinedRuns, StoreError> {
        let mut found = JoinedRuns::default();
        found.joined.unit = "prompts";
        let records = [first.checkpoint_records()?, second.checkpoint_records()?];
        let in_first = |model: &str| {
            let named = names.iter().find(|(from, _)| from == model);
            named.map_or_else(|| model.to_owned(), |(_, to)| to.clone())
        };
        let of_first: BTreeSet<String> = records[0].iter().map(|record| record.model.clone()).collect();
        let of_second: Vec<(String, String)> =
            records[1].iter().map(|record| (in_first(&record.model), record.model.clone())).collect();
        let alone = of_second.iter().filter(|(called, _)| !of_first.contains(called));
        let pairs = of_first
            .iter()
            .map(|model| {
                let other = of_second.iter().find(|(called, _)| called == model);
                // A checkpoint that the second run lacks has no name there: nothing is found under it.
                (model.as_str(), other.map_or(model.as_str(), |(_, own)| own.as_str()))
            })
            .chain(alone.map(|(called, own)| (called.as_str(), own.as_str())));
        for (model, other) in pairs {
            visit_joined([first, second], [model, other], |names, roles, order, met| {
                let joined = &mut found.joined;
                match met {
                    Met::One(0) => joined.only_first += 1,
                    Met::One(_) => joined.only_second += 1,
                    Met::Both { same_tokens: false, .. } => {
                        joined.other_tokens += 1;
                        found.other_tokens.insert(item(&names, model));
                    }
                    Met::Both { log_odds, same_bits, .. } => {
                        joined.both += 1;
                        let names = ItemNames { model, ..names };
                        let (roles, order) = (roles.name(), Some(order.name()));
                        found.scores.push(&ScorePair { names, roles, order, log_odds, same_bits });
                    }
                }
            })?;
        }
        Ok(found)
    }

    /// Whether an item was shown in the same tokens.
    pub fn keeps(&self, names: &ItemNames<'_>) -> bool {
        self.other_tokens.is_empty() || !self.other_tokens.contains(&item(names, names.model))
    }
}

/// What is not the same of two runs and of the checkpoints that both have.
///
/// # Errors
/// As the readers'.
pub fn differences(
    first: &RunReader,
    second: &RunReader,
    names: &[(String, String)],
) -> Result<Vec<DiffersBetween>, StoreError> {
    let mut found = Vec::new();
    let mut push = |what: &str, checkpoint: Option<&str>, first: String, second: String| {
        if first != second {
            let (what, checkpoint) = (what.to_owned(), checkpoint.map(str::to_owned));
            found.push(DiffersBetween { what, checkpoint, first, second });
        }
    };
    let identities = [first.identity()?, second.identity()?];
    let of = |number: usize, key: &str| {
        let mut pairs = identities[number].iter();
        pairs.find(|(own, _)| own == key).map_or_else(|| "none".to_owned(), |(_, value)| value.clone())
    };
    for (key, what) in [
        ("program", "program version"),
        ("study_name", "study"),
        ("study_version", "study version"),
        ("study_sha256", "study files (SHA-256)"),
        ("questions", "questions"),
    ] {
        push(what, None, of(0, key), of(1, key));
    }
    let builds = |run: &RunReader| -> Result<String, StoreError> {
        let builds: BTreeSet<String> =
            run.sweeps()?.into_iter().filter_map(|sweep| sweep.record.build).collect();
        Ok(listed(builds))
    };
    push("build", None, builds(first)?, builds(second)?);
    let checkpoints = [first.checkpoints()?, second.checkpoints()?];
    for own in &checkpoints[0] {
        let model = &own.record.model;
        let called = names.iter().find(|(_, to)| to == model).map_or(model, |(from, _)| from);
        let Some(other) = checkpoints[1].iter().find(|other| other.record.model == *called) else { continue };
        for (what, one, two) in own.record.beside(&other.record) {
            push(what, Some(model), one, two);
        }
        let devices = |sessions: &[(String, crate::store::SessionRecord)]| {
            listed(sessions.iter().map(|(_, session)| session.device.clone()).collect())
        };
        push("device", Some(model), devices(&own.sessions), devices(&other.sessions));
    }
    Ok(found)
}

fn listed(names: BTreeSet<String>) -> String {
    match names.is_empty() {
        true => "not recorded".to_owned(),
        false => names.into_iter().collect::<Vec<_>>().join(", "),
    }
}
