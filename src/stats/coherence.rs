//! The coherence filter: in how many runs do the two polarities of a scenario disagree in sign, as a real preference makes them?

use serde::Serialize;

use super::cells::{Question, Subset, cells, scenario_means};
use super::cluster::Clustered;
use super::figure::{Estimate, Figure, Named};
use super::key::Key;
use super::plan::Plan;
use super::table::{Id, Table};
use super::view::View;

/// In how many runs each scenario is coherent.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Runs in which the target has both polarities.
    pub runs: usize,
    /// By scenario; `None` where no such run has the scenario.
    pub by_scenario: Vec<Option<usize>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CoherenceCounts {
    pub runs: usize,
    pub max: usize,
    pub by_scenario: Named<usize>,
    /// Least count, from 1 to `runs` -> number of scenarios.
    pub scenarios_at_least: Named<usize>,
}

/// What a threshold keeps; sorted by name.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CoherentSet {
    pub n: usize,
    pub scenarios: Vec<String>,
    pub types: Vec<String>,
}

/// An estimate on the scenarios that are coherent in at least so many runs.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct SweepPoint {
    pub scenarios: usize,
    pub mean_row: f64,
    pub mean_cluster: f64,
    pub ci_z: Option<f64>,
}

impl Counts {
    /// Counts over the filtered checkpoints in every language, each read in the condition that `route` gives it.
    /// `None` without two polarities or without a run.
    pub fn new(table: &Table, plan: &Plan, route: impl Fn(Id) -> Id) -> Option<Counts> {
        let (positive, negative) = plan.polarity()?;
        let all = Subset::all(table);
        let mut counts = Counts { runs: 0, by_scenario: vec![None; table.scenarios.len()] };
        for &model in &plan.filtered {
            for &language in &plan.languages {
                let Some(run) = table.run(model, language, route(model)) else { continue };
                let by_scenario = |question| {
                    let mut means = vec![None; table.scenarios.len()];
                    for (scenario, mean) in scenario_means(table, &cells(run, plan.target, question, &all)) {
                        if let Some(slot) = means.get_mut(scenario as usize) {
                            *slot = Some(mean);
                        }
                    }
                    means
                };
                let pairs: Vec<(Option<f64>, Option<f64>)> = by_scenario(Question::Asked(positive))
                    .into_iter()
                    .zip(by_scenario(Question::Asked(negative)))
                    .collect();
                if !pairs.iter().any(|(up, down)| up.is_some() && down.is_some()) {
                    continue;
                }
                counts.runs += 1;
                for (count, pair) in counts.by_scenario.iter_mut().zip(pairs) {
                    if let (Some(up), Some(down)) = pair {
                        // Strictly opposite; a product could underflow to zero.
                        let coherent = (up > 0.0 && down < 0.0) || (up < 0.0 && down > 0.0);
                        *count = Some(count.unwrap_or(0) + usize::from(coherent));
                    }
                }
            }
        }
        (counts.runs > 0).then_some(counts)
    }

    /// The scenarios kept at a share of the runs.
    pub fn subset(&self, share: f64) -> Subset {
        let kept = |count: &Option<usize>| count.is_some_and(|n| n as f64 / self.runs as f64 >= share);
        Subset { name: subset_name(share), keep: self.by_scenario.iter().map(kept).collect() }
    }

    fn at_least(&self, least: usize) -> Subset {
        let kept = |count: &Option<usize>| count.is_some_and(|n| n >= least);
        Subset { name: format!("at least {least}"), keep: self.by_scenario.iter().map(kept).collect() }
    }

    /// Least counts at half to nine tenths of the runs, where the settings name none.
    pub fn default_sweep(&self) -> Vec<usize> {
        let mut counts: Vec<usize> = (5..=9).map(|tenths| (self.runs * tenths).div_ceil(10)).collect();
        counts.dedup();
        counts
    }
}

/// `coherent70` for 0.7.
pub fn subset_name(share: f64) -> String {
    format!("coherent{}", (share * 1e8).round() / 1e6)
}

/// The shares to list: the settings' thresholds and the subset's.
fn shares(plan: &Plan) -> Vec<f64> {
    let coherence = &plan.analysis.coherence;
    let mut shares = coherence.thresholds.clone();
    shares.push(coherence.subset);
    shares.sort_by(f64::total_cmp);
    shares.dedup_by_key(|share| subset_name(*share));
    shares
}

/// `coherence` from the routed runs, `coherence@<variant>` from the variants', and the bank's `bank/scenario_types`.
pub fn figures(view: &View<'_>, routed: Option<&Counts>, out: &mut Vec<Figure>) {
    let table = view.table;
    if let Some(counts) = routed {
        push(view, || Key::new("coherence"), counts, out);
    }
    for (name, route) in &view.plan.variants {
        let read = |model: Id| route.get(model as usize).copied().unwrap_or_default();
        if let Some(counts) = Counts::new(table, view.plan, read) {
            push(view, || Key::new("coherence").variant(name), &counts, out);
        }
    }
    let kind = |scenario: Id| table.type_of.get(scenario as usize).map_or("", |t| table.types.name(*t));
    let types = table.scenarios.ids().map(|s| (table.scenarios.name(s).to_owned(), kind(s).to_owned()));
    out.push(Key::new("bank").name("scenario_types").figure(Estimate::Bank(types.collect())));
}

fn push(view: &View<'_>, key: impl Fn() -> Key, counts: &Counts, out: &mut Vec<Figure>) {
    let table = view.table;
    let by_scenario: Named<usize> = table
        .scenarios
        .iter()
        .zip(&counts.by_scenario)
        .filter_map(|(name, count)| Some((name.to_owned(), (*count)?)))
        .collect();
    let at_least = |least: usize| by_scenario.iter().filter(|(_, count)| **count >= least).count();
    let estimate = CoherenceCounts {
        runs: counts.runs,
        max: by_scenario.iter().map(|(_, count)| *count).max().unwrap_or(0),
        scenarios_at_least: (1..=counts.runs).map(|least| (least.to_string(), at_least(least))).collect(),
        by_scenario,
    };
    out.push(key().id_part("counts").figure_by("coherence_counts", Estimate::CoherenceCounts(estimate)));
    for share in shares(view.plan) {
        let subset = counts.subset(share);
        let kept: Vec<Id> = table.scenarios.ids().filter(|s| subset.has(*s)).collect();
        let mut types: Vec<Id> =
            kept.iter().filter_map(|s| table.type_of.get(*s as usize).copied()).collect();
        types.sort_unstable();
        types.dedup();
        let estimate = CoherentSet {
            n: kept.len(),
            scenarios: kept.iter().map(|s| table.scenarios.name(*s).to_owned()).collect(),
            types: types.iter().map(|t| table.types.name(*t).to_owned()).collect(),
        };
        out.push(key().subset(&subset.name).figure_by("coherent_set", Estimate::CoherentSet(estimate)));
    }
}

/// `coherence_sweep`: favourability as the filter tightens.
pub fn sweeps(view: &View<'_>, counts: &Counts, least: &[usize], out: &mut Vec<Figure>) {
    let subsets: Vec<(usize, Subset)> = least.iter().map(|least| (*least, counts.at_least(*least))).collect();
    for (subject, run) in view.runs() {
        for of_country in &run.countries {
            for &question in &view.plan.questions {
                let points: Named<SweepPoint> = subsets
                    .iter()
                    .filter_map(|(least, subset)| {
                        let cells = view.cells(run, of_country.country, question, subset);
                        let clustered = Clustered::new(view.table, &cells)?;
                        let point = SweepPoint {
                            scenarios: subset.keep.iter().filter(|kept| **kept).count(),
                            mean_row: clustered.mean_row,
                            mean_cluster: clustered.mean_cluster,
                            ci_z: clustered.ci_z,
                        };
                        Some((least.to_string(), point))
                    })
                    .collect();
                if points.0.is_empty() {
                    continue;
                }
                let key = view.of_run("coherence_sweep", subject, run);
                let key = key.country(view.country(of_country.country)).question(view.question(question));
                out.push(key.figure(Estimate::CoherenceSweep(points)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_the_filter_tightens_from_half_to_nine_tenths() {
        let of = |runs: usize| Counts { runs, by_scenario: Vec::new() }.default_sweep();
        assert_eq!((of(10), of(84), of(3)), (vec![5, 6, 7, 8, 9], vec![42, 51, 59, 68, 76], vec![2, 3]));
    }

    #[test]
    fn a_share_keeps_the_scenarios_that_reach_it() {
        let counts = Counts { runs: 10, by_scenario: vec![Some(7), Some(6), None, Some(10), Some(0)] };
        let subset = counts.subset(0.7);
        assert_eq!(
            (subset.name.as_str(), subset.keep),
            ("coherent70", vec![true, false, false, true, false])
        );
        let subset = counts.subset(0.625);
        assert_eq!(
            (subset.name.as_str(), subset.keep),
            ("coherent62.5", vec![true, false, false, true, false])
        );
        assert_eq!(counts.at_least(6).keep, [true, true, false, true, false]);
        assert_eq!(counts.at_least(7).keep, [true, false, false, true, false]);
    }
}
