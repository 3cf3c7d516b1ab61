//! The checkpoints of a run and the answer tokens that are read off them.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, named_params, params};

use crate::scoring::ChoiceSet;
use crate::store::StoreError;
use crate::store::provenance::{CheckpointRecord, form_from_word};
use crate::store::schema::{signed, unsigned};

use super::RunStore;

/// A checkpoint's number within its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CheckpointId(pub(in crate::store) i64);

/// A list of answer tokens within a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswersId(pub(in crate::store) i64);

impl RunStore {
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
                self.db
                    .execute(
                        "INSERT INTO checkpoint (model, family, stage, form, source, revision, config_sha256,
                           weights_sha256, tokenizer_sha256, template_sha256, template_date, prefill, dtype,
                           parameters, backend, arithmetic)
                         VALUES (:model, :family, :stage, :form, :source, :revision, :config, :weights,
                           :tokenizer, :template, :date, :prefill, :dtype, :parameters, :backend,
                           :arithmetic)",
                        named_params! {
                            ":model": record.model,
                            ":family": record.family,
                            ":stage": record.stage,
                            ":form": record.form.name(),
                            ":source": record.source,
                            ":revision": record.revision,
                            ":config": record.config_sha256,
                            ":weights": record.weights_sha256,
                            ":tokenizer": record.tokenizer_sha256,
                            ":template": record.template_sha256,
                            ":date": record.template_date,
                            ":prefill": record.prefill,
                            ":dtype": record.dtype,
                            ":parameters": signed(record.parameters),
                            ":backend": record.backend,
                            ":arithmetic": record.arithmetic,
                        },
                    )
                    .map_err(|e| self.fail(e))?;
                Ok(CheckpointId(self.db.last_insert_rowid()))
            }
        }
    }

    /// The run's other checkpoints with the weights of this one.
    pub fn same_weights(&self, checkpoint: CheckpointId) -> Result<Vec<String>, StoreError> {
        let mut query = self
            .db
            .prepare_cached(
                "SELECT other.model FROM checkpoint AS own JOIN checkpoint AS other
                   ON other.weights_sha256 = own.weights_sha256 AND other.id <> own.id
                 WHERE own.id = ?1 AND own.weights_sha256 <> '' ORDER BY other.id",
            )
            .map_err(|e| self.fail(e))?;
        let names = query.query_map([checkpoint.0], |row| row.get(0)).map_err(|e| self.fail(e))?;
        names.collect::<Result<_, _>>().map_err(|e| self.fail(e))
    }

    /// The number of a set of answers.
    pub fn answers(&mut self, checkpoint: CheckpointId, set: &ChoiceSet) -> Result<AnswersId, StoreError> {
        let text = serde_json::to_string(set).unwrap_or_default();
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
        self.answer_counts.insert(id, set.counts().into_iter().sum());
        Ok(id)
    }
}

pub(in crate::store) const CHECKPOINT_COLUMNS: &str =
    "id, model, family, stage, form, source, revision, config_sha256, weights_sha256,
    tokenizer_sha256, template_sha256, template_date, prefill, dtype, parameters, backend, arithmetic";

/// A row of [`CHECKPOINT_COLUMNS`]; the inner `Err` is an unknown form.
pub(in crate::store) fn checkpoint_row(
    row: &rusqlite::Row<'_>,
) -> Result<(CheckpointId, Result<CheckpointRecord, String>), rusqlite::Error> {
    let form: String = row.get(4)?;
    let Some(known) = form_from_word(&form) else {
        return Ok((CheckpointId(row.get(0)?), Err(form)));
    };
    let record = CheckpointRecord {
        model: row.get(1)?,
        family: row.get(2)?,
        stage: row.get(3)?,
        form: known,
        source: row.get(5)?,
        revision: row.get(6)?,
        config_sha256: row.get(7)?,
        weights_sha256: row.get(8)?,
        tokenizer_sha256: row.get(9)?,
        template_sha256: row.get(10)?,
        template_date: row.get(11)?,
        prefill: row.get(12)?,
        dtype: row.get(13)?,
        parameters: unsigned(row.get(14)?),
        backend: row.get(15)?,
        arithmetic: row.get(16)?,
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
