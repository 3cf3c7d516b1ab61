//! The answer at the head of the page: what may be read, the summary, and each checkpoint's verdict.

use super::format::{dash, language, percent, probability};
use super::input::ReportInput;
use super::scope::{Caution, Scope};
use super::table::{Block, Cell, Table};
use super::{summary, words};
use crate::stats::{self, Clustered};

/// Up to so many checkpoints each has a sentence per language; more stand in a table, in the baseline language.
const FEW: usize = 3;

pub fn blocks(scope: &Scope<'_>, input: &ReportInput<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (sentence, worst) = summary::compliance(scope);
    blocks.push(match worst {
        Caution::None => Block::paragraph(sentence),
        worst => Block::warning(worst.warning(), sentence),
    });
    blocks.extend(summary::few_types(scope).map(Block::paragraph));
    blocks.extend(summary::paragraphs(scope).into_iter().map(Block::paragraph));
    let (inside, n) = words::planted_inside(scope, &input.planted);
    if n > 0 {
        blocks.push(Block::paragraph(format!(
            "Preferences were planted in these checkpoints: {inside} of {n} planted values lie inside the measured 95 % intervals."
        )));
    }
    if scope.checkpoints.len() > FEW {
        blocks.push(glance(scope).into());
        return blocks;
    }
    let mut items = Vec::new();
    for checkpoint in &scope.checkpoints {
        for code in scope.languages_of(checkpoint.label) {
            let mut item = words::verdict(scope, code, checkpoint.label);
            item.lead = format!("{} in {}", item.lead, language(code));
            items.push(item);
        }
    }
    blocks.push(Block::List { items });
    blocks
}

/// One row per checkpoint: how far it can be read, and its strongest leans.
fn glance(scope: &Scope<'_>) -> Table {
    let code = scope.baseline();
    let caption = format!(
        "Each checkpoint at a glance, asked in {}: its strongest leans in log-odds and as preference in percent, and for \
         how many {} a lean was found after correction for {} tests. Their intervals stand under “Favourability”.",
        language(code),
        scope.wording.many,
        scope.tests()
    );
    let header = [
        "Checkpoint",
        "#Compliance",
        "Most towards",
        "#Log-odds",
        "#%",
        "Most away from",
        "#Log-odds",
        "#%",
        "#Leans",
    ];
    let mut table = Table::new(caption, &header);
    table.class = "glance".to_owned();
    for checkpoint in &scope.checkpoints {
        let label = checkpoint.label;
        let Some(mean) = scope.compliance_mean(code, label) else { continue };
        let caution = Caution::of(mean);
        let mut row = vec![
            Cell::head(label),
            Cell::number(format!("{}{}", probability(mean), caution.dagger())).with_class(caution.class()),
        ];
        if caution == Caution::Low {
            row.push(Cell {
                columns: header.len() - 2,
                ..Cell::text("not read: too little falls on the two answers")
            });
            table.push(row);
            continue;
        }
        let leans: Vec<(&str, &Clustered)> = scope
            .entities
            .iter()
            .filter(|entity| scope.leans(code, label, entity))
            .filter_map(|entity| Some((*entity, scope.favourability(code, label, entity)?)))
            .collect();
        for sign in [1.0, -1.0] {
            let strongest = words::strongest(&leans, sign);
            row.extend(lean_cells(scope, strongest));
        }
        let asked = scope.entities.iter().filter(|e| scope.favourability(code, label, e).is_some()).count();
        row.push(Cell::number(format!("{} of {asked}", leans.len())));
        table.push(row);
    }
    table
}

fn lean_cells(scope: &Scope<'_>, lean: Option<(&str, &Clustered)>) -> [Cell; 3] {
    match lean {
        None => [Cell::text("no lean found"), Cell::number(dash()), Cell::number(dash())],
        Some((entity, c)) => [
            Cell::text(entity).with_class("strong"),
            Cell::number(scope.decimals.signed(c.mean_cluster)),
            Cell::number(percent(stats::percent(c.mean_cluster))),
        ],
    }
}
