//! What swapping the roles does to single scenarios, beside which a lean is to be read.

use serde::Serialize;

use super::super::cells::{Question, mean};
use super::super::confirmatory::{Lens, role_squares};
use super::super::figure::{Estimate, Figure};
use super::super::plan::Subject;
use super::super::table::Run;

/// Log-odds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Effect {
    /// Root mean square: how far it moves single scenarios, whichever way.
    pub rms: f64,
    /// Signed: what does not cancel over scenarios.
    pub mean: f64,
}

/// `role_effect`, question by question.
pub fn of_run(lens: &Lens<'_, '_>, subject: &Subject, run: &Run) -> Vec<Figure> {
    let view = lens.view;
    let of_question = |question: &Question| {
        let Question::Asked(id) = question else { return None };
        let squares = role_squares(view.table, run, *question, lens.all);
        let rms = mean(squares.values().copied())?.sqrt();
        let rows = run.rows.iter().filter(|row| row.question == *id);
        let mean = mean(rows.map(|row| (row.diff_fwd - row.diff_rev) / 2.0))?;
        let key = view.of_run("role_effect", subject, run).question(view.question(*question));
        // The roles of a narrative that names nobody are all one prompt.
        (rms > 0.0).then(|| key.subset(&lens.all.name).figure(Estimate::Effect(Effect { rms, mean })))
    };
    view.plan.questions.iter().filter_map(of_question).collect()
}
