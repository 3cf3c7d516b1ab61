//! Does a conclusion hold whichever condition is read?

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::compliance::quantile;
use super::super::confirmatory::{Contrast, Grid, Lens};
use super::super::figure::{Estimate, Figure, Named};
use super::super::key::Key;
use super::super::shift::{StepKind, steps};
use super::super::table::Id;
use super::null;

/// One estimate under every condition that a checkpoint was asked in.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct SpecificationCurve {
    pub specifications: Named<Specification>,
    pub positive: usize,
    pub negative: usize,
    /// Of the more frequent sign.
    pub same_sign: f64,
    pub median: f64,
    pub least: f64,
    pub greatest: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Specification {
    pub estimate: f64,
    /// Half-width of the crossed 95 % interval.
    pub ci: Option<f64>,
}

/// Specifications in the making, by what they are of.
type Curves = Vec<(Key, Vec<(String, Specification)>)>;

/// `specification_curve` of leans and `specification_curve_shift` of families' shifts, over the conditions that there are
/// besides the null ones; with two or more.
pub fn figures(lens: &Lens<'_, '_>, out: &mut Vec<Figure>) {
    let view = lens.view;
    let nulls = null::conditions(lens);
    let condition = |id: Id| view.table.conditions.name(id).to_owned();

    let mut curves: Curves = Vec::new();
    let mut places: BTreeMap<(Id, Id, Id), usize> = BTreeMap::new();
    for (subject, run) in view.runs().filter(|(s, _)| !nulls.contains(&s.condition)) {
        let Some(contrast) = lens.contrast(&[(1.0, run)], lens.all) else { continue };
        for (country, specification) in specifications(lens, &contrast) {
            let at = *places.entry((subject.language, subject.model, country)).or_insert_with(|| {
                let key = Key::new("specification_curve").language(view.language(subject.language));
                let key = key.checkpoint(view.table.models.name(subject.model));
                curves.push((lens.selection(key, country, lens.all), Vec::new()));
                curves.len() - 1
            });
            curves[at].1.push((condition(subject.condition), specification));
        }
    }
    let mut shifts: BTreeMap<(Id, &str, Id), usize> = BTreeMap::new();
    let steps = steps(view);
    for step in &steps {
        let name = match step.kind {
            StepKind::Ends => "routed".to_owned(),
            StepKind::Condition(id) if !nulls.contains(&id) => condition(id),
            _ => continue,
        };
        let Some(contrast) = lens.contrast(&[(1.0, step.to), (-1.0, step.from)], lens.all) else { continue };
        for (country, specification) in specifications(lens, &contrast) {
            let at = *shifts.entry((step.language, &step.family.name, country)).or_insert_with(|| {
                let key = Key::new("specification_curve_shift").language(view.language(step.language));
                curves.push((lens.selection(key.family(step.family), country, lens.all), Vec::new()));
                curves.len() - 1
            });
            curves[at].1.push((name.clone(), specification));
        }
    }
    let figures = curves.into_iter().filter(|(_, specifications)| specifications.len() > 1);
    out.extend(figures.filter_map(|(key, specifications)| {
        Some(key.figure(Estimate::SpecificationCurve(SpecificationCurve::new(specifications)?)))
    }));
}

fn specifications(lens: &Lens<'_, '_>, contrast: &Contrast) -> Vec<(Id, Specification)> {
    let of_country = |(at, country): (usize, &Id)| {
        let estimate = lens.estimate(&Grid::new(contrast, at)?);
        let ci = estimate.crossed.and_then(|c| c.interval());
        Some((*country, Specification { estimate: estimate.estimate, ci }))
    };
    contrast.countries.iter().enumerate().filter_map(of_country).collect()
}

impl SpecificationCurve {
    fn new(specifications: Vec<(String, Specification)>) -> Option<SpecificationCurve> {
        let mut sorted: Vec<f64> = specifications.iter().map(|(_, s)| s.estimate).collect();
        sorted.sort_by(f64::total_cmp);
        let positive = sorted.iter().filter(|e| **e > 0.0).count();
        let negative = sorted.iter().filter(|e| **e < 0.0).count();
        Some(SpecificationCurve {
            positive,
            negative,
            same_sign: positive.max(negative) as f64 / sorted.len() as f64,
            median: quantile(&sorted, 0.5)?,
            least: *sorted.first()?,
            greatest: *sorted.last()?,
            specifications: Named(specifications),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_counts_signs_and_keeps_the_order_of_its_conditions() {
        let of = |estimate: f64| (estimate.to_string(), Specification { estimate, ci: None });
        let curve = SpecificationCurve::new([0.5, -1.0, 0.0, 2.0, 0.25].map(of).to_vec()).expect("a curve");
        assert_eq!((curve.positive, curve.negative, curve.same_sign), (3, 1, 0.6));
        assert_eq!((curve.median, curve.least, curve.greatest), (0.25, -1.0, 2.0));
        let names: Vec<&str> = curve.specifications.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["0.5", "-1", "0", "2", "0.25"]);
    }
}
