//! The first screen: what must be known before anything is claimed, the answer with its figure, what a checkpoint was
//! shown, and each checkpoint's verdict.

use serde_json::{Value, json};

use super::block::{Block, Item};
use super::caution::Caution;
use super::checkpoints::{Checkpoint, Family};
use super::data::{Data, ESTIMATE, estimate};
use super::dumbbell::{self, Move, Row};
use super::figure::{Figure, Fit, Group, Panel};
use super::format::{dash, language, probability};
use super::frame::{self, Axis, Layout, Naming, RowLabel, WIDE, WIDTH};
use super::input::Example;
use super::scope::Scope;
use super::section::{Context, shift};
use super::table::{Cell, Table};
use super::words::Named;
use super::{answer, summary, words};

/// Up to so many checkpoints each has a sentence per language; more stand in a table.
const FEW: usize = 3;

/// What stands before every claim: how much of the study the figures come from, where that is not all of it.
pub fn first(context: &Context<'_>) -> Vec<Block> {
    let warning = |text: &String| {
        Block::warning("Not the whole study.", format!("The figures come from a run that is {text}."))
    };
    context.input.unfinished.iter().map(warning).collect()
}

pub fn blocks(context: &Context<'_>) -> Vec<Block> {
    let scope = &context.scope;
    let mut blocks = Vec::new();
    if let Some(plan) = &scope.analysis.plan {
        let sentences = plan.sentences().join(" ");
        blocks.push(match plan.departures.is_empty() {
            true => Block::paragraph(sentences),
            false => Block::warning("Not as planned.", sentences),
        });
    }
    let (sentence, worst) = summary::compliance(scope);
    blocks.extend((worst > Caution::None).then(|| Block::warning(worst.warning(), sentence.as_str())));
    let answer::Answer { sentences, further } = answer::answer(scope);
    blocks.extend(sentences.into_iter().map(|text| Block::Answer { text }));
    blocks.extend(overview(context).map(Block::from));
    blocks.extend(context.input.example.iter().flat_map(example));
    blocks.extend(further.into_iter().map(Block::paragraph));
    blocks.extend((worst == Caution::None).then(|| Block::paragraph(sentence)));
    blocks.extend(summary::few_types(scope).map(Block::paragraph));
    let before: Vec<Block> = summary::before(scope).into_iter().map(Block::paragraph).collect();
    match scope.checkpoints.len() > 2 * FEW && !before.is_empty() {
        true => blocks.push(Block::details("What was there before", before)),
        false => blocks.extend(before),
    }
    blocks.extend(summary::paragraphs(scope).into_iter().map(Block::paragraph));
    let (inside, n) = words::planted_inside(scope, &context.input.planted);
    if n > 0 {
        blocks.push(Block::paragraph(format!(
            "Preferences were planted in these checkpoints: {inside} of {n} planted values lie inside the measured 95 % \
             intervals. {}",
            words::planted_noise(context.input.noise_seed)
        )));
    }
    let verdicts = if scope.checkpoints.len() > FEW { glance(scope).into() } else { verdicts(scope) };
    match scope.checkpoints.len() > 2 * FEW {
        true => blocks.push(Block::details("Each checkpoint at a glance", vec![verdicts])),
        false => blocks.push(verdicts),
    }
    blocks
}

/// A prompt and its answer.
fn example(example: &Example) -> [Block; 2] {
    let [(first, a), (second, b)] = &example.answers;
    let spoken = language(&example.language);
    let label =
        format!("One of the prompts, as {} was shown it in {spoken} ({})", example.checkpoint, example.id);
    let rest = (1.0 - a - b).max(0.0);
    [
        Block::Verbatim { label, text: example.text.clone() },
        Block::paragraph(format!(
            "Its answer: A, {first}, with a probability of {}; B, {second}, with {}; anything else with {}.",
            probability(*a),
            probability(*b),
            probability(rest)
        )),
    ]
}

fn verdicts(scope: &Scope<'_>) -> Block {
    let mut items: Vec<Item> = Vec::new();
    for checkpoint in &scope.checkpoints {
        for code in scope.languages_of(checkpoint.label) {
            let mut item = words::verdict(scope, code, checkpoint.label);
            item.lead = format!("{} in {}", item.lead, language(code));
            items.push(item);
        }
    }
    Block::List { items }
}

/// The target in every family and language: where it stood, where it stands now.
fn overview(context: &Context<'_>) -> Option<Figure> {
    let scope = &context.scope;
    let mut rows: Vec<Row> = Vec::new();
    for (i, family) in scope.families.iter().enumerate() {
        if family.ends().is_some() {
            rows.extend(row(context, &family_label(scope, i), family));
        }
    }
    let single = |c: &&Checkpoint<'_>| {
        c.family.and_then(|f| scope.families.get(f)).is_none_or(|family| family.ends().is_none())
    };
    for checkpoint in scope.checkpoints.iter().filter(single) {
        let alone = Family {
            name: checkpoint.label,
            maker: None,
            home: None,
            stages: vec![(checkpoint.stage.unwrap_or(""), checkpoint.label)],
        };
        rows.extend(row(context, checkpoint.label, &alone));
    }
    if rows.is_empty() {
        return None;
    }
    let ends = (format!("← against {}", scope.target), format!("log-odds, for {} →", scope.target));
    let axis = Axis::log_odds(dumbbell::extents(&rows), (&ends.0, &ends.1));
    let moved = rows.iter().flat_map(|row| &row.marks).any(|m| m.values.len() > 1);
    let title = match moved {
        true => format!("{}: from the first stage to the last", scope.target),
        false => scope.target.to_owned(),
    };
    let caption = format!(
        "Favourability in every {} and language asked ({}).{}",
        if scope.families.is_empty() { "checkpoint" } else { "family" },
        scope.chosen(),
        if rows.iter().flat_map(|row| &row.marks).any(|m| m.half.is_none()) {
            " Where no band is drawn there is no interval."
        } else {
            ""
        }
    );
    let mut figure = Figure::new("fig-answer", title, caption);
    figure.legend = dumbbell::legend(&scope.languages, shift::ends(context), true);
    let labels = || rows.iter().map(|row| row.label.text.as_str());
    let panels = [(WIDE, Fit::Desk), (WIDTH, Fit::Phone)].map(|(width, fit)| {
        let layout = Layout::wide(width, labels(), scope.languages.len());
        let naming = Naming {
            id: &context.picture_id(),
            title: &figure.title,
            description: "A row per family, an arrow per language from the first stage’s favourability to the last stage’s, with the last stage’s 95 % interval.",
        };
        Panel::new("", "", frame::panel(naming, &rows, &axis, layout)).fit(fit)
    });
    figure.groups = Group::untitled(panels.into());
    figure.data = data(context);
    Some(figure)
}

fn family_label(scope: &Scope<'_>, index: usize) -> String {
    let Some(family) = scope.families.get(index) else { return String::new() };
    match family.home {
        Some(home) => format!("{} ({home})", family.name),
        None => family.name.to_owned(),
    }
}

fn row(context: &Context<'_>, label: &str, family: &Family<'_>) -> Option<Row> {
    let scope = &context.scope;
    let mut worst = Caution::None;
    let marks = scope.languages.iter().enumerate().filter_map(|(series, code)| {
        let stages: Vec<(&str, Named<'_>)> = family
            .stages
            .iter()
            .filter_map(|(stage, label)| {
                Some((*stage, (*label, scope.favourability(code, label, scope.target)?)))
            })
            .collect();
        let (_, (last_label, last)) = *stages.last()?;
        let said = stages.iter().map(|(stage, (label, reading))| {
            format!("{} {}", if stage.is_empty() { label } else { stage }, context.tip(reading))
        });
        let tip = format!("{label}, {}: {}", language(code), said.collect::<Vec<_>>().join("; "));
        let caution = match family.ends() {
            Some(_) => scope.ends_caution(family, code),
            None => scope.caution(code, last_label),
        };
        worst = worst.max(caution);
        let values = stages.iter().map(|(_, (_, reading))| reading.value).collect();
        Some(Move { series, slot: series, values, half: last.half(), caution, tip })
    });
    let marks: Vec<Move> = marks.collect();
    let text = format!("{label}{}", worst.dagger());
    let strong = family.home == Some(scope.target);
    (!marks.is_empty()).then_some(Row { label: RowLabel { text, strong }, marks })
}

fn data(context: &Context<'_>) -> Data {
    let scope = &context.scope;
    let mut columns = vec!["language", "family", "stage", "checkpoint", scope.wording.one];
    columns.extend(ESTIMATE);
    let mut data = Data::new(&columns);
    for checkpoint in &scope.checkpoints {
        for code in &scope.languages {
            let Some(reading) = scope.favourability(code, checkpoint.label, scope.target) else { continue };
            let id = scope.favourability_id(code, checkpoint.label, scope.target);
            let family = checkpoint.family.and_then(|f| scope.families.get(f)).map(|family| family.name);
            let mut row: Vec<Value> = vec![
                json!(code),
                json!(family),
                json!(checkpoint.stage),
                json!(checkpoint.label),
                json!(scope.target),
            ];
            row.extend(estimate(&id, &reading));
            data.push(row);
        }
    }
    data
}

/// One row per checkpoint and language: how far it can be read, and its strongest leans.
fn glance(scope: &Scope<'_>) -> Table {
    let caption = format!(
        "Each checkpoint at a glance: its strongest leans in log-odds, for how many {} a lean was found, and the largest that \
         the data still allow for the others. Their intervals stand under “Favourability”. {}",
        scope.wording.many,
        scope.adjusted_over(scope.groups.lean)
    );
    let header = [
        "Checkpoint",
        "Language",
        "#Compliance",
        "Most towards",
        "#Log-odds",
        "Most away from",
        "#Log-odds",
        "#Leans",
        "#Still allowed",
    ];
    let mut table = Table::new(caption, &header);
    table.class = "glance grouped".to_owned();
    for checkpoint in &scope.checkpoints {
        for code in scope.languages_of(checkpoint.label) {
            table.push(glance_row(scope, code, checkpoint.label, header.len()));
        }
    }
    table.merge_heads();
    table
}

fn glance_row(scope: &Scope<'_>, code: &str, label: &str, columns: usize) -> Vec<Cell> {
    let mean = scope.compliance_mean(code, label).unwrap_or(f64::NAN);
    let caution = Caution::of(mean);
    let mut row = vec![
        Cell::head(label),
        Cell::text(language(code)),
        Cell::number(format!("{}{}", probability(mean), caution.dagger())).with_class(caution.class()),
    ];
    let rest = columns - row.len();
    let whole = |text: &str| Cell { columns: rest, ..Cell::text(text) };
    if caution == Caution::Low {
        row.push(whole("not read: too little falls on the two answers"));
        return row;
    }
    let found: Vec<Named<'_>> =
        scope.entities.iter().filter_map(|e| Some((*e, scope.favourability(code, label, e)?))).collect();
    let (with, without): (Vec<Named<'_>>, Vec<Named<'_>>) =
        found.into_iter().partition(|(_, reading)| reading.half.is_ok());
    if with.is_empty() && without.is_empty() {
        row.push(whole(&words::nothing_made(scope)));
        return row;
    }
    if with.is_empty() {
        let why =
            without.iter().find_map(|(_, reading)| reading.half.err()).map_or("", |without| without.why());
        row.push(whole(&format!("no interval, nothing can be inferred: {why}")));
        return row;
    }
    let (leans, rest): (Vec<Named<'_>>, Vec<Named<'_>>) =
        with.iter().copied().partition(|(entity, _)| scope.leans(code, label, entity));
    for sign in [1.0, -1.0] {
        row.extend(match words::strongest(&leans, sign) {
            None => [Cell::text("none found"), Cell::number(dash())],
            Some((entity, reading)) => {
                [Cell::text(entity).with_class("strong"), Cell::number(scope.decimals.signed(reading.value))]
            }
        });
    }
    let asked = match without.len() {
        0 => format!("{} of {}", leans.len(), with.len()),
        n => format!("{} of {}, {n} without interval", leans.len(), with.len()),
    };
    row.push(Cell::number(asked));
    let reach = rest.iter().filter_map(|(_, reading)| reading.reach()).fold(f64::NAN, f64::max);
    row.push(Cell::number(match reach.is_finite() {
        true => format!("±{}", scope.decimals.width(reach)),
        false => dash(),
    }));
    row
}
