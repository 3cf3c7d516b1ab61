//! What reviewers ask next: do languages agree, would another bank order the countries alike, does one item, opponent or type
//! carry a lean, and how large are leans where there is nothing to find?

use super::super::block::{Block, Section};
use super::super::caution::Caution;
use super::super::checkpoints::{label_of, part};
use super::super::format::{self, language, list, p_value};
use super::super::table::{Cell, Table};
use super::Context;
use crate::stats::{Estimate, Figure};

/// `None` where the analysis has none of it.
pub fn section(context: &Context<'_>) -> Option<Section> {
    let tables = [
        (
            roles(context),
            "A lean is read beside what swapping the two roles of the story does to single scenarios: the mean cancels, the root mean square does not.",
        ),
        (ranges(context), "How far the lean moves when one opponent, or one type of scenario, is left out."),
        (
            reliability(context),
            "Would other scenarios of the same kinds give the countries the same leans? G: the share of their variance that would come again. Halves: the correlation of two halves of the bank, and what it is worth for the whole. Items: how each scenario agrees with the rest.",
        ),
        (
            invariance(context),
            "How much of what tells countries apart do all languages share, and which scenarios behave differently between two languages (beyond three standard deviations of their type)?",
        ),
        (
            null(context),
            "Leans on countries that do not exist, or where nothing is told apart, are what chance and wording do: their spread is added to the interval.",
        ),
    ];
    let mut blocks = Vec::new();
    for (table, words) in tables {
        if !table.rows.is_empty() {
            let amounts = if blocks.is_empty() { amounts(context) } else { None };
            let words = words.replace("countries", context.scope.wording.many);
            blocks.push(Block::paragraph(
                [Some(words), amounts].into_iter().flatten().collect::<Vec<_>>().join(" "),
            ));
            blocks.push(Block::details(table.caption.clone(), vec![table.into()]));
        }
    }
    (!blocks.is_empty()).then(|| Section {
        id: "robustness",
        title: "How far it can be trusted".to_owned(),
        intro:
            "Checks that a reviewer would ask for, one short part each; none of them changes a figure above."
                .to_owned(),
        blocks,
    })
}

/// A group's figures of routed runs, in the page's order of checkpoints.
fn routed<'a>(context: &Context<'a>, group: &'a str) -> Vec<&'a Figure> {
    let scope = &context.scope;
    let mut figures: Vec<&Figure> =
        scope.analysis.of(group).filter(|figure| figure.parts.routed != Some(false)).collect();
    figures.retain(|figure| {
        matches!(part(&figure.parts.country), "") || part(&figure.parts.country) == scope.target
    });
    figures.sort_by_key(|figure| scope.checkpoints.iter().position(|c| c.label == label_of(figure)));
    figures
}

fn head(context: &Context<'_>, figure: &Figure) -> Vec<Cell> {
    let code = part(&figure.parts.language);
    let label = label_of(figure);
    vec![
        Cell::head(label),
        Cell::text(format!("{}{}", language(code), context.scope.caution(code, label).dagger())),
    ]
}

fn share(value: Option<f64>) -> Cell {
    Cell::number(value.map_or_else(format::dash, |v| format::plain(v, 2)))
}

fn grouped(mut table: Table) -> Table {
    table.class = "grouped".to_owned();
    table.merge_heads();
    table
}

/// What the target's leans amount to beside the roles, checkpoint by checkpoint; `None` where there is no lean.
fn amounts(context: &Context<'_>) -> Option<String> {
    let scope = &context.scope;
    let mut clauses: Vec<String> = Vec::new();
    for checkpoint in &scope.checkpoints {
        for code in scope.languages_of(checkpoint.label) {
            let squares = routed(context, "role_effect").into_iter().filter_map(|figure| {
                let own = label_of(figure) == checkpoint.label && part(&figure.parts.language) == code;
                match &figure.estimate {
                    Estimate::Effect(effect) if own => Some(effect.rms * effect.rms),
                    _ => None,
                }
            });
            let squares: Vec<f64> = squares.collect();
            let rms = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
            let lean = scope.favourability(code, checkpoint.label, scope.target);
            let read = scope.caution(code, checkpoint.label) != Caution::Low;
            let Some(reading) = lean.filter(|_| read && scope.leans(code, checkpoint.label, scope.target))
            else {
                continue;
            };
            if let Some(amount) = amount(reading.value.abs() / rms) {
                clauses.push(format!("in {} the lean of {} is {amount}", language(code), checkpoint.label));
            }
        }
    }
    let more = clauses.len().saturating_sub(SAID);
    clauses.truncate(SAID);
    let rest = if more > 0 { "; the table has the others" } else { "" };
    (!clauses.is_empty())
        .then(|| format!("{} what swapping the roles does{rest}.", format::capital(&clauses.join(", "))))
}

/// So many leans are put in words.
const SAID: usize = 4;

/// `a tenth of`, `about as much as`, `3.1 times`.
fn amount(ratio: f64) -> Option<String> {
    const PARTS: [(f64, &str); 12] = [
        (0.022, "a hundredth of"),
        (0.07, "a twentieth of"),
        (0.14, "a tenth of"),
        (0.22, "a fifth of"),
        (0.29, "a quarter of"),
        (0.37, "a third of"),
        (0.45, "two fifths of"),
        (0.55, "half of"),
        (0.635, "three fifths of"),
        (0.71, "two thirds of"),
        (0.775, "three quarters of"),
        (0.85, "four fifths of"),
    ];
    match ratio {
        r if !r.is_finite() => None,
        r if r < 0.005 => Some("less than a hundredth of".to_owned()),
        r if r >= 1.15 => Some(format!("{r:.1} times")),
        r => Some(PARTS.iter().find(|(most, _)| r < *most).map_or("about", |(_, words)| words).to_owned()),
    }
}

fn roles(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let header = [
        "Checkpoint",
        "Language",
        "Question",
        "#Lean",
        "#Roles, root mean square",
        "#Roles, mean",
        "#Lean / roles",
    ];
    let mut table =
        Table::new(format!("The lean on {} beside what the roles do, log-odds", scope.target), &header);
    for figure in routed(context, "role_effect") {
        let Estimate::Effect(effect) = &figure.estimate else { continue };
        let lean = scope.favourability(part(&figure.parts.language), label_of(figure), scope.target);
        let mut row = head(context, figure);
        row.push(Cell::text(format::words(part(&figure.parts.question))));
        row.push(Cell::number(lean.map_or_else(format::dash, |r| scope.decimals.signed(r.value))));
        row.push(Cell::number(scope.decimals.width(effect.rms)));
        row.push(Cell::number(scope.decimals.signed(effect.mean)));
        row.push(share(lean.map(|r| r.value.abs() / effect.rms).filter(|ratio| ratio.is_finite())));
        table.push(row);
    }
    grouped(table)
}

fn ranges(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let header = ["Checkpoint", "Language", "#Lean", "#Without one opponent", "#Without one type", "Sign"];
    let mut table =
        Table::new(format!("The lean on {} without each opponent and type, log-odds", scope.target), &header);
    for figure in routed(context, "leave_one_out") {
        let Estimate::LeaveOneOut(left) = &figure.estimate else { continue };
        let lean = scope.favourability(part(&figure.parts.language), label_of(figure), scope.target);
        let range = |range: Option<[f64; 2]>| {
            Cell::number(range.map_or_else(format::dash, |[low, high]| {
                format!("{} to {}", scope.decimals.signed(low), scope.decimals.signed(high))
            }))
        };
        let mut row = head(context, figure);
        row.push(Cell::number(lean.map_or_else(format::dash, |r| scope.decimals.signed(r.value))));
        row.extend([range(left.opponent_range), range(left.type_range)]);
        row.push(Cell::text(if left.sign_holds { "holds" } else { "changes" }));
        table.push(row);
    }
    grouped(table)
}

fn reliability(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let header = [
        "Checkpoint",
        "Language",
        "#G",
        "#Halves, r",
        "#Whole bank",
        "#Items, median r",
        "#Least",
        "#Items against the rest",
    ];
    let mut table = Table::new("Reliability and quality of items", &header);
    let quality = routed(context, "item_quality");
    for figure in routed(context, "reliability") {
        let Estimate::Reliability(reliability) = &figure.estimate else { continue };
        let mut row = head(context, figure);
        row.extend([reliability.g, reliability.split_half, reliability.spearman_brown].map(share));
        let same = |other: &&&Figure| {
            (&other.parts.language, &other.parts.checkpoint)
                == (&figure.parts.language, &figure.parts.checkpoint)
        };
        match quality.iter().find(same).map(|figure| &figure.estimate) {
            Some(Estimate::ItemQuality(quality)) => {
                row.extend([quality.median, quality.least].map(share));
                let all = quality.scenarios.iter().count();
                row.push(Cell::number(format!("{} of {all}", quality.below_zero)));
            }
            _ => row.extend([format::dash(), format::dash(), format::dash()].map(Cell::number)),
        }
        table.push(row);
    }
    table.caption = format!("Reliability of the {}’ leans, and quality of items", scope.wording.many);
    grouped(table)
}

fn invariance(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let header = ["Checkpoint", "#Shared by all languages", "Correlations", "Scenarios that differ"];
    let mut table = Table::new("What languages share", &header);
    let dif = routed(context, "scenario_dif");
    for figure in routed(context, "language_invariance") {
        let Estimate::LanguageInvariance(shared) = &figure.estimate else { continue };
        let correlation = |(pair, r): (&str, &Option<f64>)| {
            let r = r.map_or_else(format::dash, |r| format::plain(r, 2));
            format!("{pair} {r}")
        };
        let of_checkpoint = dif.iter().filter(|other| other.parts.checkpoint == figure.parts.checkpoint);
        let differing: Vec<String> = of_checkpoint
            .filter_map(|other| match &other.estimate {
                Estimate::ScenarioDif(dif) => Some((part(&other.parts.language), dif)),
                _ => None,
            })
            .flat_map(|(code, dif)| {
                dif.differing.iter().map(move |(name, by)| {
                    format!("{name} in {} ({})", language(code), format::signed(by.difference, 2))
                })
            })
            .collect();
        table.push(vec![
            Cell::head(part(&figure.parts.checkpoint)),
            share(shared.shared),
            Cell::text(shared.correlations.iter().map(correlation).collect::<Vec<_>>().join(", ")),
            Cell::text(if differing.is_empty() { "none".to_owned() } else { list(&differing) })
                .with_class("wrap"),
        ]);
    }
    table.caption = format!("What languages share; scenarios whose lean on {} differs", scope.target);
    table
}

fn null(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let header = [
        "Checkpoint",
        "Language",
        "Against",
        "#Lean",
        "#95 % interval",
        "#p",
        "#p as it stands",
        "#Largest null lean",
        "#Null leans",
    ];
    let caption = format!("The lean on {} against an empirical null, log-odds", scope.target);
    let mut table = Table::new(caption, &header);
    for figure in routed(context, "empirical_null") {
        let Estimate::EmpiricalNull(null) = &figure.estimate else { continue };
        let mut row = head(context, figure);
        let against =
            figure.parts.name.as_deref().or(figure.parts.baseline_condition.as_deref()).unwrap_or("null");
        row.push(Cell::text(against));
        row.push(Cell::number(scope.decimals.signed(null.estimate)));
        row.push(Cell::number(scope.decimals.interval(null.estimate, null.ci)));
        row.push(Cell::number(p_value(null.p_calibrated)));
        row.push(Cell::number(p_value(null.p)));
        row.push(Cell::number(scope.decimals.width(null.largest_effect)));
        row.push(Cell::number(null.effects.to_string()));
        table.push(row);
    }
    grouped(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_words_are_near_the_ratio() {
        let said = [0.001, 0.05, 0.1, 0.2, 0.25, 1.0 / 3.0, 0.42, 0.5, 0.6, 0.67, 0.74, 0.8, 1.0, 1.3, 2.04]
            .map(|r| amount(r).expect("a number"));
        let expected = [
            "less than a hundredth of",
            "a twentieth of",
            "a tenth of",
            "a fifth of",
            "a quarter of",
            "a third of",
            "two fifths of",
            "half of",
            "three fifths of",
            "two thirds of",
            "three quarters of",
            "four fifths of",
            "about",
            "1.3 times",
            "2.0 times",
        ];
        assert_eq!(said, expected);
        assert_eq!(amount(f64::INFINITY), None);
    }
}
