//! Where the target's favourability comes from: scenario types and opponents, as heat maps.

use serde_json::json;

use super::super::block::{Block, Section};
use super::super::data::Data;
use super::super::figure::{Figure, Fit, Group, Panel};
use super::super::format::{self, language};
use super::super::frame::{Naming, RowLabel};
use super::super::heatmap::{self, MapRow, Place, full_colour};
use super::Context;
use crate::stats::Estimate;

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let target = scope.target;
    let mut blocks = Vec::new();
    blocks.extend(map(context, "topics", &format!("{target} by scenario type")));
    if scope.entities.len() > 2 {
        blocks.extend(map(context, "opponents", &format!("{target} by opponent")));
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

/// Heat maps, one per language.
fn map(context: &Context<'_>, group: &str, title: &str) -> Option<Block> {
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
        return None;
    }
    match group {
        // Opponents stand in the page's order.
        "opponents" => columns.sort_by_key(|name| scope.entities.iter().position(|e| e == name)),
        _ => columns.sort(),
    }
    let most = full_colour(found.iter().flat_map(|(_, _, values)| values.iter().map(|(_, v)| *v)));
    let mut figure = Figure::new(
        format!("fig-{group}"),
        title,
        format!(
            "Favourability in log-odds ({}); brown: against {target}, green: for it, the scale of colours is the same in all maps. \
             Single cells have no intervals here: they show where a lean sits, not whether there is one.",
            scope.chosen(),
            target = scope.target
        ),
    );
    let named = |name: &String| if group == "topics" { format::words(name) } else { name.clone() };
    let names: Vec<String> = columns.iter().map(named).collect();
    let mut panels = Vec::new();
    let mut data = Data::new(&[
        "language",
        "checkpoint",
        if group == "topics" { "type" } else { "opponent" },
        "estimate",
    ]);
    for code in &scope.languages {
        let of_language = || found.iter().filter(|(l, ..)| l == code);
        let row = |(_, label, values): &(&str, &str, Vec<(String, f64)>)| {
            let place = |name: &String| {
                let value = values.iter().find(|(n, _)| n == name)?.1;
                let tip = format!("{label}, {}: {}", named(name), scope.decimals.signed(value));
                Some(Place { value, strong: false, crossed: false, tip })
            };
            let text = format!("{label}{}", scope.caution(code, label).dagger());
            MapRow { label: RowLabel { text, strong: false }, places: columns.iter().map(place).collect() }
        };
        let rows: Vec<MapRow> = of_language().map(row).collect();
        if rows.is_empty() {
            continue;
        }
        for (_, label, values) in of_language() {
            for (name, value) in values {
                data.push(vec![json!(code), json!(label), json!(name), json!(value)]);
            }
        }
        let naming = Naming {
            id: &context.picture_id(),
            title: &format!("{title}, {}", language(code)),
            description: "A row per checkpoint, a column each, in every cell the mean favourability in log-odds.",
        };
        let picture = heatmap::map(naming, &names, &rows, most, scope.decimals);
        panels.push(Panel::new(format!("Asked in {}", language(code)), "", picture).fit(Fit::Scroll));
    }
    figure.groups = Group::untitled(panels);
    figure.data = data;
    Some(figure.into())
}
