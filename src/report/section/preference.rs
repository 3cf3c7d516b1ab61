//! The same favourability as percentages, and how far they spread.

use super::super::format::{self, language, percent};
use super::super::heatmap::diverging;
use super::super::table::{Cell, Section, Table};
use super::Context;
use crate::stats::Estimate;

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let mut header = vec!["Checkpoint".to_owned(), "Language".to_owned()];
    header.extend(scope.entities.iter().map(|e| format!("#{e}")));
    header.push("#sd".to_owned());
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let caption = format!(
        "Preference in percent, {}; sd: standard deviation over {}, in percentage points",
        scope.chosen(),
        scope.wording.many
    );
    let mut table = Table::new(caption, &header);
    table.class = "heat".to_owned();
    for checkpoint in &scope.checkpoints {
        for code in &scope.languages {
            let id = format!("spread/{code}/{}/{}/{}", checkpoint.label, scope.question, scope.subset);
            let Some(Estimate::Spread(spread)) = scope.analysis.estimate(&id) else { continue };
            let spread = &spread.mean_cluster;
            let dagger = scope.caution(code, checkpoint.label).dagger();
            let mut row =
                vec![Cell::head(checkpoint.label), Cell::text(format!("{}{dagger}", language(code)))];
            row.extend(scope.entities.iter().map(|entity| match spread.percent.get(entity) {
                Some(value) => diverging(Cell::number(percent(*value)), value - 50.0, 50.0),
                None => Cell::number(format::dash()),
            }));
            row.push(Cell::number(format!("{:.1}", spread.sd)).with_class("total"));
            table.push(row);
        }
    }
    let one = scope.wording.one;
    Section {
        id: "preference",
        title: "Preference in percent".to_owned(),
        intro: format!(
            "The same favourability as the chance that the checkpoint takes the {one}’s side, 50 % being even; the last \
             column says how unequally it treats the {}.",
            scope.wording.many
        ),
        blocks: vec![table.into()],
    }
}
