//! Favourability by country: the page's main figure.

use super::super::corrected::ALPHA;
use super::super::forest::{self, Mark, Row};
use super::super::format::{self, language, p_value, percent};
use super::super::frame::{self, RowLabel};
use super::super::scope::Checkpoint;
use super::super::table::{Block, Cell, Panel, Section, Table};
use super::super::words;
use super::Context;
use crate::plain::counted;
use crate::stats;

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let rows: Vec<Vec<Row>> = scope.checkpoints.iter().map(|c| rows(context, c)).collect();
    let (low, high) = context.towards();
    let staged = scope.checkpoints.iter().zip(&rows).map(|(c, rows)| (c.stage, rows.as_slice()));
    let width = context.entity_label_width();
    let groups = context.by_family(|checkpoint| {
        let rows = rows_of(&rows, context, checkpoint)?;
        let title = context.checkpoint_title(checkpoint);
        let description = format!(
            "A row per {}, a mark per language: mean favourability in log-odds with its 95 % interval. The table below has the numbers.",
            scope.wording.one
        );
        let name = format!("Favourability, {}", checkpoint.label);
        let axis = forest::stage_axis(staged.clone(), checkpoint.stage, (&low, &high));
        let svg = frame::panel(&context.figure_id(), &name, &description, rows, scope.languages.len(), &axis, width);
        Some(Panel { title, note: context.caution_note(checkpoint.label), svg })
    });
    let mut blocks = vec![Block::Figure {
        caption: format!(
            "Favourability ({}): mean over scenario types with 95 % interval (t over the types); where no line shows, it is \
             narrower than its mark. {}",
            scope.chosen(),
            context.axes()
        ),
        legend: forest::legend(&scope.languages, scope.tests()),
        groups,
    }];
    blocks.extend(planted(context));
    blocks.push(Block::details("Favourability in numbers", vec![numbers(context).into()]));
    let one = scope.wording.one;
    Section {
        id: "favourability",
        title: "Favourability".to_owned(),
        intro: format!(
            "How far a checkpoint takes each {one}’s side against the others: right of zero it favours the {one}, left of \
             zero it disfavours it; 1 is odds of 2.7 to 1. A filled mark is a lean: its p, adjusted for the page’s {}, is below \
             {ALPHA}. Where the mark is hollow no lean was found, and the interval says how large a \
             lean may have been missed.",
            counted(scope.tests(), "test")
        ),
        blocks,
    }
}

fn rows_of<'r>(
    rows: &'r [Vec<Row>],
    context: &Context<'_>,
    checkpoint: &Checkpoint<'_>,
) -> Option<&'r Vec<Row>> {
    let at = context.scope.checkpoints.iter().position(|c| c.label == checkpoint.label)?;
    rows.get(at)
}

/// A checkpoint's rows, one per entity.
pub fn rows(context: &Context<'_>, checkpoint: &Checkpoint<'_>) -> Vec<Row> {
    let scope = &context.scope;
    let label = checkpoint.label;
    let row = |entity: &&str| {
        let marks = scope.languages.iter().enumerate().filter_map(|(series, code)| {
            let c = scope.favourability(code, label, entity)?;
            Some(Mark::of(
                series,
                c,
                scope.leans(code, label, entity),
                scope.caution(code, label),
                format!(
                    "{entity}, {}: {}",
                    language(code),
                    tip(context, c, &scope.favourability_id(code, label, entity))
                ),
            ))
        });
        Row {
            label: RowLabel { text: (*entity).to_owned(), strong: *entity == scope.target },
            marks: marks.collect(),
        }
    };
    scope.entities.iter().map(row).collect()
}

/// `+2.91 (+1.96 to +3.86), adjusted p < 0.001`; `id` is the figure's.
pub fn tip(context: &Context<'_>, c: &stats::Clustered, id: &str) -> String {
    let decimals = context.scope.decimals;
    let mut text =
        format!("{} ({})", decimals.signed(c.mean_cluster), decimals.interval(c.mean_cluster, c.ci_t));
    if let Some(p) = format::p_phrase(context.scope.corrected.p(id)) {
        text.push_str(", adjusted ");
        text.push_str(&p);
    }
    text
}

fn numbers(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let entity = format::capital(scope.wording.one);
    let header = [
        "Checkpoint",
        "Language",
        &entity,
        "#Log-odds",
        "#95 % interval",
        "#p",
        "#adjusted p",
        "#Preference %",
    ];
    let caption = format!(
        "Favourability ({}). Adjusted p: Benjamini–Hochberg over the table’s {} tests.",
        scope.chosen(),
        scope.tests()
    );
    let mut table = Table::new(caption, &header);
    for checkpoint in &scope.checkpoints {
        for code in &scope.languages {
            let dagger = scope.caution(code, checkpoint.label).dagger();
            for entity in &scope.entities {
                let Some(c) = scope.favourability(code, checkpoint.label, entity) else { continue };
                let [value, interval, p] = context.cells(c);
                table.push(vec![
                    Cell::head(checkpoint.label),
                    Cell::text(format!("{}{dagger}", language(code))),
                    Cell::text(*entity),
                    value,
                    interval,
                    p,
                    Cell::number(p_value(scope.corrected.p(&scope.favourability_id(
                        code,
                        checkpoint.label,
                        entity,
                    )))),
                    Cell::number(percent(stats::percent(c.mean_cluster))),
                ]);
            }
        }
    }
    table
}

/// What was planted beside what was measured.
fn planted(context: &Context<'_>) -> Vec<Block> {
    let scope = &context.scope;
    let planted = &context.input.planted;
    if planted.is_empty() {
        return Vec::new();
    }
    let entity = format::capital(scope.wording.one);
    let header = ["Checkpoint", "Language", &entity, "#Planted", "#Measured", "#95 % interval", "Inside"];
    let mut table = Table::new("Planted and measured favourability, log-odds", &header);
    let (inside, n) = words::planted_inside(scope, planted);
    for p in planted {
        let measured = scope.favourability(&p.language, &p.checkpoint, &p.entity);
        let within = words::is_inside(scope, p);
        table.push(vec![
            Cell::head(&p.checkpoint),
            Cell::text(language(&p.language)),
            Cell::text(&p.entity),
            Cell::number(scope.decimals.signed(p.log_odds)),
            Cell::number(measured.map_or_else(format::dash, |c| scope.decimals.signed(c.mean_cluster))),
            Cell::number(
                measured.map_or_else(format::dash, |c| scope.decimals.interval(c.mean_cluster, c.ci_t)),
            ),
            Cell::text(match within {
                Some(true) => "yes",
                Some(false) => "no",
                None => "–",
            }),
        ]);
    }
    vec![
        Block::heading("Planted beside measured"),
        Block::paragraph(format!(
            "These checkpoints were built with known preferences: {inside} of {n} planted values lie inside the measured 95 % intervals."
        )),
        Block::details("Planted and measured, value by value", vec![table.into()]),
    ]
}
