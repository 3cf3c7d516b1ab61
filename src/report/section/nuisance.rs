//! What the design cancels: a taste for the first letter, and one for the first role.

use serde_json::{Value, json};

use super::super::block::{Block, Section};
use super::super::checkpoints::{label_of, part};
use super::super::data::{Data, ESTIMATE, estimate};
use super::super::figure::{Figure, Group, Panel};
use super::super::forest::{self, Mark, Row};
use super::super::format::{self, language};
use super::super::frame::{self, Axis, Naming, RowLabel};
use super::super::reading::Reading;
use super::super::summary;
use super::super::table::{Cell, Table};
use super::Context;
use crate::stats::{Estimate, Figure as Estimated};

const GROUPS: [(&str, &str, &str); 2] = [
    ("letter_bias", "First option’s letter over the second’s", "first letter"),
    ("role_bias", "The scenario’s first role over its second", "first role"),
];

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let drawn: Vec<(&str, &str, Vec<Row>)> = GROUPS
        .iter()
        .map(|(group, title, _)| (*group, *title, rows(context, group)))
        .filter(|(.., rows)| !rows.is_empty())
        .collect();
    let mut section = Section {
        id: "nuisance",
        title: "What the design cancels".to_owned(),
        intro: format!(
            "Tastes that have nothing to do with the {}: for the first option’s letter, and for one role of the story. Every \
             pair is asked both ways round, so they drop out of all figures above; they are large where a checkpoint \
             answers by position.",
            scope.wording.many
        ),
        blocks: Vec::new(),
    };
    if drawn.is_empty() {
        section.blocks.push(Block::paragraph("The table does not hold what these are estimated from."));
        return section;
    }
    let layout = context.checkpoint_layout();
    let axis = Axis::log_odds(
        drawn.iter().flat_map(|(.., rows)| forest::extents(rows)),
        ("← against it", "log-odds, for it →"),
    );
    let panels = drawn.iter().map(|(_, title, rows)| {
        let naming = Naming {
            id: &context.picture_id(),
            title,
            description: "A row per checkpoint, a mark per language: the mean in log-odds with its 95 % interval. The table below has the numbers.",
        };
        Panel::new(*title, "", frame::panel(naming, rows, &axis, layout))
    });
    let mut figure = Figure::new(
        "fig-nuisance",
        "Biases that counterbalancing removes",
        "Of the positive question or both, in log-odds with 95 % interval.",
    );
    let rows = drawn.iter().flat_map(|(.., rows)| rows);
    figure.legend = forest::legend(&scope.languages, None, rows);
    figure.groups = Group::untitled(panels.collect());
    figure.data = data(context);
    section.blocks.push(figure.into());
    section.blocks.extend(summary::few(scope, &types(context)).map(Block::paragraph));
    if !drawn.iter().any(|(group, ..)| *group == "letter_bias") {
        section.blocks.push(Block::paragraph(
            "The letter’s part is estimated from single prompts, which a run keeps and an item table does not.",
        ));
    }
    section.blocks.push(Block::details("These biases in numbers", vec![numbers(context).into()]));
    section
}

/// `both` questions where there is such a figure, else the first question's.
fn of_group<'a>(context: &Context<'a>, group: &'a str, code: &str, label: &str) -> Option<&'a Estimated> {
    let of_run = |figure: &&Estimated| part(&figure.parts.language) == code && label_of(figure) == label;
    let figures: Vec<&Estimated> = context.scope.analysis.of(group).filter(of_run).collect();
    let both = figures.iter().find(|figure| part(&figure.parts.question) == "both");
    both.or(figures.first()).copied()
}

/// Whose each figure that is drawn is, with its number of types.
fn types(context: &Context<'_>) -> Vec<(String, usize)> {
    let mut types = Vec::new();
    for checkpoint in &context.scope.checkpoints {
        for code in &context.scope.languages {
            let drawn =
                GROUPS.iter().find_map(|(group, ..)| of_group(context, group, code, checkpoint.label));
            if let Some(Estimate::Clustered(c)) = drawn.map(|figure| &figure.estimate) {
                types.push((format!("{} in {}", checkpoint.label, language(code)), c.clusters));
            }
        }
    }
    types
}

fn rows(context: &Context<'_>, group: &str) -> Vec<Row> {
    let scope = &context.scope;
    let row = |label: &str| {
        let marks = scope.languages.iter().enumerate().filter_map(|(series, code)| {
            let reading = of_group(context, group, code, label).and_then(Reading::of)?;
            let tip = format!("{label}, {}: {}", language(code), context.tip(&reading));
            Some(Mark::of(series, &reading, scope.caution(code, label), tip))
        });
        Row { label: RowLabel { text: label.to_owned(), strong: false }, marks: marks.collect() }
    };
    scope.checkpoints.iter().map(|c| row(c.label)).filter(|row| !row.marks.is_empty()).collect()
}

fn numbers(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let header = [
        "Taste for the",
        "Checkpoint",
        "Language",
        "Question",
        "#Log-odds",
        "#95 % interval",
        "#p",
        "#adjusted p",
    ];
    let caption =
        format!("Letter and role bias, signed means in log-odds. {}", scope.adjusted_over("role_bias"));
    let mut table = Table::new(caption, &header);
    for (group, _, name) in GROUPS {
        for figure in scope.analysis.of(group) {
            let Some(reading) = Reading::of(figure) else { continue };
            let [value, interval, p, adjusted] = context.cells(&reading);
            table.push(vec![
                Cell::head(name),
                Cell::text(label_of(figure)),
                Cell::text(language(part(&figure.parts.language))),
                Cell::text(format::words(part(&figure.parts.question))),
                value,
                interval,
                p,
                adjusted,
            ]);
        }
    }
    table
}

fn data(context: &Context<'_>) -> Data {
    let scope = &context.scope;
    let mut columns = vec!["bias", "language", "checkpoint", "question", "subset"];
    columns.extend(ESTIMATE);
    let mut data = Data::new(&columns);
    for (group, ..) in GROUPS {
        for figure in scope.analysis.of(group) {
            let Some(reading) = Reading::of(figure) else { continue };
            let parts = &figure.parts;
            let mut row: Vec<Value> = vec![json!(group), json!(parts.language), json!(label_of(figure))];
            row.extend([json!(parts.question), json!(parts.subset)]);
            row.extend(estimate(&figure.id, &reading));
            data.push(row);
        }
    }
    data
}
