//! The confirmatory analysis: the complete bank, one question, intervals for stated scopes, three scales together.
//!
//! A [`contrast::Contrast`] holds every pair's cells of a run or of a difference of runs; a [`grid::Grid`] is one
//! country's view of it; each recipe is a function of grids. All of it is closed form.

mod checks;
mod choice;
mod components;
mod contrast;
mod families;
mod firm;
mod grid;
mod ladder;
mod makers;
mod planning;
mod role;

pub use checks::{Cr2, SignFlip};
pub use choice::{Choice, ChoiceShift};
pub use components::Components;
pub use firm::{Firm, OnScale, Verdict};
pub use ladder::{Block, Confirmatory, Size};
pub use makers::{FamilyByStage, LeftOut, MakerGroups, MakerHome, Permuted, Readable, ReadableGroups};
pub use planning::{Needed, Planning};
pub use role::RoleScaled;
pub(super) use role::squares as role_squares;

use rayon::prelude::*;

use super::cells::{Question, Subset};
use super::compliance::Tier;
use super::figure::{Estimate, Figure};
use super::key::Key;
use super::shift::{Spoken, Step, spoken, steps};
use super::table::{Id, Run, Table};
use super::view::View;
pub(super) use contrast::{Contrast, Scale};
pub(super) use grid::Grid;
use role::{Squares, role_scaled, squares};

/// What every recipe of the analysis looks at.
#[derive(Clone, Copy)]
pub(super) struct Lens<'v, 'a> {
    pub view: &'v View<'a>,
    pub question: Question,
    pub all: &'a Subset,
}

impl<'v, 'a> Lens<'v, 'a> {
    /// `None` where nothing was asked.
    pub fn new(view: &'v View<'a>) -> Option<Lens<'v, 'a>> {
        Some(Lens { view, question: view.plan.lead()?, all: view.subsets.first()? })
    }

    /// On log-odds.
    pub fn contrast(&self, parts: &[(f64, &Run)], subset: &Subset) -> Option<Contrast> {
        Contrast::new(self.view.table, parts, Scale::LogOdds(self.question), subset)
    }

    pub fn on_choices(&self, parts: &[(f64, &Run)]) -> Option<Contrast> {
        Contrast::new(self.view.table, parts, Scale::Choice(self.question), self.all)
    }

    /// The countries of a contrast that are asked for, each with its place.
    fn countries<'c>(&self, contrast: &'c Contrast) -> impl Iterator<Item = (usize, &'c Id)> {
        contrast.countries.iter().enumerate().filter(|(_, country)| self.view.wants(**country))
    }

    fn squares(&self, run: &Run) -> Squares {
        squares(self.view.table, run, self.question, self.all)
    }

    pub fn estimate(&self, grid: &Grid<'_>) -> Confirmatory {
        let mut estimate = Confirmatory::new(grid, &self.view.plan.analysis);
        let country = |at: &usize| self.view.country(grid.contrast.countries[*at]).to_owned();
        let kind = |at: &usize| self.view.table.types.name(grid.contrast.kinds[*at].0).to_owned();
        estimate.dropped_opponents = grid.dropped_opponents.iter().map(country).collect();
        estimate.dropped_types = grid.dropped_kinds.iter().map(kind).collect();
        estimate
    }

    /// Adds country, question and subset to a key.
    pub fn selection(&self, key: Key, country: Id, subset: &Subset) -> Key {
        key.selection(self.view, country, self.question, subset)
    }
}

/// Types that have as many scenarios as most types do, where not all have: a balanced bank, `types_of_seven`.
pub(super) fn balanced(table: &Table) -> Option<Subset> {
    let mut sizes = vec![0usize; table.types.len()];
    for kind in &table.type_of {
        if let Some(size) = sizes.get_mut(*kind as usize) {
            *size += 1;
        }
    }
    let of_size = |n: usize| sizes.iter().filter(|size| **size == n).count();
    let usual = sizes.iter().copied().max_by_key(|n| (of_size(*n), *n)).filter(|n| *n > 1)?;
    if of_size(usual) < 2 || of_size(usual) == sizes.len() {
        return None;
    }
    let words = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let number = words.get(usual - 2).map_or_else(|| usual.to_string(), |word| (*word).to_owned());
    let keep = table.type_of.iter().map(|kind| sizes.get(*kind as usize) == Some(&usual)).collect();
    Some(Subset { name: format!("types_of_{number}"), keep })
}

/// The groups, in the order in which they are read.
const GROUPS: [&str; 14] = [
    "confirmatory",
    "choice",
    "role_scaled",
    "sign_flip_types",
    "cr2",
    "confirmatory_shift",
    "choice_shift",
    "role_scaled_shift",
    "firm",
    "family_by_stage",
    "maker_home",
    "maker_groups",
    "confirmatory_language_shift",
    "stage_by_language",
];

/// Every group of the analysis.
pub(super) fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    made(view, &|_| true, out);
}

/// One group, and those that are made in one go with it.
pub(super) fn group(view: &View<'_>, group: &str, out: &mut Vec<Figure>) {
    made(view, &|of| of.contains(&group), out);
}

/// Whether any of some groups is asked for.
type Wanted<'w> = &'w (dyn Fn(&[&str]) -> bool + Sync);

/// What of the groups is `wanted`, which is asked of those that are made in one go.
fn made(view: &View<'_>, wanted: Wanted<'_>, out: &mut Vec<Figure>) {
    let Some(lens) = Lens::new(view) else { return };
    let mut figures: Vec<Figure> = Vec::new();
    if wanted(&GROUPS[..5]) {
        let balanced = balanced(view.table);
        let subjects: Vec<_> = view.runs().collect();
        figures.par_extend(subjects.par_iter().flat_map_iter(|(subject, run)| {
            of_run(&lens, wanted, |group| view.of_run(group, subject, run), run, balanced.as_ref())
        }));
    }
    let steps = steps(view);
    if wanted(&GROUPS[5..9]) {
        figures.par_extend(steps.par_iter().flat_map_iter(|step| of_step(&lens, wanted, step)));
        families::correct(&mut figures, "confirmatory_shift");
    }
    if wanted(&GROUPS[9..12]) {
        families::of_shifts(&lens, &steps, &mut figures);
    }
    if wanted(&GROUPS[12..13]) {
        let spoken = spoken(view);
        figures.par_extend(spoken.par_iter().flat_map_iter(|spoken| of_languages(&lens, spoken)));
    }
    if wanted(&GROUPS[13..]) {
        figures.extend(families::stages_by_language(&lens));
    }
    // One group after the other, each in the order in which it was made.
    figures.sort_by_key(|figure| GROUPS.iter().position(|group| *group == figure.parts.group));
    out.extend(figures);
}

/// A run's leans on three scales, and the checks of them.
fn of_run(
    lens: &Lens<'_, '_>,
    wanted: Wanted<'_>,
    head: impl Fn(&'static str) -> Key,
    run: &Run,
    balanced: Option<&Subset>,
) -> Vec<Figure> {
    let mut out = Vec::new();
    let Some(contrast) = lens.contrast(&[(1.0, run)], lens.all) else { return out };
    let choices = if wanted(&["choice"]) { lens.on_choices(&[(1.0, run)]) } else { None };
    let squares = wanted(&["role_scaled"]).then(|| lens.squares(run));
    for (at, &country) in lens.countries(&contrast) {
        let Some(grid) = Grid::new(&contrast, at) else { continue };
        let mut push =
            |group, estimate| out.push(lens.selection(head(group), country, lens.all).figure(estimate));
        push("confirmatory", Estimate::Confirmatory(Box::new(lens.estimate(&grid))));
        push("sign_flip_types", Estimate::SignFlip(SignFlip::new(&grid.type_means)));
        if let Some(cr2) = Cr2::new(&grid) {
            push("cr2", Estimate::Cr2(cr2));
        }
        let on_choices = choices.as_ref().and_then(|choices| Grid::new(choices, choices.place(country)?));
        if let Some(choice) = on_choices.and_then(|grid| Choice::new(&grid, run, lens.question)) {
            push("choice", Estimate::Choice(choice));
        }
        let scaled = squares.as_ref().and_then(|squares| role_scaled(&[(1.0, &grid, squares)]));
        if let Some(scaled) = scaled {
            push("role_scaled", Estimate::RoleScaled(scaled));
        }
    }
    if let Some(subset) = balanced
        && let Some(contrast) = lens.contrast(&[(1.0, run)], subset)
    {
        for (at, &country) in lens.countries(&contrast) {
            let Some(grid) = Grid::new(&contrast, at) else { continue };
            let estimate = Estimate::Confirmatory(Box::new(lens.estimate(&grid)));
            out.push(lens.selection(head("confirmatory"), country, subset).figure(estimate));
        }
    }
    out
}

/// A shift on three scales, and whether it is firm.
fn of_step(lens: &Lens<'_, '_>, wanted: Wanted<'_>, step: &Step<'_>) -> Vec<Figure> {
    let mut out = Vec::new();
    let (from, to) = (step.from, step.to);
    let difference = [(1.0, to), (-1.0, from)];
    let Some(contrast) = lens.contrast(&difference, lens.all) else { return out };
    let choices = if wanted(&["choice_shift", "firm"]) { lens.on_choices(&difference) } else { None };
    // Each side on the cells that both have, with its roles.
    let side = |own: &Run, other: &Run| {
        let contrast = lens.contrast(&[(1.0, own), (0.0, other)], lens.all)?;
        Some((contrast, lens.squares(own)))
    };
    let scaled = wanted(&["role_scaled_shift", "firm"]);
    let sides = if scaled { side(to, from).zip(side(from, to)) } else { None };
    for (at, &country) in lens.countries(&contrast) {
        let Some(grid) = Grid::new(&contrast, at) else { continue };
        let estimate = lens.estimate(&grid);
        let on_choices = choices.as_ref().and_then(|choices| Grid::new(choices, choices.place(country)?));
        let choice = on_choices.map(|grid| ChoiceShift::new(&grid));
        let scaled = sides.as_ref().and_then(|((to, squares_to), (from, squares_from))| {
            let (to, from) = (Grid::new(to, to.place(country)?)?, Grid::new(from, from.place(country)?)?);
            role_scaled(&[(1.0, &to, squares_to), (-1.0, &from, squares_from)])
        });
        let readable = Tier::of(from.compliance.min(to.compliance)) != Tier::Low;
        let firm =
            wanted(&["firm"]).then(|| Firm::new(&estimate, choice.as_ref(), scaled.as_ref(), readable));
        let mut push = |group, estimate| {
            out.push(lens.selection(step.key(lens.view, group), country, lens.all).figure(estimate));
        };
        push("confirmatory_shift", Estimate::Confirmatory(Box::new(estimate)));
        if let Some(choice) = choice {
            push("choice_shift", Estimate::ChoiceShift(choice));
        }
        if let Some(scaled) = scaled {
            push("role_scaled_shift", Estimate::RoleScaled(scaled));
        }
        if let Some(firm) = firm {
            push("firm", Estimate::Firm(firm));
        }
    }
    out
}

fn of_languages(lens: &Lens<'_, '_>, spoken: &Spoken<'_>) -> Vec<Figure> {
    let Some(contrast) = lens.contrast(&[(1.0, spoken.to), (-1.0, spoken.from)], lens.all) else {
        return Vec::new();
    };
    let of_country = |(at, country): (usize, &Id)| {
        let grid = Grid::new(&contrast, at)?;
        let key = spoken.key(lens.view, "confirmatory_language_shift");
        let estimate = Estimate::Confirmatory(Box::new(lens.estimate(&grid)));
        Some(lens.selection(key, *country, lens.all).figure(estimate))
    };
    lens.countries(&contrast).filter_map(of_country).collect()
}

#[cfg(test)]
mod tests {
    use super::super::items::ItemRow;
    use super::*;

    #[test]
    fn a_balanced_bank_has_the_usual_size() {
        let of = |sizes: &[usize]| {
            let scenarios =
                sizes.iter().enumerate().flat_map(|(kind, size)| (0..*size).map(move |s| (kind, s)));
            let row = |(kind, s): (usize, usize)| ItemRow {
                model: "m".to_owned(),
                language: "en".to_owned(),
                condition: "main".to_owned(),
                country_1: "A".to_owned(),
                country_2: "B".to_owned(),
                scenario: format!("{kind}_v{s}"),
                scenario_type: kind.to_string(),
                question: "q".to_owned(),
                diff_fwd: 0.5,
                diff_rev: 0.5,
                bias: 0.5,
                compliance: 0.5,
            };
            let rows: Vec<ItemRow> = scenarios.map(row).collect();
            let subset = balanced(&Table::from_rows(&rows).expect("a table"))?;
            Some((subset.name, subset.keep.iter().filter(|kept| **kept).count()))
        };
        let named = |name: &str, scenarios: usize| Some((name.to_owned(), scenarios));
        assert_eq!(of(&[2, 3, 2]), named("types_of_two", 4));
        assert_eq!(of(&[12, 1, 12]), named("types_of_twelve", 24));
        assert_eq!(of(&[1, 13, 13]), named("types_of_13", 26));
        // As many of either size: the larger.
        assert_eq!(of(&[3, 2, 2, 3]), named("types_of_three", 6));
        // All of one size, each of another, or most of a single scenario.
        for sizes in [&[2, 2, 2][..], &[1, 2, 3], &[1, 1, 3]] {
            assert_eq!(of(sizes), None, "{sizes:?}");
        }
    }
}
