//! How far a run has come: what was asked of each checkpoint, and what of it is scored.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::plain::{grouped, total};
use crate::store::StoreError;
use crate::store::origin::{Filters, StoredSweep, SweepRecord};
use crate::store::run::CheckpointId;
use crate::store::schema::unsigned;
use crate::store::shard::ShardRecord;

use super::tally::Cell;
use super::{RunReader, Shards};

/// Prompts of one checkpoint in one language and condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CellCount {
    pub model: String,
    pub language: String,
    pub condition: String,
    /// Prompts that the study holds here; 0 in a run of a program that did not record it.
    pub whole: u64,
    /// Prompts that some sweep of the run asked for.
    pub asked: u64,
    pub scored: u64,
}

/// How far a run has come. What a page or a table made from the run has to say first is in [`Completeness::sentences`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
pub struct Completeness {
    /// Prompts that the study holds for the checkpoints and conditions asked, in all its languages; 0 if not recorded.
    pub whole: u64,
    /// Prompts that the run's sweeps asked for.
    pub asked: u64,
    pub scored: u64,
    /// What every sweep of the run left out.
    pub filters: Filters,
    /// Where sweeps were split over machines, which shards the run holds.
    pub shards: Vec<Shards>,
    /// Whether the run says what it was asked: one that older programs alone wrote to does not, and `asked` is what is
    /// scored.
    pub recorded: bool,
    /// By checkpoint, language and condition, in alphabetical order.
    pub cells: Vec<CellCount>,
}

impl Completeness {
    pub fn is_finished(&self) -> bool {
        self.scored >= self.asked
    }

    /// Whether some of the study's prompts were not asked.
    pub fn is_filtered(&self) -> bool {
        self.asked < self.whole
    }

    /// What must be said before any figure of the run: nothing, if it is finished and was not filtered.
    pub fn sentences(&self) -> Vec<String> {
        let mut said: Vec<String> = self.shards.iter().filter_map(Shards::sentence).collect();
        let in_shards = !said.is_empty();
        if !self.is_finished() {
            said.push(format!(
                "unfinished: {} of {} prompts are scored",
                grouped(self.scored),
                grouped(self.asked)
            ));
        }
        let words = self.filters.in_words();
        // What a shard lacks is no filter's doing.
        if self.is_filtered() && !(in_shards && words.is_empty()) {
            let filters = match words.is_empty() {
                true => String::new(),
                false => format!(" ({})", words.join("; ")),
            };
            said.push(format!(
                "filtered: {} of the study's {} prompts for these checkpoints and conditions were asked{filters}",
                grouped(self.asked),
                grouped(self.whole)
            ));
        }
        if !self.recorded {
            said.push(
                "perhaps unfinished: the program that made the run did not record what it was asked"
                    .to_owned(),
            );
        }
        said
    }
}

type Names = (String, String, String);

impl RunReader {
    /// How far the run has come.
    pub fn completeness(&self) -> Result<Completeness, StoreError> {
        let mut cells: BTreeMap<Names, [u64; 3]> = BTreeMap::new();
        let words: HashMap<i64, String> = self.words()?.into_iter().collect();
        let word = |id: i64| words.get(&id).cloned();
        let mut count = |model: Option<String>, cell: Option<Cell>, kind: usize, count: u64| {
            if let Some((model, (language, condition))) = model.zip(cell) {
                cells.entry((model, language, condition)).or_default()[kind] = count;
            }
        };
        let whole: Vec<[i64; 4]> =
            self.all("SELECT model, language, condition, whole FROM cell", [], |row| {
                Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
            })?;
        for [model, language, condition, prompts] in whole {
            count(word(model), word(language).zip(word(condition)), 0, unsigned(prompts));
        }
        for ((model, cell), prompts) in self.asked()? {
            count(word(model), Some(cell), 1, prompts);
        }
        let models: HashMap<CheckpointId, String> =
            self.records()?.into_iter().map(|(id, record)| (id, record.model)).collect();
        for (checkpoint, cell, prompts) in self.tally()?.cells() {
            count(models.get(&checkpoint).cloned(), Some(cell.clone()), 2, prompts);
        }
        let sweeps = self.sweeps()?;
        let recorded = !sweeps.is_empty() || cells.is_empty();
        let filters = sweeps.iter().map(|sweep| sweep.record.filters.clone());
        let mut found = Completeness {
            filters: filters.reduce(|all, filters| all.common(&filters)).unwrap_or_default(),
            recorded,
            ..Completeness::default()
        };
        for ((model, language, condition), [whole, asked, scored]) in cells {
            // What an older program scored, it had been asked.
            let asked = asked.max(scored);
            let whole = whole.max(if recorded { asked } else { 0 });
            for (sum, count) in
                [(&mut found.whole, whole), (&mut found.asked, asked), (&mut found.scored, scored)]
            {
                *sum = total([*sum, count]);
            }
            found.cells.push(CellCount { model, language, condition, whole, asked, scored });
        }
        found.shards = Shards::of_sweeps(&sweeps, found.asked);
        // One that died before it had noted its prompts is not finished.
        let in_shards = found.shards.iter().map(|shards| shards.prompts).max().unwrap_or(0);
        found.asked = found.asked.max(in_shards);
        Ok(found)
    }

    /// Prompts a second, of the work that was begun last; `None` before it has stored two packs in a measurable time.
    pub(in crate::store) fn pace(&self) -> Result<Option<f64>, StoreError> {
        let ask =
            "SELECT scored, CAST(strftime('%s', ended) AS INTEGER) - CAST(strftime('%s', started) AS INTEGER)
                   FROM session WHERE sweep = (SELECT max(id) FROM sweep) ORDER BY id DESC LIMIT 1";
        let last: Vec<(Option<i64>, Option<i64>)> =
            self.all(ask, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(match last.first() {
            Some((Some(scored @ 1..), Some(seconds @ 1..))) => Some(*scored as f64 / *seconds as f64),
            _ => None,
        })
    }

    /// Every start of a sweep that wrote to the run, oldest first; programs before format 3 recorded none.
    pub fn sweeps(&self) -> Result<Vec<StoredSweep>, StoreError> {
        let ask = "SELECT started, ended, outcome, program, build, arguments, filters, machine FROM sweep ORDER BY id";
        let rows: Vec<(StoredSweep, [String; 3])> = self.all(ask, [], |row| {
            let record = SweepRecord { program: row.get(3)?, build: row.get(4)?, ..SweepRecord::default() };
            let sweep =
                StoredSweep { started: row.get(0)?, ended: row.get(1)?, outcome: row.get(2)?, record };
            Ok((sweep, [row.get(5)?, row.get(6)?, row.get(7)?]))
        })?;
        let read = |(mut sweep, [arguments, filters, machine]): (StoredSweep, [String; 3])| {
            sweep.record.arguments = serde_json::from_str(&arguments)?;
            sweep.record.filters = serde_json::from_str(&filters)?;
            sweep.record.machine = serde_json::from_str(&machine)?;
            Ok(sweep)
        };
        let sweeps: Result<Vec<StoredSweep>, serde_json::Error> = rows.into_iter().map(read).collect();
        let sweeps = sweeps
            .map_err(|_| self.damaged("a sweep whose arguments, filters or machine are no JSON of ours"))?;
        let mut shards = sweeps.iter().filter_map(|sweep| sweep.record.filters.shard.as_ref());
        match shards.find(|shard| !shard.is_possible()) {
            Some(ShardRecord { index, count, .. }) => {
                Err(self.damaged(&format!("a sweep of shard {index} of {count}")))
            }
            None => Ok(sweeps),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_said_with_and_without_the_words_for_it() {
        let found = Completeness { whole: 3, asked: 2, scored: 2, recorded: true, ..Completeness::default() };
        let said = "filtered: 2 of the study's 3 prompts for these checkpoints and conditions were asked";
        assert_eq!(found.sentences(), [said]);
        let filters = Filters { languages: vec!["en".into()], ..Filters::default() };
        let with = Completeness { filters, ..found.clone() };
        assert_eq!(with.sentences(), [format!("{said} (languages en)")]);
        let whole = Completeness { whole: 2, ..found.clone() };
        assert_eq!(whole.sentences(), [""; 0]);
        let unfinished = Completeness { whole: 2, scored: 1, ..found };
        assert_eq!(unfinished.sentences(), ["unfinished: 1 of 2 prompts are scored"]);
    }
}
