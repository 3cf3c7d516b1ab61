//! How much is scored and how much was asked, by checkpoint, language and condition.

use std::collections::HashMap;

use crate::store::StoreError;
use crate::store::run::CheckpointId;
use crate::store::schema::unsigned;

use super::RunReader;

/// Texts of a language and a condition.
pub(super) type Cell = (String, String);

/// Scored prompts and the sum of their tokens.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scored {
    pub prompts: u64,
    pub tokens: u64,
}

impl Scored {
    pub fn add(&mut self, other: Scored) {
        self.prompts = self.prompts.saturating_add(other.prompts);
        self.tokens = self.tokens.saturating_add(other.tokens);
    }
}

/// What is scored. To count it is to read every score, so that it is counted once.
#[derive(Debug, Default)]
pub(super) struct Tally {
    cells: HashMap<(CheckpointId, Cell), Scored>,
}

impl Tally {
    pub fn add(&mut self, checkpoint: CheckpointId, (language, condition): (&str, &str), scored: Scored) {
        let key = (checkpoint, (language.to_owned(), condition.to_owned()));
        self.cells.entry(key).or_default().add(scored);
    }

    pub fn add_all<'t>(
        &mut self,
        checkpoint: CheckpointId,
        cells: impl IntoIterator<Item = ((&'t str, &'t str), Scored)>,
    ) {
        cells.into_iter().for_each(|(cell, scored)| self.add(checkpoint, cell, scored));
    }

    /// Of one checkpoint.
    pub fn of(&self, checkpoint: CheckpointId) -> Scored {
        let mut sum = Scored::default();
        self.cells.iter().filter(|((of, _), _)| *of == checkpoint).for_each(|(_, scored)| sum.add(*scored));
        sum
    }

    pub fn cells(&self) -> impl Iterator<Item = (CheckpointId, &Cell, u64)> {
        self.cells.iter().map(|((checkpoint, cell), scored)| (*checkpoint, cell, scored.prompts))
    }
}

impl RunReader {
    /// What is scored: as [`RunReader::visit_items`] met it, where that was called. A reader sees one moment's state
    /// throughout, so that it stays true.
    pub(super) fn tally(&self) -> Result<&Tally, StoreError> {
        if let Some(tally) = self.tally.get() {
            return Ok(tally);
        }
        let of_item = self.cells_of_items()?;
        let nowhere = Cell::default();
        let mut tally = Tally::default();
        let ask = "SELECT checkpoint, item, count(*), sum(n_tokens) FROM score GROUP BY checkpoint, item";
        self.each(ask, [], |row| {
            let (language, condition) = of_item.get(&row.get(1)?).unwrap_or(&nowhere);
            let scored = Scored { prompts: unsigned(row.get(2)?), tokens: unsigned(row.get(3)?) };
            tally.add(CheckpointId(row.get(0)?), (language, condition), scored);
            Ok(())
        })?;
        Ok(self.tally.get_or_init(|| tally))
    }

    /// Prompts that any sweep asked for, by number of the checkpoint's word.
    pub(super) fn asked(&self) -> Result<HashMap<(i64, Cell), u64>, StoreError> {
        let of_item = self.cells_of_items()?;
        let mut cells: HashMap<(i64, &Cell), u64> = HashMap::new();
        self.each("SELECT model, item, slots FROM asked", [], |row| {
            let slots: u8 = row.get(2)?;
            if let Some(cell) = of_item.get(&row.get(1)?) {
                *cells.entry((row.get(0)?, cell)).or_default() += u64::from(slots.count_ones());
            }
            Ok(())
        })?;
        Ok(cells.into_iter().map(|((model, cell), prompts)| ((model, cell.clone()), prompts)).collect())
    }

    fn cells_of_items(&self) -> Result<HashMap<i64, Cell>, StoreError> {
        let ask = "SELECT item.id, l.text, c.text FROM item
                     JOIN word l ON l.id = language JOIN word c ON c.id = condition";
        let rows = self.all(ask, [], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
        Ok(rows.into_iter().collect())
    }
}
