//! Favourability: a map of everything first, then each family's estimates with their intervals.

use serde_json::json;

use super::super::block::{Block, Section};
use super::super::caution::Caution;
use super::super::checkpoints::Checkpoint;
use super::super::data::{Data, ESTIMATE, estimate};
use super::super::figure::{Figure, Fit, Group, Panel};
use super::super::forest::{self, Mark, Row};
use super::super::format::{self, language};
use super::super::frame::{self, Naming, RowLabel};
use super::super::heatmap::{self, MapRow, Place};
use super::super::table::{Cell, Table};
use super::super::words;
use super::{Context, OPEN};
use crate::stats::ALPHA;

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let mut blocks = Vec::new();
    if scope.entities.len() > 2 {
        blocks.push(map(context).into());
    }
    let groups = panels(context);
    let folds = groups.len() > OPEN;
    for (i, (group, figure)) in groups.into_iter().enumerate() {
        let block = Block::from(figure);
        match folds {
            true => blocks.push(Block::details(format!("{group}: estimates and intervals"), vec![block])),
            false if i == 0 || !group.is_empty() => blocks.push(block),
            false => {}
        }
    }
    blocks.extend(planted(context));
    blocks.push(Block::details("Favourability in numbers", vec![numbers(context).into()]));
    let one = scope.wording.one;
    Section {
        id: "favourability",
        title: "Favourability".to_owned(),
        intro: format!(
            "How far a checkpoint takes each {one}’s side against the others: right of zero it favours the {one}, left of \
             zero it disfavours it; 1 is odds of 2.7 to 1. A lean is a figure whose adjusted p is below {ALPHA}{}. Where no \
             lean was found, the interval says how large a lean may have been missed.",
            match scope.groups.are_published() {
                true => String::new(),
                false => format!(
                    " and that is not shown to lie within ±{}, the smallest effect of interest",
                    scope.smallest_effect
                ),
            }
        ),
        blocks,
    }
}

/// Countries by checkpoints, a map per language.
fn map(context: &Context<'_>) -> Figure {
    let scope = &context.scope;
    let one = scope.wording.one;
    let mut figure = Figure::new(
        "fig-map",
        format!("Favourability, every {one} and checkpoint"),
        format!(
            "Log-odds for the {one} ({}); brown: against it, green: for it, the scale of colours is the same in all maps. \
             Bold: a lean after correction{}; rows with ‡ cannot be read.",
            scope.chosen(),
            if crosses(context) { "; ×: no interval, nothing can be inferred" } else { "" }
        ),
    );
    let all = scope.checkpoints.iter().flat_map(|c| {
        let languages = scope.languages.iter();
        languages
            .flat_map(move |code| scope.entities.iter().filter_map(|e| scope.favourability(code, c.label, e)))
    });
    let most = heatmap::full_colour(all.map(|reading| reading.value));
    let columns: Vec<String> = scope.entities.iter().map(|e| (*e).to_owned()).collect();
    let mut panels = Vec::new();
    for code in &scope.languages {
        let row = |c: &Checkpoint<'_>| {
            let place = |entity: &&str| {
                let reading = scope.favourability(code, c.label, entity)?;
                Some(Place {
                    value: reading.value,
                    strong: scope.leans(code, c.label, entity)
                        && scope.caution(code, c.label) != Caution::Low,
                    crossed: reading.half.is_err(),
                    tip: format!("{}, {entity}: {}", c.label, context.tip(&reading)),
                })
            };
            let label = format!("{}{}", c.label, scope.caution(code, c.label).dagger());
            MapRow {
                label: RowLabel { text: label, strong: false },
                places: scope.entities.iter().map(place).collect(),
            }
        };
        let rows: Vec<MapRow> =
            scope.checkpoints.iter().map(row).filter(|row| row.places.iter().any(Option::is_some)).collect();
        let title = format!("Asked in {}", language(code));
        let naming = Naming {
            id: &context.picture_id(),
            title: &format!("Favourability by {one} and checkpoint, {}", language(code)),
            description: "A row per checkpoint, a column each, in every cell the mean favourability in log-odds. The table below has the numbers.",
        };
        let picture = heatmap::map(naming, &columns, &rows, most, scope.decimals);
        panels.push(Panel::new(title, "", picture).fit(Fit::Scroll));
    }
    figure.groups = Group::untitled(panels);
    figure.data = data(context, |_| true);
    figure
}

fn crosses(context: &Context<'_>) -> bool {
    let scope = &context.scope;
    scope.checkpoints.iter().any(|c| {
        let readings = scope.languages.iter().flat_map(|code| {
            scope.entities.iter().filter_map(move |e| scope.favourability(code, c.label, e))
        });
        readings.into_iter().any(|reading| reading.half.is_err())
    })
}

/// The numbers behind figures of favourability.
fn data(context: &Context<'_>, wanted: impl Fn(&Checkpoint<'_>) -> bool) -> Data {
    let scope = &context.scope;
    let mut columns = vec!["language", "checkpoint", scope.wording.one];
    columns.extend(ESTIMATE);
    let mut data = Data::new(&columns);
    for checkpoint in scope.checkpoints.iter().filter(|c| wanted(c)) {
        for code in &scope.languages {
            for entity in &scope.entities {
                let Some(reading) = scope.favourability(code, checkpoint.label, entity) else { continue };
                let id = scope.favourability_id(code, checkpoint.label, entity);
                let mut row = vec![json!(code), json!(checkpoint.label), json!(entity)];
                row.extend(estimate(&id, &reading));
                data.push(row);
            }
        }
    }
    data
}

/// A figure per family, with its title.
fn panels(context: &Context<'_>) -> Vec<(String, Figure)> {
    let scope = &context.scope;
    let rows: Vec<Vec<Row>> = scope.checkpoints.iter().map(|c| rows(context, c)).collect();
    let (low, high) = context.towards();
    let staged = scope.checkpoints.iter().zip(&rows).map(|(c, rows)| (c.stage, rows.as_slice()));
    let layout = context.entity_layout();
    let groups = context.by_family(|checkpoint| {
        let at = scope.checkpoints.iter().position(|c| c.label == checkpoint.label)?;
        let rows = rows.get(at)?;
        let naming = Naming {
            id: &context.picture_id(),
            title: &format!("Favourability, {}", checkpoint.label),
            description: &format!(
                "A row per {}, a mark per language: mean favourability in log-odds with its 95 % interval. The table below has the numbers.",
                scope.wording.one
            ),
        };
        let axis = forest::stage_axis(staged.clone(), checkpoint.stage, (&low, &high));
        let picture = frame::panel(naming, rows, &axis, layout);
        Some(Panel::new(context.checkpoint_title(checkpoint), context.caution_note(checkpoint.label), picture))
    });
    let figure = |(family, group): (Option<usize>, Group)| {
        let name = family.and_then(|i| scope.families.get(i)).map_or("others", |family| family.name);
        let of: Vec<Row> = scope
            .checkpoints
            .iter()
            .zip(&rows)
            .filter(|(c, _)| c.family == family)
            .flat_map(|(_, rows)| rows.iter().cloned())
            .collect();
        let title = match group.title.as_str() {
            "" => "Favourability with intervals".to_owned(),
            title => format!("Favourability, {title}"),
        };
        let caption = format!(
            "Mean over scenario types with 95 % interval ({}); where no line shows, it is narrower than its mark. {}",
            scope.chosen(),
            context.axes()
        );
        let mut figure = Figure::new(format!("fig-favourability-{name}"), title, caption);
        figure.legend = forest::legend(&scope.languages, scope.tested_size(), &of);
        figure.data = data(context, |c| c.family == family);
        let title = group.title.clone();
        figure.groups = Group::untitled(group.panels);
        (title, figure)
    };
    groups.into_iter().map(figure).collect()
}

/// A checkpoint's rows, one per entity.
fn rows(context: &Context<'_>, checkpoint: &Checkpoint<'_>) -> Vec<Row> {
    let scope = &context.scope;
    let label = checkpoint.label;
    let row = |entity: &&str| {
        let marks = scope.languages.iter().enumerate().filter_map(|(series, code)| {
            let reading = scope.favourability(code, label, entity)?;
            let tip = format!("{entity}, {}: {}", language(code), context.tip(&reading));
            Some(Mark::of(series, &reading, scope.caution(code, label), tip))
        });
        Row {
            label: RowLabel { text: (*entity).to_owned(), strong: *entity == scope.target },
            marks: marks.collect(),
        }
    };
    scope.entities.iter().map(row).collect()
}

fn numbers(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let entity = format::capital(scope.wording.one);
    let header =
        ["Checkpoint", "Language", &entity, "#Log-odds", "#95 % interval", "#p", "#adjusted p", "#Chosen, %"];
    let caption = format!(
        "Favourability ({}), log-odds and choices: the mean probability that the {} is chosen, in percent{}. {}",
        scope.chosen(),
        scope.wording.one,
        if scope.has_single_prompts() { "" } else { ", by item means" },
        scope.adjusted_over(scope.groups.lean)
    );
    let mut table = Table::new(caption, &header);
    for checkpoint in &scope.checkpoints {
        for code in &scope.languages {
            let dagger = scope.caution(code, checkpoint.label).dagger();
            for entity in &scope.entities {
                let Some(reading) = scope.favourability(code, checkpoint.label, entity) else { continue };
                let [value, interval, p, adjusted] = context.cells(&reading);
                let id = scope.favourability_id(code, checkpoint.label, entity);
                let value = context.linked(value, &id);
                let choice = scope.choice(code, checkpoint.label, entity);
                table.push(vec![
                    Cell::head(checkpoint.label),
                    Cell::text(format!("{}{dagger}", language(code))),
                    Cell::text(*entity),
                    value,
                    interval,
                    p,
                    adjusted,
                    Cell::number(choice.map_or_else(format::dash, words::percent_chosen)),
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
            Cell::number(measured.map_or_else(format::dash, |r| scope.decimals.signed(r.value))),
            Cell::number(measured.map_or_else(format::dash, |r| scope.decimals.interval(r.value, r.half()))),
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
            "These checkpoints were built with known preferences: {inside} of {n} planted values lie inside the measured 95 % \
             intervals. {}",
            words::planted_noise(context.input.noise_seed)
        )),
        Block::details("Planted and measured, value by value", vec![table.into()]),
    ]
}
