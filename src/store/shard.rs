//! One shard of a sweep that is split over machines: what its run says of itself, and what its folder is called.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::run::DATABASE;

/// Which shard of which split a sweep computes.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(default)]
pub struct ShardRecord {
    /// From 1.
    pub index: u32,
    pub count: u32,
    /// Over the prompts of all checkpoints as tokens, and where they are cut: equal for shards of one split.
    pub split: String,
    /// Prompts of this shard.
    pub prompts: u64,
    /// Prompts of all shards.
    pub of: u64,
}

/// More shards than any cluster has tasks.
pub const MOST_SHARDS: u32 = 100_000;

impl ShardRecord {
    /// Whether a sweep can have been split so.
    pub(super) fn is_possible(&self) -> bool {
        (1..=MOST_SHARDS).contains(&self.count) && (1..=self.count).contains(&self.index)
    }
}

/// The name of a shard's folder: `shard-03-of-16`.
pub fn shard_folder(index: u32, count: u32) -> String {
    let width = count.to_string().len();
    format!("shard-{index:0width$}-of-{count}")
}

/// The shard whose folder is called so.
pub fn shard_of_folder(name: &str) -> Option<(u32, u32)> {
    let (index, count) = name.strip_prefix("shard-")?.split_once("-of-")?;
    let (index, count) = (index.parse().ok()?, count.parse().ok()?);
    (shard_folder(index, count) == name).then_some((index, count))
}

/// The run in `dir`, or the shards in it, by name.
///
/// # Errors
/// [`StoreError::NoRun`] where there is neither; a folder that cannot be read.
pub fn runs_in(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    if dir.join(DATABASE).exists() {
        return Ok(vec![dir.to_path_buf()]);
    }
    let shards = shards_in(dir)?;
    match shards.is_empty() {
        true => Err(StoreError::NoRun { dir: dir.to_path_buf() }),
        false => Ok(shards.into_iter().map(|(path, _)| path).collect()),
    }
}

/// The folders in `dir` that are called as shards are, by name; none where there is no `dir`.
pub fn shards_in(dir: &Path) -> Result<Vec<(PathBuf, (u32, u32))>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StoreError::io(dir, e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| StoreError::io(dir, e))?.path();
        let shard = path.file_name().and_then(|name| shard_of_folder(name.to_str()?));
        found.extend(shard.filter(|_| path.is_dir()).map(|shard| (path, shard)));
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_called_as_its_shard_and_sorts_as_it() {
        assert_eq!(shard_folder(3, 16), "shard-03-of-16");
        assert_eq!(shard_folder(3, 3), "shard-3-of-3");
        assert_eq!(shard_of_folder("shard-03-of-16"), Some((3, 16)));
        for other in ["shard-3-of-16", "shard-+3-of-3", "shard-3", "run", "shard-003-of-16"] {
            assert_eq!(shard_of_folder(other), None, "{other}");
        }
    }

    #[test]
    fn shards_are_the_folders_of_their_names_in_order() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["shard-10-of-12", "shard-02-of-12", "other", "shard-3-of-12"] {
            fs::create_dir(dir.path().join(name)).expect("a folder");
        }
        let file = dir.path().join("shard-01-of-12");
        fs::write(&file, "no folder").expect("written");
        let place = |name: &str, index| (dir.path().join(name), (index, 12));
        let expected = [place("shard-02-of-12", 2), place("shard-10-of-12", 10)];
        assert_eq!(shards_in(dir.path()).expect("readable"), expected);
        assert!(shards_in(&dir.path().join("none")).expect("nothing").is_empty());
        shards_in(&file).expect_err("no folder");
    }
}
