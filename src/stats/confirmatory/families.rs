//! What only families together can say: corrected shifts, differences between families, makers.

use std::collections::BTreeMap;

use super::super::compliance::Tier;
use super::super::corrections::holm;
use super::super::figure::{Estimate, Figure};
use super::super::key::Key;
use super::super::plan::{Home, PlanFamily};
use super::super::shift::{Step, StepKind};
use super::super::table::{Id, Run};
use super::ladder::Confirmatory;
use super::makers::{FamilyByStage, MakerGroups, MakerHome, Member, Shifts};
use super::{Contrast, Grid, Lens};

/// The tests over families, language by language.
pub fn of_shifts(lens: &Lens<'_, '_>, steps: &[Step<'_>], figures: &mut Vec<Figure>) {
    let ends =
        |language: Id| steps.iter().filter(move |s| s.language == language && s.kind == StepKind::Ends);
    for &language in &lens.view.plan.languages {
        let contrasts: Vec<(&Step<'_>, Contrast)> = ends(language)
            .filter_map(|step| Some((step, lens.contrast(&[(1.0, step.to), (-1.0, step.from)], lens.all)?)))
            .collect();
        let head = |group, with: &[&Step<'_>]| {
            let key = Key::new(group).language(lens.view.language(language));
            key.routed().made_of(with.iter().flat_map(|s| [s.from, s.to]))
        };
        for country in lens.view.table.countries.ids() {
            of_country(lens, &contrasts, country, &head, figures);
        }
        maker_home(lens, &contrasts, &head, figures);
    }
}

/// Holm over families, within what else the figures share; the first family of a step is as good as any other.
pub fn correct(figures: &mut [Figure], group: &str) {
    let mut together: BTreeMap<Vec<Option<String>>, Vec<usize>> = BTreeMap::new();
    for (at, figure) in figures.iter().enumerate().filter(|(_, f)| f.parts.group == group) {
        let p = &figure.parts;
        // Families may call their last stages differently: what is between two stages is told by the id's label.
        let between = figure.step_between.then(|| (p.baseline_stage.clone(), p.stage.clone()));
        let (from, to) = between.unwrap_or_default();
        let key = [&p.language, &p.baseline_language, &p.country, &p.condition, &from, &to].map(Clone::clone);
        together.entry(key.to_vec()).or_default().push(at);
    }
    for places in together.into_values() {
        let p = |of: &dyn Fn(&Confirmatory) -> Option<f64>| -> Vec<Option<f64>> {
            places
                .iter()
                .map(|at| match &figures[*at].estimate {
                    Estimate::Confirmatory(c) => of(c),
                    _ => None,
                })
                .collect()
        };
        let crossed = holm(&p(&|c| c.crossed?.p));
        let new_types = holm(&p(&|c| c.new_types?.p));
        for (at, (crossed, new_types)) in places.into_iter().zip(crossed.into_iter().zip(new_types)) {
            if let Some(Figure { estimate: Estimate::Confirmatory(c), .. }) = figures.get_mut(at) {
                (c.p_holm, c.p_holm_new_types) = (crossed, new_types);
            }
        }
    }
}

type Head<'h> = &'h dyn Fn(&'static str, &[&Step<'_>]) -> Key;

/// `family_by_stage` and, where a maker is at home in the country, `maker_groups`.
fn of_country(
    lens: &Lens<'_, '_>,
    contrasts: &[(&Step<'_>, Contrast)],
    country: Id,
    head: Head<'_>,
    out: &mut Vec<Figure>,
) {
    let grids: Vec<(&Step<'_>, Grid<'_>)> = contrasts
        .iter()
        .filter_map(|(step, contrast)| Some((*step, Grid::new(contrast, contrast.place(country)?)?)))
        .collect();
    let steps: Vec<&Step<'_>> = grids.iter().map(|(step, _)| *step).collect();
    // Types that every family has.
    let kinds_of =
        |grid: &Grid<'_>| -> Vec<Id> { grid.kinds.iter().map(|k| grid.contrast.kinds[*k].0).collect() };
    if let Some((_, first)) = grids.first() {
        let mut kinds = kinds_of(first);
        kinds.retain(|kind| grids.iter().all(|(_, grid)| kinds_of(grid).contains(kind)));
        let by_family: Vec<Vec<f64>> = grids
            .iter()
            .map(|(_, grid)| {
                let own = kinds_of(grid).into_iter().zip(&grid.type_means);
                own.filter(|(kind, _)| kinds.contains(kind)).map(|(_, mean)| *mean).collect()
            })
            .collect();
        let names = steps.iter().map(|s| s.family.name.clone()).collect();
        if let Some(estimate) = FamilyByStage::new(names, &by_family) {
            let key = lens.selection(head("family_by_stage", &steps), country, lens.all);
            out.push(key.figure(Estimate::FamilyByStage(estimate)));
        }
    }
    let members: Vec<Member> = grids
        .iter()
        .filter(|(step, _)| step.family.home != Home::Unknown)
        .map(|(step, grid)| {
            let home = step.family.home == Home::Country(country);
            (step.family.name.clone(), grid.estimate(), home, is_readable(step))
        })
        .collect();
    if let Some(estimate) = MakerGroups::new(&members) {
        let key = lens.selection(head("maker_groups", &steps), country, lens.all);
        out.push(key.figure(Estimate::MakerGroups(Box::new(estimate))));
    }
}

/// A shift can be read where both of its own stages can; a stage between them has no part in it.
fn is_readable(step: &Step<'_>) -> bool {
    Tier::of(step.from.compliance.min(step.to.compliance)) != Tier::Low
}

/// `maker_home`, over the families whose maker's country is compared.
fn maker_home(
    lens: &Lens<'_, '_>,
    contrasts: &[(&Step<'_>, Contrast)],
    head: Head<'_>,
    out: &mut Vec<Figure>,
) {
    // Countries that every family has a shift towards.
    let mut families: Vec<(&Step<'_>, BTreeMap<Id, f64>)> = Vec::new();
    for (step, contrast) in contrasts {
        let towards = contrast.countries.iter().enumerate();
        let towards =
            towards.filter_map(|(at, id)| Some((*id, Grid::new(contrast, at)?.estimate()))).collect();
        families.push((*step, towards));
    }
    let home = |family: &PlanFamily| match family.home {
        Home::Country(country) => Some(country),
        _ => None,
    };
    families.retain(|(step, _)| home(step.family).is_some());
    let Some((_, first)) = families.first() else { return };
    let shared: Vec<Id> = first
        .keys()
        .copied()
        .filter(|id| families.iter().all(|(_, towards)| towards.contains_key(id)))
        .collect();
    let shifts: Vec<Shifts> = families
        .iter()
        .filter_map(|(step, towards)| {
            let own = home(step.family)?;
            Some(Shifts {
                family: step.family.name.clone(),
                home: shared.iter().position(|id| *id == own)?,
                towards: shared.iter().filter_map(|id| towards.get(id).copied()).collect(),
                readable: is_readable(step),
            })
        })
        .collect();
    if let Some(estimate) = MakerHome::new(&shifts) {
        let steps: Vec<&Step<'_>> = families.iter().map(|(step, _)| *step).collect();
        let key =
            head("maker_home", &steps).question(lens.view.question(lens.question)).subset(&lens.all.name);
        out.push(key.figure(Estimate::MakerHome(Box::new(estimate))));
    }
}

/// `stage_by_language`: a family's shift in a language less its shift in the baseline language.
pub fn stages_by_language(lens: &Lens<'_, '_>) -> Vec<Figure> {
    let view = lens.view;
    let Some((&baseline, others)) = view.plan.languages.split_first() else { return Vec::new() };
    let mut out = Vec::new();
    for &language in others {
        for family in &view.plan.families {
            let both = view.ends(family, language).zip(view.ends(family, baseline));
            let Some(((from, to), (from_baseline, to_baseline))) = both else { continue };
            let parts: [(f64, &Run); 4] =
                [(1.0, to), (-1.0, from), (-1.0, to_baseline), (1.0, from_baseline)];
            let Some(contrast) = lens.contrast(&parts, lens.all) else { continue };
            for (at, &country) in contrast.countries.iter().enumerate() {
                let Some(grid) = Grid::new(&contrast, at) else { continue };
                let key = Key::new("stage_by_language")
                    .languages(view.language(language), view.language(baseline))
                    .family(family)
                    .made_of(parts.map(|(_, run)| run));
                let estimate = Estimate::Confirmatory(Box::new(lens.estimate(&grid)));
                out.push(lens.selection(key, country, lens.all).figure(estimate));
            }
        }
    }
    correct(&mut out, "stage_by_language");
    out
}
