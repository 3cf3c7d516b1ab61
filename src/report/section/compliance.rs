//! Compliance, before any preference.

use serde_json::json;

use super::super::block::{Block, Section};
use super::super::caution::Caution;
use super::super::checkpoints::Checkpoint;
use super::super::data::Data;
use super::super::figure::{Figure, Group, LegendEntry, Panel};
use super::super::forest;
use super::super::format::{self, language, probability};
use super::super::frame::{Naming, RowLabel};
use super::super::strip::{self, Mark, Row};
use super::super::summary;
use super::super::table::{Cell, Table};
use super::Context;
use crate::stats::Tier;

pub fn section(context: &Context<'_>) -> Section {
    let (sentence, worst) = summary::compliance(&context.scope);
    let mut blocks = vec![match worst {
        Caution::None => Block::paragraph(sentence),
        Caution::Reduced => Block::warning(
            worst.warning(),
            "Runs below the top tier are marked † and drawn with dashed lines in everything that follows.",
        ),
        Caution::Low => Block::warning(
            worst.warning(),
            "Runs below the top tier are marked in everything that follows: † and dashed lines below 0.97, ‡ and faint \
             marks below 0.1. What the latter show is how the two letters differ in the little probability they get.",
        ),
    }];
    let mut figure = Figure::new(
        "fig-compliance",
        "Probability on the two answers",
        "Over items. Shaded: the study’s tiers (below 0.1, 0.4 to 0.6, 0.97 and more).",
    );
    figure.legend = forest::spoken(&context.scope.languages, false);
    figure
        .legend
        .push(LegendEntry::new(None, "mark: mean; thick line: middle half; thin line: least to greatest"));
    figure.groups = Group::untitled(panels(context));
    figure.data = data(context);
    blocks.push(figure.into());
    blocks.push(
        means(context, &context.scope.checkpoints, "Mean compliance by checkpoint and language").into(),
    );
    let others = &context.scope.others;
    if !others.is_empty() {
        let caption = "Mean compliance in other conditions";
        blocks.push(Block::details(caption, vec![means(context, others, caption).into()]));
    }
    blocks.push(Block::details("All quantiles", vec![quantiles(context).into()]));
    Section {
        id: "compliance",
        title: "Compliance".to_owned(),
        intro: "How much of a checkpoint’s probability falls on the two answers at all: only where this is close to 1 do \
                its answers say what it prefers, so it is read before everything else."
            .to_owned(),
        blocks,
    }
}

/// One panel per stage; checkpoints of no family together.
fn panels(context: &Context<'_>) -> Vec<Panel> {
    let scope = &context.scope;
    let mut stages: Vec<Option<&str>> = Vec::new();
    for checkpoint in &scope.checkpoints {
        if !stages.contains(&checkpoint.stage) {
            stages.push(checkpoint.stage);
        }
    }
    // Stages in the order in which families go through them.
    stages.sort_by_key(|stage| {
        let place = |f: &super::super::checkpoints::Family<'_>| {
            f.stages.iter().position(|(name, _)| Some(*name) == *stage)
        };
        scope.families.iter().filter_map(place).max().unwrap_or(usize::MAX)
    });
    let layout = context.checkpoint_layout();
    stages
        .into_iter()
        .map(|stage| {
            let of: Vec<&Checkpoint<'_>> = scope.checkpoints.iter().filter(|c| c.stage == stage).collect();
            let rows: Vec<Row> = of.iter().map(|c| row(context, c)).collect();
            let title = stage.map_or_else(|| "Checkpoints".to_owned(), |s| format!("Stage: {s}"));
            let naming = Naming {
                id: &context.picture_id(),
                title: &format!("Compliance, {title}"),
                description: "Compliance from 0 to 1, a row per checkpoint and a mark per language; the table below has the numbers.",
            };
            Panel::new(title, "", strip::panel(naming, &rows, layout))
        })
        .collect()
}

fn row(context: &Context<'_>, checkpoint: &Checkpoint<'_>) -> Row {
    let scope = &context.scope;
    let marks = scope.languages.iter().enumerate().filter_map(|(series, code)| {
        let quantiles = *scope.compliance(code, checkpoint.label)?;
        let tip = format!("{}, {}: {}", checkpoint.label, language(code), strip::phrase(&quantiles));
        Some(Mark { series, slot: series, quantiles, tip })
    });
    let label = RowLabel { text: checkpoint.label.to_owned(), strong: false };
    Row { label, marks: marks.collect() }
}

fn means(context: &Context<'_>, checkpoints: &[Checkpoint<'_>], caption: &str) -> Table {
    let scope = &context.scope;
    let mut header = vec!["Checkpoint".to_owned()];
    header.extend(scope.languages.iter().map(|code| format!("#{}", language(code))));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::new(caption, &header);
    table.class = "heat".to_owned();
    for checkpoint in checkpoints {
        let mut row = vec![Cell::head(checkpoint.label)];
        for code in &scope.languages {
            row.push(match scope.compliance_mean(code, checkpoint.label) {
                None => Cell::number(format::dash()),
                Some(mean) => {
                    let caution = Caution::of(mean);
                    Cell::number(format!("{}{}", probability(mean), caution.dagger()))
                        .with_class(caution.class())
                }
            });
        }
        table.push(row);
    }
    table
}

/// A mean's tier; the two gaps between tiers are told apart.
fn tier(mean: f64) -> String {
    match Tier::of(mean) {
        Tier::Partial if mean < 0.4 => "between 0.1 and 0.4".to_owned(),
        Tier::Partial => "between 0.6 and 0.97".to_owned(),
        tier => tier.name().replace(">=", "≥").replace('-', "–"),
    }
}

fn quantiles(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let header =
        ["Checkpoint", "Language", "#Mean", "#Median", "#25 %", "#75 %", "#Least", "#Greatest", "Tier"];
    let mut table = Table::new("Compliance over items", &header);
    for checkpoint in scope.checkpoints.iter().chain(&scope.others) {
        for code in &scope.languages {
            let Some(q) = scope.compliance(code, checkpoint.label) else { continue };
            let mut row = vec![Cell::head(checkpoint.label), Cell::text(language(code))];
            row.extend([q.mean, q.median, q.q25, q.q75, q.min, q.max].map(|v| Cell::number(probability(v))));
            row.push(Cell::text(tier(q.mean)));
            table.push(row);
        }
    }
    table
}

fn data(context: &Context<'_>) -> Data {
    let scope = &context.scope;
    let mut data = Data::new(&["language", "checkpoint", "mean", "median", "q25", "q75", "min", "max"]);
    for checkpoint in scope.checkpoints.iter().chain(&scope.others) {
        for code in &scope.languages {
            let Some(q) = scope.compliance(code, checkpoint.label) else { continue };
            let mut row = vec![json!(code), json!(checkpoint.label)];
            row.extend([q.mean, q.median, q.q25, q.q75, q.min, q.max].map(|value| json!(value)));
            data.push(row);
        }
    }
    data
}
