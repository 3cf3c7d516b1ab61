//! The writing side of a run: scores go in pack by pack, and nothing that does not belong together mixes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, named_params, params};

use crate::study::Prompt;

use super::lock::RunLock;
use super::names::{Names, PromptKey};
use super::provenance::{CheckpointRecord, RunIdentity, SessionRecord, form_from_word};
use super::{StoreError, schema};

/// The database in a run folder.
pub const DATABASE: &str = "run.sqlite";
/// The copy of the roster, with its analysis settings, in a run folder.
pub const ROSTER: &str = "roster.toml";

/// A checkpoint's number within its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CheckpointId(pub(super) i64);

/// A list of answer tokens within a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswersId(pub(super) i64);

/// One sweep's work on one checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId(i64);

/// One prompt's score, ready to be stored.
#[derive(Debug, Clone)]
pub struct ScoreRow<'a> {
    pub key: PromptKey,
    /// Over the token ids as little-endian u32.
    pub prompt_sha256: [u8; 32],
    pub n_tokens: u32,
    pub answers: AnswersId,
    /// Raw logits in the shape of the answer tokens.
    pub logits: &'a [Vec<f32>],
    /// Over the vocabulary.
    pub logsumexp: f64,
    /// Log-probabilities of the first and the second answer.
    pub logprobs: [f64; 2],
    /// First minus second.
    pub log_odds: f64,
    /// Probability on both answers.
    pub compliance: f64,
}

/// What a session has done so far; stored with each pack.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    pub computed_tokens: u64,
    pub load_seconds: f64,
    pub compute_seconds: f64,
}

/// What is known of a prompt that is already scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    pub prompt_sha256: [u8; 32],
    pub answers: AnswersId,
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
        let lock = RunLock::take(dir)?;
        let path = dir.join(DATABASE);
        let mut db = schema::open_writer(&path)?;
        check_identity(&mut db, dir, &path, identity)?;
        let names = Names::read(&db).map_err(|e| StoreError::sqlite(&path, e))?;
        Ok(Self { dir: dir.to_path_buf(), path, db, names, answer_counts: HashMap::new(), _lock: lock })
    }

    /// The run folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps a copy of the roster beside the scores, so that an analysis has its settings; says whether it
    /// replaced another one.
    pub fn keep_roster(&self, text: &str) -> Result<bool, StoreError> {
        let path = self.dir.join(ROSTER);
        let before = fs::read(&path).ok();
        if before.as_deref() == Some(text.as_bytes()) {
            return Ok(false);
        }
        super::file::replace(&path, |out| {
            std::io::Write::write_all(out, text.as_bytes()).map_err(|e| StoreError::io(&path, e))
        })?;
        Ok(before.is_some())
    }

    /// Registers a checkpoint, or finds it again.
    ///
    /// # Errors
    /// [`StoreError::OtherCheckpoint`] where the run knows it with other weights, tokenizer, template, prefill,
    /// stored type or backend.
    pub fn checkpoint(&mut self, record: &CheckpointRecord) -> Result<CheckpointId, StoreError> {
        let known = read_checkpoint(&self.db, &self.path, &record.model)?;
        match known {
            Some((id, stored)) => {
                stored.check_same(record, &self.dir)?;
                self.db
                    .execute(
                        "UPDATE checkpoint SET family = ?2, stage = ?3, source = ?4, revision = ?5 WHERE id = ?1",
                        params![id.0, record.family, record.stage, record.source, record.revision],
                    )
                    .map_err(|e| self.fail(e))?;
                Ok(id)
            }
            None => {
                let parameters = i64::try_from(record.parameters).unwrap_or(i64::MAX);
                self.db
                    .execute(
                        "INSERT INTO checkpoint (model, family, stage, form, source, revision, weights_sha256,
                           tokenizer_sha256, template_sha256, template_date, prefill, dtype, parameters, backend)
                         VALUES (:model, :family, :stage, :form, :source, :revision, :weights, :tokenizer,
                           :template, :date, :prefill, :dtype, :parameters, :backend)",
                        named_params! {
                            ":model": record.model,
                            ":family": record.family,
                            ":stage": record.stage,
                            ":form": record.form.name(),
                            ":source": record.source,
                            ":revision": record.revision,
                            ":weights": record.weights_sha256,
                            ":tokenizer": record.tokenizer_sha256,
                            ":template": record.template_sha256,
                            ":date": record.template_date,
                            ":prefill": record.prefill,
                            ":dtype": record.dtype,
                            ":parameters": parameters,
                            ":backend": record.backend,
                        },
                    )
                    .map_err(|e| self.fail(e))?;
                Ok(CheckpointId(self.db.last_insert_rowid()))
            }
        }
    }

    /// The number of a set of answer tokens, `tokens[answer][spelling]`.
    pub fn answers(
        &mut self,
        checkpoint: CheckpointId,
        tokens: &[Vec<u32>],
    ) -> Result<AnswersId, StoreError> {
        let text = tokens_text(tokens);
        let known: Option<i64> = self
            .db
            .prepare_cached("SELECT id FROM answers WHERE checkpoint = ?1 AND tokens = ?2")
            .and_then(|mut q| q.query_row(params![checkpoint.0, text], |r| r.get(0)).optional())
            .map_err(|e| self.fail(e))?;
        let id = match known {
            Some(id) => id,
            None => {
                self.db
                    .execute(
                        "INSERT INTO answers (checkpoint, tokens) VALUES (?1, ?2)",
                        params![checkpoint.0, text],
                    )
                    .map_err(|e| self.fail(e))?;
                self.db.last_insert_rowid()
            }
        };
        let id = AnswersId(id);
        self.answer_counts.insert(id, tokens.iter().map(Vec::len).sum());
        Ok(id)
    }

    /// Keys for `prompts`, in their order. Within one run a prompt has one key for all checkpoints.
    pub fn keys<'p>(
        &mut self,
        prompts: impl IntoIterator<Item = &'p Prompt>,
    ) -> Result<Vec<PromptKey>, StoreError> {
        let result = add_names(&mut self.db, &mut self.names, prompts);
        result.map_err(|e| {
            // The transaction is gone, and with it the numbers that it gave.
            self.names = Names::read(&self.db).unwrap_or_default();
            StoreError::sqlite(&self.path, e)
        })
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

    /// Begins to record one sweep's work on a checkpoint.
    pub fn begin_session(
        &mut self,
        checkpoint: CheckpointId,
        session: &SessionRecord,
    ) -> Result<SessionId, StoreError> {
        self.db
            .execute(
                "INSERT INTO session (checkpoint, started, device, pack_tokens, sharing, prompts, naive_tokens,
                   tree_tokens, computed_tokens, load_seconds, compute_seconds, complete)
                 VALUES (?1, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, 0.0, 0)",
                params![
                    checkpoint.0,
                    session.device,
                    count(session.pack_tokens),
                    session.sharing,
                    count(session.prompts),
                    count(session.naive_tokens),
                    count(session.tree_tokens),
                    session.load_seconds,
                ],
            )
            .map_err(|e| self.fail(e))?;
        Ok(SessionId(self.db.last_insert_rowid()))
    }

    /// Stores a pack's scores and the progress they mean: all of it, or none.
    ///
    /// # Errors
    /// [`StoreError::NotFinite`] before anything of the pack is stored; a full disk, with earlier packs kept.
    pub fn put(
        &mut self,
        checkpoint: CheckpointId,
        session: SessionId,
        rows: &[ScoreRow<'_>],
        progress: Progress,
    ) -> Result<(), StoreError> {
        for row in rows {
            self.check_row(checkpoint, row)?;
        }
        insert_pack(&mut self.db, checkpoint, session, rows, progress)
            .map_err(|e| StoreError::sqlite(&self.path, e))
    }

    /// Marks a session as having come to its end.
    pub fn end_session(&mut self, session: SessionId, progress: Progress) -> Result<(), StoreError> {
        self.db
            .execute(
                "UPDATE session SET computed_tokens = ?2, compute_seconds = ?3, load_seconds = ?4, complete = 1 WHERE id = ?1",
                params![session.0, count(progress.computed_tokens), progress.compute_seconds, progress.load_seconds],
            )
            .map(drop)
            .map_err(|e| self.fail(e))
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

    fn check_row(&self, checkpoint: CheckpointId, row: &ScoreRow<'_>) -> Result<(), StoreError> {
        let worst = row.logits.iter().flatten().find(|v| !v.is_finite());
        let figures = [
            ("logit", worst.map_or(0.0, |v| f64::from(*v))),
            ("log-sum-exp", row.logsumexp),
            ("log-probability", row.logprobs[0]),
            ("log-probability", row.logprobs[1]),
            ("log-odds", row.log_odds),
            ("compliance", row.compliance),
        ];
        if let Some((field, value)) = figures.into_iter().find(|(_, v)| !v.is_finite()) {
            return Err(StoreError::NotFinite {
                model: self.model(checkpoint),
                id: self.prompt_id(row.key),
                field,
                value,
            });
        }
        let given = row.logits.iter().map(Vec::len).sum();
        match self.answer_counts.get(&row.answers) {
            Some(expected) if *expected == given => Ok(()),
            expected => Err(StoreError::LogitCount {
                id: self.prompt_id(row.key),
                given,
                expected: expected.copied().unwrap_or(0),
            }),
        }
    }

    fn model(&self, checkpoint: CheckpointId) -> String {
        let ask = "SELECT model FROM checkpoint WHERE id = ?1";
        self.db
            .query_row(ask, [checkpoint.0], |r| r.get(0))
            .unwrap_or_else(|_| format!("number {}", checkpoint.0))
    }

    fn prompt_id(&self, key: PromptKey) -> String {
        super::read::prompt_id(&self.db, key)
            .unwrap_or_else(|| format!("item {}, slot {}", key.item, key.slot))
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

fn check_identity(
    db: &mut Connection,
    dir: &Path,
    path: &Path,
    identity: &RunIdentity,
) -> Result<(), StoreError> {
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
                return Err(StoreError::OtherRun {
                    dir: dir.to_path_buf(),
                    field,
                    stored,
                    given: given.to_owned(),
                });
            }
            None => {
                change.execute("INSERT INTO run (key, value) VALUES (?1, ?2)", [key, given]).map_err(fail)?;
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

fn insert_pack(
    db: &mut Connection,
    checkpoint: CheckpointId,
    session: SessionId,
    rows: &[ScoreRow<'_>],
    progress: Progress,
) -> Result<(), rusqlite::Error> {
    let change = db.transaction()?;
    {
        let mut insert = change.prepare_cached(
            "INSERT INTO score (checkpoint, item, slot, prompt_sha256, n_tokens, answers, logits, logsumexp,
               logprob_a, logprob_b, log_odds, compliance)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        let mut logits = Vec::new();
        for row in rows {
            logits.clear();
            for value in row.logits.iter().flatten() {
                logits.extend_from_slice(&value.to_le_bytes());
            }
            insert.execute(params![
                checkpoint.0,
                row.key.item,
                row.key.slot,
                row.prompt_sha256,
                row.n_tokens,
                row.answers.0,
                logits,
                row.logsumexp,
                row.logprobs[0],
                row.logprobs[1],
                row.log_odds,
                row.compliance,
            ])?;
        }
        change
            .prepare_cached("UPDATE session SET computed_tokens = ?2, compute_seconds = ?3, load_seconds = ?4 WHERE id = ?1")?
            .execute(params![session.0, count(progress.computed_tokens), progress.compute_seconds, progress.load_seconds])?;
    }
    change.commit()
}

pub(super) const CHECKPOINT_COLUMNS: &str =
    "id, model, family, stage, form, source, revision, weights_sha256,
    tokenizer_sha256, template_sha256, template_date, prefill, dtype, parameters, backend";

/// A row of [`CHECKPOINT_COLUMNS`]; the inner `Err` is an unknown form.
pub(super) fn checkpoint_row(
    row: &rusqlite::Row<'_>,
) -> Result<(CheckpointId, Result<CheckpointRecord, String>), rusqlite::Error> {
    let form: String = row.get(4)?;
    let Some(known) = form_from_word(&form) else {
        return Ok((CheckpointId(row.get(0)?), Err(form)));
    };
    let parameters: i64 = row.get(13)?;
    let record = CheckpointRecord {
        model: row.get(1)?,
        family: row.get(2)?,
        stage: row.get(3)?,
        form: known,
        source: row.get(5)?,
        revision: row.get(6)?,
        weights_sha256: row.get(7)?,
        tokenizer_sha256: row.get(8)?,
        template_sha256: row.get(9)?,
        template_date: row.get(10)?,
        prefill: row.get(11)?,
        dtype: row.get(12)?,
        parameters: u64::try_from(parameters).unwrap_or(0),
        backend: row.get(14)?,
    };
    Ok((CheckpointId(row.get(0)?), Ok(record)))
}

fn read_checkpoint(
    db: &Connection,
    path: &Path,
    model: &str,
) -> Result<Option<(CheckpointId, CheckpointRecord)>, StoreError> {
    let ask = format!("SELECT {CHECKPOINT_COLUMNS} FROM checkpoint WHERE model = ?1");
    let found =
        db.query_row(&ask, [model], checkpoint_row).optional().map_err(|e| StoreError::sqlite(path, e))?;
    match found {
        None => Ok(None),
        Some((id, Ok(record))) => Ok(Some((id, record))),
        Some((_, Err(form))) => Err(StoreError::Damaged {
            path: path.to_path_buf(),
            what: format!("checkpoint `{model}` has the unknown form `{form}`"),
        }),
    }
}

/// `[[32,362],[33,426]]`
fn tokens_text(tokens: &[Vec<u32>]) -> String {
    let lists: Vec<String> = tokens
        .iter()
        .map(|ids| {
            let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
            format!("[{}]", ids.join(","))
        })
        .collect();
    format!("[{}]", lists.join(","))
}

/// SQLite's integers are signed; no count here comes near the limit.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
