//! Do the languages say the same? The variance of countries that all languages share, and scenarios that do not.

use serde::Serialize;

use super::super::cells::mean;
use super::super::confirmatory::{Contrast, Grid, Lens};
use super::super::correlation::pearson;
use super::super::distributions::f_upper;
use super::super::figure::{Estimate, Figure, Named};
use super::super::key::Key;
use super::super::shift::spoken;
use super::super::table::{Id, Run};

/// Components of the variance of type means over countries, languages and types, by mean squares; those below zero are
/// estimates of none.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct LanguageInvariance {
    /// country / (country + country_language), each not below zero: 1 where all languages rank and space the countries
    /// alike. `None` where the countries' own part cannot be told from zero (F test, 5 %).
    pub shared: Option<f64>,
    pub country: f64,
    pub country_language: f64,
    pub country_type: f64,
    pub residual: f64,
    pub languages: Vec<String>,
    pub countries: usize,
    pub types: usize,
    /// Pearson's r of the countries' leans, for each two languages.
    pub correlations: Named<Option<f64>>,
}

/// Scenarios whose difference between two languages lies beyond three standard deviations of their type's.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ScenarioDif {
    pub scenarios: usize,
    /// Of differences around their type's mean, log-odds.
    pub sd: f64,
    pub differing: Named<Differing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Differing {
    /// The country's lean in the language less that in the baseline language, log-odds.
    pub difference: f64,
    /// In standard deviations, from its type's mean.
    pub z: f64,
}

/// Beyond this a scenario behaves differently.
const BEYOND: f64 = 3.0;

/// `language_invariance` for every checkpoint in several languages, `scenario_dif` against the baseline language.
pub fn figures(lens: &Lens<'_, '_>, out: &mut Vec<Figure>) {
    let view = lens.view;
    let mut models: Vec<Id> = view.plan.subjects.iter().filter(|s| s.routed).map(|s| s.model).collect();
    models.sort_unstable();
    models.dedup();
    for model in models {
        let runs: Vec<&Run> =
            view.plan.languages.iter().filter_map(|l| view.plan.run(view.table, model, *l)).collect();
        if let Some(estimate) = invariance(lens, &runs) {
            let key = Key::new("language_invariance").checkpoint(view.table.models.name(model));
            let condition = view.table.conditions.name(view.plan.routed(model));
            let key = key.condition(condition, true).made_of(runs.iter().copied());
            let key = key.question(view.question(lens.question)).subset(&lens.all.name);
            out.push(key.figure(Estimate::LanguageInvariance(estimate)));
        }
    }
    for spoken in spoken(view).iter().filter(|spoken| spoken.subject.routed) {
        let Some(contrast) = lens.contrast(&[(1.0, spoken.to), (-1.0, spoken.from)], lens.all) else {
            continue;
        };
        for (at, &country) in contrast.countries.iter().enumerate() {
            let Some(estimate) = Grid::new(&contrast, at).and_then(|grid| dif(lens, &grid)) else { continue };
            let key = spoken.key(view, "scenario_dif");
            out.push(lens.selection(key, country, lens.all).figure(Estimate::ScenarioDif(estimate)));
        }
    }
}

/// `None` with fewer than two languages, countries or types that all runs have.
fn invariance(lens: &Lens<'_, '_>, runs: &[&Run]) -> Option<LanguageInvariance> {
    let contrasts: Vec<Contrast> =
        runs.iter().map(|run| lens.contrast(&[(1.0, run)], lens.all)).collect::<Option<_>>()?;
    let grids = |contrast: &'_ Contrast, country: Id| -> Option<Vec<(Id, f64)>> {
        let grid = Grid::new(contrast, contrast.place(country)?)?;
        Some(grid.kinds.iter().map(|k| contrast.kinds[*k].0).zip(grid.type_means.iter().copied()).collect())
    };
    let first = contrasts.first()?;
    let countries: Vec<Id> =
        first.countries.iter().copied().filter(|c| contrasts.iter().all(|x| x.place(*c).is_some())).collect();
    // [language][country] -> means by type.
    let means: Vec<Vec<Vec<(Id, f64)>>> = contrasts
        .iter()
        .map(|contrast| countries.iter().map(|c| grids(contrast, *c)).collect::<Option<_>>())
        .collect::<Option<_>>()?;
    let mut kinds: Vec<Id> = means.first()?.first()?.iter().map(|(kind, _)| *kind).collect();
    kinds.retain(|kind| means.iter().flatten().all(|of| of.iter().any(|(k, _)| k == kind)));
    let (l, c, k) = (contrasts.len(), countries.len(), kinds.len());
    if l < 2 || c < 2 || k < 2 {
        return None;
    }
    let y: Vec<Vec<Vec<f64>>> = means
        .iter()
        .map(|of_language| {
            let of_country = |of: &Vec<(Id, f64)>| -> Vec<f64> {
                of.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, m)| *m).collect()
            };
            of_language.iter().map(of_country).collect()
        })
        .collect();
    let (lf, cf, kf) = (l as f64, c as f64, k as f64);
    let by = |pick: &dyn Fn(usize, usize, usize) -> bool| {
        let mut values = Vec::new();
        for (i, of_language) in y.iter().enumerate() {
            for (j, of_country) in of_language.iter().enumerate() {
                values.extend(of_country.iter().enumerate().filter(|(m, _)| pick(i, j, *m)).map(|(_, v)| *v));
            }
        }
        mean(values).unwrap_or(f64::NAN)
    };
    let grand = by(&|_, _, _| true);
    let of_c: Vec<f64> = (0..c).map(|b| by(&|_, j, _| j == b)).collect();
    let of_l: Vec<f64> = (0..l).map(|a| by(&|i, _, _| i == a)).collect();
    let of_k: Vec<f64> = (0..k).map(|t| by(&|_, _, m| m == t)).collect();
    let of_lc: Vec<Vec<f64>> =
        (0..l).map(|a| (0..c).map(|b| by(&|i, j, _| (i, j) == (a, b))).collect()).collect();
    let of_ck: Vec<Vec<f64>> =
        (0..c).map(|b| (0..k).map(|t| by(&|_, j, m| (j, m) == (b, t))).collect()).collect();
    let of_lk: Vec<Vec<f64>> =
        (0..l).map(|a| (0..k).map(|t| by(&|i, _, m| (i, m) == (a, t))).collect()).collect();
    let mut squares = [0.0; 4];
    for a in 0..l {
        for b in 0..c {
            for t in 0..k {
                let terms = [
                    of_c[b] - grand,
                    of_lc[a][b] - of_l[a] - of_c[b] + grand,
                    of_ck[b][t] - of_c[b] - of_k[t] + grand,
                    y[a][b][t] - of_lc[a][b] - of_ck[b][t] - of_lk[a][t] + of_l[a] + of_c[b] + of_k[t]
                        - grand,
                ];
                squares.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term * term);
            }
        }
    }
    let freedom = [1.0, lf - 1.0, kf - 1.0, (lf - 1.0) * (kf - 1.0)].map(|of| (cf - 1.0) * of);
    let squares = Squares { sums: squares, freedom };
    let [countries_and, languages, types, residual] = squares.means();
    let country = (countries_and - languages - types + residual) / (lf * kf);
    let country_language = (languages - residual) / kf;
    let (top, other) = (country.max(0.0), country_language.max(0.0));
    let language = |a: usize| lens.view.language(runs[a].language).to_owned();
    let mut correlations = Vec::new();
    for a in 0..l {
        for b in a + 1..l {
            let pairs: Vec<(f64, f64)> = of_lc[a].iter().copied().zip(of_lc[b].iter().copied()).collect();
            correlations.push((format!("{}-{}", language(b), language(a)), pearson(&pairs)));
        }
    }
    Some(LanguageInvariance {
        shared: squares.tell_countries().then(|| top / (top + other)),
        country,
        country_language,
        country_type: (types - residual) / lf,
        residual,
        languages: (0..l).map(language).collect(),
        countries: c,
        types: k,
        correlations: Named(correlations),
    })
}

/// Sums of squares of countries, countries by language, countries by type, and the rest, with their degrees of freedom.
struct Squares {
    sums: [f64; 4],
    freedom: [f64; 4],
}

/// Above this p the variance of countries over all languages and types is not told from zero.
const TOLD: f64 = 0.05;

impl Squares {
    fn means(&self) -> [f64; 4] {
        std::array::from_fn(|at| self.sums[at] / self.freedom[at])
    }

    /// Whether countries differ over all languages and types: F = (countries + rest)/(by language + by type), whose halves have equal
    /// expectations where they do not, with Satterthwaite's degrees of freedom.
    fn tell_countries(&self) -> bool {
        let means = self.means();
        let both = |one: usize, other: usize| {
            let sum = means[one] + means[other];
            let spread = [one, other].map(|at| means[at].powi(2) / self.freedom[at]).iter().sum::<f64>();
            (sum, sum * sum / spread)
        };
        let ((above, df_above), (below, df_below)) = (both(0, 3), both(1, 2));
        if below == 0.0 {
            return above > 0.0;
        }
        above > below && f_upper(above / below, df_above, df_below).is_some_and(|p| p < TOLD)
    }
}

/// `None` where no type has two scenarios.
fn dif(lens: &Lens<'_, '_>, grid: &Grid<'_>) -> Option<ScenarioDif> {
    let mut all: Vec<(Id, f64, f64)> = Vec::new();
    let (mut squares, mut freedom) = (0.0, 0usize);
    for &kind in &grid.kinds {
        let of_kind = grid.scenarios_of(kind);
        let centre = mean(of_kind.iter().map(|(_, m)| *m))?;
        squares += of_kind.iter().map(|(_, m)| (m - centre).powi(2)).sum::<f64>();
        freedom += of_kind.len() - 1;
        // A scenario is a part of its own type's mean.
        let shrunk = (1.0 - 1.0 / of_kind.len() as f64).sqrt();
        all.extend(of_kind.iter().map(|(id, m)| (*id, *m, (m - centre) / shrunk.max(f64::MIN_POSITIVE))));
    }
    if freedom == 0 {
        return None;
    }
    let sd = (squares / freedom as f64).sqrt();
    let differing = all.iter().filter(|(_, _, from_type)| sd > 0.0 && (from_type / sd).abs() > BEYOND);
    Some(ScenarioDif {
        scenarios: all.len(),
        sd,
        differing: differing
            .map(|(id, difference, from_type)| {
                let differing = Differing { difference: *difference, z: from_type / sd };
                (lens.view.table.scenarios.name(*id).to_owned(), differing)
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::Squares;

    /// scipy: F(3.34, 5.39) = 1.127 with p 0.423, and F(3.14, 15.0) = 7.25 with p 0.0029.
    #[test]
    fn countries_are_told_where_they_differ_more_than_by_language_and_type() {
        let freedom = [3.0, 3.0, 12.0, 12.0];
        let told = |means: [f64; 4]| {
            let sums = std::array::from_fn(|at| means[at] * freedom[at]);
            Squares { sums, freedom }.tell_countries()
        };
        assert!(!told([0.2708, 0.1863, 0.0674, 0.015]));
        assert!(told([1.5, 0.1, 0.12, 0.05]));
        // A component just above zero, with nothing by language: it is all there is, and tells nothing.
        assert!(!told([0.0806, 0.01, 0.08, 0.015]));
        // Nothing else varies, or nothing at all.
        assert!(told([1.0, 0.0, 0.0, 0.0]) && !told([0.0; 4]));
    }
}
