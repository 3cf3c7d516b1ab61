//! What the design cancels, as coefficients of its own: a taste for the first role, and one for the first letter.

use super::cells::{Cell, Question, mean};
use super::cluster::Clustered;
use super::figure::{Estimate, Figure};
use super::review::Effect;
use super::view::View;

/// `role_bias`: half of `diff_fwd - diff_rev`, which is the log-odds of the narrative's first role over its second,
/// whoever fills it. A pair's cells are its scenarios.
pub fn role_bias(view: &View<'_>, out: &mut Vec<Figure>) {
    for (subject, run) in view.runs() {
        for &question in &view.plan.questions {
            let Question::Asked(id) = question else { continue };
            let rows = run.rows.iter().filter(|row| row.question == id);
            let cells: Vec<Cell> = rows
                .map(|row| Cell {
                    opponent: row.country_2,
                    scenario: row.scenario,
                    value: (row.diff_fwd - row.diff_rev) / 2.0,
                })
                .collect();
            // The roles of a narrative that names nobody are all one prompt.
            if cells.iter().all(|cell| cell.value == 0.0) {
                continue;
            }
            let Some(clustered) = Clustered::new(view.table, &cells) else { continue };
            let key = view.of_run("role_bias", subject, run).question(view.question(question)).subset("all");
            out.push(key.figure(Estimate::Clustered(clustered)));
        }
    }
}

/// `letter_bias/<language>/<checkpoint>/<question>/all`, and `both` for all questions: an item's mean log-odds of the first
/// letter over the second, over its four prompts, in which either country has either letter in either role. Beside the
/// latter `letter_effect`, the root mean square over items. Of a table whose single prompts are not known, nothing.
pub fn letter_bias(view: &View<'_>, out: &mut Vec<Figure>) {
    let table = view.table;
    for (subject, run) in view.runs() {
        let mut every = Vec::new();
        let mut push = |question: &str, cells: &[Cell]| {
            out.extend(Clustered::new(table, cells).map(|clustered| {
                let key = view.of_run("letter_bias", subject, run).question(question).subset("all");
                key.figure(Estimate::Clustered(clustered))
            }));
        };
        for question in table.questions.ids() {
            let rows = run.rows.iter().filter(|row| row.question == question && !row.letter.is_nan());
            let cells: Vec<Cell> = rows
                .map(|row| Cell { opponent: row.pair().1, scenario: row.scenario, value: row.letter })
                .collect();
            push(table.questions.name(question), &cells);
            every.extend(cells);
        }
        push("both", &every);
        let squares = mean(every.iter().map(|cell| cell.value * cell.value));
        if let (Some(squares), Some(mean)) = (squares, mean(every.iter().map(|cell| cell.value))) {
            let key = view.of_run("letter_effect", subject, run).question("both").subset("all");
            out.push(key.figure(Estimate::Effect(Effect { rms: squares.sqrt(), mean })));
        }
    }
}
