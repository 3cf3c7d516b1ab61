//! Where the target's favourability comes from: scenario types and opponents, as heat maps.

use super::super::format::{self, language};
use super::super::heatmap::{diverging, full_colour};
use super::super::table::{Block, Cell, Section, Table};
use super::Context;
use crate::stats::Estimate;

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let target = scope.target;
    let mut blocks = Vec::new();
    blocks.extend(map(context, "topics", &format!("Favourability of {target} by scenario type")));
    if scope.entities.len() > 2 {
        blocks.extend(map(context, "opponents", &format!("Favourability of {target} by opponent")));
    }
    if blocks.is_empty() {
        blocks.push(Block::paragraph("There is nothing to take apart."));
    }
    Section {
        id: "where",
        title: "Scenario types and opponents".to_owned(),
        intro: format!(
            "Where the lean on {target} comes from: its favourability in each type of scenario and against each opponent, \
             in log-odds. A lean that one column carries alone is about that column."
        ),
        blocks,
    }
}

/// A heat map in the baseline language, and those of the others folded away.
fn map(context: &Context<'_>, group: &str, title: &str) -> Vec<Block> {
    let scope = &context.scope;
    let mut columns: Vec<String> = Vec::new();
    let mut found: Vec<(&str, &str, Vec<(String, f64)>)> = Vec::new();
    for code in &scope.languages {
        for checkpoint in &scope.checkpoints {
            let id = format!(
                "{group}/{code}/{}/{}/{}/{}",
                checkpoint.label, scope.target, scope.question, scope.subset
            );
            let values: Vec<(String, f64)> = match scope.analysis.estimate(&id) {
                Some(Estimate::Topics(topics)) => {
                    topics.iter().map(|(name, v)| (name.to_owned(), *v)).collect()
                }
                Some(Estimate::Opponents(o)) => {
                    o.iter().map(|(name, a)| (name.to_owned(), a.mean_cluster)).collect()
                }
                _ => continue,
            };
            for (name, _) in &values {
                if !columns.contains(name) {
                    columns.push(name.clone());
                }
            }
            found.push((code, checkpoint.label, values));
        }
    }
    if found.is_empty() {
        return Vec::new();
    }
    match group {
        // Opponents stand in the page's order.
        "opponents" => columns.sort_by_key(|name| scope.entities.iter().position(|e| e == name)),
        _ => columns.sort(),
    }
    let most = full_colour(found.iter().flat_map(|(_, _, values)| values.iter().map(|(_, v)| *v)));
    let mut blocks = Vec::new();
    let mut others = Vec::new();
    for code in &scope.languages {
        let mut table =
            Table { caption: format!("{title}, {}, {}", language(code), scope.chosen()), ..Table::default() };
        table.class = "heat tall".to_owned();
        table.header.push(Cell::text("Checkpoint"));
        let column = |name: &String| if group == "topics" { format::words(name) } else { name.clone() };
        table.header.extend(columns.iter().map(|name| Cell::number(column(name))));
        for (_, label, values) in found.iter().filter(|(l, ..)| l == code) {
            let mut row = vec![Cell::head(format!("{label}{}", scope.caution(code, label).dagger()))];
            row.extend(columns.iter().map(|name| match values.iter().find(|(n, _)| n == name) {
                Some((_, value)) => diverging(Cell::number(scope.decimals.signed(*value)), *value, most),
                None => Cell::number(format::dash()),
            }));
            table.push(row);
        }
        if table.rows.is_empty() {
            continue;
        }
        if *code == scope.baseline() {
            blocks.push(table.into())
        } else {
            others.push(Block::Table { table })
        }
    }
    if blocks.is_empty() {
        return others;
    }
    if !others.is_empty() {
        let names: Vec<&str> = scope.languages.iter().skip(1).map(|l| language(l)).collect();
        blocks.push(Block::details(format!("{title}: {}", format::list(&names)), others));
    }
    blocks
}
