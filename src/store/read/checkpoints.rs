//! What a run says of its checkpoints.

use std::collections::HashMap;

use serde::Serialize;

use crate::scoring::ChoiceSet;
use crate::store::StoreError;
use crate::store::provenance::{CheckpointRecord, SessionRecord};
use crate::store::run::{CHECKPOINT_COLUMNS, CheckpointId, checkpoint_row};
use crate::store::schema::unsigned;

use super::RunReader;

/// Sets of answers by number.
pub(super) type AnswerSets = HashMap<i64, ChoiceSet>;

/// A checkpoint of a run, with what was done on it.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct StoredCheckpoint {
    #[serde(flatten)]
    pub record: CheckpointRecord,
    /// Scored prompts.
    pub prompts: u64,
    /// Sum of their tokens: what computing each alone would have taken, however often the sweep was begun again.
    pub prompt_tokens: u64,
    /// The sets of answers that were read.
    pub answers: Vec<ChoiceSet>,
    /// One per sweep, oldest first, with the time it began.
    pub sessions: Vec<(String, SessionRecord)>,
}

impl RunReader {
    /// All checkpoints of the run, by name.
    pub fn checkpoints(&self) -> Result<Vec<StoredCheckpoint>, StoreError> {
        self.records()?
            .into_iter()
            .map(|(id, record)| {
                let scored = self.tally()?.of(id);
                let mut answers: Vec<(i64, ChoiceSet)> = self.answers(id)?.into_iter().collect();
                answers.sort_unstable_by_key(|(id, _)| *id);
                Ok(StoredCheckpoint {
                    record,
                    prompts: scored.prompts,
                    prompt_tokens: scored.tokens,
                    answers: answers.into_iter().map(|(_, tokens)| tokens).collect(),
                    sessions: self.sessions(id)?,
                })
            })
            .collect()
    }

    /// When the first and the last session on any checkpoint began.
    pub fn begun(&self) -> Result<[Option<String>; 2], StoreError> {
        self.db
            .query_row("SELECT min(started), max(started) FROM session", [], |row| {
                Ok([row.get(0)?, row.get(1)?])
            })
            .map_err(|e| self.fail(e))
    }

    /// What is kept of every checkpoint, by name.
    pub fn checkpoint_records(&self) -> Result<Vec<CheckpointRecord>, StoreError> {
        Ok(self.records()?.into_iter().map(|(_, record)| record).collect())
    }

    pub(super) fn records(&self) -> Result<Vec<(CheckpointId, CheckpointRecord)>, StoreError> {
        let ask = format!("SELECT {CHECKPOINT_COLUMNS} FROM checkpoint ORDER BY model");
        self.all(&ask, [], checkpoint_row)?
            .into_iter()
            .map(|(id, record)| {
                record
                    .map(|record| (id, record))
                    .map_err(|form| self.damaged(&format!("a checkpoint has the unknown form `{form}`")))
            })
            .collect()
    }

    fn sessions(&self, id: CheckpointId) -> Result<Vec<(String, SessionRecord)>, StoreError> {
        self.all(
            "SELECT started, device, pack_tokens, sharing, prompts, naive_tokens, tree_tokens, computed_tokens,
               load_seconds, compute_seconds, complete, scored FROM session WHERE checkpoint = ?1 ORDER BY id",
            [id.0],
            |row| {
                let session = SessionRecord {
                    device: row.get(1)?,
                    pack_tokens: unsigned(row.get(2)?),
                    sharing: row.get(3)?,
                    prompts: unsigned(row.get(4)?),
                    scored: row.get::<_, Option<i64>>(11)?.map(unsigned),
                    naive_tokens: unsigned(row.get(5)?),
                    tree_tokens: unsigned(row.get(6)?),
                    computed_tokens: unsigned(row.get(7)?),
                    load_seconds: row.get(8)?,
                    compute_seconds: row.get(9)?,
                    complete: row.get(10)?,
                };
                Ok((row.get(0)?, session))
            },
        )
    }

    pub(super) fn answers(&self, id: CheckpointId) -> Result<AnswerSets, StoreError> {
        let rows: Vec<(i64, String)> =
            self.all("SELECT id, tokens FROM answers WHERE checkpoint = ?1", [id.0], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        rows.into_iter()
            .map(|(id, text)| match serde_json::from_str(&text) {
                Ok(tokens) => Ok((id, tokens)),
                Err(_) => Err(self.damaged("answer tokens that are no lists of ids")),
            })
            .collect()
    }
}
