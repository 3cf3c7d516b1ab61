//! One start of a sweep: with what arguments, on what machine, by which build.

use serde::{Deserialize, Serialize};

use super::shard::ShardRecord;

/// What a sweep left out of its study and roster. Empty lists and `None` leave nothing out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Filters {
    pub models: Vec<String>,
    pub languages: Vec<String>,
    /// Conditions that were asked for. A study's conditions answer different questions, so that this is no filter of one.
    pub conditions: Vec<String>,
    pub countries: Vec<String>,
    pub scenarios: Vec<String>,
    /// Prompts per checkpoint, language and condition at most.
    pub limit: Option<usize>,
    /// With which the limited prompts were drawn.
    pub seed: Option<u64>,
    /// Of what the others leave, the part that one of several machines computes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardRecord>,
}

impl Filters {
    /// What both leave out: a run of two sweeps lacks only that.
    pub fn common(self, other: &Filters) -> Filters {
        let both = |mut mine: Vec<String>, theirs: &Vec<String>| {
            if mine.is_empty() || theirs.is_empty() {
                return Vec::new();
            }
            let new: Vec<String> = theirs.iter().filter(|name| !mine.contains(name)).cloned().collect();
            mine.extend(new);
            mine
        };
        let mut conditions = self.conditions;
        let new: Vec<String> =
            other.conditions.iter().filter(|name| !conditions.contains(name)).cloned().collect();
        conditions.extend(new);
        Filters {
            models: both(self.models, &other.models),
            languages: both(self.languages, &other.languages),
            conditions,
            countries: both(self.countries, &other.countries),
            scenarios: both(self.scenarios, &other.scenarios),
            limit: self.limit.zip(other.limit).map(|(mine, theirs)| mine.max(theirs)),
            seed: self.seed.filter(|_| self.seed == other.seed),
            shard: self.shard.filter(|shard| Some(shard) == other.shard.as_ref()),
        }
    }

    /// Each filter but the shard in words: `languages en, fr`.
    pub fn in_words(&self) -> Vec<String> {
        let lists = [
            ("checkpoints", &self.models),
            ("languages", &self.languages),
            ("countries", &self.countries),
            ("scenarios", &self.scenarios),
        ];
        let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
        let mut words: Vec<String> =
            lists.map(|(what, names)| format!("{what} {}", names.join(", "))).collect();
        let drawn =
            self.seed.map_or_else(String::new, |seed| format!(", drawn at random with the seed {seed}"));
        words.extend(
            self.limit.map(|n| format!("at most {n} prompts per checkpoint, language and condition{drawn}")),
        );
        words
    }
}

/// What a sweep ran on. No name and no address of it: run folders are handed on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Machine {
    /// `linux x86_64`
    pub system: String,
    /// Processors that the program may use.
    pub cores: usize,
}

impl Machine {
    pub fn this() -> Machine {
        Machine {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// How one start of a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// All checkpoints had their turn.
    Done,
    /// A signal asked it to end.
    Interrupted,
    /// At least one checkpoint, or all of it, failed.
    Failed,
}

impl Ended {
    pub fn name(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Interrupted => "interrupted",
            Ended::Failed => "failed",
        }
    }
}

/// One start of a sweep, as it is recorded when it begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
pub struct SweepRecord {
    /// Version of the program.
    pub program: String,
    /// Commit that it was built from, where that is known.
    pub build: Option<String>,
    /// The command line, without the program's name.
    pub arguments: Vec<String>,
    pub filters: Filters,
    pub machine: Machine,
}

/// The same, read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct StoredSweep {
    /// In UTC, `2026-01-31T12:00:00Z`.
    pub started: String,
    /// `None` while it runs, and where it was killed.
    pub ended: Option<String>,
    /// [`Ended::name`].
    pub outcome: Option<String>,
    #[serde(flatten)]
    pub record: SweepRecord,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_run_lacks_what_each_of_its_sweeps_left_out() {
        let first = Filters { languages: list(&["en"]), limit: Some(8), ..Filters::default() };
        let second = Filters { languages: list(&["fr", "en"]), limit: Some(20), ..Filters::default() };
        let both = first.clone().common(&second);
        assert_eq!(both.languages, ["en", "fr"]);
        assert_eq!(both.limit, Some(20));
        assert_eq!(
            both.in_words(),
            ["languages en, fr", "at most 20 prompts per checkpoint, language and condition"]
        );
        assert!(both.common(&Filters::default()).in_words().is_empty());
    }

    #[test]
    fn a_condition_is_kept_once_and_a_shard_only_if_it_is_the_same() {
        let shard = |index| Some(ShardRecord { index, count: 3, ..ShardRecord::default() });
        let first = Filters { conditions: list(&["main"]), shard: shard(1), ..Filters::default() };
        let second =
            Filters { conditions: list(&["neutral", "main"]), shard: shard(1), ..Filters::default() };
        let both = first.clone().common(&second);
        assert_eq!((both.conditions, both.shard), (list(&["main", "neutral"]), shard(1)));
        let other = Filters { shard: shard(2), ..Filters::default() };
        assert_eq!(first.clone().common(&other).shard, None);
        assert_eq!(first.common(&Filters::default()).shard, None);
        let drawn = |seed| Filters { seed: Some(seed), ..Filters::default() };
        assert_eq!((drawn(7).common(&drawn(7)).seed, drawn(7).common(&drawn(8)).seed), (Some(7), None));
    }
}
