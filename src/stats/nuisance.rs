//! What the design cancels, as coefficients of its own: a taste for the first role, and one for the first letter.

use std::collections::{BTreeMap, HashMap};

use super::cells::{Cell, Question, mean};
use super::cluster::Clustered;
use super::figure::{Estimate, Figure};
use super::items::ItemNames;
use super::review::Effect;
use super::table::{Id, Table};
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

/// One prompt's score, of one of the four prompts of an item.
#[derive(Debug, Clone, Copy)]
pub struct PromptScore<'a> {
    pub names: ItemNames<'a>,
    /// Whether `country_1` is in the narrative's first role.
    pub forward: bool,
    /// Whether `country_1` is the first option.
    pub first: bool,
    /// log P(first option's letter) - log P(second option's letter), as the model gave it.
    pub log_odds: f64,
}

/// (model, language, condition, question).
type Asked = (Id, Id, Id, Id);
/// (pair in name order, scenario).
type Item = (Id, Id, Id);

/// Gathers prompt scores into `letter_bias`: an item's mean log-odds of the first letter over the second, over its
/// four prompts, in which either country has either letter in either role.
pub struct LetterBias<'t> {
    table: &'t Table,
    /// The log-odds of the four prompts.
    items: HashMap<Asked, BTreeMap<Item, [Option<f64>; 4]>>,
}

impl<'t> LetterBias<'t> {
    pub fn new(table: &'t Table) -> LetterBias<'t> {
        LetterBias { table, items: HashMap::new() }
    }

    /// Adds a prompt, in any order. One with a name that the table lacks is passed over: its item is not complete.
    pub fn push(&mut self, score: &PromptScore<'_>) {
        let Some((asked, item)) = self.ids(&score.names) else { return };
        let slots = self.items.entry(asked).or_default().entry(item).or_default();
        if let Some(slot) = slots.get_mut(usize::from(!score.forward) * 2 + usize::from(!score.first)) {
            *slot = Some(score.log_odds);
        }
    }

    /// Those of the runs of `table`, which is cut from this one's, without the (pair, scenario) that is `left_out`.
    pub(super) fn cut<'c>(
        &self,
        table: &'c Table,
        left_out: impl Fn((Id, Id), Id) -> bool,
    ) -> LetterBias<'c> {
        let of_run = |(asked, items): (&Asked, &BTreeMap<Item, [Option<f64>; 4]>)| {
            let (model, language, condition, _) = *asked;
            table.run(model, language, condition)?;
            let kept =
                items.iter().filter(|((one, other, scenario), _)| !left_out((*one, *other), *scenario));
            Some((*asked, kept.map(|(item, slots)| (*item, *slots)).collect()))
        };
        LetterBias { table, items: self.items.iter().filter_map(of_run).collect() }
    }

    fn ids(&self, names: &ItemNames<'_>) -> Option<(Asked, Item)> {
        let asked = (
            self.table.models.id(names.model)?,
            self.table.languages.id(names.language)?,
            self.table.conditions.id(names.condition)?,
            self.table.questions.id(names.question)?,
        );
        let (first, second) =
            (self.table.countries.id(names.country_1)?, self.table.countries.id(names.country_2)?);
        Some((asked, (first.min(second), first.max(second), self.table.scenarios.id(names.scenario)?)))
    }

    /// `letter_bias/<language>/<checkpoint>/<question>/all`, and `both` for all questions; beside the latter
    /// `letter_effect`, the root mean square over items.
    pub(super) fn figures(&self, view: &View<'_>, figures: &mut Vec<Figure>) {
        for (subject, run) in view.runs() {
            let mut every = Vec::new();
            let mut push = |question: &str, cells: &[Cell]| {
                figures.extend(Clustered::new(self.table, cells).map(|clustered| {
                    let key = view.of_run("letter_bias", subject, run).question(question).subset("all");
                    key.figure(Estimate::Clustered(clustered))
                }));
            };
            for question in self.table.questions.ids() {
                let asked = (subject.model, subject.language, subject.condition, question);
                let items = self.items.get(&asked).into_iter().flatten();
                let cells: Vec<Cell> = items
                    .filter_map(|(&(_, opponent, scenario), slots)| {
                        let all = slots.iter().copied().collect::<Option<Vec<f64>>>()?;
                        Some(Cell { opponent, scenario, value: mean(all)? })
                    })
                    .collect();
                push(self.table.questions.name(question), &cells);
                every.extend(cells);
            }
            push("both", &every);
            let squares = mean(every.iter().map(|cell| cell.value * cell.value));
            if let (Some(squares), Some(mean)) = (squares, mean(every.iter().map(|cell| cell.value))) {
                let key = view.of_run("letter_effect", subject, run).question("both").subset("all");
                figures.push(key.figure(Estimate::Effect(Effect { rms: squares.sqrt(), mean })));
            }
        }
    }
}
