//! The scores of one checkpoint, as they are stored.

use crate::scoring::ChoiceSet;
use crate::scoring::item::{Reading, Readings};
use crate::store::StoreError;
use crate::store::names::arrangement;
use crate::store::run::CheckpointId;
use crate::store::schema::unsigned;
use crate::study::{OptionOrder, Roles};

use super::RunReader;
use super::checkpoints::AnswerSets;
use super::tally::Scored;

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
    /// Raw logits in the shape of the answer tokens; of whole answers their log-probabilities.
    pub logits: Vec<Vec<f32>>,
}

/// What is read of an item's four prompts, where they are scored.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ItemReadings {
    cells: [Option<Reading>; 4],
    pub scored: Scored,
}

impl ItemReadings {
    /// The item's readings, if none of its prompts is missing.
    pub fn complete(&self) -> Option<Readings> {
        let [a, b, c, d] = self.cells;
        Some([[a?, b?], [c?, d?]])
    }
}

impl RunReader {
    /// Log-odds and compliance of each scored prompt, by item, ascending.
    pub(super) fn readings(&self, id: CheckpointId) -> Result<Vec<(i64, ItemReadings)>, StoreError> {
        // In the order in which they are kept: an item's prompts come one after another.
        let ask = "SELECT item, slot, log_odds, compliance, n_tokens FROM score WHERE checkpoint = ?1
                     ORDER BY item, slot";
        let mut items: Vec<(i64, ItemReadings)> = Vec::new();
        let mut beyond = false;
        self.each(ask, [id.0], |row| {
            let (item, slot): (i64, i64) = (row.get(0)?, row.get(1)?);
            let reading = Reading { log_odds: row.get(2)?, compliance: row.get(3)? };
            if items.last().is_none_or(|(last, _)| *last != item) {
                items.push((item, ItemReadings::default()));
            }
            let Some((_, of_item)) = items.last_mut() else { return Ok(()) };
            of_item.scored.add(Scored { prompts: 1, tokens: unsigned(row.get(4)?) });
            match usize::try_from(slot).ok().and_then(|slot| of_item.cells.get_mut(slot)) {
                Some(cell) => *cell = Some(reading),
                None => beyond = true,
            }
            Ok(())
        })?;
        match beyond {
            true => Err(self.damaged("a prompt's slot beyond 3")),
            false => Ok(items),
        }
    }

    pub(super) fn prompt_scores(
        &self,
        checkpoint: CheckpointId,
        item: i64,
        answers: &AnswerSets,
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
            let (roles, order) = arrangement(slot).ok_or_else(|| self.damaged("a prompt's slot beyond 3"))?;
            let blob = row.get_ref(7).map_err(fail)?;
            let shape = answers.get(&row.get(8).map_err(fail)?);
            let logits = shape.zip(blob.as_blob().ok()).and_then(|(shape, bytes)| shaped(bytes, shape));
            scores.push(PromptScore {
                roles,
                order,
                n_tokens: row.get(1).map_err(fail)?,
                log_odds: row.get(2).map_err(fail)?,
                logprob_a: row.get(3).map_err(fail)?,
                logprob_b: row.get(4).map_err(fail)?,
                compliance: row.get(5).map_err(fail)?,
                logsumexp: row.get(6).map_err(fail)?,
                logits: logits.ok_or_else(|| self.damaged("logits that do not fit their answer tokens"))?,
            });
        }
        Ok(scores)
    }
}

/// Little-endian f32 in the shape of the answer tokens; `None` if the lengths differ.
fn shaped(bytes: &[u8], shape: &ChoiceSet) -> Option<Vec<Vec<f32>>> {
    let (values, rest) = bytes.as_chunks::<4>();
    let counts = shape.counts();
    if !rest.is_empty() || values.len() != counts.iter().sum::<usize>() {
        return None;
    }
    let mut values = values.iter().map(|b| f32::from_le_bytes(*b));
    Some(counts.into_iter().map(|count| values.by_ref().take(count).collect()).collect())
}
