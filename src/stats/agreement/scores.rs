//! How far two runs' log-odds lie apart, by checkpoint, language and condition.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::compliance::quantile;
use super::super::items::ItemNames;

/// One log-odds that both runs have, the first run's and the second's.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    pub names: ItemNames<'a>,
    pub roles: &'static str,
    /// `None` of an item table, whose log-odds are means over both orders.
    pub order: Option<&'static str>,
    pub log_odds: [f64; 2],
    /// Whether all that is kept of it is the same, bit for bit.
    pub same_bits: bool,
}

/// The place of a log-odds.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct At {
    pub checkpoint: String,
    pub language: String,
    pub condition: String,
    pub country_1: String,
    pub country_2: String,
    pub scenario: String,
    pub question: String,
    pub roles: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<&'static str>,
    /// The first run's, the second's.
    pub log_odds: [f64; 2],
}

impl At {
    fn new(pair: &Pair<'_>) -> At {
        let n = &pair.names;
        let [checkpoint, language, condition] = [n.model, n.language, n.condition].map(str::to_owned);
        let [country_1, country_2] = [n.country_1, n.country_2].map(str::to_owned);
        let [scenario, question] = [n.scenario, n.question].map(str::to_owned);
        let (roles, order, log_odds) = (pair.roles, pair.order, pair.log_odds);
        At {
            checkpoint,
            language,
            condition,
            country_1,
            country_2,
            scenario,
            question,
            roles,
            order,
            log_odds,
        }
    }

    /// As `prompts` prints it, without an order where there is none.
    pub fn id(&self) -> String {
        let order = self.order.map_or_else(String::new, |order| format!("/{order}"));
        format!(
            "{}/{}/{}-{}/{}/{}/{}{order}",
            self.language,
            self.condition,
            self.country_1,
            self.country_2,
            self.scenario,
            self.question,
            self.roles
        )
    }
}

/// Differences (second less first), natural log-odds, without their sign.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Spread {
    /// Of all, absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    pub compared: usize,
    /// The same bit for bit.
    pub identical: usize,
    pub median: f64,
    pub rms: f64,
    /// 99 of 100 are not larger.
    pub p99: f64,
    pub largest: f64,
    pub largest_at: At,
    /// The option that is preferred is another one: log-odds of another sign.
    pub changed_choices: usize,
    pub changed_share: f64,
    /// Those whose log-odds in the first run are nearer to zero than the largest difference: only they could change.
    pub near: usize,
}

/// Gathers pairs, in any order.
#[derive(Debug, Default)]
pub struct Scores {
    cells: BTreeMap<[String; 3], Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    differences: Vec<f64>,
    /// Of the first run, without their signs.
    sizes: Vec<f64>,
    identical: usize,
    changed: usize,
    largest: Option<(f64, At)>,
}

impl Scores {
    pub fn push(&mut self, pair: &Pair<'_>) {
        let [first, second] = pair.log_odds;
        let difference = (second - first).abs();
        let n = &pair.names;
        let cell = self.cells.entry([n.model, n.language, n.condition].map(str::to_owned)).or_default();
        cell.differences.push(difference);
        cell.sizes.push(first.abs());
        cell.identical += usize::from(pair.same_bits);
        let sign = |x: f64| (x > 0.0, x < 0.0);
        cell.changed += usize::from(sign(first) != sign(second));
        if cell.largest.as_ref().is_none_or(|(most, _)| difference > *most) {
            cell.largest = Some((difference, At::new(pair)));
        }
    }

    /// All together, then each checkpoint, language and condition; nothing without pairs.
    pub fn spreads(self) -> (Option<Spread>, Vec<Spread>) {
        let mut whole = Gathered::default();
        let mut each = Vec::new();
        for ([checkpoint, language, condition], cell) in self.cells {
            whole.differences.extend(&cell.differences);
            whole.sizes.extend(&cell.sizes);
            whole.identical += cell.identical;
            whole.changed += cell.changed;
            if let Some((most, at)) = &cell.largest
                && whole.largest.as_ref().is_none_or(|(so_far, _)| most > so_far)
            {
                whole.largest = Some((*most, at.clone()));
            }
            let names = [checkpoint, language, condition].map(Some);
            each.extend(cell.spread(names));
        }
        (whole.spread([None, None, None]), each)
    }
}

impl Gathered {
    fn spread(mut self, [checkpoint, language, condition]: [Option<String>; 3]) -> Option<Spread> {
        let (largest, largest_at) = self.largest?;
        self.differences.sort_by(f64::total_cmp);
        let n = self.differences.len();
        let squares: f64 = self.differences.iter().map(|d| d * d).sum();
        Some(Spread {
            checkpoint,
            language,
            condition,
            compared: n,
            identical: self.identical,
            median: quantile(&self.differences, 0.5)?,
            rms: (squares / n as f64).sqrt(),
            p99: quantile(&self.differences, 0.99)?,
            largest,
            largest_at,
            changed_choices: self.changed,
            changed_share: self.changed as f64 / n as f64,
            near: self.sizes.iter().filter(|size| **size < largest).count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_by_hand() {
        let mut scores = Scores::default();
        for (model, scenario, log_odds) in [
            ("m", "s1", [1.0, 1.0]),
            ("m", "s2", [-0.5, 0.25]),
            ("m", "s3", [2.0, 1.0]),
            ("n", "s1", [3.0, 3.5]),
        ] {
            let names = ItemNames {
                model,
                language: "en",
                condition: "main",
                country_1: "A",
                country_2: "B",
                scenario,
                scenario_type: "t",
                question: "q",
            };
            let same_bits = log_odds[0] == log_odds[1];
            scores.push(&Pair { names, roles: "fwd", order: Some("12"), log_odds, same_bits });
        }
        let (whole, each) = scores.spreads();
        let whole = whole.expect("pairs");
        // Differences 0, 0.75, 1 and 0.5.
        assert_eq!((whole.compared, whole.identical, whole.median, whole.largest), (4, 1, 0.625, 1.0));
        assert!((whole.rms - (1.8125f64 / 4.0).sqrt()).abs() < 1e-15);
        assert!((whole.p99 - (0.75 + 0.25 * 0.97)).abs() < 1e-12);
        assert_eq!(whole.largest_at.id(), "en/main/A-B/s3/q/fwd/12");
        // Only -0.5 turned; it alone lies nearer to zero than 1.
        assert_eq!((whole.changed_choices, whole.changed_share, whole.near), (1, 0.25, 1));
        // What is exactly zero prefers neither.
        let mut ties = Scores::default();
        let names = ItemNames {
            model: "m",
            language: "en",
            condition: "main",
            country_1: "A",
            country_2: "B",
            scenario: "s",
            scenario_type: "t",
            question: "q",
        };
        for log_odds in [[0.0, 0.0], [0.0, -0.5], [0.0, 0.5], [0.25, 0.0], [-0.25, 0.0]] {
            ties.push(&Pair { names, roles: "fwd", order: None, log_odds, same_bits: false });
        }
        let ties = ties.spreads().0.expect("pairs");
        assert_eq!(
            (ties.compared, ties.changed_choices, ties.largest_at.id()),
            (5, 4, "en/main/A-B/s/q/fwd".into())
        );
        let of: Vec<_> = each.iter().map(|s| (s.checkpoint.as_deref(), s.compared, s.largest)).collect();
        assert_eq!(of, [(Some("m"), 3, 1.0), (Some("n"), 1, 0.5)]);
    }
}
