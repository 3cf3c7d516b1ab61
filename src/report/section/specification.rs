//! Does the target's lean hold whichever condition is read?

use serde_json::json;

use super::super::block::{Block, Section};
use super::super::checkpoints::part;
use super::super::data::Data;
use super::super::figure::{Figure, Group, Panel};
use super::super::forest::{self, Known, Mark, Row};
use super::super::format::{capital, count_word, language};
use super::super::frame::{self, Axis, Layout, Naming, RowLabel};
use super::super::table::{Cell, Table};
use super::Context;
use crate::stats::{Estimate, SpecificationCurve};

/// `None` where every checkpoint was asked in one condition only.
pub fn section(context: &Context<'_>) -> Option<Section> {
    let scope = &context.scope;
    let curves: Vec<(&str, &str, &SpecificationCurve)> = scope
        .analysis
        .of("specification_curve")
        .filter(|figure| part(&figure.parts.country) == scope.target)
        .filter_map(|figure| match &figure.estimate {
            Estimate::SpecificationCurve(curve) => {
                Some((part(&figure.parts.language), part(&figure.parts.checkpoint), curve))
            }
            _ => None,
        })
        .collect();
    if curves.is_empty() {
        return None;
    }
    let one_sign = curves.iter().filter(|(.., curve)| curve.same_sign == 1.0).count();
    let overview = format!(
        "{} {}: in {} of them every condition puts the lean on {} on one side of zero.",
        capital(&count_word(curves.len())),
        if curves.len() == 1 {
            "curve, of one checkpoint in one language"
        } else {
            "curves, each of a checkpoint in a language"
        },
        if one_sign == curves.len() { "all".to_owned() } else { count_word(one_sign) },
        scope.target
    );
    let table = numbers(context, &curves);
    let of = |(_, checkpoint, _): &(&str, &str, &SpecificationCurve)| context.family_of(checkpoint);
    let mut blocks = vec![Block::paragraph(overview), Block::details("In numbers", vec![table.into()])];
    blocks.extend(context.folded(curves, of, |curves, name| figure(context, curves, name)));
    Some(Section {
        id: "specification",
        title: "Specification curve".to_owned(),
        intro: format!(
            "The lean on {} in every condition that a checkpoint was asked in, besides those in which there is nothing to find, \
             from the least to the greatest: a conclusion that hangs on one way of asking shows here.",
            scope.target
        ),
        blocks,
    })
}

/// A panel per checkpoint and language: its specifications in ascending order.
fn figure(context: &Context<'_>, curves: &[(&str, &str, &SpecificationCurve)], of: Option<&str>) -> Figure {
    let scope = &context.scope;
    let mut data = Data::new(&["language", "checkpoint", "condition", "estimate", "low", "high"]);
    let mut panels: Vec<(String, Vec<Row>)> = Vec::new();
    for (code, checkpoint, curve) in curves {
        let mut specifications: Vec<_> = curve.specifications.iter().collect();
        specifications.sort_by(|a, b| a.1.estimate.total_cmp(&b.1.estimate).then(a.0.cmp(b.0)));
        let row = |(name, specification): &(&str, &crate::stats::Specification)| {
            let value = specification.estimate;
            let known = match specification.ci {
                Some(half) => Known::Interval { half, finding: value.abs() > half },
                None => Known::Nothing,
            };
            let tip = format!("{name}: {}", scope.decimals.signed(value));
            let mark = Mark {
                series: scope.series(code),
                slot: 0,
                value,
                known,
                caution: scope.caution(code, checkpoint),
                tip,
            };
            Row { label: RowLabel { text: (*name).to_owned(), strong: false }, marks: vec![mark] }
        };
        for (name, specification) in &specifications {
            let (value, half) = (specification.estimate, specification.ci);
            let ends = [half.map(|half| value - half), half.map(|half| value + half)].map(|end| json!(end));
            let [low, high] = ends;
            data.push(vec![json!(code), json!(checkpoint), json!(name), json!(value), low, high]);
        }
        let title = format!("{checkpoint}, {}", language(code));
        panels.push((title, specifications.iter().map(row).collect()));
    }
    let ends = (format!("← against {}", scope.target), format!("log-odds, for {} →", scope.target));
    let rows = || panels.iter().flat_map(|(_, rows)| rows);
    let layout = Layout::new(rows().map(|row| row.label.text.as_str()), 1);
    let panel = |(title, rows): &(String, Vec<Row>)| {
        let naming = Naming {
            id: &context.picture_id(),
            title: &format!("Specification curve, {title}"),
            description: "A row per condition in ascending order: the lean in log-odds with its 95 % interval.",
        };
        let axis = Axis::log_odds(forest::extents(rows), (&ends.0, &ends.1));
        Panel::new(title.clone(), "", frame::panel(naming, rows, &axis, layout))
    };
    let mut figure = Figure::new(
        of.map_or("fig-specification".to_owned(), |name| format!("fig-specification-{name}")),
        format!("{} in every condition, in ascending order{}", scope.target, in_family(of)),
        "Log-odds with 95 % interval, p not adjusted. Filled: the interval leaves zero out; hollow: it covers zero. One axis per \
         panel.",
    );
    figure.legend = forest::spoken(&scope.languages, true);
    figure.groups = Group::untitled(panels.iter().map(panel).collect());
    figure.data = data;
    figure
}

/// `, qwen`.
pub fn in_family(of: Option<&str>) -> String {
    of.map_or_else(String::new, |name| format!(", {name}"))
}

fn numbers(context: &Context<'_>, curves: &[(&str, &str, &SpecificationCurve)]) -> Table {
    let scope = &context.scope;
    let header =
        ["Checkpoint", "Language", "#Conditions", "#Positive", "#Negative", "#Median", "#Least", "#Greatest"];
    let mut table = Table::new(format!("The lean on {} over conditions, log-odds", scope.target), &header);
    for (code, checkpoint, curve) in curves {
        let mut row = vec![Cell::head(*checkpoint), Cell::text(language(code))];
        let counts = [curve.specifications.iter().count(), curve.positive, curve.negative];
        row.extend(counts.map(|n| Cell::number(n.to_string())));
        row.extend(
            [curve.median, curve.least, curve.greatest].map(|v| Cell::number(scope.decimals.signed(v))),
        );
        table.push(row);
    }
    table.rows.sort_by_key(|row| {
        let name = row.first().map_or("", |cell| cell.text.as_str());
        scope.checkpoints.iter().position(|c| c.label == name)
    });
    table.class = "grouped".to_owned();
    table.merge_heads();
    table
}
