//! What a sweep sets out to ask: kept before anything is computed, so that what is left is known at any moment.

use rusqlite::params;

use crate::store::StoreError;
use crate::store::names::PromptKey;
use crate::store::origin::{Ended, Filters, SweepRecord};
use crate::store::schema::signed;
use crate::store::shard::ShardRecord;

use super::RunStore;

/// How many prompts the study holds for a checkpoint in one language and condition, whatever is asked of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub language: String,
    pub condition: String,
    pub whole: u64,
}

impl RunStore {
    /// Records that a sweep begins; the sessions that follow are its.
    pub fn begin_sweep(&mut self, sweep: &SweepRecord) -> Result<(), StoreError> {
        let json = |value: serde_json::Value| value.to_string();
        self.db
            .execute(
                "INSERT INTO sweep (started, program, build, arguments, filters, machine)
                 VALUES (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?1, ?2, ?3, ?4, ?5)",
                params![
                    sweep.program,
                    sweep.build,
                    json(serde_json::json!(sweep.arguments)),
                    json(serde_json::json!(sweep.filters)),
                    json(serde_json::json!(sweep.machine)),
                ],
            )
            .map_err(|e| self.fail(e))?;
        self.sweep = Some(self.db.last_insert_rowid());
        Ok(())
    }

    /// The shards that swept into the run before.
    pub fn shards(&self) -> Result<Vec<ShardRecord>, StoreError> {
        let kept: Result<Vec<String>, rusqlite::Error> = self
            .db
            .prepare("SELECT DISTINCT filters FROM sweep")
            .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect());
        let filters = kept.map_err(|e| self.fail(e))?;
        Ok(filters.iter().filter_map(|text| serde_json::from_str::<Filters>(text).ok()?.shard).collect())
    }

    /// Records how the sweep ended.
    pub fn end_sweep(&mut self, how: Ended) -> Result<(), StoreError> {
        let change =
            "UPDATE sweep SET ended = strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), outcome = ?2 WHERE id = ?1";
        self.db.execute(change, params![self.sweep, how.name()]).map(drop).map_err(|e| self.fail(e))
    }

    /// Records that `models` are asked `prompts`, beside whatever they were asked before, of `cells`.
    pub fn ask(&mut self, models: &[&str], cells: &[Cell], prompts: &[PromptKey]) -> Result<(), StoreError> {
        let result = self.insert_asked(models, cells, prompts);
        result.map_err(|e| self.names_again(e))
    }

    fn insert_asked(
        &mut self,
        models: &[&str],
        cells: &[Cell],
        prompts: &[PromptKey],
    ) -> Result<(), rusqlite::Error> {
        let change = self.db.transaction()?;
        for model in models {
            let model = self.names.word(&change, model)?;
            for cell in cells {
                let (language, condition) =
                    (self.names.word(&change, &cell.language)?, self.names.word(&change, &cell.condition)?);
                change
                    .prepare_cached(
                        "INSERT INTO cell (model, language, condition, whole) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT DO UPDATE SET whole = excluded.whole",
                    )?
                    .execute(params![model, language, condition, signed(cell.whole)])?;
            }
            let mut insert = change.prepare_cached(
                "INSERT INTO asked (model, item, slots) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET slots = slots | excluded.slots WHERE slots <> slots | excluded.slots",
            )?;
            // The prompts of an item stand together.
            for item in prompts.chunk_by(|a, b| a.item == b.item) {
                let slots = item.iter().fold(0u8, |slots, key| slots | 1 << key.slot);
                insert.execute(params![model, item[0].item, slots])?;
            }
        }
        change.commit()
    }

    /// Forgets what was asked of checkpoints that are not among `models` and have no score: they were misspelt, or taken out of
    /// the roster, and nobody waits for them.
    pub fn forget_all_but(&mut self, models: &[&str]) -> Result<(), StoreError> {
        let names = serde_json::json!(models).to_string();
        let gone = "model IN (SELECT id FROM word WHERE text NOT IN (SELECT value FROM json_each(?1))
            AND text NOT IN (SELECT model FROM checkpoint WHERE EXISTS (SELECT 1 FROM score WHERE checkpoint = checkpoint.id)))";
        let forget = |table| self.db.execute(&format!("DELETE FROM {table} WHERE {gone}"), [&names]);
        forget("asked").and_then(|_| forget("cell")).map(drop).map_err(|e| self.fail(e))
    }

    /// Prompts that were asked of `model` and are not scored.
    pub fn left(&self, model: &str) -> Result<u64, StoreError> {
        let asked =
            "SELECT coalesce(sum((slots & 1) + (slots >> 1 & 1) + (slots >> 2 & 1) + (slots >> 3)), 0)
            FROM asked WHERE model = (SELECT id FROM word WHERE text = ?1)";
        let scored = "SELECT count(*) FROM score
            JOIN asked ON asked.item = score.item AND asked.model = (SELECT id FROM word WHERE text = ?1)
            WHERE checkpoint = (SELECT id FROM checkpoint WHERE model = ?1) AND slots >> slot & 1";
        let count =
            |ask: &str| -> Result<i64, rusqlite::Error> { self.db.query_row(ask, [model], |row| row.get(0)) };
        let both = count(asked).and_then(|asked| Ok((asked, count(scored)?)));
        let (asked, scored) = both.map_err(|e| self.fail(e))?;
        Ok(u64::try_from(asked - scored).unwrap_or(0))
    }
}
