//! The words behind an item's numbers, and the order of items.

use std::collections::HashMap;

use crate::stats::items::ItemNames;
use crate::store::StoreError;
use crate::store::names::read_items;

use super::RunReader;

/// Places of an item's words among all of them, in the order of [`ItemNames`] without the checkpoint.
pub(super) type Places = [usize; 7];

pub(super) struct Dictionary {
    /// In alphabetical order.
    words: Vec<String>,
    /// In the fixed order.
    pub items: Vec<(i64, Places)>,
}

impl Dictionary {
    pub fn names<'a>(&'a self, model: &'a str, places: &Places) -> Option<ItemNames<'a>> {
        let word = |place: &usize| self.words.get(*place).map(String::as_str);
        let [language, condition, country_1, country_2, scenario, scenario_type, question] = places;
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
        // By text, so that the order does not depend on what was scored first.
        let mut words: Vec<(String, i64)> = self.words()?.into_iter().map(|(id, text)| (text, id)).collect();
        words.sort_unstable();
        let places: HashMap<i64, usize> =
            words.iter().enumerate().map(|(place, (_, id))| (*id, place)).collect();
        // A word that is not there has a place where none is.
        let place = |id: i64| places.get(&id).copied().unwrap_or(usize::MAX);
        let items = read_items(&self.db).map_err(|e| self.fail(e))?;
        let mut items: Vec<(i64, Places)> =
            items.into_iter().map(|(id, words)| (id, words.map(place))).collect();
        items.sort_by_key(|(_, places)| *places);
        Ok(Dictionary { words: words.into_iter().map(|(text, _)| text).collect(), items })
    }

    /// Every word with its number.
    pub(super) fn words(&self) -> Result<Vec<(i64, String)>, StoreError> {
        self.all("SELECT id, text FROM word", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}
