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
pub use quality::ItemQuality;
pub use ranges::LeaveOneOut;
pub use reliability::Reliability;
pub use specification::{Specification, SpecificationCurve};

use rayon::prelude::*;

use super::confirmatory::Lens;
use super::figure::Figure;
use super::view::View;

/// Every group, in the order in which it is read.
pub(super) fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    let Some(lens) = Lens::new(view) else { return };
    invariance::figures(&lens, out);
    let subjects: Vec<_> = view.runs().collect();
    let of_runs = |make: fn(&Lens<'_, '_>, &super::plan::Subject, &super::table::Run) -> Vec<Figure>| {
        subjects.par_iter().flat_map_iter(|(subject, run)| make(&lens, subject, run)).collect::<Vec<_>>()
    };
    out.extend(of_runs(reliability::of_run));
    out.extend(of_runs(quality::of_run));
    out.extend(of_runs(ranges::of_run));
    ranges::of_shifts(&lens, out);
    null::figures(&lens, out);
    specification::figures(&lens, out);
    out.extend(of_runs(effects::of_run));
}
