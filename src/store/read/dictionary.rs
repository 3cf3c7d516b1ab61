//! The words behind an item's numbers, and the order of items.

use std::collections::HashMap;

use crate::stats::items::ItemNames;
use crate::store::StoreError;
use crate::store::names::{ItemWords, read_items};

use super::RunReader;

pub(super) struct Dictionary {
    words: HashMap<i64, String>,
    /// In the fixed order.
    pub items: Vec<(i64, ItemWords)>,
}

impl Dictionary {
    pub fn names<'a>(&'a self, model: &'a str, words: &ItemWords) -> Option<ItemNames<'a>> {
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

impl RunReader {
    pub(super) fn dictionary(&self) -> Result<Dictionary, StoreError> {
        let words: Vec<(i64, String)> =
            self.all("SELECT id, text FROM word", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let words: HashMap<i64, String> = words.into_iter().collect();
        let mut items = read_items(&self.db).map_err(|e| self.fail(e))?;
        // By text, so that the order does not depend on what was scored first.
        let mut by_text: Vec<(&str, i64)> = words.iter().map(|(id, t)| (t.as_str(), *id)).collect();
        by_text.sort_unstable();
        let rank: HashMap<i64, usize> =
            by_text.into_iter().enumerate().map(|(rank, (_, id))| (id, rank)).collect();
        items.sort_by_cached_key(|(_, words)| words.map(|id| rank.get(&id).copied()));
        Ok(Dictionary { words, items })
    }
}
