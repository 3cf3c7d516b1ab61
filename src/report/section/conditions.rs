//! Runs of other conditions beside the routed ones.

use super::super::corrected::Together;
use super::super::forest::{self, Mark, Row};
use super::super::format::language;
use super::super::frame::{self, RowLabel};
use super::super::scope::{Caution, Checkpoint};
use super::super::table::{Block, Group, Panel, Section};
use super::Context;
use super::favourability::tip;

/// A checkpoint with the name of its routed run and those of its other conditions.
struct Compared<'a> {
    checkpoint: &'a Checkpoint<'a>,
    rows: Vec<Row>,
}

/// `None` where there are no other conditions.
pub fn section(context: &Context<'_>) -> Option<Section> {
    let scope = &context.scope;
    let compared: Vec<Compared<'_>> = scope
        .checkpoints
        .iter()
        .map(|checkpoint| Compared { checkpoint, rows: rows(context, checkpoint) })
        .filter(|compared| compared.rows.len() > 1)
        .collect();
    if compared.is_empty() {
        return None;
    }
    let (low, high) = (format!("← against {}", scope.target), format!("log-odds, for {} →", scope.target));
    let staged = compared.iter().map(|c| (c.checkpoint.stage, c.rows.as_slice()));
    let width = frame::label_width(compared.iter().flat_map(|c| &c.rows).map(|row| row.label.text.as_str()));
    let panels = compared.iter().map(|c| {
        let title = c.checkpoint.label.to_owned();
        let description = "A row per condition, a mark per language: mean favourability in log-odds with its 95 % interval.";
        let name = format!("Favourability of {} by condition, {title}", scope.target);
        let axis = forest::stage_axis(staged.clone(), c.checkpoint.stage, (&low, &high));
        let svg = frame::panel(&context.figure_id(), &name, description, &c.rows, scope.languages.len(), &axis, width);
        Panel { title, note: String::new(), svg }
    });
    let figure = Block::Figure {
        caption: format!(
            "Favourability of {} by condition ({}). The first rows’ p are adjusted with all favourability, the others’ with \
             each other.",
            scope.target,
            scope.chosen()
        ),
        legend: forest::legend(&scope.languages, scope.corrected.tests(Together::Conditions)),
        groups: vec![Group { title: String::new(), panels: panels.collect() }],
    };
    Some(Section {
        id: "conditions",
        title: "Other conditions".to_owned(),
        intro: format!(
            "How the favourability of {} moves when the way of asking changes; the first row of each panel is the run that \
             the rest of the page shows.",
            scope.target
        ),
        blocks: vec![figure],
    })
}

fn rows(context: &Context<'_>, checkpoint: &Checkpoint<'_>) -> Vec<Row> {
    let scope = &context.scope;
    let prefix = format!("{}@", checkpoint.label);
    let others = scope.others.iter().filter_map(|c| Some((c.label, c.label.strip_prefix(&prefix)?)));
    let routed = [(checkpoint.label, "as read here")];
    let row = |(label, name): (&str, &str)| {
        let marks: Vec<Mark> = scope
            .languages
            .iter()
            .enumerate()
            .filter_map(|(series, code)| {
                let c = scope.favourability(code, label, scope.target)?;
                let id = scope.favourability_id(code, label, scope.target);
                Some(Mark::of(
                    series,
                    c,
                    scope.corrected.differs(&id),
                    scope.caution(code, label),
                    format!("{name}, {}: {}", language(code), tip(context, c, &id)),
                ))
            })
            .collect();
        let worst = marks.iter().map(|m| m.caution).max().unwrap_or(Caution::None);
        let text = format!("{name}{}", worst.dagger());
        Row { label: RowLabel { text, strong: label == checkpoint.label }, marks }
    };
    routed.into_iter().chain(others).map(row).filter(|row| !row.marks.is_empty()).collect()
}
