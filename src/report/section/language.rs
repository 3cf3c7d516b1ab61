//! What the language of the prompt changes.

use serde_json::json;

use super::super::block::{Block, Section};
use super::super::caution::Caution;
use super::super::checkpoints::part;
use super::super::data::{Data, ESTIMATE, estimate};
use super::super::figure::{Figure as Drawing, Group, Panel};
use super::super::forest::{self, Mark, Row};
use super::super::format::{self, language};
use super::super::frame::{self, Layout, Naming, RowLabel};
use super::super::reading::Reading;
use super::super::table::{Cell, Table};
use super::Context;
use crate::stats::Figure;

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let mut section = Section {
        id: "language",
        title: "Language shift".to_owned(),
        intro: format!(
            "What changes when the same checkpoint is asked the same scenarios in another language: its favourability \
             there less its favourability in {}, paired by scenario type.",
            language(scope.baseline())
        ),
        blocks: Vec::new(),
    };
    let shifts = Shifts { context };
    if !shifts.any() {
        section.blocks.push(Block::paragraph(
            "A language shift needs one checkpoint in two languages; there is none here.",
        ));
        return section;
    }
    // Panels along the shorter side, so that a page of one checkpoint is one panel and not one per country.
    let by_checkpoint = scope.checkpoints.len() <= scope.entities.len();
    let panels = if by_checkpoint { shifts.by_checkpoint() } else { shifts.by_entity() };
    section.blocks.push(shifts.figure(&panels, by_checkpoint).into());
    section.blocks.push(Block::details("Language shifts in numbers", vec![shifts.numbers().into()]));
    let stages = shifts.of_stages();
    if !stages.rows.is_empty() {
        section.blocks.push(Block::paragraph(format!(
            "Does the shift from first to last stage depend on the language? Its size there less its size in {}.",
            language(scope.baseline())
        )));
        section.blocks.push(Block::details(
            format!("The shift on {} in another language", scope.target),
            vec![stages.into()],
        ));
    }
    section
}

struct Shifts<'c, 'a> {
    context: &'c Context<'a>,
}

struct Drawn {
    /// Panels of one stage share an axis.
    stage: Option<String>,
    title: String,
    note: String,
    rows: Vec<Row>,
}

impl<'a> Shifts<'_, 'a> {
    fn shift(&self, code: &str, label: &str, entity: &str) -> Option<Reading> {
        let scope = &self.context.scope;
        scope.reading(&scope.language_shift_id(code, label, entity))
    }

    fn figure(&self, panels: &[Drawn], by_checkpoint: bool) -> Drawing {
        let context = self.context;
        let scope = &context.scope;
        let (low, high) = (format!("← less than in {}", language(scope.baseline())), "log-odds, more →");
        let staged = panels.iter().map(|p| (p.stage.as_deref(), p.rows.as_slice()));
        let rows = panels.iter().flat_map(|p| &p.rows);
        let mut figure = Drawing::new(
            "fig-language",
            format!("What another language than {} changes", language(scope.baseline())),
            format!(
                "Shift in log-odds with 95 % interval ({}). {}",
                scope.chosen(),
                if by_checkpoint { context.axes() } else { "One axis for all." }
            ),
        );
        figure.legend = forest::legend(&scope.languages, scope.tested_size(), rows.clone());
        figure.legend.remove(0);
        let slots = scope.languages.len().saturating_sub(1);
        let layout = Layout::new(rows.map(|row| row.label.text.as_str()), slots);
        let panel = |p: &Drawn| {
            let naming = Naming {
                id: &context.picture_id(),
                title: &format!("Language shift, {}", p.title),
                description: "A row each, a mark per language: the shift in log-odds with its 95 % interval. The table below has the numbers.",
            };
            let axis = forest::stage_axis(staged.clone(), p.stage.as_deref(), (&low, high));
            Panel::new(p.title.clone(), p.note.clone(), frame::panel(naming, &p.rows, &axis, layout))
        };
        figure.groups = Group::untitled(panels.iter().map(panel).collect());
        figure.data = self.data();
        figure
    }

    fn data(&self) -> Data {
        let scope = &self.context.scope;
        let mut columns = vec!["language", "baseline_language", "checkpoint", scope.wording.one];
        columns.extend(ESTIMATE);
        let mut data = Data::new(&columns);
        for c in &scope.checkpoints {
            for (_, code) in self.others() {
                for entity in &scope.entities {
                    let Some(shift) = self.shift(code, c.label, entity) else { continue };
                    let id = scope.language_shift_id(code, c.label, entity);
                    let mut row = vec![json!(code), json!(scope.baseline()), json!(c.label), json!(entity)];
                    row.extend(estimate(&id, &shift));
                    data.push(row);
                }
            }
        }
        data
    }

    /// Other languages with their series.
    fn others(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.context.scope.languages.iter().copied().enumerate().skip(1)
    }

    fn any(&self) -> bool {
        let scope = &self.context.scope;
        scope.checkpoints.iter().any(|c| {
            self.others()
                .any(|(_, code)| scope.entities.iter().any(|e| self.shift(code, c.label, e).is_some()))
        })
    }

    /// The worse of the two languages'.
    fn caution(&self, code: &str, label: &str) -> Caution {
        let scope = &self.context.scope;
        scope.caution(code, label).max(scope.caution(scope.baseline(), label))
    }

    fn marks(&self, label: &str, entity: &str) -> Vec<Mark> {
        let mark = |(series, code): (usize, &str)| {
            let shift = self.shift(code, label, entity)?;
            Some(Mark {
                slot: series - 1,
                ..Mark::of(
                    series,
                    &shift,
                    self.caution(code, label),
                    format!("{label}, {entity}, {}: {}", language(code), self.context.tip(&shift)),
                )
            })
        };
        self.others().filter_map(mark).collect()
    }

    fn by_checkpoint(&self) -> Vec<Drawn> {
        let scope = &self.context.scope;
        let drawn = scope.checkpoints.iter().map(|c| Drawn {
            stage: c.stage.map(str::to_owned),
            title: self.context.checkpoint_title(c),
            note: self.context.caution_note(c.label),
            rows: scope
                .entities
                .iter()
                .map(|entity| Row {
                    label: RowLabel { text: (*entity).to_owned(), strong: *entity == scope.target },
                    marks: self.marks(c.label, entity),
                })
                .collect(),
        });
        drawn.filter(|d| d.rows.iter().any(|row| !row.marks.is_empty())).collect()
    }

    fn by_entity(&self) -> Vec<Drawn> {
        let scope = &self.context.scope;
        let mut entities = scope.entities.clone();
        // A stable sort: the target comes first.
        entities.sort_by_key(|entity| *entity != scope.target);
        let drawn = entities.into_iter().map(|entity| Drawn {
            stage: None,
            title: entity.to_owned(),
            note: String::new(),
            rows: scope
                .checkpoints
                .iter()
                .map(|c| (c, self.marks(c.label, entity)))
                .filter(|(_, marks)| !marks.is_empty())
                .map(|(c, marks)| {
                    let worst = marks.iter().map(|m| m.caution).max().unwrap_or(Caution::None);
                    Row {
                        label: RowLabel { text: format!("{}{}", c.label, worst.dagger()), strong: false },
                        marks,
                    }
                })
                .collect(),
        });
        drawn.filter(|d| !d.rows.is_empty()).collect()
    }

    /// Families' shifts in another language less those in the baseline; empty where no family has both.
    fn of_stages(&self) -> Table {
        let scope = &self.context.scope;
        let header = ["Family", "Language", "#Difference of shifts", "#95 % interval", "#p", "#adjusted p"];
        let caption = format!(
            "Shift on {} less that in {}, in log-odds. {}",
            scope.target,
            language(scope.baseline()),
            scope.adjusted_over("stage_by_language")
        );
        let mut table = Table::new(caption, &header);
        let of_target = |f: &&Figure| {
            let p = &f.parts;
            part(&p.country) == scope.target
                && part(&p.question) == scope.question
                && part(&p.subset) == scope.subset
        };
        for figure in scope.analysis.of("stage_by_language").filter(of_target) {
            let Some(reading) = Reading::of(figure) else { continue };
            let (name, code) = (part(&figure.parts.family), part(&figure.parts.language));
            let family = scope.families.iter().find(|family| family.name == name);
            let worse =
                |family| scope.ends_caution(family, code).max(scope.ends_caution(family, scope.baseline()));
            let dagger = family.map_or("", |family| worse(family).dagger());
            let [value, interval, p, adjusted] = self.context.cells(&reading);
            let spoken = Cell::text(format!("{}{dagger}", language(code)));
            table.push(vec![Cell::head(name), spoken, value, interval, p, adjusted]);
        }
        table.class = "grouped".to_owned();
        table.rows.sort_by_key(|row| {
            row.first().map(|cell| scope.families.iter().position(|f| f.name == cell.text))
        });
        table.merge_heads();
        table
    }

    fn numbers(&self) -> Table {
        let scope = &self.context.scope;
        let entity = format::capital(scope.wording.one);
        let header = ["Checkpoint", "Language", &entity, "#Shift", "#95 % interval", "#p", "#adjusted p"];
        let baseline = language(scope.baseline());
        let caption = format!(
            "Shift from {baseline} ({}), in log-odds. {}",
            scope.chosen(),
            scope.adjusted_over(scope.groups.language_shift)
        );
        let mut table = Table::new(caption, &header);
        for c in &scope.checkpoints {
            for (_, code) in self.others() {
                let dagger = self.caution(code, c.label).dagger();
                for entity in &scope.entities {
                    let Some(shift) = self.shift(code, c.label, entity) else { continue };
                    let [value, interval, p, adjusted] = self.context.cells(&shift);
                    table.push(vec![
                        Cell::head(c.label),
                        Cell::text(format!("{}{dagger}", language(code))),
                        Cell::text(*entity),
                        value,
                        interval,
                        p,
                        adjusted,
                    ]);
                }
            }
        }
        table
    }
}
