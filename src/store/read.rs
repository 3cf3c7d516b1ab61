//! The reading side of a run: items and single prompts in a fixed order, whatever order they were scored in.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use crate::scoring::item::{ItemScore, Reading, Readings};
use crate::stats::items::ItemRow;
use crate::study::{OptionOrder, Roles};

use super::names::{ItemWords, PromptKey, arrangement, read_items};
use super::provenance::{CheckpointRecord, SessionRecord};
use super::run::{CHECKPOINT_COLUMNS, CheckpointId, DATABASE, ROSTER, checkpoint_row};
use super::{StoreError, schema};

/// A run folder open for reading, also while a sweep writes to it: one moment's state throughout.
#[derive(Debug)]
pub struct RunReader {
    dir: PathBuf,
    path: PathBuf,
    db: Connection,
}

/// One item of one checkpoint, borrowed from the reader's dictionary.
#[derive(Debug, Clone, Copy)]
pub struct ItemNames<'a> {
    pub model: &'a str,
    pub language: &'a str,
    pub condition: &'a str,
    pub country_1: &'a str,
    pub country_2: &'a str,
    pub scenario: &'a str,
    pub scenario_type: &'a str,
    pub question: &'a str,
}

/// One prompt's stored score.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptScore {
    pub roles: Roles,
    pub order: OptionOrder,
    pub n_tokens: u32,
    pub log_odds: f64,
    pub logprob_a: f64,
    pub logprob_b: f64,
    pub compliance: f64,
    pub logsumexp: f64,
    /// Raw logits in the shape of the answer tokens.
    pub logits: Vec<Vec<f32>>,
}

/// How many items have all four prompts, and how many only some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ItemCounts {
    pub complete: usize,
    pub incomplete: usize,
}

/// A checkpoint of a run, with what was done on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredCheckpoint {
    #[serde(flatten)]
    pub record: CheckpointRecord,
    /// Scored prompts.
    pub prompts: u64,
    /// The sets of answer tokens that were read, `[answer][spelling]`.
    pub answers: Vec<Vec<Vec<u32>>>,
    /// One per sweep, oldest first, with the time it began.
    pub sessions: Vec<(String, SessionRecord)>,
}

impl RunReader {
    /// Opens the run in `dir`.
    ///
    /// # Errors
    /// [`StoreError::NoRun`] where there is none; a file that is no run, or of another format.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(DATABASE);
        if !path.exists() {
            return Err(StoreError::NoRun {
                dir: dir.to_path_buf(),
            });
        }
        let db = schema::open_reader(&path)?;
        // Held to the end: every later question is answered from the same moment.
        db.execute_batch("BEGIN")
            .map_err(|e| StoreError::sqlite(&path, e))?;
        Ok(Self {
            dir: dir.to_path_buf(),
            path,
            db,
        })
    }

    /// The kept roster's path and text, if there is one.
    pub fn roster(&self) -> Result<Option<(PathBuf, String)>, StoreError> {
        let path = self.dir.join(ROSTER);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some((path, text))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io(&path, e)),
        }
    }

    /// Program, study and time of creation, as `(key, value)` in alphabetical order of keys.
    pub fn identity(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.all("SELECT key, value FROM run ORDER BY key", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// All checkpoints of the run, by name.
    pub fn checkpoints(&self) -> Result<Vec<StoredCheckpoint>, StoreError> {
        self.records()?
            .into_iter()
            .map(|(id, record)| {
                let prompts: i64 = self
                    .db
                    .query_row(
                        "SELECT count(*) FROM score WHERE checkpoint = ?1",
                        [id.0],
                        |row| row.get(0),
                    )
                    .map_err(|e| self.fail(e))?;
                let mut answers: Vec<(i64, Vec<Vec<u32>>)> =
                    self.answers(id)?.into_iter().collect();
                answers.sort_unstable_by_key(|(id, _)| *id);
                Ok(StoredCheckpoint {
                    record,
                    prompts: unsigned(prompts),
                    answers: answers.into_iter().map(|(_, tokens)| tokens).collect(),
                    sessions: self.sessions(id)?,
                })
            })
            .collect()
    }

    /// Visits every complete item, ordered by model, language, condition, countries, scenario and question, each
    /// as text; items that lack a prompt are counted, not visited.
    pub fn visit_items<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(ItemNames<'_>, ItemScore) -> Result<(), E>,
    ) -> Result<ItemCounts, E> {
        let mut counts = ItemCounts::default();
        let dictionary = self.dictionary()?;
        for (id, record) in self.records()? {
            let readings = self.readings(id)?;
            for (item, words) in &dictionary.items {
                let Some(cells) = readings.get(item) else {
                    continue;
                };
                let Some(cells) = complete(cells) else {
                    counts.incomplete += 1;
                    continue;
                };
                counts.complete += 1;
                let names = dictionary.names(&record.model, words);
                let names = names.ok_or_else(|| self.damaged("an item without its words"))?;
                visit(names, ItemScore::of(&cells))?;
            }
        }
        Ok(counts)
    }

    /// Visits every scored prompt, in the order of [`Self::visit_items`], within an item by roles and option order.
    pub fn visit_prompts<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(ItemNames<'_>, PromptScore) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut count = 0;
        let dictionary = self.dictionary()?;
        for (id, record) in self.records()? {
            let answers = self.answers(id)?;
            for (item, words) in &dictionary.items {
                let scores = self.prompt_scores(id, *item, &answers)?;
                if scores.is_empty() {
                    continue;
                }
                let names = dictionary.names(&record.model, words);
                let names = names.ok_or_else(|| self.damaged("an item without its words"))?;
                for score in scores {
                    count += 1;
                    visit(names, score)?;
                }
            }
        }
        Ok(count)
    }

    /// All complete items as rows, in the order of [`Self::visit_items`].
    pub fn items(&self) -> Result<(Vec<ItemRow>, ItemCounts), StoreError> {
        let mut rows = Vec::new();
        let counts = self.visit_items(|names, score| {
            rows.push(names.row(&score));
            Ok::<(), StoreError>(())
        })?;
        Ok((rows, counts))
    }

    fn records(&self) -> Result<Vec<(CheckpointId, CheckpointRecord)>, StoreError> {
        let ask = format!("SELECT {CHECKPOINT_COLUMNS} FROM checkpoint ORDER BY model");
        self.all(&ask, [], checkpoint_row)?
            .into_iter()
            .map(|(id, record)| {
                record.map(|record| (id, record)).map_err(|form| {
                    self.damaged(&format!("a checkpoint has the unknown form `{form}`"))
                })
            })
            .collect()
    }

    fn sessions(&self, id: CheckpointId) -> Result<Vec<(String, SessionRecord)>, StoreError> {
        self.all(
            "SELECT started, device, pack_tokens, sharing, prompts, naive_tokens, tree_tokens, computed_tokens,
               load_seconds, compute_seconds, complete FROM session WHERE checkpoint = ?1 ORDER BY id",
            [id.0],
            |row| {
                let session = SessionRecord {
                    device: row.get(1)?,
                    pack_tokens: unsigned(row.get(2)?),
                    sharing: row.get(3)?,
                    prompts: unsigned(row.get(4)?),
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

    fn answers(&self, id: CheckpointId) -> Result<HashMap<i64, Vec<Vec<u32>>>, StoreError> {
        let rows: Vec<(i64, String)> = self.all(
            "SELECT id, tokens FROM answers WHERE checkpoint = ?1",
            [id.0],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        rows.into_iter()
            .map(|(id, text)| match serde_json::from_str(&text) {
                Ok(tokens) => Ok((id, tokens)),
                Err(_) => Err(self.damaged("answer tokens that are no lists of ids")),
            })
            .collect()
    }

    /// Log-odds and compliance of each scored prompt, by item and slot.
    fn readings(&self, id: CheckpointId) -> Result<HashMap<i64, [Option<Reading>; 4]>, StoreError> {
        let rows: Vec<(i64, i64, Reading)> = self.all(
            "SELECT item, slot, log_odds, compliance FROM score WHERE checkpoint = ?1",
            [id.0],
            |row| {
                let reading = Reading {
                    log_odds: row.get(2)?,
                    compliance: row.get(3)?,
                };
                Ok((row.get(0)?, row.get(1)?, reading))
            },
        )?;
        let mut items: HashMap<i64, [Option<Reading>; 4]> = HashMap::new();
        for (item, slot, reading) in rows {
            let cells = items.entry(item).or_default();
            let cell = usize::try_from(slot).ok().and_then(|s| cells.get_mut(s));
            *cell.ok_or_else(|| self.damaged("a prompt's slot beyond 3"))? = Some(reading);
        }
        Ok(items)
    }

    fn prompt_scores(
        &self,
        checkpoint: CheckpointId,
        item: i64,
        answers: &HashMap<i64, Vec<Vec<u32>>>,
    ) -> Result<Vec<PromptScore>, StoreError> {
        let mut scores = Vec::with_capacity(4);
        let fail = |e| self.fail(e);
        let mut query = self
            .db
            .prepare_cached(
                "SELECT slot, n_tokens, log_odds, logprob_a, logprob_b, compliance, logsumexp, logits, answers
                 FROM score WHERE checkpoint = ?1 AND item = ?2 ORDER BY slot",
            )
            .map_err(fail)?;
        let mut rows = query.query([checkpoint.0, item]).map_err(fail)?;
        while let Some(row) = rows.next().map_err(fail)? {
            let slot = row.get(0).map_err(fail)?;
            let (roles, order) =
                arrangement(slot).ok_or_else(|| self.damaged("a prompt's slot beyond 3"))?;
            let blob = row.get_ref(7).map_err(fail)?;
            let shape = answers.get(&row.get(8).map_err(fail)?);
            let logits = shape
                .zip(blob.as_blob().ok())
                .and_then(|(shape, bytes)| shaped(bytes, shape));
            scores.push(PromptScore {
                roles,
                order,
                n_tokens: row.get(1).map_err(fail)?,
                log_odds: row.get(2).map_err(fail)?,
                logprob_a: row.get(3).map_err(fail)?,
                logprob_b: row.get(4).map_err(fail)?,
                compliance: row.get(5).map_err(fail)?,
                logsumexp: row.get(6).map_err(fail)?,
                logits: logits
                    .ok_or_else(|| self.damaged("logits that do not fit their answer tokens"))?,
            });
        }
        Ok(scores)
    }

    fn dictionary(&self) -> Result<Dictionary, StoreError> {
        let words: Vec<(i64, String)> = self.all("SELECT id, text FROM word", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let words: HashMap<i64, String> = words.into_iter().collect();
        let mut items = read_items(&self.db).map_err(|e| self.fail(e))?;
        // By text, so that the order does not depend on what was scored first.
        let mut by_text: Vec<(&str, i64)> = words.iter().map(|(id, t)| (t.as_str(), *id)).collect();
        by_text.sort_unstable();
        let rank: HashMap<i64, usize> = by_text
            .into_iter()
            .enumerate()
            .map(|(rank, (_, id))| (id, rank))
            .collect();
        items.sort_by_cached_key(|(_, words)| words.map(|id| rank.get(&id).copied()));
        Ok(Dictionary { words, items })
    }

    fn all<T>(
        &self,
        ask: &str,
        params: impl rusqlite::Params,
        row: impl FnMut(&rusqlite::Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Vec<T>, StoreError> {
        self.db
            .prepare(ask)
            .and_then(|mut query| query.query_map(params, row)?.collect())
            .map_err(|e| self.fail(e))
    }

    fn fail(&self, error: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, error)
    }

    fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            what: what.to_owned(),
        }
    }
}

impl ItemNames<'_> {
    /// The item's row in an item table.
    pub fn row(&self, score: &ItemScore) -> ItemRow {
        ItemRow {
            model: self.model.to_owned(),
            language: self.language.to_owned(),
            condition: self.condition.to_owned(),
            country_1: self.country_1.to_owned(),
            country_2: self.country_2.to_owned(),
            scenario: self.scenario.to_owned(),
            scenario_type: self.scenario_type.to_owned(),
            question: self.question.to_owned(),
            diff_fwd: score.diff_fwd,
            diff_rev: score.diff_rev,
            bias: score.bias,
            compliance: score.compliance,
        }
    }
}

/// The items of the run in `dir`, and its kept roster (path and text) if there is one.
///
/// # Errors
/// As [`RunReader::open`].
pub fn load_items(dir: &Path) -> Result<(Vec<ItemRow>, Option<(PathBuf, String)>), StoreError> {
    let reader = RunReader::open(dir)?;
    let (rows, _) = reader.items()?;
    Ok((rows, reader.roster()?))
}

/// `<language>/<condition>/<country_1>-<country_2>/<scenario>/<question>/<fwd|rev>/<12|21>`
pub(super) fn prompt_id(db: &Connection, key: PromptKey) -> Option<String> {
    let words: ItemWords = db
        .query_row(
            "SELECT language, condition, country_1, country_2, scenario, scenario_type, question
             FROM item WHERE id = ?1",
            [key.item],
            |row| {
                let mut words: ItemWords = [0; 7];
                for (column, word) in words.iter_mut().enumerate() {
                    *word = row.get(column)?;
                }
                Ok(words)
            },
        )
        .ok()?;
    let word = |id: i64| -> Option<String> {
        db.query_row("SELECT text FROM word WHERE id = ?1", [id], |row| row.get(0))
            .optional()
            .ok()?
    };
    let [language, condition, first, second, scenario, _, question] = words;
    let (roles, order) = arrangement(i64::from(key.slot))?;
    let roles = roles_word(roles);
    let order = order_word(order);
    Some(format!(
        "{}/{}/{}-{}/{}/{}/{roles}/{order}",
        word(language)?,
        word(condition)?,
        word(first)?,
        word(second)?,
        word(scenario)?,
        word(question)?,
    ))
}

/// `fwd` or `rev`.
pub fn roles_word(roles: Roles) -> &'static str {
    match roles {
        Roles::Fwd => "fwd",
        Roles::Rev => "rev",
    }
}

/// `12` or `21`.
pub fn order_word(order: OptionOrder) -> &'static str {
    match order {
        OptionOrder::First => "12",
        OptionOrder::Second => "21",
    }
}

struct Dictionary {
    words: HashMap<i64, String>,
    /// In the fixed order.
    items: Vec<(i64, ItemWords)>,
}

impl Dictionary {
    fn names<'a>(&'a self, model: &'a str, words: &ItemWords) -> Option<ItemNames<'a>> {
        let word = |id: &i64| self.words.get(id).map(String::as_str);
        let [language, condition, country_1, country_2, scenario, scenario_type, question] = words;
        Some(ItemNames {
            model,
            language: word(language)?,
            condition: word(condition)?,
            country_1: word(country_1)?,
            country_2: word(country_2)?,
            scenario: word(scenario)?,
            scenario_type: word(scenario_type)?,
            question: word(question)?,
        })
    }
}

fn complete(cells: &[Option<Reading>; 4]) -> Option<Readings> {
    let [a, b, c, d] = *cells;
    Some([[a?, b?], [c?, d?]])
}

/// Little-endian f32 in the shape of the answer tokens; `None` if the lengths differ.
fn shaped(bytes: &[u8], shape: &[Vec<u32>]) -> Option<Vec<Vec<f32>>> {
    let (values, rest) = bytes.as_chunks::<4>();
    let total: usize = shape.iter().map(Vec::len).sum();
    if !rest.is_empty() || values.len() != total {
        return None;
    }
    let mut values = values.iter().map(|b| f32::from_le_bytes(*b));
    let take = |list: &Vec<u32>| values.by_ref().take(list.len()).collect();
    Some(shape.iter().map(take).collect())
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
