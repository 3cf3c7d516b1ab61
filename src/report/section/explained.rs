//! Where the main figures come from: what moves each most, and one of the prompts behind it.

use super::super::block::{Block, Section};
use super::super::caution::Caution;
use super::super::format::{capital, list, probability};
use super::super::table::{Cell, Table};
use super::Context;
use crate::plain::{counted, grouped};
use crate::stats::{Analysis, Explanation, Figure, InfluenceOf, PromptRead, ReadingOf, Settings};

/// So many shifts and so many leans are explained on the page; the command explains every figure.
const MOST: usize = 3;

/// The target's shifts, and its leans in last stages, in the baseline language; fewer than a handful of either.
pub fn to_explain<'a>(analysis: &'a Analysis, settings: &Settings) -> Vec<&'a Figure> {
    let named = |key: &str| analysis.settings["analysis"][key].as_str().map(str::to_owned);
    let (target, language) = (named("target"), named("baseline_language"));
    let question = |figure: &&Figure| figure.parts.question.as_deref() == Some("preference");
    let preference = analysis.of("confirmatory").any(|figure| question(&figure));
    let main = move |figure: &&Figure| {
        let p = &figure.parts;
        p.country == target
            && p.language == language
            && p.subset.as_deref() == Some("all")
            && p.routed == Some(true)
            && !figure.step_between
            && (!preference || question(figure))
    };
    let stages = settings.families.iter().flat_map(|family| family.stages.iter().rev().skip(1));
    let earlier: Vec<&str> = stages.map(|stage| stage.model.as_str()).collect();
    let last = |figure: &&Figure| !earlier.contains(&figure.parts.checkpoint.as_deref().unwrap_or(""));
    // What cannot be read is explained only where nothing else is there.
    let first = |mut figures: Vec<&'a Figure>| {
        figures.sort_by_key(|figure| figure.compliance.map(Caution::of) == Some(Caution::Low));
        figures.truncate(MOST);
        figures
    };
    let shifts = analysis.of("confirmatory_shift").filter(&main).collect();
    let leans = analysis.of("confirmatory").filter(&main).filter(last).collect();
    [first(shifts), first(leans)].concat()
}

/// Of the explanation at a place.
pub fn anchor(at: usize) -> String {
    format!("explained-{}", at + 1)
}

/// `None` where nothing is explained.
pub fn section(context: &Context<'_>) -> Option<Section> {
    let explanations = &context.input.explanations;
    if explanations.is_empty() {
        return None;
    }
    let mut blocks = Vec::new();
    for (at, explanation) in explanations.iter().enumerate() {
        blocks.push(Block::Heading { text: title(context, explanation), anchor: anchor(at) });
        blocks.push(Block::paragraph(sentence(context, explanation)));
        let mut folded = vec![cells(context, explanation).into()];
        folded.extend(prompt(context, explanation));
        blocks.push(Block::details("The cells that move it most, and a prompt", folded));
    }
    blocks.push(Block::paragraph(
        "Every other figure is explained by its id, as “analyze --format json” and the CSV files beside the figures have it:",
    ));
    let id = &explanations[0].id;
    blocks.push(Block::Commands {
        lines: vec![format!("tiltmeter explain '{}' --run DIR", id.replace('\'', "'\\''"))],
    });
    Some(Section {
        id: "explained",
        title: "Where the main figures come from".to_owned(),
        intro: "What moves a figure is told by making it again without something: a scenario type, an opponent, or a single \
                cell, which is a pair in one scenario with every question and stage that the figure takes together."
            .to_owned(),
        blocks,
    })
}

fn title(context: &Context<'_>, explanation: &Explanation) -> String {
    let p = &explanation.parts;
    let name = |part: &Option<String>| part.clone().unwrap_or_default();
    let of = p.family.as_ref().or(p.checkpoint.as_ref()).cloned().unwrap_or_default();
    let what = if p.family.is_some() { "shift" } else { "lean" };
    let spoken = super::format::language(p.language.as_deref().unwrap_or(""));
    let value = explanation.headline.map_or_else(String::new, |headline| {
        format!(": {} log-odds", context.scope.decimals.signed(headline.value))
    });
    let dagger = explanation.compliance.map_or(Caution::None, Caution::of).dagger();
    format!("{of}{dagger} in {spoken}, {what} on {}{value}", name(&p.country))
}

fn sentence(context: &Context<'_>, explanation: &Explanation) -> String {
    let of = &explanation.made_of;
    let mut text = format!(
        "{} It is made of {} in {} of {}, {} in all.",
        explanation.definition,
        counted(of.cells, "cell"),
        counted(of.scenarios, "scenario"),
        counted(of.types, "type"),
        counted(of.prompts, "prompt")
    );
    let influence = &explanation.influence;
    let most = [("scenario type", &influence.types), ("opponent", &influence.pairs)];
    let parts: Vec<String> = most.into_iter().filter_map(|(what, all)| without(context, what, all)).collect();
    if !parts.is_empty() {
        text.push_str(&format!(" {}.", capital(&list(&parts))));
    }
    if let [one, other] = explanation.made_from.as_slice()
        && let Some((one, other)) = one.headline.zip(other.headline)
    {
        let signed = |value: f64| context.scope.decimals.signed(value);
        text.push_str(&format!(
            " Its two parts are leans of {} and {}, each on its own cells.",
            signed(one.value),
            signed(other.value)
        ));
    }
    text
}

/// `without the scenario type “trade” it would be +0.52`.
fn without(context: &Context<'_>, what: &str, all: &[InfluenceOf]) -> Option<String> {
    let first = all.first().filter(|_| all.len() > 1)?;
    let value = first.without.map_or_else(
        || "it would not exist".to_owned(),
        |value| format!("it would be {}", context.scope.decimals.signed(value)),
    );
    Some(format!("without the {what} “{}” {value}", first.name))
}

fn cells(context: &Context<'_>, explanation: &Explanation) -> Table {
    let of = grouped(explanation.made_of.cells);
    let mut table = Table::new(
        // With the figure's name: a reader who goes from table to table by ear hears which one it is.
        format!("{}: the cells that move it most, of {of}, in log-odds", title(context, explanation)),
        &["Scenario", "Type", "Pair", "#Without it", "#Change"],
    );
    for cell in &explanation.influence.cells {
        let number = |value: Option<f64>| {
            // A single cell moves a figure by little: more digits than the page's own.
            Cell::number(value.map_or_else(super::format::dash, |v| format!("{v:+.4}").replace('-', "−")))
        };
        table.push(vec![
            Cell::head(&cell.scenario),
            Cell::text(super::format::words(&cell.scenario_type)),
            Cell::text(format!("{}, {}", cell.country_1, cell.country_2)),
            Cell::number(cell.without.map_or_else(super::format::dash, |v| context.scope.decimals.signed(v))),
            number(cell.change),
        ]);
    }
    table
}

/// One prompt of the cell that moves it most, as it was shown.
fn prompt(context: &Context<'_>, explanation: &Explanation) -> Vec<Block> {
    let first = explanation.influence.cells.first().and_then(|cell| cell.items.first());
    let Some(item) = first else { return Vec::new() };
    let shown = item.prompts.iter().find_map(|prompt| Some((prompt, prompt.text.as_ref()?)));
    let Some((prompt, text)) = shown else { return Vec::new() };
    let label = format!(
        "One of its four prompts, as {} was shown it ({}), for {}",
        item.checkpoint,
        prompt.id.as_deref().unwrap_or(""),
        title(context, explanation)
    );
    vec![Block::Verbatim { label, text: text.clone() }, Block::paragraph(answer(item, prompt))]
}

fn answer(item: &ReadingOf, prompt: &PromptRead) -> String {
    let first = 1.0 / (1.0 + (-prompt.log_odds).exp());
    let other = if prompt.first_option == item.country_1 { &item.country_2 } else { &item.country_1 };
    format!(
        "Of the probability that falls on the two answers ({}), {} falls on A, {}, and {} on B, {other}.",
        probability(prompt.compliance),
        probability(first),
        prompt.first_option,
        probability(1.0 - first)
    )
}
