//! Coherence of the two questions, and the target's favourability under every other choice of question and scenarios.

use super::super::block::{Block, Section};
use super::super::checkpoints::part;
use super::super::format::{self, language};
use super::super::heatmap::{diverging, full_colour};
use super::super::scope::subset_phrase;
use super::super::table::{Cell, Table};
use super::Context;
use crate::plain::counted;
use crate::stats::Estimate;

pub fn section(context: &Context<'_>) -> Section {
    let mut blocks = coherence(context);
    blocks.extend(choices(context));
    Section {
        id: "coherence",
        title: "Coherence and sensitivity".to_owned(),
        intro: "A real preference turns its sign with the question; a scenario is coherent in a run where it does. The \
                figures of this page are taken over all scenarios; here is what they would be over the coherent ones, \
                or from one question alone."
            .to_owned(),
        blocks,
    }
}

fn coherence(context: &Context<'_>) -> Vec<Block> {
    let scope = &context.scope;
    let Some(Estimate::CoherenceCounts(counts)) = scope.analysis.estimate("coherence/counts") else {
        return vec![Block::paragraph(
            "Coherence needs two questions of opposite polarity; this table has not got them.",
        )];
    };
    let bank = counts.by_scenario.iter().count();
    let mut table = Table::new(
        format!(
            "Scenarios that are coherent for {} in a share of {}",
            scope.target,
            counted(counts.runs, "run")
        ),
        &["In at least", "#Scenarios kept", "#of", "#Scenario types kept"],
    );
    let mut kept = Vec::new();
    for figure in scope.analysis.of("coherence").filter(|figure| figure.parts.name.is_none()) {
        let name = part(&figure.parts.subset);
        let (Estimate::CoherentSet(set), Some(percent)) = (&figure.estimate, name.strip_prefix("coherent"))
        else {
            continue;
        };
        table.push(vec![
            Cell::head(format!("{percent} % of runs")),
            Cell::number(set.n.to_string()),
            Cell::number(bank.to_string()),
            Cell::number(set.types.len().to_string()),
        ]);
        kept.push((percent, set));
    }
    let mut scenarios = Table::new("Runs in which each scenario is coherent", &["Scenario", "#Runs"]);
    for (name, count) in counts.by_scenario.iter() {
        scenarios.push(vec![Cell::head(name), Cell::number(count.to_string())]);
    }
    vec![
        Block::paragraph(format!(
            "The most coherent scenario is so in {} of {}.",
            counts.max,
            counted(counts.runs, "run")
        )),
        table.into(),
        Block::details("Scenario by scenario", vec![scenarios.into()]),
    ]
}

/// The target's favourability by question and subset.
fn choices(context: &Context<'_>) -> Option<Block> {
    let scope = &context.scope;
    let mut columns: Vec<(&str, &str)> = Vec::new();
    for figure in scope.analysis.of("favourability") {
        let (question, subset) = (part(&figure.parts.question), part(&figure.parts.subset));
        if !columns.contains(&(question, subset)) {
            columns.push((question, subset));
        }
    }
    if columns.len() < 2 {
        return None;
    }
    columns.sort_by_key(|column| *column != (scope.question, scope.subset));
    let mut header = vec!["Checkpoint".to_owned(), "Language".to_owned()];
    header.extend(columns.iter().map(|(q, s)| format!("#{}, {}", format::words(q), subset_phrase(s))));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::new(
        format!(
            "Favourability of {} by question and scenarios, log-odds; the first column is the page’s own",
            scope.target
        ),
        &header,
    );
    table.class = "heat grouped dense".to_owned();
    let mut rows = Vec::new();
    for checkpoint in &scope.checkpoints {
        for code in &scope.languages {
            let at = |(q, s): &(&str, &str)| {
                Some(scope.favourability_at(code, checkpoint.label, scope.target, q, s)?.mean_cluster)
            };
            let values: Vec<Option<f64>> = columns.iter().map(at).collect();
            if values.iter().any(Option::is_some) {
                rows.push((checkpoint.label, *code, values));
            }
        }
    }
    let most = full_colour(rows.iter().flat_map(|(_, _, values)| values.iter().flatten().copied()));
    for (label, code, values) in rows {
        let dagger = scope.caution(code, label).dagger();
        let mut row = vec![Cell::head(label), Cell::text(format!("{}{dagger}", language(code)))];
        row.extend(values.into_iter().map(|value| match value {
            Some(value) => diverging(Cell::number(scope.decimals.signed(value)), value, most),
            None => Cell::number(format::dash()),
        }));
        table.push(row);
    }
    table.merge_heads();
    Some(Block::details("The target by question and scenarios", vec![table.into()]))
}
