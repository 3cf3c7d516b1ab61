//! Tables and settings as they come: odd ones analysed, wrong ones refused by name.

mod comparisons;
mod parquet;
mod recipes;
mod refusals;
mod settings;
mod shapes;
mod sources;

use std::path::Path;

use super::{ItemRow, Settings, Table, read_table};

/// The item table and the settings of a folder in `tests/fixtures`.
pub(super) fn fixture(name: &str) -> (Table, Settings) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let table = read_table(&folder.join("items.csv")).expect("the item table");
    (table, Settings::read(&folder.join("settings.toml")).expect("settings"))
}

/// A complete small table: every pair of `countries`, five scenarios of three types, both polarities; `lean` gives
/// the bias of (model, language, first country, second country).
pub(super) fn rows(
    runs: &[(&str, &str, &str)],
    countries: &[&str],
    lean: impl Fn(&str, &str, &str, &str) -> f64,
) -> Vec<ItemRow> {
    let scenarios = [
        ("border_v1", "border"),
        ("border_v2", "border"),
        ("cyber_v1", "cyber"),
        ("trade_v1", "trade"),
        ("trade_v2", "trade"),
    ];
    let mut rows = Vec::new();
    for (model, language, condition) in runs {
        for (i, first) in countries.iter().enumerate() {
            for second in &countries[i + 1..] {
                for (s, (scenario, kind)) in scenarios.iter().enumerate() {
                    for (question, sign) in [("justified", 1.0), ("unjustified", -1.0)] {
                        // A role taste of 0.25, and a wobble that sums to zero over the types.
                        let wobble = [0.1, -0.1, 0.25, -0.5, 0.0][s];
                        let bias = sign * (lean(model, language, first, second) + wobble);
                        rows.push(ItemRow {
                            model: (*model).to_owned(),
                            language: (*language).to_owned(),
                            condition: (*condition).to_owned(),
                            country_1: (*first).to_owned(),
                            country_2: (*second).to_owned(),
                            scenario: (*scenario).to_owned(),
                            scenario_type: (*kind).to_owned(),
                            question: question.to_owned(),
                            diff_fwd: bias + 0.25,
                            diff_rev: bias - 0.25,
                            bias,
                            compliance: 0.5,
                        });
                    }
                }
            }
        }
    }
    rows
}
