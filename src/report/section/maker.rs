//! Do shifts go towards the makers' own countries?

use serde_json::json;

use super::super::block::{Block, Section};
use super::super::caution::Caution;
use super::super::checkpoints::part;
use super::super::data::Data;
use super::super::figure::{Figure, Group, Panel};
use super::super::forest::{self, Known, Mark, Row};
use super::super::format::{self, language, list, p_value};
use super::super::frame::{self, Axis, Layout, Naming, RowLabel};
use super::super::table::{Cell, Table};
use super::Context;
use crate::stats::{Estimate, MakerGroups, MakerHome};

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let mut section = Section {
        id: "maker",
        title: "Makers".to_owned(),
        intro: format!(
            "Whether a family moves towards the {one} where its maker is at home: its shift towards that {one}, less the mean shift \
             of families from elsewhere towards the same {one}. What all families have in common drops out.",
            one = scope.wording.one
        ),
        blocks: Vec::new(),
    };
    let homes: Vec<(&str, &MakerHome)> = scope
        .analysis
        .of("maker_home")
        .filter_map(|figure| match &figure.estimate {
            Estimate::MakerHome(home) => Some((part(&figure.parts.language), &**home)),
            _ => None,
        })
        .collect();
    if homes.is_empty() {
        section.blocks.push(Block::paragraph(format!(
            "This takes families of several makers, at home in two {} of the study at least, each with two stages; there are not \
             enough here.",
            scope.wording.many
        )));
    } else {
        section.blocks.push(figure(context, &homes).into());
        section.blocks.push(advantages(context, &homes).into());
        section
            .blocks
            .push(Block::details("Without each family in turn", vec![leave_one_out(context, &homes).into()]));
    }
    let groups = groups(context);
    if !groups.rows.is_empty() {
        section.blocks.push(groups.into());
    }
    section
}

fn figure(context: &Context<'_>, homes: &[(&str, &MakerHome)]) -> Figure {
    let scope = &context.scope;
    let mut rows: Vec<Row> = Vec::new();
    let mut data = Data::new(&["language", "family", "advantage"]);
    for family in &scope.families {
        let marks: Vec<Mark> = homes
            .iter()
            .filter_map(|(code, home)| {
                let value = *home.advantage.get(family.name)?;
                data.push(vec![json!(code), json!(family.name), json!(value)]);
                Some(Mark {
                    series: scope.series(code),
                    slot: scope.series(code),
                    value,
                    known: Known::Value,
                    caution: scope.ends_caution(family, code),
                    tip: format!("{}, {}: {}", family.name, language(code), scope.decimals.signed(value)),
                })
            })
            .collect();
        if !marks.is_empty() {
            let worst = marks.iter().map(|m| m.caution).max().unwrap_or(Caution::None);
            let home = family.home.map_or_else(String::new, |home| format!(" ({home})"));
            let text = format!("{}{home}{}", family.name, worst.dagger());
            rows.push(Row { label: RowLabel { text, strong: family.home == Some(scope.target) }, marks });
        }
    }
    let axis =
        Axis::log_odds(forest::extents(&rows), ("← less than others", "further towards its maker’s →"));
    let layout = Layout::new(rows.iter().map(|row| row.label.text.as_str()), scope.languages.len());
    let naming = Naming {
        id: &context.picture_id(),
        title: "Home advantage by family",
        description: "A row per family, a mark per language: the home advantage in log-odds. The table below has the tests.",
    };
    let picture = frame::panel(naming, &rows, &axis, layout);
    let mut figure = Figure::new(
        "fig-maker",
        "Home advantage of each family",
        format!(
            "In log-odds ({}); single families have no interval here, the test is over families.",
            scope.chosen()
        ),
    );
    figure.legend = forest::spoken(&scope.languages, false);
    figure.groups = Group::untitled(vec![Panel::new("", "", picture)]);
    figure.data = data;
    figure
}

fn advantages(context: &Context<'_>, homes: &[(&str, &MakerHome)]) -> Table {
    let scope = &context.scope;
    let header = [
        "Language",
        "Families",
        "#Mean advantage",
        "#p (permutation)",
        "#Assignments",
        "#Standardised",
        "#p",
        "Left out",
    ];
    let caption = "Home advantage in log-odds. p: all distinct assignments of homes to families. Standardised: each family’s \
                   shifts over their root mean square. Families that cannot be read (‡) are left out in a line of their own.";
    let mut table = Table::new(caption, &header);
    for (code, home) in homes {
        let families = home.advantage.iter().count();
        table.push(vec![
            Cell::head(language(code)),
            Cell::text(format!("all {families}")),
            Cell::number(scope.decimals.signed(home.mean)),
            Cell::number(p_value(home.p_permutation)),
            Cell::number(crate::plain::grouped(home.assignments)),
            Cell::number(scope.decimals.signed(home.standardised.mean)),
            Cell::number(p_value(home.standardised.p_permutation)),
            Cell::text("–"),
        ]);
        if let Some(read) = &home.readable {
            table.push(vec![
                Cell::head(language(code)),
                Cell::text(format!("{} that can be read", read.families)),
                Cell::number(scope.decimals.signed(read.mean)),
                Cell::number(p_value(read.p_permutation)),
                Cell::number(crate::plain::grouped(read.assignments)),
                Cell::number(format::dash()),
                Cell::number(format::dash()),
                Cell::text(list(&read.left_out)),
            ]);
        } else if !home.unreadable.is_empty() {
            let mut row = vec![Cell::head(language(code)), Cell::text("too few can be read")];
            row.extend((0..5).map(|_| Cell::number(format::dash())));
            row.push(Cell::text(list(&home.unreadable)));
            table.push(row);
        }
    }
    table.class = "grouped".to_owned();
    table.merge_heads();
    table
}

fn leave_one_out(context: &Context<'_>, homes: &[(&str, &MakerHome)]) -> Table {
    let mut table = Table::new(
        "Home advantage with the named family left out, log-odds",
        &["Language", "Without", "#Mean advantage", "#p (permutation)"],
    );
    for (code, home) in homes {
        for (name, without) in home.leave_one_out.iter() {
            table.push(vec![
                Cell::head(language(code)),
                Cell::text(name),
                Cell::number(context.scope.decimals.signed(without.mean)),
                Cell::number(p_value(without.p)),
            ]);
        }
    }
    table.class = "grouped".to_owned();
    table.merge_heads();
    table
}

/// Makers at home in a country against the others.
fn groups(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let entity = format::capital(scope.wording.one);
    let header =
        [&entity, "Language", "At home there", "Elsewhere", "#Difference", "#p (Welch)", "#p (permutation)"];
    let caption = "Shifts of families at home in a place less those of the others, log-odds; without families that cannot be read";
    let mut table = Table::new(caption, &header);
    for figure in scope.analysis.of("maker_groups") {
        let Estimate::MakerGroups(groups) = &figure.estimate else { continue };
        // Where only one side can be read, nothing is compared.
        let is_read = groups.readable.is_some() || groups.unreadable.is_empty();
        let readable = |names: &[String]| {
            let read: Vec<_> =
                names.iter().filter(|name| !groups.unreadable.contains(name)).cloned().collect();
            if read.is_empty() { format::dash() } else { list(&read) }
        };
        let (home, elsewhere) = (readable(&groups.at_home), readable(&groups.elsewhere));
        let groups: &MakerGroups = groups.readable.as_ref().map_or(&**groups, |read| &read.groups);
        let number = |text: String| Cell::number(if is_read { text } else { format::dash() });
        table.push(vec![
            Cell::head(part(&figure.parts.country)),
            Cell::text(language(part(&figure.parts.language))),
            Cell::text(home).with_class("wrap"),
            Cell::text(elsewhere).with_class("wrap"),
            number(scope.decimals.signed(groups.difference)),
            number(p_value(groups.p)),
            number(p_value(groups.p_permutation)),
        ]);
    }
    table.rows.sort_by_key(|row| row.first().is_none_or(|cell| cell.text != scope.target));
    table.class = "grouped".to_owned();
    table.merge_heads();
    table
}
