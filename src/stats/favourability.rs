//! Favourability of each country, its spread over countries as percentages, and their rank.

use serde::Serialize;

use super::cells::mean;
use super::cluster::{Averages, Clustered};
use super::figure::{ByAverage, Estimate, Figure, Named};
use super::view::View;

/// Preference in percent by country, and its spread.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Spread {
    /// 100/(1 + exp(-favourability)).
    pub percent: Named<f64>,
    /// Over countries, ddof 0.
    pub sd: f64,
}

/// Countries by `mean_row`, best first; ties by name.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Rank {
    pub order: Vec<String>,
}

pub fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    for (subject, run) in view.runs() {
        let head = |group| view.of_run(group, subject, run);
        for &question in &view.plan.questions {
            for subset in view.subsets {
                let mut by_country = Vec::with_capacity(run.countries.len());
                for of_country in &run.countries {
                    let country = of_country.country;
                    let cells = view.cells(run, country, question, subset);
                    let Some(clustered) = Clustered::new(view.table, &cells) else { continue };
                    by_country.push((view.country(country).to_owned(), clustered.averages()));
                    let key = head("favourability").selection(view, country, question, subset);
                    out.push(key.figure(Estimate::Clustered(clustered)));
                }
                let of_all = |group| head(group).question(view.question(question)).subset(&subset.name);
                if let (Some(mean_row), Some(mean_cluster)) =
                    (spread(&by_country, |a| a.mean_row), spread(&by_country, |a| a.mean_cluster))
                {
                    let spread = Estimate::Spread(ByAverage { mean_row, mean_cluster });
                    out.push(of_all("spread").figure(spread));
                    out.push(of_all("rank").figure(Estimate::Rank(rank(by_country))));
                }
            }
        }
    }
}

/// The preference between two, in percent, that log-odds amount to.
pub fn percent(log_odds: f64) -> f64 {
    100.0 / (1.0 + (-log_odds).exp())
}

fn spread(by_country: &[(String, Averages)], average: impl Fn(&Averages) -> f64) -> Option<Spread> {
    let percent: Named<f64> =
        by_country.iter().map(|(name, a)| (name.clone(), percent(average(a)))).collect();
    let centre = mean(percent.iter().map(|(_, p)| *p))?;
    let variance = mean(percent.iter().map(|(_, p)| (p - centre).powi(2)))?;
    Some(Spread { percent, sd: variance.sqrt() })
}

fn rank(mut by_country: Vec<(String, Averages)>) -> Rank {
    by_country.sort_by(|(a_name, a), (b_name, b)| {
        b.mean_row.total_cmp(&a.mean_row).then_with(|| a_name.cmp(b_name))
    });
    Rank { order: by_country.into_iter().map(|(name, _)| name).collect() }
}
