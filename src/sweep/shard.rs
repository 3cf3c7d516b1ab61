//! Which shard of a sweep this process computes: as it is told, or as a cluster's own variables say.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::store::{DATABASE, MOST_SHARDS, StoreError, shard_folder, shards_in};

/// One of `count` shards, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// Who said which shard it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The command line.
    Here,
    Slurm,
    Kubernetes,
    SkyPilot,
}

#[derive(Debug, Error)]
pub enum ShardError {
    #[error(
        "shards count from 1, so of {count} there are 1/{count} to {count}/{count}, and no {index}/{count}"
    )]
    Beyond { index: u32, count: u32 },
    #[error("a sweep is split into 1 to {MOST_SHARDS} shards, not {count}")]
    Count { count: u32 },
    #[error("expected I/N (3/16: the third of 16 shards) or `none`")]
    Form,
    #[error("{name} is {value:?}, no whole number: give --shard I/N, or --shard none to compute all of it")]
    Variable { name: &'static str, value: String },
    #[error(
        "{name} says which shard this is, and {missing} does not say how many there are: give {}, or --shard none to compute \
         all of it",
        if *missing == COMPLETIONS { "--shards N, the Job's completions" } else { "--shard I/N" }
    )]
    NoCount { name: &'static str, missing: &'static str },
    #[error(
        "{} counts {counted} shards and --shards says {given}: an array that is submitted again for some of its tasks counts only \
         those; give --shard I/{given}",
        told.variable()
    )]
    OtherCount { told: Told, counted: u32, given: u32 },
    #[error(
        "the task ids of this job array ({first} to {last}, {count} of them) have gaps, so they do not say which shard this is: \
         give --shard I/N"
    )]
    Gaps { first: u32, last: u32, count: u32 },
    #[error("{} and {} say different shards ({one}, {other}): give --shard I/N", first.variable(), second.variable())]
    Two { first: Told, one: Shard, second: Told, other: Shard },
    #[error(
        "{} says {shard}, and {} holds shards of {there}: an array that is submitted again for some of its tasks counts only \
         those; give --shard I/{there}, or choose another --run folder",
        told.variable(), dir.display()
    )]
    OtherSplit { told: Told, shard: Shard, dir: PathBuf, there: u32 },
    #[error("{} holds a run that is not split: choose another --run folder for the shards", dir.display())]
    Whole { dir: PathBuf },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What stands for the number of a Job's pods, of which they are not told.
const COMPLETIONS: &str = "no variable";

impl Shard {
    /// # Errors
    /// An index that is not of 1 to `count`.
    pub fn new(index: u32, count: u32) -> Result<Shard, ShardError> {
        if !(1..=MOST_SHARDS).contains(&count) {
            return Err(ShardError::Count { count });
        }
        match (1..=count).contains(&index) {
            true => Ok(Shard { index, count }),
            false => Err(ShardError::Beyond { index, count }),
        }
    }

    /// `3/16`
    ///
    /// # Errors
    /// Another form, or as [`Self::new`].
    pub fn parse(text: &str) -> Result<Shard, ShardError> {
        let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
            true => text.parse().map_err(|_| ShardError::Form),
            false => Err(ShardError::Form),
        };
        let (index, count) = text.split_once('/').ok_or(ShardError::Form)?;
        Shard::new(number(index)?, number(count)?)
    }

    pub fn index(self) -> u32 {
        self.index
    }

    pub fn count(self) -> u32 {
        self.count
    }

    /// The shard that a cluster's variables mean, if they mean any. `given`: how many there are, where that is known.
    ///
    /// # Errors
    /// Variables that cannot be right, or that contradict each other or `given`.
    pub fn from_environment(
        variable: impl Fn(&'static str) -> Option<String>,
        given: Option<u32>,
    ) -> Result<Option<(Shard, Told)>, ShardError> {
        let number = |name: &'static str| match variable(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => match value.parse::<u32>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(ShardError::Variable { name, value }),
            },
        };
        let needed = |name, missing| number(missing)?.ok_or(ShardError::NoCount { name, missing });
        let mut found: Vec<(Shard, Told)> = Vec::new();
        if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
            let name = "SLURM_ARRAY_TASK_ID";
            let count = needed(name, "SLURM_ARRAY_TASK_COUNT")?;
            let first = needed(name, "SLURM_ARRAY_TASK_MIN")?;
            let last = needed(name, "SLURM_ARRAY_TASK_MAX")?;
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            let gaps = ShardError::Gaps { first, last, count };
            let evenly =
                last.checked_sub(first).is_some_and(|span| u64::from(span / step) + 1 == u64::from(count));
            let (Some(beyond), true) = (id.checked_sub(first), evenly) else { return Err(gaps) };
            if beyond % step != 0 {
                return Err(gaps);
            }
            found.push((Shard::new(beyond / step + 1, count)?, Told::Slurm));
        }
        if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            let no_count = ShardError::NoCount { name: "JOB_COMPLETION_INDEX", missing: COMPLETIONS };
            found.push((Shard::new(index.saturating_add(1), given.ok_or(no_count)?)?, Told::Kubernetes));
        }
        if let Some(rank) = number("SKYPILOT_NODE_RANK")? {
            let count = needed("SKYPILOT_NODE_RANK", "SKYPILOT_NUM_NODES")?;
            found.push((Shard::new(rank.saturating_add(1), count)?, Told::SkyPilot));
        }
        if let [(one, first), (other, second), ..] = found[..]
            && one != other
        {
            return Err(ShardError::Two { first, one, second, other });
        }
        let Some(&(shard, told)) = found.first() else { return Ok(None) };
        match given {
            Some(given) if given != shard.count => {
                Err(ShardError::OtherCount { told, counted: shard.count, given })
            }
            _ => Ok(Some((shard, told))),
        }
    }

    /// Its run folder within `dir`.
    ///
    /// # Errors
    /// A `dir` that is a run itself, or that holds shards of another number than `told`, if that is a cluster, counts.
    pub fn folder(self, dir: &Path, told: Told) -> Result<PathBuf, ShardError> {
        if dir.join(DATABASE).exists() {
            return Err(ShardError::Whole { dir: dir.to_path_buf() });
        }
        let other = |(_, (_, count)): &(PathBuf, (u32, u32))| *count != self.count;
        match shards_in(dir)?.into_iter().find(other) {
            Some((_, (_, there))) if told != Told::Here => {
                Err(ShardError::OtherSplit { told, shard: self, dir: dir.to_path_buf(), there })
            }
            _ => Ok(dir.join(shard_folder(self.index, self.count))),
        }
    }
}

/// `shard 3 of 16`
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} of {}", self.index, self.count)
    }
}

impl Told {
    /// What said it.
    pub fn variable(self) -> &'static str {
        match self {
            Told::Here => "--shard",
            Told::Slurm => "SLURM_ARRAY_TASK_ID",
            Told::Kubernetes => "JOB_COMPLETION_INDEX",
            Told::SkyPilot => "SKYPILOT_NODE_RANK",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], given: Option<u32>) -> Result<Option<(Shard, Told)>, String> {
        let variable = |name: &'static str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Shard::from_environment(variable, given).map_err(|error| error.to_string())
    }

    fn slurm(id: &str, first: &str, last: &str, count: &str, step: &str) -> Result<String, String> {
        let found = read(
            &[
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", first),
                ("SLURM_ARRAY_TASK_MAX", last),
                ("SLURM_ARRAY_TASK_COUNT", count),
                ("SLURM_ARRAY_TASK_STEP", step),
            ],
            None,
        );
        found.map(|shard| shard.map_or_else(String::new, |(shard, _)| shard.to_string()))
    }

    #[test]
    fn shards_count_from_one_and_nothing_else_is_taken() {
        assert_eq!(Shard::parse("3/16").expect("a shard").to_string(), "shard 3 of 16");
        for wrong in ["0/16", "17/16", "3", "3/0", "/16", "+3/16", "3/16/", "a/b", "3/999999", " 3/16"] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
        let said = Shard::parse("0/16").expect_err("none").to_string();
        assert!(said.contains("count from 1") && said.contains("1/16 to 16/16"), "{said}");
    }

    #[test]
    fn a_job_array_may_begin_anywhere_but_has_no_gaps() {
        assert_eq!(slurm("0", "0", "15", "16", "1").as_deref(), Ok("shard 1 of 16"));
        assert_eq!(slurm("1", "1", "16", "16", "").as_deref(), Ok("shard 1 of 16"));
        assert_eq!(slurm("9", "1", "13", "4", "4").as_deref(), Ok("shard 3 of 4"));
        for (id, first, last, count) in [("7", "1", "7", "3"), ("2", "3", "5", "3")] {
            let said = slurm(id, first, last, count, "1").expect_err("gaps");
            assert!(said.contains("have gaps"), "{said}");
        }
        let said = slurm("x", "0", "1", "2", "1").expect_err("no number");
        assert!(said.starts_with("SLURM_ARRAY_TASK_ID is \"x\""), "{said}");
        let said = read(&[("SLURM_ARRAY_TASK_ID", "1")], None).expect_err("no count");
        assert!(said.contains("SLURM_ARRAY_TASK_COUNT does not say how many"), "{said}");
    }

    #[test]
    fn the_others_count_from_nought_and_a_job_is_told_its_completions() {
        let job = [("JOB_COMPLETION_INDEX", "2")];
        let third = Some((Shard { index: 3, count: 8 }, Told::Kubernetes));
        assert_eq!(read(&job, Some(8)), Ok(third));
        assert!(read(&job, None).expect_err("no count").contains("--shards N, the Job's completions"));
        assert!(read(&job, Some(2)).expect_err("too few").contains("no 3/2"));
        let nodes = [("SKYPILOT_NODE_RANK", "0"), ("SKYPILOT_NUM_NODES", "4")];
        assert_eq!(read(&nodes, None), Ok(Some((Shard { index: 1, count: 4 }, Told::SkyPilot))));
        assert!(read(&nodes, Some(5)).expect_err("other").contains("SKYPILOT_NODE_RANK counts 4 shards"));
        assert!(read(&[nodes[0], nodes[1], job[0]], Some(4)).expect_err("two").contains("different shards"));
        assert_eq!(read(&[], Some(4)), Ok(None));
    }

    #[test]
    fn a_cluster_that_counts_otherwise_than_the_folder_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let run = dir.path().join("run");
        let one = Shard { index: 1, count: 1 };
        assert_eq!(one.folder(&run, Told::Slurm).expect("a new one"), run.join("shard-1-of-1"));
        std::fs::create_dir_all(run.join("shard-03-of-16")).expect("made");
        let said = one.folder(&run, Told::Slurm).expect_err("other").to_string();
        assert!(said.contains("holds shards of 16") && said.contains("--shard I/16"), "{said}");
        assert!(one.folder(&run, Told::Here).is_ok());
        std::fs::write(run.join(DATABASE), "").expect("written");
        assert!(one.folder(&run, Told::Here).expect_err("a run").to_string().contains("not split"));
    }
}
