//! The reading side of a run: items and single prompts in a fixed order, whatever order they were scored in.

mod checkpoints;
mod completeness;
mod dictionary;
mod joined;
mod scores;
mod shards;
mod tally;

pub use checkpoints::StoredCheckpoint;
pub use completeness::{CellCount, Completeness};
pub use joined::{Met, visit_joined};
pub use scores::PromptScore;
pub use shards::Shards;

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::plain;
use crate::scoring::item::ItemScore;
use crate::stats::items::{ItemNames, ItemRow};

use super::names::{PromptKey, prompt_id};
use super::provenance::{QUESTIONS, check_kept};
use super::run::{DATABASE, ROSTER};
use super::shard::shards_in;
use super::{StoreError, schema};
use tally::{Scored, Tally};

/// A run folder open for reading, also while a sweep writes to it: one moment's state throughout.
#[derive(Debug)]
pub struct RunReader {
    dir: PathBuf,
    path: PathBuf,
    db: Connection,
    /// Once it was counted.
    tally: OnceCell<Tally>,
}

/// How many items have all four prompts, and how many only some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ItemCounts {
    pub complete: usize,
    pub incomplete: usize,
}

impl RunReader {
    /// Opens the run in `dir`.
    ///
    /// # Errors
    /// [`StoreError::NoRun`] where there is none; a file that is no run, or of another format.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(DATABASE);
        match std::fs::metadata(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let in_shards = shards_in(dir).is_ok_and(|shards| !shards.is_empty());
                let dir = dir.to_path_buf();
                return Err(if in_shards { StoreError::InShards { dir } } else { StoreError::NoRun { dir } });
            }
            Err(e) => return Err(StoreError::io(&path, e)),
            Ok(_) => {}
        }
        let db = schema::open_reader(&path)?;
        // Held to the end: every later question is answered from the same moment.
        db.execute_batch("BEGIN").map_err(|e| StoreError::sqlite(&path, e))?;
        check_kept(&db, &path)?;
        Ok(Self { dir: dir.to_path_buf(), path, db, tally: OnceCell::new() })
    }

    /// For those who copy its rows.
    pub(super) fn db(&self) -> &Connection {
        &self.db
    }

    /// Whether it has a score of the prompt of that id.
    pub(super) fn scored_prompt(&self, model: &str, id: &str) -> bool {
        let scored =
            "SELECT item, slot FROM score WHERE checkpoint = (SELECT id FROM checkpoint WHERE model = ?1)";
        let keys = self.all(scored, [model], |row| Ok(PromptKey { item: row.get(0)?, slot: row.get(1)? }));
        keys.is_ok_and(|keys| keys.into_iter().any(|key| prompt_id(&self.db, key).as_deref() == Some(id)))
    }

    /// The kept roster's path and text, if there is one.
    pub fn roster(&self) -> Result<Option<(PathBuf, String)>, StoreError> {
        let path = self.dir.join(ROSTER);
        match plain::read_settings(&path) {
            Ok(text) => Ok(Some((path, text))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io(&path, e)),
        }
    }

    /// Program, study and time of creation, as `(key, value)` in alphabetical order of keys.
    pub fn identity(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.all("SELECT key, value FROM run ORDER BY key", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The study's questions with their polarity; empty for a run in which nothing was scored.
    pub fn questions(&self) -> Result<Vec<(String, i8)>, StoreError> {
        let kept: Vec<String> =
            self.all("SELECT value FROM run WHERE key = ?1", [QUESTIONS], |row| row.get(0))?;
        let Some(text) = kept.first() else { return Ok(Vec::new()) };
        serde_json::from_str(text)
            .map_err(|_| self.damaged("questions that are no list of names and polarities"))
    }

    /// Visits every complete item, ordered by model, language, condition, countries, scenario and question, each
    /// as text; items that lack a prompt are counted, not visited.
    pub fn visit_items<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(ItemNames<'_>, ItemScore) -> Result<(), E>,
    ) -> Result<ItemCounts, E> {
        let mut counts = ItemCounts::default();
        let mut tally = Tally::default();
        let dictionary = self.dictionary()?;
        for (id, record) in self.records()? {
            let readings = self.readings(id)?;
            // Items of one language and condition come one after another.
            let mut cell: Option<((&str, &str), Scored)> = None;
            for (item, places) in &dictionary.items {
                let Ok(at) = readings.binary_search_by_key(item, |(item, _)| *item) else { continue };
                let of_item = &readings[at].1;
                let names = dictionary.names(&record.model, places);
                let names = names.ok_or_else(|| self.damaged("an item without its words"))?;
                match &mut cell {
                    Some((of, scored)) if *of == (names.language, names.condition) => {
                        scored.add(of_item.scored);
                    }
                    _ => {
                        let next = Some(((names.language, names.condition), of_item.scored));
                        tally.add_all(id, std::mem::replace(&mut cell, next));
                    }
                }
                match of_item.complete() {
                    Some(cells) => {
                        counts.complete += 1;
                        visit(names, ItemScore::of(&cells))?;
                    }
                    None => counts.incomplete += 1,
                }
            }
            tally.add_all(id, cell);
        }
        let _ = self.tally.set(tally);
        Ok(counts)
    }

    /// Visits every scored prompt, in the order of [`Self::visit_items`], within an item by roles and option order.
    pub fn visit_prompts<E: From<StoreError>>(
        &self,
        visit: impl FnMut(ItemNames<'_>, PromptScore) -> Result<(), E>,
    ) -> Result<usize, E> {
        self.visit_prompts_of(|_| true, visit)
    }

    /// The same of the items that are `wanted`; scores of others are not read.
    pub fn visit_prompts_of<E: From<StoreError>>(
        &self,
        wanted: impl Fn(&ItemNames<'_>) -> bool,
        mut visit: impl FnMut(ItemNames<'_>, PromptScore) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut count = 0;
        let dictionary = self.dictionary()?;
        for (id, record) in self.records()? {
            let answers = self.answers(id)?;
            for (item, words) in &dictionary.items {
                let names = dictionary.names(&record.model, words);
                let names = names.ok_or_else(|| self.damaged("an item without its words"))?;
                if !wanted(&names) {
                    continue;
                }
                for score in self.prompt_scores(id, *item, &answers)? {
                    count += 1;
                    visit(names, score)?;
                }
            }
        }
        Ok(count)
    }

    /// The scored prompts of one item, by roles and option order; none where the run has none.
    pub fn prompts_of(&self, names: &ItemNames<'_>) -> Result<Vec<PromptScore>, StoreError> {
        const WORD: &str = "(SELECT id FROM word WHERE text =";
        let ask = format!(
            "SELECT id FROM item WHERE language = {WORD} ?1) AND condition = {WORD} ?2) AND country_1 = {WORD} ?3)
               AND country_2 = {WORD} ?4) AND scenario = {WORD} ?5) AND question = {WORD} ?6)"
        );
        let words = [
            names.language,
            names.condition,
            names.country_1,
            names.country_2,
            names.scenario,
            names.question,
        ];
        let items: Vec<i64> = self.all(&ask, words, |row| row.get(0))?;
        let checkpoint = self.records()?.into_iter().find(|(_, record)| record.model == names.model);
        match (checkpoint, items.first()) {
            (Some((id, _)), Some(item)) => self.prompt_scores(id, *item, &self.answers(id)?),
            _ => Ok(Vec::new()),
        }
    }

    /// All complete items as rows, in the order of [`Self::visit_items`].
    pub fn items(&self) -> Result<(Vec<ItemRow>, ItemCounts), StoreError> {
        let mut rows = Vec::new();
        let counts = self.visit_items(|names, score| {
            rows.push(item_row(names, &score));
            Ok::<(), StoreError>(())
        })?;
        Ok((rows, counts))
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

    /// The same row by row, where they are too many to be held.
    fn each(
        &self,
        ask: &str,
        params: impl rusqlite::Params,
        mut row: impl FnMut(&rusqlite::Row<'_>) -> Result<(), rusqlite::Error>,
    ) -> Result<(), StoreError> {
        let visit = || {
            let mut query = self.db.prepare(ask)?;
            let mut rows = query.query(params)?;
            while let Some(found) = rows.next()? {
                row(found)?;
            }
            Ok(())
        };
        visit().map_err(|e| self.fail(e))
    }

    fn fail(&self, error: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, error)
    }

    fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), what: what.to_owned() }
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

fn item_row(names: ItemNames<'_>, score: &ItemScore) -> ItemRow {
    ItemRow {
        model: names.model.to_owned(),
        language: names.language.to_owned(),
        condition: names.condition.to_owned(),
        country_1: names.country_1.to_owned(),
        country_2: names.country_2.to_owned(),
        scenario: names.scenario.to_owned(),
        scenario_type: names.scenario_type.to_owned(),
        question: names.question.to_owned(),
        diff_fwd: score.diff_fwd,
        diff_rev: score.diff_rev,
        bias: score.bias,
        compliance: score.compliance,
    }
}
