//! Two runs' scores of one checkpoint, prompt by prompt.

use std::collections::HashMap;

use crate::stats::items::ItemNames;
use crate::store::StoreError;
use crate::store::names::arrangement;
use crate::study::{OptionOrder, Roles};

use super::RunReader;
use super::dictionary::{Dictionary, Places};

/// Where a prompt was met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Met {
    Both {
        log_odds: [f64; 2],
        compliance: [f64; 2],
        /// Whether both runs showed the same tokens; else the two scores are of different texts.
        same_tokens: bool,
        /// Whether every figure that is kept of it is the same, bit for bit.
        same_bits: bool,
    },
    /// In the first run or the second only.
    One(usize),
}

/// What a run keeps of a prompt's score.
#[derive(Debug, PartialEq)]
struct Kept {
    sha256: [u8; 32],
    /// Log-odds, compliance, the two log-probabilities, log-sum-exp.
    figures: [f64; 5],
    logits: Vec<u8>,
}

impl Kept {
    fn is_same(&self, other: &Kept) -> bool {
        let bits = |kept: &Kept| kept.figures.map(f64::to_bits);
        bits(self) == bits(other) && self.logits == other.logits
    }
}

type Scores = HashMap<(i64, i64), Kept>;

/// Hands every prompt that either run has scored of its `models` checkpoint to `visit`, in the order of
/// [`RunReader::visit_prompts`] of the first run, then what the second alone has.
///
/// # Errors
/// As the readers'.
pub fn visit_joined(
    runs: [&RunReader; 2],
    models: [&str; 2],
    mut visit: impl FnMut(ItemNames<'_>, Roles, OptionOrder, Met),
) -> Result<(), StoreError> {
    let [first, second] = [runs[0].dictionary()?, runs[1].dictionary()?];
    let (scores, mut others) = (runs[0].kept(models[0])?, runs[1].kept(models[1])?);
    // What tells an item from all others, in either run's numbers.
    let by_name: HashMap<[&str; 6], i64> = second
        .items
        .iter()
        .filter_map(|(id, words)| Some((key(&second.names(models[1], words)?), *id)))
        .collect();
    let mut each = |run: &RunReader,
                    model: &str,
                    of: &Dictionary,
                    met: &mut dyn FnMut(&ItemNames<'_>, i64, i64) -> Option<Met>| {
        for (id, words) in &of.items {
            for slot in 0..4 {
                let names = named(run, of, model, words)?;
                let Some(met) = met(&names, *id, slot) else { continue };
                if let Some((roles, order)) = arrangement(slot) {
                    visit(names, roles, order, met);
                }
            }
        }
        Ok::<(), StoreError>(())
    };
    each(runs[0], models[0], &first, &mut |names, item, slot| {
        let own = scores.get(&(item, slot))?;
        let other = by_name.get(&key(names)).and_then(|id| others.remove(&(*id, slot)));
        Some(other.map_or(Met::One(0), |other| Met::Both {
            log_odds: [own.figures[0], other.figures[0]],
            compliance: [own.figures[1], other.figures[1]],
            same_tokens: own.sha256 == other.sha256,
            same_bits: own.is_same(&other),
        }))
    })?;
    each(runs[1], models[1], &second, &mut |_, item, slot| others.remove(&(item, slot)).map(|_| Met::One(1)))
}

fn named<'d>(
    run: &RunReader,
    of: &'d Dictionary,
    model: &'d str,
    words: &Places,
) -> Result<ItemNames<'d>, StoreError> {
    of.names(model, words).ok_or_else(|| run.damaged("an item without its words"))
}

/// A scenario has one type, which tells no items apart.
fn key<'n>(names: &ItemNames<'n>) -> [&'n str; 6] {
    [names.language, names.condition, names.country_1, names.country_2, names.scenario, names.question]
}

impl RunReader {
    fn kept(&self, model: &str) -> Result<Scores, StoreError> {
        let Some((id, _)) = self.records()?.into_iter().find(|(_, record)| record.model == model) else {
            return Ok(Scores::new());
        };
        let ask =
            "SELECT item, slot, prompt_sha256, log_odds, compliance, logprob_a, logprob_b, logsumexp, logits
                   FROM score WHERE checkpoint = ?1";
        let rows = self.all(ask, [id.0], |row| {
            let figures = [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?];
            let kept = Kept { sha256: row.get(2)?, figures, logits: row.get(8)? };
            Ok(((row.get(0)?, row.get(1)?), kept))
        })?;
        Ok(rows.into_iter().collect())
    }
}
