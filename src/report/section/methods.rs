//! How the figures are made, and where the scores come from.

use super::super::block::{Block, Item, Section};
use super::super::format::{dash, duration, language};
use super::super::input::CheckpointProvenance;
use super::super::table::{Cell, Table};
use super::super::words;
use super::Context;
use crate::plain::grouped;
use crate::scoring::ChoiceSet;
use crate::stats::ALPHA;

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let bank = words::bank(scope);
    let one = scope.wording.one;
    let item = |lead: &str, text: String| Item { lead: lead.to_owned(), text, tone: "" };
    let mut items = vec![
        item("Score.", format!(
            "At the answer’s place the model’s log-probabilities of the two letters, each summed over its spellings, are \
             subtracted and turned to the first {one}. A pair and scenario is asked four times per question, with either \
             side in either role and either option slot; the bias is the mean of the four."
        )),
        item("Compliance.", "The probability of both letters together under the whole vocabulary, averaged over items. At \
             0.97 and more preferences are read as they stand; below that they carry † and below 0.1 ‡, where a letter says \
             next to nothing.".to_owned()),
        item("Favourability.", format!(
            "The {one}’s signed bias against each opponent. “Preference” is half the difference between the two questions \
             of opposite polarity, which what both questions share cannot move."
        )),
        item("Intervals.", format!(
            "A figure is the unweighted mean of the means of its scenario types: {} give {}. Its 95 % interval and p speak for {}. \
             With few types intervals are wide.",
            words::counted_span(bank.scenarios.iter().copied(), "scenario"),
            words::counted_span(bank.types.iter().map(|(_, types)| *types), "type mean"),
            speak_for(context),
        )),
        item("Three scales.", format!(
            "Log-odds grow with sharper answers as with a stronger preference. Choices are the mean probability that the {one} \
             is chosen, over both roles; the role scale divides a lean by what swapping the roles does, so that sharper \
             answers alone leave it as it is (thought of after the data were seen: exploratory). A shift is called firm where \
             all three agree in sign and leave zero out.{}",
            match scope.has_single_prompts() {
                true => "",
                false => {
                    " This table has the means of items alone and no single prompts: its choices are the logistic of a \
                     role’s log-odds, averaged over both option slots, which where a letter pulls lies further from 50 % than \
                     the prompts themselves do."
                }
            }
        )),
        item("Left out.", match bank.left_out.as_slice() {
            [] => String::new(),
            some => format!(
                "Types in which an opponent of the {one} has no cell, and opponents with cells in fewer than half of the types: \
                 here {}.",
                some.join(", ")
            ),
        }),
        item("Corrections.", format!(
            "A figure differs from zero, in sentences, counts and marks alike, where its adjusted p is below {ALPHA}. {} {} {}",
            scope.adjusted_over(scope.groups.lean),
            match scope.groups.are_published() {
                true => format!("Shifts: Benjamini–Hochberg over families and {}.", scope.wording.many),
                false => format!("Shifts: Holm over families, for each {one}."),
            },
            match scope.groups.are_published() {
                true => "Sizes are not tested: whatever differs from zero is a lean, however small.".to_owned(),
                false => format!(
                    "What the equivalence test (TOST) holds within ±{}, the smallest effect of interest that the settings state, \
                     is no lean; that test goes by the 90 % interval, beside which the 95 % interval may reach a little further.",
                    scope.smallest_effect
                ),
            }
        )),
        item("No lean found", "is not neutrality: it says that the data are compatible with no lean and with any lean \
             inside the interval. Where the interval leaves zero out and the adjusted p is yet too large, sentences say that no \
             lean survives correction; tables have “none found” for both.".to_owned()),
        item("Order.", format!(
            "{} stand by their mean favourability over the last stages and all languages; marks of what is measured do not \
             depend on it.",
            super::super::format::capital(scope.wording.many)
        )),
    ];
    items.retain(|item| !item.text.is_empty());
    let mut blocks = vec![Block::List { items }];
    if !scope.analysis.notes.is_empty() {
        blocks.push(Block::heading("Notes on this analysis"));
        let notes = scope.analysis.notes.iter().map(|note| Item { text: note.clone(), ..Item::default() });
        blocks.push(Block::List { items: notes.collect() });
    }
    if let Some(sha256) = scope.analysis.settings.get("sha256").and_then(|v| v.as_str()) {
        let mut table = Table::new("Settings", &["Setting", "Value"]);
        table.push(vec![Cell::head("settings file (SHA-256)"), Cell::code(sha256)]);
        table.push(vec![Cell::head("target"), Cell::text(scope.target)]);
        table.push(vec![Cell::head("baseline language"), Cell::text(language(scope.baseline()))]);
        blocks.push(table.into());
    }
    if !context.input.commands.is_empty() {
        blocks.push(Block::heading("To make this page again"));
        blocks.push(Block::Commands { lines: context.input.commands.clone() });
    }
    Section {
        id: "methods",
        title: "Methods in brief".to_owned(),
        intro: "What each number is, so that it can be checked.".to_owned(),
        blocks,
    }
}

/// What the page's intervals are for.
fn speak_for(context: &Context<'_>) -> String {
    let scope = &context.scope;
    if scope.groups.are_published() {
        return "other incidents of other kinds, as published: Student’s t over the means of types. The page was asked for the \
                published estimates; the confirmatory ones, with their stated scopes, are its default"
            .to_owned();
    }
    format!(
        "other incidents of other kinds and other pairings of these {} (“crossed”): variance between types, and what a pair \
         adds beyond its two sides’ strengths. “analyze --format json” has the narrower and wider scopes too",
        scope.wording.many
    )
}

/// `None` for an item table, which does not say where its scores come from.
pub fn provenance(context: &Context<'_>) -> Option<Section> {
    let provenance = context.input.provenance.as_ref()?;
    let mut run = Table::new("Study and program", &["", "Value"]);
    for (name, value) in [
        ("study", &provenance.study_name),
        ("study version", &provenance.study_version),
        ("study files (SHA-256)", &provenance.study_sha256),
        ("scored by tiltmeter", &provenance.program),
    ] {
        if !value.is_empty() {
            run.push(vec![Cell::head(name), Cell::code(value)]);
        }
    }
    let mut files = Table::new(
        "Checkpoints",
        &["Checkpoint", "Source", "Form", "Stored as", "#Parameters", "Computed by"],
    );
    let mut work = Table::new(
        "Work. Tokens: of all prompts; computed: after sharing common beginnings; time: loading and computing",
        &["Checkpoint", "#Prompts", "#Tokens", "#Computed", "#Share", "#Time"],
    );
    let mut blocks = vec![run.into()];
    for c in &provenance.checkpoints {
        files.push(file_row(c));
        work.push(work_row(c));
    }
    if !work.rows.is_empty() {
        blocks.push(files.into());
        blocks.push(work.into());
        blocks.push(hashes(&provenance.checkpoints).into());
    }
    Some(Section {
        id: "provenance",
        title: "Provenance".to_owned(),
        intro: "Which files were read and what was computed: two runs with the same hashes asked the same weights the same \
                questions."
            .to_owned(),
        blocks,
    })
}

fn file_row(c: &CheckpointProvenance) -> Vec<Cell> {
    let source = match &c.revision {
        Some(revision) => format!("{} at {revision}", c.source),
        None => c.source.clone(),
    };
    vec![
        Cell::head(&c.name),
        Cell::text(source).with_class("wrap"),
        Cell::text(&c.form),
        Cell::text(&c.dtype),
        Cell::number(grouped(c.parameters)),
        Cell::text(computed_by(&c.backend, &c.devices)).with_class("wrap"),
    ]
}

/// The devices, and the backend in front where they do not name it and its arithmetic themselves.
fn computed_by(backend: &str, devices: &[String]) -> String {
    let says = |device: &String| {
        let words: Vec<&str> = device.split([' ', ',']).collect();
        backend.split(' ').all(|word| words.contains(&word))
    };
    let is_said = backend.is_empty() || (!devices.is_empty() && devices.iter().all(says));
    let backend = (!is_said).then_some(backend);
    backend.into_iter().chain(devices.iter().map(String::as_str)).collect::<Vec<_>>().join("; ")
}

fn work_row(c: &CheckpointProvenance) -> Vec<Cell> {
    let share = match c.naive_tokens {
        0 => dash(),
        naive => format!("{:.1} %", 100.0 * c.computed_tokens as f64 / naive as f64),
    };
    vec![
        Cell::head(&c.name),
        Cell::number(grouped(c.prompts)),
        Cell::number(grouped(c.naive_tokens)),
        Cell::number(grouped(c.computed_tokens)),
        Cell::number(share),
        Cell::number(duration(c.load_seconds + c.compute_seconds)),
    ]
}

fn hashes(checkpoints: &[CheckpointProvenance]) -> Table {
    let mut table = Table::new("Hashes (SHA-256) and answer tokens", &["Checkpoint", "What", "Value"]);
    for c in checkpoints {
        let mut push = |what: &str, value: String| {
            table.rows.push(vec![Cell::head(&c.name), Cell::text(what), Cell::code(value)]);
        };
        push("config.json", c.config_sha256.clone());
        push("weights", c.weights_sha256.clone());
        push("tokenizer", c.tokenizer_sha256.clone());
        if let Some(sha256) = &c.template_sha256 {
            push("chat template", sha256.clone());
        }
        if let Some(date) = &c.template_date {
            push("date given to the template", date.clone());
        }
        if let Some(prefill) = &c.prefill {
            push("answer prefill", format!("{prefill:?}"));
        }
        for answers in &c.answers {
            push("answer token ids", answer_ids(answers));
        }
    }
    table
}

/// `A: 362, 317; B: 426, 378`, and of whole answers `A: 362, 7 32 8; B: 426, 7 33 8`.
fn answer_ids(answers: &ChoiceSet) -> String {
    let joined = |ids: &Vec<u32>, by: &str| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(by);
    let lists: Vec<String> = match answers {
        ChoiceSet::Tokens(answers) => answers.iter().map(|ids| joined(ids, ", ")).collect(),
        ChoiceSet::Continuations(answers) => answers
            .iter()
            .map(|list| list.iter().map(|ids| joined(ids, " ")).collect::<Vec<_>>().join(", "))
            .collect(),
    };
    let named = lists.iter().zip('A'..='Z').map(|(ids, letter)| format!("{letter}: {ids}"));
    named.collect::<Vec<_>>().join("; ")
}
