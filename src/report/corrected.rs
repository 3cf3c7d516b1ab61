//! Which figures differ from zero: one rule for sentences, marks and tables.

use std::collections::HashMap;

use super::scope::{Scope, nuisance_id};
use crate::stats::benjamini_hochberg;

/// A figure whose adjusted p is below this differs from zero.
pub const ALPHA: f64 = 0.05;

/// Figures that are corrected together: a table of the page each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Together {
    Favourability,
    /// The target's favourability in other conditions.
    Conditions,
    Shift,
    LanguageShift,
    /// Letter and role bias.
    Nuisance,
}

/// Adjusted p by figure id.
#[derive(Debug, Default)]
pub struct Corrected {
    p: HashMap<String, f64>,
    tests: HashMap<Together, usize>,
}

impl Corrected {
    /// Of all that the page says differs from zero or does not.
    pub fn of(scope: &Scope<'_>) -> Corrected {
        let labels: Vec<&str> = scope.checkpoints.iter().map(|c| c.label).collect();
        let others: Vec<&str> = scope.others.iter().map(|c| c.label).collect();
        let families: Vec<&str> = scope.families.iter().map(|f| f.name).collect();
        let entities = scope.entities.as_slice();
        let favourability = |l: &str, c: &str, e: &str| scope.favourability_id(l, c, e);
        let nuisance = ["letter_bias", "role_bias"].into_iter().flat_map(|group| {
            let figures = scope.analysis.group(group);
            figures.map(move |(parts, _)| nuisance_id(group, parts))
        });
        let tables = [
            (Together::Favourability, each(scope, &labels, entities, favourability)),
            (Together::Conditions, each(scope, &others, &[scope.target], favourability)),
            (Together::Shift, each(scope, &families, entities, |l, f, e| scope.shift_id(l, f, e))),
            (
                Together::LanguageShift,
                each(scope, &labels, entities, |l, c, e| scope.language_shift_id(l, c, e)),
            ),
            (Together::Nuisance, nuisance.collect()),
        ];
        let mut corrected = Corrected::default();
        for (together, ids) in tables {
            let figures = ids.into_iter().filter_map(|id| {
                let p = scope.analysis.clustered(&id)?.p;
                Some((id, p))
            });
            corrected.add(together, figures.collect());
        }
        corrected
    }

    /// Adjusts the p of figures, given as (id, p), by Benjamini-Hochberg.
    fn add(&mut self, together: Together, figures: Vec<(String, Option<f64>)>) {
        let (ids, p): (Vec<String>, Vec<Option<f64>>) = figures.into_iter().unzip();
        let adjusted = ids.into_iter().zip(benjamini_hochberg(&p));
        let adjusted: Vec<(String, f64)> = adjusted.filter_map(|(id, p)| Some((id, p?))).collect();
        self.tests.insert(together, adjusted.len());
        self.p.extend(adjusted);
    }

    /// A figure's adjusted p.
    pub fn p(&self, id: &str) -> Option<f64> {
        self.p.get(id).copied()
    }

    pub fn differs(&self, id: &str) -> bool {
        self.p(id).is_some_and(|p| p < ALPHA)
    }

    /// How many p were adjusted together.
    pub fn tests(&self, together: Together) -> usize {
        self.tests.get(&together).copied().unwrap_or(0)
    }
}

/// Ids of figures, whether or not the analysis has them: of every language, subject and entity.
fn each(
    scope: &Scope<'_>,
    subjects: &[&str],
    entities: &[&str],
    id: impl Fn(&str, &str, &str) -> String,
) -> Vec<String> {
    let mut ids = Vec::new();
    for subject in subjects {
        for language in &scope.languages {
            ids.extend(entities.iter().map(|entity| id(language, subject, entity)));
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_corrected_with_those_of_their_table() {
        let figures = |p: &[(&str, Option<f64>)]| p.iter().map(|(id, p)| ((*id).to_owned(), *p)).collect();
        let mut corrected = Corrected::default();
        corrected.add(Together::Shift, figures(&[("a", Some(0.04)), ("b", Some(0.9)), ("c", None)]));
        corrected.add(Together::Nuisance, figures(&[("d", Some(0.04))]));
        // 0.04 * 2 / 1; alone it stays as it is.
        assert_eq!((corrected.p("a"), corrected.p("c"), corrected.p("d")), (Some(0.08), None, Some(0.04)));
        assert_eq!((corrected.differs("a"), corrected.differs("d")), (false, true));
        assert_eq!((corrected.tests(Together::Shift), corrected.tests(Together::Conditions)), (2, 0));
    }
}
