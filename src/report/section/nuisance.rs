//! What the design cancels: a taste for the first letter, and one for the first role.

use super::super::corrected::Together;
use super::super::forest::{self, Mark, Row};
use super::super::format::{self, language, p_value};
use super::super::frame::{self, Axis, RowLabel};
use super::super::scope::nuisance_id;
use super::super::summary;
use super::super::table::{Block, Cell, Group, Panel, Section, Table};
use super::Context;
use super::favourability::tip;
use crate::plain::counted;
use crate::stats::{Clustered, Estimate};

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
    let width = context.checkpoint_label_width();
    let axis = Axis::log_odds(
        drawn.iter().flat_map(|(.., rows)| forest::extents(rows)),
        ("← against it", "log-odds, for it →"),
    );
    let panels = drawn.iter().map(|(_, title, rows)| {
        let description = "A row per checkpoint, a mark per language: the mean in log-odds with its 95 % interval. The table below has the numbers.";
        let svg = frame::panel(&context.figure_id(), title, description, rows, scope.languages.len(), &axis, width);
        Panel { title: (*title).to_owned(), note: String::new(), svg }
    });
    section.blocks.push(Block::Figure {
        caption: "Biases removed by counterbalancing, positive question, with 95 % interval".to_owned(),
        legend: forest::legend(&scope.languages, scope.corrected.tests(Together::Nuisance)),
        groups: vec![Group { title: String::new(), panels: panels.collect() }],
    });
    section.blocks.extend(summary::few_types(scope).map(Block::paragraph));
    if !drawn.iter().any(|(group, ..)| *group == "letter_bias") {
        section.blocks.push(Block::paragraph(
            "The letter’s part is estimated from single prompts, which a run keeps and an item table does not.",
        ));
    }
    section.blocks.push(Block::details("These biases in numbers", vec![numbers(context).into()]));
    section
}

/// `both` questions where there is such a figure, else the first question's.
/// With its id.
fn of_group<'a>(
    context: &Context<'a>,
    group: &str,
    code: &str,
    label: &str,
) -> Option<(String, &'a Clustered)> {
    let mut first = None;
    for ([l, c, question, subset], estimate) in context.scope.analysis.group(group) {
        let Estimate::Clustered(clustered) = estimate else { continue };
        if l == code && c == label {
            let found = (nuisance_id(group, [l, c, question, subset]), clustered);
            if question == "both" {
                return Some(found);
            }
            first.get_or_insert(found);
        }
    }
    first
}

fn rows(context: &Context<'_>, group: &str) -> Vec<Row> {
    let scope = &context.scope;
    let row = |label: &str| {
        let marks = scope.languages.iter().enumerate().filter_map(|(series, code)| {
            let (id, c) = of_group(context, group, code, label)?;
            Some(Mark::of(
                series,
                c,
                scope.corrected.differs(&id),
                scope.caution(code, label),
                format!("{label}, {}: {}", language(code), tip(context, c, &id)),
            ))
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
    let tests = scope.corrected.tests(Together::Nuisance);
    let caption = format!(
        "Letter and role bias. Adjusted p: Benjamini–Hochberg over the table’s {}.",
        counted(tests, "test")
    );
    let mut table = Table::new(caption, &header);
    for (group, _, name) in GROUPS {
        for ([code, label, question, subset], estimate) in scope.analysis.group(group) {
            let Estimate::Clustered(c) = estimate else { continue };
            let [value, interval, p] = context.cells(c);
            table.push(vec![
                Cell::head(name),
                Cell::text(label),
                Cell::text(language(code)),
                Cell::text(format::words(question)),
                value,
                interval,
                p,
                Cell::number(p_value(
                    scope.corrected.p(&nuisance_id(group, [code, label, question, subset])),
                )),
            ]);
        }
    }
    table
}
