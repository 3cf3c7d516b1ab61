//! A sweep's work on a checkpoint, stored pack by pack.

use rusqlite::{Connection, params};

use crate::store::StoreError;
use crate::store::names::PromptKey;
use crate::store::provenance::SessionRecord;
use crate::store::schema::signed;

use super::{AnswersId, CheckpointId, RunStore};

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
    /// Raw logits in the shape of the answer tokens; of whole answers their log-probabilities.
    pub logits: &'a [Vec<f32>],
    /// Over the vocabulary; 0 with whole answers.
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

impl RunStore {
    /// Begins to record one sweep's work on a checkpoint.
    pub fn begin_session(
        &mut self,
        checkpoint: CheckpointId,
        session: &SessionRecord,
    ) -> Result<SessionId, StoreError> {
        self.db
            .execute(
                "INSERT INTO session (checkpoint, sweep, started, device, pack_tokens, sharing, prompts, scored,
                   naive_tokens, tree_tokens, computed_tokens, load_seconds, compute_seconds, complete)
                 VALUES (?1, ?9, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?2, ?3, ?4, ?5, 0, ?6, ?7, 0, ?8, 0.0, 0)",
                params![
                    checkpoint.0,
                    session.device,
                    signed(session.pack_tokens),
                    session.sharing,
                    signed(session.prompts),
                    signed(session.naive_tokens),
                    signed(session.tree_tokens),
                    session.load_seconds,
                    self.sweep,
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
                "UPDATE session SET computed_tokens = ?2, compute_seconds = ?3, load_seconds = ?4, complete = 1,
                   ended = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = ?1",
                params![session.0, signed(progress.computed_tokens), progress.compute_seconds, progress.load_seconds],
            )
            .map(drop)
            .map_err(|e| self.fail(e))
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
            .prepare_cached(
                "UPDATE session SET computed_tokens = ?2, compute_seconds = ?3, load_seconds = ?4, scored = scored + ?5,
                   ended = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = ?1",
            )?
            .execute(params![
                session.0,
                signed(progress.computed_tokens),
                progress.compute_seconds,
                progress.load_seconds,
                signed(rows.len() as u64),
            ])?;
    }
    change.commit()
}
