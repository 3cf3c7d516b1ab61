//! Runs of other conditions beside the routed ones.

use serde_json::json;

use super::super::block::Section;
use super::super::caution::Caution;
use super::super::checkpoints::Checkpoint;
use super::super::data::{Data, ESTIMATE, estimate};
use super::super::figure::{Figure, Group, Panel};
use super::super::forest::{self, Mark, Row};
use super::super::format::language;
use super::super::frame::{self, Layout, Naming, RowLabel};
use super::Context;
use super::specification::in_family;

/// A checkpoint with the name of its routed run and those of its other conditions.
struct Compared<'a> {
    checkpoint: &'a Checkpoint<'a>,
    rows: Vec<Row>,
}

/// `None` where there are no other conditions.
pub fn section(context: &Context<'_>) -> Option<Section> {
    let scope = &context.scope;
    let compared: Vec<Compared<'_>> = scope
        .checkpoints
        .iter()
        .map(|checkpoint| Compared { checkpoint, rows: rows(context, checkpoint) })
        .filter(|compared| compared.rows.len() > 1)
        .collect();
    if compared.is_empty() {
        return None;
    }
    let of = |compared: &Compared<'_>| compared.checkpoint.family;
    let blocks = context.folded(compared, of, |compared, name| figure(context, compared, name));
    Some(Section {
        id: "conditions",
        title: "Other conditions".to_owned(),
        intro: format!(
            "How the favourability of {} moves when the way of asking changes; the first row of each panel is the run that \
             the rest of the page shows.",
            scope.target
        ),
        blocks,
    })
}

fn figure(context: &Context<'_>, compared: &[Compared<'_>], of: Option<&str>) -> Figure {
    let scope = &context.scope;
    let (low, high) = (format!("← against {}", scope.target), format!("log-odds, for {} →", scope.target));
    let staged = compared.iter().map(|c| (c.checkpoint.stage, c.rows.as_slice()));
    let rows = compared.iter().flat_map(|c| &c.rows);
    let layout = Layout::new(rows.clone().map(|row| row.label.text.as_str()), scope.languages.len());
    let panels = compared.iter().map(|c| {
        let title = c.checkpoint.label.to_owned();
        let naming = Naming {
            id: &context.picture_id(),
            title: &format!("Favourability of {} by condition, {title}", scope.target),
            description: "A row per condition, a mark per language: mean favourability in log-odds with its 95 % interval.",
        };
        let axis = forest::stage_axis(staged.clone(), c.checkpoint.stage, (&low, &high));
        let picture = frame::panel(naming, &c.rows, &axis, layout);
        Panel::new(title, "", picture)
    });
    let mut figure = Figure::new(
        of.map_or("fig-conditions".to_owned(), |name| format!("fig-conditions-{name}")),
        format!("{} in every condition{}", scope.target, in_family(of)),
        format!(
            "Favourability with 95 % interval ({}). {}",
            scope.chosen(),
            scope.adjusted_over(scope.groups.lean)
        ),
    );
    figure.legend = forest::legend(&scope.languages, scope.tested_size(), rows);
    figure.groups = Group::untitled(panels.collect());
    figure.data = data(context, compared.iter().map(|c| c.checkpoint));
    figure
}

/// (label, condition's name) of a checkpoint's runs, the routed one first.
fn runs<'c>(context: &'c Context<'_>, checkpoint: &'c Checkpoint<'_>) -> Vec<(&'c str, &'c str)> {
    let others = context.scope.others.iter().filter(|c| c.model == checkpoint.label);
    let others = others.filter_map(|c| Some((c.label, c.condition?)));
    [(checkpoint.label, "as read here")].into_iter().chain(others).collect()
}

fn rows(context: &Context<'_>, checkpoint: &Checkpoint<'_>) -> Vec<Row> {
    let scope = &context.scope;
    let row = |(label, name): (&str, &str)| {
        let marks: Vec<Mark> = scope
            .languages
            .iter()
            .enumerate()
            .filter_map(|(series, code)| {
                let reading = scope.favourability(code, label, scope.target)?;
                let tip = format!("{name}, {}: {}", language(code), context.tip(&reading));
                Some(Mark::of(series, &reading, scope.caution(code, label), tip))
            })
            .collect();
        let worst = marks.iter().map(|m| m.caution).max().unwrap_or(Caution::None);
        let text = format!("{name}{}", worst.dagger());
        Row { label: RowLabel { text, strong: label == checkpoint.label }, marks }
    };
    runs(context, checkpoint).into_iter().map(row).filter(|row| !row.marks.is_empty()).collect()
}

fn data<'c>(context: &'c Context<'_>, checkpoints: impl Iterator<Item = &'c Checkpoint<'c>>) -> Data {
    let scope = &context.scope;
    let mut columns = vec!["language", "checkpoint", "condition", scope.wording.one];
    columns.extend(ESTIMATE);
    let mut data = Data::new(&columns);
    for checkpoint in checkpoints {
        for (label, name) in runs(context, checkpoint) {
            for code in &scope.languages {
                let Some(reading) = scope.favourability(code, label, scope.target) else { continue };
                let id = scope.favourability_id(code, label, scope.target);
                let mut row = vec![json!(code), json!(checkpoint.label), json!(name), json!(scope.target)];
                row.extend(estimate(&id, &reading));
                data.push(row);
            }
        }
    }
    data
}
