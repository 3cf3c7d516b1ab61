//! The planned contrast per family, corrected by Holm, and the number of scenarios a next study would need.

use serde::Serialize;

use super::cells::{difference, scenario_means};
use super::cluster::OneSample;
use super::compliance::quantile;
use super::corrections::holm;
use super::distributions::normal_quantile;
use super::figure::{Estimate, Figure};
use super::key::Key;
use super::settings::Power;
use super::table::Id;
use super::view::View;

/// Chat less base, preference, all scenarios, scenario means as units.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PlannedContrast {
    pub mean: f64,
    pub se: Option<f64>,
    pub t: Option<f64>,
    pub p: Option<f64>,
    pub df: usize,
    pub scenarios: usize,
    pub ci_z: Option<f64>,
    pub ci_t: Option<f64>,
    pub sd: Option<f64>,
    /// Holm over families.
    pub p_holm: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PowerPlan {
    pub sd: SdRange,
    /// Needed per effect of the settings.
    pub scenarios: Vec<u64>,
}

/// Standard deviations of the families' contrasts.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct SdRange {
    pub min: f64,
    pub median: f64,
    /// At the settings' `sd_quantile`: the one to plan with.
    pub quantile: f64,
    pub max: f64,
}

/// `planned_contrast` and `power`, in every language and for every country.
pub fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    let (Some(preference), Some(all)) = (view.plan.preference(), view.subsets.first()) else { return };
    for &language in &view.plan.languages {
        for country in view.table.countries.ids() {
            let contrasts: Vec<(Key, OneSample)> = view
                .plan
                .families
                .iter()
                .filter_map(|family| {
                    let (first, last) = view.ends(family, language)?;
                    let key = Key::new("planned_contrast").language(view.language(language));
                    let key = key.family(family).made_of([first, last]).country(view.country(country));
                    let last = view.cells(last, country, preference, all);
                    let first = view.cells(first, country, preference, all);
                    let means = scenario_means(view.table, &difference(&last, &first));
                    let values: Vec<f64> = means.into_iter().map(|(_, mean)| mean).collect();
                    Some((key, OneSample::new(&values)?))
                })
                .collect();
            of_country(view, language, country, contrasts, out);
        }
    }
}

fn of_country(
    view: &View<'_>,
    language: Id,
    country: Id,
    contrasts: Vec<(Key, OneSample)>,
    out: &mut Vec<Figure>,
) {
    let adjusted = holm(&contrasts.iter().map(|(_, test)| test.p).collect::<Vec<_>>());
    let families = contrasts.len();
    let sds: Vec<f64> = contrasts.iter().filter_map(|(_, test)| test.sd).collect();
    for ((key, test), p_holm) in contrasts.into_iter().zip(adjusted) {
        let estimate = PlannedContrast {
            mean: test.mean,
            se: test.se,
            t: test.t,
            p: test.p,
            df: test.df,
            scenarios: test.n,
            ci_z: test.ci_z(),
            ci_t: test.ci_t(),
            sd: test.sd,
            p_holm,
        };
        out.push(key.figure(Estimate::PlannedContrast(estimate)));
    }
    if let Some(plan) = power_plan(sds, families, &view.plan.analysis.power) {
        let key = Key::new("power").language(view.language(language)).country(view.country(country));
        out.push(key.figure(Estimate::Power(plan)));
    }
}

/// ceil(((z(1 - alpha/(2 families)) + z(power)) sd/effect)²) per effect.
fn power_plan(mut sds: Vec<f64>, families: usize, settings: &Power) -> Option<PowerPlan> {
    sds.sort_by(f64::total_cmp);
    let planned = quantile(&sds, settings.sd_quantile)?;
    let z = normal_quantile(1.0 - settings.alpha / (2.0 * families as f64)) + normal_quantile(settings.power);
    Some(PowerPlan {
        scenarios: settings
            .effects
            .iter()
            .map(|effect| (z * planned / effect).powi(2).ceil() as u64)
            .collect(),
        sd: SdRange {
            min: *sds.first()?,
            median: quantile(&sds, 0.5)?,
            quantile: planned,
            max: *sds.last()?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_by_hand() {
        // z(0.975) + z(0.8) = 1.959964 + 0.841621 = 2.801585; squared 7.848880.
        let settings = Power { alpha: 0.05, power: 0.8, sd_quantile: 0.5, effects: vec![0.5, 1.0] };
        let plan = power_plan(vec![2.0, 1.0, 3.0], 1, &settings).expect("a plan");
        assert_eq!(plan.scenarios, [126, 32]);
        assert_eq!((plan.sd.min, plan.sd.median, plan.sd.quantile, plan.sd.max), (1.0, 2.0, 2.0, 3.0));
        assert_eq!(power_plan(vec![], 0, &settings), None);
    }
}
