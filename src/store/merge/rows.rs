//! A run's rows in the numbers of another.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use crate::store::StoreError;
use crate::store::names::{ItemWords, Names, PromptKey, prompt_id, read_items};
use crate::store::run::{CHECKPOINT_COLUMNS, DATABASE};

use super::MergeError;
use super::source::Source;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// Scores that the merged run did not have.
    pub scores: u64,
    /// Scores that another run had given already, the same in all figures.
    pub twice: u64,
    /// Checkpoints of the merged run.
    pub checkpoints: u64,
}

/// Columns of a score behind its checkpoint, item and slot, as messages call them.
const SCORE: [(&str, &str); 9] = [
    ("prompt_sha256", "list of token ids"),
    ("n_tokens", "number of tokens"),
    ("answers", "set of answer tokens"),
    ("logits", "set of logits"),
    ("logsumexp", "log-sum-exp"),
    ("logprob_a", "log-probability"),
    ("logprob_b", "log-probability"),
    ("log_odds", "log-odds"),
    ("compliance", "compliance"),
];

/// Columns of a session behind its checkpoint and sweep: what tells it from others, and what it has come to.
const SESSION: [&str; 11] = [
    "started",
    "device",
    "pack_tokens",
    "sharing",
    "prompts",
    "naive_tokens",
    "tree_tokens",
    "computed_tokens",
    "load_seconds",
    "compute_seconds",
    "complete",
];

/// The merged run while it is filled.
pub struct Rows<'t> {
    db: &'t Connection,
    path: &'t Path,
    names: Names,
    copied: Copied,
}

/// Numbers of a source's rows in the merged run.
#[derive(Default)]
struct Numbers {
    words: HashMap<i64, i64>,
    items: HashMap<i64, i64>,
    checkpoints: HashMap<i64, i64>,
    answers: HashMap<i64, i64>,
    sweeps: HashMap<i64, i64>,
}

impl<'t> Rows<'t> {
    pub fn of(db: &'t Connection, path: &'t Path) -> Result<Self, StoreError> {
        let names = Names::read(db).map_err(|e| StoreError::sqlite(path, e))?;
        Ok(Rows { db, path, names, copied: Copied::default() })
    }

    pub fn copied(&self) -> Copied {
        let count = self.db.query_row("SELECT count(*) FROM checkpoint", [], |row| row.get::<_, i64>(0));
        Copied { checkpoints: count.map_or(0, |count| count.unsigned_abs()), ..self.copied }
    }

    /// Copies all of `source` that is not there yet. `before`: the sources that were copied, to name the one that disagrees.
    pub fn copy(&mut self, source: &Source, before: &[&Source]) -> Result<(), MergeError> {
        let numbers = self.names_and_work(source)?;
        self.scores(source, &numbers, before)
    }

    /// Everything but the scores.
    fn names_and_work(&mut self, source: &Source) -> Result<Numbers, StoreError> {
        let mut numbers = Numbers::default();
        // Reading and writing fail in different files.
        let from = source.dir.join(DATABASE);
        let read = |e| StoreError::sqlite(&from, e);
        let path = self.path;
        let write = |e| StoreError::sqlite(path, e);
        let db = source.reader.db();
        for (id, text) in all(db, "SELECT id, text FROM word ORDER BY text", |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .map_err(read)?
        {
            numbers.words.insert(id, self.names.word(self.db, &text).map_err(write)?);
        }
        for (id, words) in read_items(db).map_err(read)? {
            let mut own: ItemWords = [0; 7];
            for (own, word) in own.iter_mut().zip(words) {
                *own = numbers.word(word, &from)?;
            }
            numbers.items.insert(id, self.names.item(self.db, own).map_err(write)?);
        }
        for row in all(db, &format!("SELECT {CHECKPOINT_COLUMNS} FROM checkpoint ORDER BY model"), whole_row)
            .map_err(read)?
        {
            let [id, model, rest @ ..] = row.as_slice() else { continue };
            let known = "SELECT id FROM checkpoint WHERE model = ?1";
            let known = self.db.query_row(known, [model], |row| row.get(0)).optional().map_err(write)?;
            let own = match known {
                Some(own) => own,
                None => {
                    let columns = CHECKPOINT_COLUMNS.trim_start_matches("id,");
                    self.insert("checkpoint", columns, std::iter::once(model).chain(rest)).map_err(write)?
                }
            };
            numbers.checkpoints.insert(integer(id), own);
        }
        for (id, checkpoint, tokens) in
            all(db, "SELECT id, checkpoint, tokens FROM answers ORDER BY id", |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
            })
            .map_err(read)?
        {
            let checkpoint = numbered(&numbers.checkpoints, checkpoint, "a checkpoint", &from)?;
            let find = "SELECT id FROM answers WHERE checkpoint = ?1 AND tokens = ?2";
            let known = self
                .db
                .query_row(find, params![checkpoint, tokens], |row| row.get(0))
                .optional()
                .map_err(write)?;
            let own = match known {
                Some(own) => own,
                None => {
                    let values = [Value::Integer(checkpoint), Value::Text(tokens)];
                    self.insert("answers", "checkpoint, tokens", &values).map_err(write)?
                }
            };
            numbers.answers.insert(id, own);
        }
        self.asked(source, &numbers)?;
        self.sweeps(source, &mut numbers)?;
        self.sessions(source, &numbers)?;
        Ok(numbers)
    }

    fn asked(&mut self, source: &Source, numbers: &Numbers) -> Result<(), StoreError> {
        let from = source.dir.join(DATABASE);
        let read = |e| StoreError::sqlite(&from, e);
        let write = |e| StoreError::sqlite(self.path, e);
        let db = source.reader.db();
        let four = |row: &Row<'_>| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?]);
        for [model, language, condition, whole] in
            all(db, "SELECT model, language, condition, whole FROM cell", four).map_err(read)?
        {
            let words = [
                numbers.word(model, &from)?,
                numbers.word(language, &from)?,
                numbers.word(condition, &from)?,
            ];
            let add = "INSERT INTO cell (model, language, condition, whole) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT DO UPDATE SET whole = max(whole, excluded.whole)";
            self.db
                .prepare_cached(add)
                .and_then(|mut add| add.execute(params![words[0], words[1], words[2], whole]))
                .map_err(write)?;
        }
        let mut query = db.prepare("SELECT model, item, slots FROM asked").map_err(read)?;
        let mut rows = query.query([]).map_err(read)?;
        while let Some(row) = rows.next().map_err(read)? {
            let [model, item, slots]: [i64; 3] =
                [row.get(0).map_err(read)?, row.get(1).map_err(read)?, row.get(2).map_err(read)?];
            let (model, item) =
                (numbers.word(model, &from)?, numbered(&numbers.items, item, "an item", &from)?);
            let add = "INSERT INTO asked (model, item, slots) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO UPDATE SET slots = slots | excluded.slots";
            self.db
                .prepare_cached(add)
                .and_then(|mut add| add.execute([model, item, slots]))
                .map_err(write)?;
        }
        Ok(())
    }

    /// A sweep is the same in two runs if it began at the same moment to do the same; how it ended may have become known.
    fn sweeps(&mut self, source: &Source, numbers: &mut Numbers) -> Result<(), StoreError> {
        let from = source.dir.join(DATABASE);
        let write = |e| StoreError::sqlite(self.path, e);
        let columns = "started, program, build, arguments, filters, machine, ended, outcome";
        let rows =
            all(source.reader.db(), &format!("SELECT id, {columns} FROM sweep ORDER BY id"), whole_row);
        for row in rows.map_err(|e| StoreError::sqlite(&from, e))? {
            let [id, values @ ..] = row.as_slice() else { continue };
            let find =
                "SELECT id FROM sweep WHERE started = ?1 AND program = ?2 AND build IS ?3 AND arguments = ?4
                        AND filters = ?5 AND machine = ?6";
            let known = self
                .db
                .query_row(find, params_from_iter(&values[..6]), |row| row.get(0))
                .optional()
                .map_err(write)?;
            let own = match known {
                Some(own) => {
                    let update = "UPDATE sweep SET ended = coalesce(?2, ended), outcome = coalesce(?3, outcome) WHERE id = ?1";
                    self.db.execute(update, params![own, values[6], values[7]]).map_err(write)?;
                    own
                }
                None => self.insert("sweep", columns, values).map_err(write)?,
            };
            numbers.sweeps.insert(integer(id), own);
        }
        Ok(())
    }

    fn sessions(&mut self, source: &Source, numbers: &Numbers) -> Result<(), StoreError> {
        let from = source.dir.join(DATABASE);
        let write = |e| StoreError::sqlite(self.path, e);
        let columns = SESSION.join(", ");
        let ask = format!("SELECT checkpoint, sweep, {columns}, scored, ended FROM session ORDER BY id");
        for mut row in all(source.reader.db(), &ask, whole_row).map_err(|e| StoreError::sqlite(&from, e))? {
            let checkpoint = numbered(&numbers.checkpoints, integer(&row[0]), "a checkpoint", &from)?;
            row[0] = Value::Integer(checkpoint);
            if let Value::Integer(sweep) = row[1] {
                row[1] = Value::Integer(numbered(&numbers.sweeps, sweep, "a sweep", &from)?);
            }
            let find = "SELECT id FROM session WHERE checkpoint = ?1 AND sweep IS ?2 AND started = ?3 AND device = ?4
                        AND pack_tokens = ?5 AND sharing = ?6 AND prompts = ?7 AND naive_tokens = ?8 AND tree_tokens = ?9";
            let known: Option<i64> = self
                .db
                .query_row(find, params_from_iter(&row[..9]), |row| row.get(0))
                .optional()
                .map_err(write)?;
            match known {
                None => {
                    let columns = format!("checkpoint, sweep, {columns}, scored, ended");
                    self.insert("session", &columns, &row).map_err(write)?;
                }
                // It may have gone on since it was merged.
                Some(own) => {
                    let update = "UPDATE session SET computed_tokens = ?2, load_seconds = ?3, compute_seconds = ?4, complete = ?5,
                                  scored = ?6, ended = ?7 WHERE id = ?1 AND computed_tokens <= ?2";
                    let values = std::iter::once(Value::Integer(own)).chain(row.into_iter().skip(9));
                    self.db.execute(update, params_from_iter(values)).map_err(write)?;
                }
            }
        }
        Ok(())
    }

    fn scores(&mut self, source: &Source, numbers: &Numbers, before: &[&Source]) -> Result<(), MergeError> {
        let from = source.dir.join(DATABASE);
        let read = |e| StoreError::sqlite(&from, e);
        let write = |e| StoreError::sqlite(self.path, e);
        let columns = SCORE.map(|(column, _)| column).join(", ");
        let add = format!(
            "INSERT INTO score (checkpoint, item, slot, {columns})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING"
        );
        let mut add = self.db.prepare(&add).map_err(write)?;
        let find = format!("SELECT {columns} FROM score WHERE checkpoint = ?1 AND item = ?2 AND slot = ?3");
        let mut find = self.db.prepare(&find).map_err(write)?;
        let ask = format!("SELECT checkpoint, item, slot, {columns} FROM score");
        let mut query = source.reader.db().prepare(&ask).map_err(read)?;
        let mut rows = query.query([]).map_err(read)?;
        while let Some(row) = rows.next().map_err(read)? {
            let mut row = whole_row(row).map_err(read)?;
            let theirs = integer(&row[0]);
            row[0] = Value::Integer(numbered(&numbers.checkpoints, theirs, "a checkpoint", &from)?);
            row[1] = Value::Integer(numbered(&numbers.items, integer(&row[1]), "an item", &from)?);
            row[5] = Value::Integer(numbered(&numbers.answers, integer(&row[5]), "answers", &from)?);
            if add.execute(params_from_iter(&row)).map_err(write)? > 0 {
                self.copied.scores += 1;
                continue;
            }
            let known = find.query_row(params_from_iter(&row[..3]), whole_row).map_err(write)?;
            let other = known.iter().zip(&row[3..]).position(|(mine, theirs)| !is_same(mine, theirs));
            if let Some(column) = other {
                return Err(self.disagreement(&row[..3], SCORE[column].1, source, before));
            }
            self.copied.twice += 1;
        }
        Ok(())
    }

    /// `place`: checkpoint, item and slot.
    fn disagreement(&self, place: &[Value], what: &str, source: &Source, before: &[&Source]) -> MergeError {
        let (checkpoint, item, slot) = (integer(&place[0]), integer(&place[1]), integer(&place[2]));
        let key = PromptKey { item, slot: slot.try_into().unwrap_or(0) };
        let id = prompt_id(self.db, key).unwrap_or_default();
        let model: String = self
            .db
            .query_row("SELECT model FROM checkpoint WHERE id = ?1", [checkpoint], |row| row.get(0))
            .unwrap_or_default();
        let has = |source: &&&Source| source.reader.scored_prompt(&model, &id);
        let one = before.iter().find(has).map_or_else(|| source.dir.clone(), |source| source.dir.clone());
        MergeError::Score { id, model, what: what.to_owned(), one, other: source.dir.clone() }
    }

    /// The new row's number.
    fn insert<'v>(
        &self,
        table: &str,
        columns: &str,
        values: impl IntoIterator<Item = &'v Value>,
    ) -> Result<i64, rusqlite::Error> {
        let marks = vec!["?"; columns.split(',').count()].join(", ");
        let add = format!("INSERT INTO {table} ({columns}) VALUES ({marks})");
        self.db.prepare_cached(&add)?.execute(params_from_iter(values))?;
        Ok(self.db.last_insert_rowid())
    }
}

impl Numbers {
    fn word(&self, id: i64, from: &Path) -> Result<i64, StoreError> {
        numbered(&self.words, id, "a word", from)
    }
}

/// What all sources say of the program and the study, and when the first of them was begun.
pub fn identity(db: &Connection, sources: &[&Source]) -> Result<(), rusqlite::Error> {
    for (key, _) in crate::store::provenance::IDENTITY {
        if let Some(value) = sources.iter().find_map(|source| source.identity.get(key)) {
            db.execute("INSERT OR IGNORE INTO run (key, value) VALUES (?1, ?2)", [key, value])?;
        }
    }
    let begun = sources.iter().filter_map(|source| source.identity.get("created")).min();
    if let Some(begun) = begun {
        let write = "INSERT INTO run (key, value) VALUES ('created', ?1)
                     ON CONFLICT DO UPDATE SET value = min(value, excluded.value)";
        db.execute(write, [begun])?;
    }
    Ok(())
}

fn all<T>(
    db: &Connection,
    ask: &str,
    row: impl FnMut(&Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, rusqlite::Error> {
    db.prepare(ask)?.query_map([], row)?.collect()
}

fn whole_row(row: &Row<'_>) -> Result<Vec<Value>, rusqlite::Error> {
    (0..row.as_ref().column_count()).map(|column| row.get(column)).collect()
}

fn numbered(numbers: &HashMap<i64, i64>, id: i64, what: &str, from: &Path) -> Result<i64, StoreError> {
    numbers.get(&id).copied().ok_or_else(|| StoreError::Damaged {
        path: from.to_path_buf(),
        what: format!("a row with {what} that is not there"),
    })
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        _ => -1,
    }
}

/// To the last bit.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Real(a), Value::Real(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}
