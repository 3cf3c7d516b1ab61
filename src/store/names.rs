//! Numbers for texts that repeat: words, and items made of words.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::study::{OptionOrder, Prompt, Roles};

/// One prompt within a checkpoint: its item, and which of the item's four prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptKey {
    pub(super) item: i64,
    pub(super) slot: u8,
}

/// `2 * (roles reversed) + (options reversed)`.
pub(super) fn slot(roles: Roles, order: OptionOrder) -> u8 {
    2 * u8::from(roles == Roles::Rev) + u8::from(order == OptionOrder::Second)
}

/// The reverse of [`slot`]; `None` beyond 3.
pub(super) fn arrangement(slot: i64) -> Option<(Roles, OptionOrder)> {
    match slot {
        0 => Some((Roles::Fwd, OptionOrder::First)),
        1 => Some((Roles::Fwd, OptionOrder::Second)),
        2 => Some((Roles::Rev, OptionOrder::First)),
        3 => Some((Roles::Rev, OptionOrder::Second)),
        _ => None,
    }
}

/// Word numbers of language, condition, country 1, country 2, scenario, scenario type and question.
pub(super) type ItemWords = [i64; 7];

const COLUMNS: &str = "language, condition, country_1, country_2, scenario, scenario_type, question";

/// The dictionary of a run, read once and extended as prompts come.
#[derive(Debug, Default)]
pub(super) struct Names {
    words: HashMap<String, i64>,
    items: HashMap<ItemWords, i64>,
}

impl Names {
    pub fn read(db: &Connection) -> Result<Self, rusqlite::Error> {
        let mut words = HashMap::new();
        let mut query = db.prepare("SELECT id, text FROM word")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            words.insert(row.get(1)?, row.get(0)?);
        }
        let items = read_items(db)?.into_iter().map(|(id, w)| (w, id)).collect();
        Ok(Self { words, items })
    }

    /// The key of `prompt`; unknown words and items are added to the database.
    ///
    /// The caller holds a transaction open, and reads the names again if it does not end well.
    pub fn key(&mut self, db: &Connection, prompt: &Prompt) -> Result<PromptKey, rusqlite::Error> {
        let words: ItemWords = [
            self.word(db, &prompt.language)?,
            self.word(db, &prompt.condition)?,
            self.word(db, &prompt.pair[0])?,
            self.word(db, &prompt.pair[1])?,
            self.word(db, &prompt.scenario)?,
            self.word(db, &prompt.scenario_type)?,
            self.word(db, &prompt.question)?,
        ];
        Ok(PromptKey { item: self.item(db, words)?, slot: slot(prompt.roles, prompt.order) })
    }

    /// The number of an item, new ones being added; as [`Self::key`].
    pub fn item(&mut self, db: &Connection, words: ItemWords) -> Result<i64, rusqlite::Error> {
        if let Some(id) = self.items.get(&words) {
            return Ok(*id);
        }
        let add = format!("INSERT INTO item ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        db.prepare_cached(&add)?.execute(words)?;
        let id = db.last_insert_rowid();
        self.items.insert(words, id);
        Ok(id)
    }

    /// The number of `text`, new ones being added; as [`Self::key`].
    pub fn word(&mut self, db: &Connection, text: &str) -> Result<i64, rusqlite::Error> {
        if let Some(id) = self.words.get(text) {
            return Ok(*id);
        }
        db.prepare_cached("INSERT INTO word (text) VALUES (?1)")?.execute([text])?;
        let id = db.last_insert_rowid();
        self.words.insert(text.to_owned(), id);
        Ok(id)
    }
}

/// All items with their numbers.
pub(super) fn read_items(db: &Connection) -> Result<Vec<(i64, ItemWords)>, rusqlite::Error> {
    let mut query = db.prepare(&format!("SELECT {COLUMNS}, id FROM item"))?;
    query.query_map([], |row| Ok((row.get(7)?, item_words(row)?)))?.collect()
}

/// `<language>/<condition>/<country_1>-<country_2>/<scenario>/<question>/<fwd|rev>/<12|21>`
pub(super) fn prompt_id(db: &Connection, key: PromptKey) -> Option<String> {
    let ask = format!("SELECT {COLUMNS} FROM item WHERE id = ?1");
    let words = db.query_row(&ask, [key.item], item_words).ok()?;
    let word = |id: i64| -> Option<String> {
        db.query_row("SELECT text FROM word WHERE id = ?1", [id], |row| row.get(0)).ok()
    };
    let [language, condition, first, second, scenario, _, question] = words;
    let (roles, order) = arrangement(i64::from(key.slot))?;
    let (roles, order) = (roles.name(), order.name());
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

/// The first seven fields of a row, which are [`COLUMNS`].
fn item_words(row: &rusqlite::Row<'_>) -> Result<ItemWords, rusqlite::Error> {
    let mut words: ItemWords = [0; 7];
    for (column, word) in words.iter_mut().enumerate() {
        *word = row.get(column)?;
    }
    Ok(words)
}
