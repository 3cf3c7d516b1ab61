//! Two item tables, joined by the names of their items; and one under the other's names of checkpoints.

use std::collections::HashMap;

use super::super::builder::TableBuilder;
use super::super::error::StatsError;
use super::super::items::{ItemNames, ItemRef};
use super::super::settings::Settings;
use super::super::table::Table;
use super::Joined;
use super::scores::{Pair, Scores};

/// (model, language, condition, the pair in name order, scenario, question).
type Key<'a> = [&'a str; 7];

fn key<'a>(names: &ItemNames<'a>) -> Key<'a> {
    let (one, other) = (names.country_1, names.country_2);
    [
        names.model,
        names.language,
        names.condition,
        one.min(other),
        one.max(other),
        names.scenario,
        names.question,
    ]
}

/// Both role assignments' log-odds of every item that both tables have.
pub fn join_items(first: &Table, second: &Table) -> (Scores, Joined) {
    let mut others: HashMap<Key<'_>, ItemRef<'_>> =
        second.items().map(|(item, _)| (key(&item.names), item)).collect();
    let (mut scores, mut joined) = (Scores::default(), Joined::default());
    joined.unit = "log-odds of items";
    for (item, _) in first.items() {
        let Some(other) = others.remove(&key(&item.names)) else {
            joined.only_first += 2;
            continue;
        };
        // A pair that is spelled the other way round has its roles and its sign the other way round.
        let turned = other.names.country_1 != item.names.country_1;
        let (fwd, rev) = match turned {
            true => (-other.diff_rev, -other.diff_fwd),
            false => (other.diff_fwd, other.diff_rev),
        };
        let same = item.compliance.to_bits() == other.compliance.to_bits();
        for (roles, log_odds) in [("fwd", [item.diff_fwd, fwd]), ("rev", [item.diff_rev, rev])] {
            let same_bits = same && log_odds[0].to_bits() == log_odds[1].to_bits();
            scores.push(&Pair { names: item.names, roles, order: None, log_odds, same_bits });
            joined.both += 1;
        }
    }
    joined.only_second = 2 * others.len();
    (scores, joined)
}

/// `table` and `settings` with checkpoints called otherwise: (what they are called, what they shall be called).
///
/// # Errors
/// Where two checkpoints would be called the same.
pub fn renamed(
    table: &Table,
    settings: &Settings,
    names: &[(String, String)],
) -> Result<(Table, Settings), StatsError> {
    let called = |model: &str| {
        names.iter().find(|(from, _)| from == model).map_or_else(|| model.to_owned(), |(_, to)| to.clone())
    };
    let mut builder = TableBuilder::new(&table.name, table.place);
    for (place, (item, singly)) in table.items().enumerate() {
        let model = called(item.names.model);
        let names = ItemNames { model: &model, ..item.names };
        builder.push_with(ItemRef { names, ..item }, singly, place as u64 + 1)?;
    }
    let mut settings = settings.clone();
    for stage in settings.families.iter_mut().flat_map(|family| &mut family.stages) {
        stage.model = called(&stage.model);
    }
    if let Some(analysis) = &mut settings.analysis {
        let routes = analysis.coherence.variant.iter_mut().map(|variant| &mut variant.route);
        for route in routes.chain([&mut analysis.route]) {
            *route = std::mem::take(route).into_iter().map(|(model, to)| (called(&model), to)).collect();
        }
    }
    Ok((builder.finish()?, settings))
}
