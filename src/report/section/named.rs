//! Contrasts of scenario types and comparisons of conditions that the settings name.

use super::super::block::{Block, Section};
use super::super::checkpoints::part;
use super::super::format::{self, language};
use super::super::table::{Cell, Table};
use super::super::words::mark_of;
use super::Context;
use crate::stats::{Estimate, Figure};

/// `None` where the settings name neither, or the table has nothing of them.
pub fn section(context: &Context<'_>) -> Option<Section> {
    let mut blocks: Vec<Block> = Vec::new();
    blocks.extend(contrasts(context).map(Block::from));
    blocks.extend(comparisons(context).map(Block::from));
    (!blocks.is_empty()).then(|| Section {
        id: "named",
        title: "Contrasts and comparisons that the settings name".to_owned(),
        intro: format!(
            "For {}, in log-odds. They are differences of means without intervals: they show where a lean is larger, not \
             whether the difference is more than chance.",
            context.scope.target
        ),
        blocks,
    })
}

/// The target's, read as the page reads it.
fn of<'a>(context: &Context<'a>, group: &'a str) -> impl Iterator<Item = &'a Figure> {
    let scope = &context.scope;
    let (target, question, subset) = (scope.target, scope.question, scope.subset);
    scope.analysis.of(group).filter(move |figure| {
        let p = &figure.parts;
        [part(&p.country), part(&p.question), part(&p.subset)] == [target, question, subset]
    })
}

fn contrasts(context: &Context<'_>) -> Option<Table> {
    let header = ["Contrast", "Checkpoint", "Language", "#In its types", "#In the others", "#Difference"];
    let caption = format!("Contrasts of scenario types ({})", context.scope.chosen());
    let mut table = Table::new(caption, &header);
    for figure in of(context, "type_contrast") {
        let (Estimate::Contrast(c), p) = (&figure.estimate, &figure.parts) else { continue };
        let number = |value: Option<f64>| {
            Cell::number(value.map_or_else(format::dash, |v| context.scope.decimals.signed(v)))
        };
        table.push(vec![
            Cell::head(part(&p.name)),
            Cell::text(format!("{}{}", p.label().unwrap_or_default(), mark_of(figure))),
            Cell::text(language(part(&p.language))),
            number(c.inside),
            number(c.outside),
            number(c.difference),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}

fn comparisons(context: &Context<'_>) -> Option<Table> {
    let header = [
        "Comparison",
        "Checkpoint",
        "Language",
        "Condition",
        "Beside",
        "#Condition",
        "#Beside",
        "#Difference",
    ];
    let caption = format!(
        "Comparisons of conditions, on the cells that both have ({}); notes below the methods name what one side lacks",
        context.scope.chosen()
    );
    let mut table = Table::new(caption, &header);
    for figure in of(context, "comparison") {
        let (Estimate::Comparison(c), p) = (&figure.estimate, &figure.parts) else { continue };
        let sides = &c.mean_cluster;
        let spoken = match &p.baseline_language {
            Some(other) => format!("{}, beside {}", language(part(&p.language)), language(other)),
            None => language(part(&p.language)).to_owned(),
        };
        let mut row = vec![
            Cell::head(part(&p.name)),
            Cell::text(format!("{}{}", part(&p.checkpoint), mark_of(figure))),
            Cell::text(spoken),
            Cell::text(part(&p.condition)),
            Cell::text(part(&p.baseline_condition)),
        ];
        let numbers = [sides.condition, sides.baseline, sides.difference];
        row.extend(numbers.map(|v| Cell::number(context.scope.decimals.signed(v))));
        table.push(row);
    }
    (!table.rows.is_empty()).then_some(table)
}
