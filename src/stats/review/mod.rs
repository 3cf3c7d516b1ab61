//! What reviewers ask next: whether languages agree, how reliable a lean is, which items carry it, how it stands against
//! an empirical null, over conditions, and beside what letters and roles do.

mod effects;
mod invariance;
mod null;
mod quality;
mod ranges;
mod reliability;
mod specification;

pub use effects::Effect;
pub use invariance::{Differing, LanguageInvariance, ScenarioDif};
pub use null::EmpiricalNull;
pub(super) use null::conditions as null_conditions;
pub use quality::ItemQuality;
pub use ranges::LeaveOneOut;
pub use reliability::Reliability;
pub use specification::{Specification, SpecificationCurve};

use rayon::prelude::*;

use super::confirmatory::Lens;
use super::figure::Figure;
use super::view::View;

/// In the order in which they are read.
pub(super) const GROUPS: [&str; 10] = [
    "language_invariance",
    "scenario_dif",
    "reliability",
    "item_quality",
    "leave_one_out",
    "leave_one_out_shift",
    "empirical_null",
    "specification_curve",
    "specification_curve_shift",
    "role_effect",
];

/// Every group.
pub(super) fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    // The others come with those before them.
    for name in GROUPS.iter().filter(|name| !["scenario_dif", "specification_curve_shift"].contains(name)) {
        group(view, name, out);
    }
}

/// One group, and those that are made in one go with it.
pub(super) fn group(view: &View<'_>, group: &str, out: &mut Vec<Figure>) {
    let Some(lens) = Lens::new(view) else { return };
    let subjects: Vec<_> = view.runs().collect();
    let of_runs = |make: fn(&Lens<'_, '_>, &super::plan::Subject, &super::table::Run) -> Vec<Figure>| {
        subjects.par_iter().flat_map_iter(|(subject, run)| make(&lens, subject, run)).collect::<Vec<_>>()
    };
    match group {
        "language_invariance" | "scenario_dif" => invariance::figures(&lens, out),
        "reliability" => out.extend(of_runs(reliability::of_run)),
        "item_quality" => out.extend(of_runs(quality::of_run)),
        "leave_one_out" => out.extend(of_runs(ranges::of_run)),
        "leave_one_out_shift" => ranges::of_shifts(&lens, out),
        "empirical_null" => null::figures(&lens, out),
        "specification_curve" | "specification_curve_shift" => specification::figures(&lens, out),
        "role_effect" => out.extend(of_runs(effects::of_run)),
        _ => {}
    }
}
