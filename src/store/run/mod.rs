//! The writing side of a run: scores go in pack by pack, and nothing that does not belong together mixes.

mod asked;
mod checkpoints;
mod sessions;

pub use asked::Cell;
pub use checkpoints::{AnswersId, CheckpointId};
pub(super) use checkpoints::{CHECKPOINT_COLUMNS, checkpoint_row};
pub use sessions::{Progress, ScoreRow, SessionId};

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::plain::{self, is_there};
use crate::study::Prompt;

use super::left::is_part;
use super::lock::{LOCK_FILE, RunLock};
use super::names::{self, Names, PromptKey};
use super::provenance::{RunIdentity, check_kept};
use super::roster::merge::merge;
use super::{StoreError, schema};

/// The database in a run folder.
pub const DATABASE: &str = "run.sqlite";
/// The copy of the roster, with its analysis settings, in a run folder.
pub const ROSTER: &str = "roster.toml";
/// Key of the hashes of that copy, as the run wrote it.
pub(super) const ROSTER_SHA256: &str = "roster_sha256";

/// What is known of a prompt that is already scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    pub prompt_sha256: [u8; 32],
    pub answers: AnswersId,
}

/// What became of a run's copy of the roster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptRoster {
    /// The one given stands in the place of another.
    pub replaced: bool,
    /// Checkpoints with scores that the one given does not name; the copy still does.
    pub also: Vec<String>,
}

/// A run folder open for writing; one process at a time.
#[derive(Debug)]
pub struct RunStore {
    dir: PathBuf,
    path: PathBuf,
    db: Connection,
    names: Names,
    /// Numbers of answer tokens of each known set, flat.
    answer_counts: HashMap<AnswersId, usize>,
    /// The start of a sweep that writes.
    sweep: Option<i64>,
    _lock: RunLock,
}

impl RunStore {
    /// Opens the run in `dir`, or makes it.
    ///
    /// # Errors
    /// A folder in use, a file that is no run or is damaged, a disk that cannot be written, and
    /// [`StoreError::OtherRun`] where the run was made with another program version or study.
    pub fn open_or_create(dir: &Path, identity: &RunIdentity) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|e| StoreError::io(dir, e))?;
        refuse_filled(dir)?;
        let lock = RunLock::take(dir)?;
        let path = dir.join(DATABASE);
        let mut db = schema::open_writer(&path)?;
        check_identity(&mut db, dir, &path, identity)?;
        let names = Names::read(&db).map_err(|e| StoreError::sqlite(&path, e))?;
        Ok(Self {
            dir: dir.to_path_buf(),
            path,
            db,
            names,
            answer_counts: HashMap::new(),
            sweep: None,
            _lock: lock,
        })
    }

    /// The run folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps a copy of the roster beside the scores, so that an analysis has its settings. A checkpoint with scores
    /// keeps what an earlier roster said of it until it is among `passed`: those of `text` that are the same still.
    ///
    /// # Errors
    /// [`StoreError::OtherHand`] where the copy is no longer what the run wrote.
    pub fn keep_roster(&self, text: &str, passed: &HashSet<String>) -> Result<KeptRoster, StoreError> {
        let path = self.dir.join(ROSTER);
        let before = match plain::read_settings(&path) {
            Ok(before) => Some(before),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(StoreError::io(&path, e)),
        };
        let mut kept = KeptRoster::default();
        if before.as_deref() == Some(text) {
            return self.sign_roster(&[text]).map(|()| kept);
        }
        if let Some(before) = &before {
            self.refuse_other_hand(&path, before)?;
        }
        let mut now = text.to_owned();
        if let Some(before) = &before {
            let scored = self.scored_models()?;
            let keep = |model: &str| scored.contains(model) && !passed.contains(model);
            if let Some(merged) = merge(before, text, keep) {
                now = merged.text;
                kept.also = merged.also;
            } else {
                kept.replaced = true;
            }
        }
        if before.as_ref() == Some(&now) {
            return Ok(KeptRoster::default());
        }
        // Both are ours until the one has taken the other's place.
        self.sign_roster(&[before.as_deref().unwrap_or_default(), &now])?;
        super::file::replace(&path, |out| {
            std::io::Write::write_all(out, now.as_bytes()).map_err(|e| StoreError::io(&path, e))
        })?;
        self.sign_roster(&[&now])?;
        Ok(kept)
    }

    /// Notes the copies of the roster that are the run's own, by their hashes.
    fn sign_roster(&self, texts: &[&str]) -> Result<(), StoreError> {
        let signed: Vec<String> = texts.iter().map(|text| sha256(text)).collect();
        self.db
            .execute(
                "INSERT INTO run (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
                [ROSTER_SHA256, &signed.join(" ")],
            )
            .map(drop)
            .map_err(|e| self.fail(e))
    }

    /// A run of an older program did not note which copy is its own.
    fn refuse_other_hand(&self, path: &Path, text: &str) -> Result<(), StoreError> {
        let signed: Option<String> = self
            .db
            .query_row("SELECT value FROM run WHERE key = ?1", [ROSTER_SHA256], |row| row.get(0))
            .optional()
            .map_err(|e| self.fail(e))?;
        match signed {
            Some(signed) if !signed.contains(&sha256(text)) => {
                Err(StoreError::OtherHand { path: path.to_path_buf() })
            }
            _ => Ok(()),
        }
    }

    fn scored_models(&self) -> Result<HashSet<String>, StoreError> {
        let ask = "SELECT model FROM checkpoint WHERE EXISTS (SELECT 1 FROM score WHERE checkpoint = checkpoint.id)";
        self.db
            .prepare(ask)
            .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
            .map_err(|e| self.fail(e))
    }

    /// Keys for `prompts`, in their order. Within one run a prompt has one key for all checkpoints.
    pub fn keys<'p>(
        &mut self,
        prompts: impl IntoIterator<Item = &'p Prompt>,
    ) -> Result<Vec<PromptKey>, StoreError> {
        let result = add_names(&mut self.db, &mut self.names, prompts);
        result.map_err(|e| self.names_again(e))
    }

    /// A transaction failed, and with it went the numbers that it gave.
    fn names_again(&mut self, error: rusqlite::Error) -> StoreError {
        self.names = Names::read(&self.db).unwrap_or_default();
        self.fail(error)
    }

    /// All prompts of a checkpoint that are scored already.
    pub fn scored(&self, checkpoint: CheckpointId) -> Result<HashMap<PromptKey, Scored>, StoreError> {
        let read = || {
            let mut query = self
                .db
                .prepare("SELECT item, slot, prompt_sha256, answers FROM score WHERE checkpoint = ?1")?;
            let rows = query.query_map([checkpoint.0], |row| {
                let key = PromptKey { item: row.get(0)?, slot: row.get(1)? };
                let scored = Scored { prompt_sha256: row.get(2)?, answers: AnswersId(row.get(3)?) };
                Ok((key, scored))
            })?;
            rows.collect::<Result<HashMap<_, _>, rusqlite::Error>>()
        };
        read().map_err(|e| self.fail(e))
    }

    /// Says that a stored prompt has changed: `what` is what differs.
    pub fn other_prompt(&self, checkpoint: CheckpointId, key: PromptKey, what: &'static str) -> StoreError {
        StoreError::OtherPrompt {
            dir: self.dir.clone(),
            model: self.model(checkpoint),
            id: self.prompt_id(key),
            what,
        }
    }

    fn model(&self, checkpoint: CheckpointId) -> String {
        let ask = "SELECT model FROM checkpoint WHERE id = ?1";
        self.db
            .query_row(ask, [checkpoint.0], |r| r.get(0))
            .unwrap_or_else(|_| format!("number {}", checkpoint.0))
    }

    fn prompt_id(&self, key: PromptKey) -> String {
        names::prompt_id(&self.db, key).unwrap_or_else(|| format!("item {}, slot {}", key.item, key.slot))
    }

    fn fail(&self, error: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, error)
    }

    /// For tests: the connection alone, the lock given up as a dead process gives it up.
    #[cfg(test)]
    pub(super) fn into_parts_for_test(self) -> Connection {
        self.db
    }

    /// For tests: no further page can be had, as on a full disk.
    #[cfg(test)]
    pub(super) fn fill_disk(&self) {
        let pages: i64 = self.db.pragma_query_value(None, "page_count", |r| r.get(0)).unwrap_or(1);
        let _ = self.db.pragma_update(None, "max_page_count", pages);
    }
}

/// Refuses a folder that holds something and no run: the files of a new one would stand among another's, or in their place.
pub(super) fn refuse_filled(dir: &Path) -> Result<(), StoreError> {
    if is_there(&dir.join(DATABASE)) {
        return Ok(());
    }
    for entry in fs::read_dir(dir).map_err(|e| StoreError::io(dir, e))? {
        let name = entry.map_err(|e| StoreError::io(dir, e))?.file_name();
        // What a sweep may leave that was killed before it had a database.
        let is_ours = is_part(&name) || (name == LOCK_FILE && RunLock::is_ours(dir));
        if !is_ours {
            return Err(StoreError::Filled { dir: dir.to_path_buf(), name: name.into() });
        }
    }
    Ok(())
}

fn check_identity(
    db: &mut Connection,
    dir: &Path,
    path: &Path,
    identity: &RunIdentity,
) -> Result<(), StoreError> {
    check_kept(db, path)?;
    let fail = |e| StoreError::sqlite(path, e);
    let change = db.transaction().map_err(fail)?;
    for (key, field, given) in identity.fields() {
        let stored: Option<String> = change
            .query_row("SELECT value FROM run WHERE key = ?1", [key], |r| r.get(0))
            .optional()
            .map_err(fail)?;
        match stored {
            Some(stored) if stored == given => {}
            Some(stored) => {
                return Err(StoreError::OtherRun { dir: dir.to_path_buf(), field, stored, given });
            }
            None => {
                change
                    .execute("INSERT INTO run (key, value) VALUES (?1, ?2)", [key, &given])
                    .map_err(fail)?;
            }
        }
    }
    change
        .execute(
            "INSERT OR IGNORE INTO run (key, value) VALUES ('created', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
            [],
        )
        .map_err(fail)?;
    change.commit().map_err(fail)
}

pub(super) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn add_names<'p>(
    db: &mut Connection,
    names: &mut Names,
    prompts: impl IntoIterator<Item = &'p Prompt>,
) -> Result<Vec<PromptKey>, rusqlite::Error> {
    let change = db.transaction()?;
    let keys = prompts.into_iter().map(|prompt| names.key(&change, prompt)).collect::<Result<_, _>>()?;
    change.commit()?;
    Ok(keys)
}
