//! What post-training changed.

use super::super::corrected::Together;
use super::super::dumbbell::{self, Move, Row};
use super::super::format::{self, language, p_value};
use super::super::frame::{self, Axis, RowLabel};
use super::super::scope::Family;
use super::super::summary::{family_caution, shift};
use super::super::table::{Block, Cell, Group, Panel, Section, Table};
use super::Context;
use crate::plain::counted;
use crate::stats::{Estimate, PlannedContrast};

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let staged: Vec<(usize, &Family<'_>)> =
        scope.families.iter().enumerate().filter(|(_, f)| f.stages.len() > 1).collect();
    let mut section = Section {
        id: "shift",
        title: "Post-training shift".to_owned(),
        intro: "How far each family’s later stage stands from its first, taken scenario type by scenario type: the part of \
                the lean that post-training put there."
            .to_owned(),
        blocks: Vec::new(),
    };
    let Some((_, example)) = staged.first() else {
        section.blocks.push(Block::paragraph(
            "A shift needs a family with two stages, base and chat say; there is none here.",
        ));
        return section;
    };
    let panels: Vec<(usize, Vec<Row>)> =
        staged.iter().map(|(i, family)| (*i, rows(context, family))).collect();
    let (low, high) = context.towards();
    let axis = Axis::log_odds(panels.iter().flat_map(|(_, rows)| dumbbell::extents(rows)), (&low, &high));
    let width = context.entity_label_width();
    let panels = panels.iter().map(|(i, rows)| {
        let title = context.family_title(*i);
        let description = format!(
            "A row per {}, an arrow per language from the first stage’s favourability to the last stage’s. The table below has the shifts.",
            scope.wording.one
        );
        let svg = frame::panel(
            &context.figure_id(),
            &format!("Post-training shift, {title}"),
            &description,
            rows,
            scope.languages.len(),
            &axis,
            width,
        );
        let note = scope.families.get(*i).map_or_else(String::new, |family| context.family_note(family));
        Panel { title, note, svg }
    });
    let (first, last) =
        (example.stages.first().map_or("first", |s| s.0), example.stages.last().map_or("last", |s| s.0));
    section.blocks.push(Block::Figure {
        caption: format!("Favourability before and after post-training ({})", scope.chosen()),
        legend: dumbbell::legend(&scope.languages, first, last),
        groups: vec![Group { title: String::new(), panels: panels.collect() }],
    });
    let on_target = format!("on {}", scope.target);
    section.blocks.push(numbers(context, &on_target, &[scope.target]).into());
    let contrasts = planned_contrasts(context, &on_target, &[scope.target]);
    if !contrasts.rows.is_empty() {
        section.blocks.push(Block::heading("The planned contrast"));
        section.blocks.push(Block::paragraph(
            "The same difference with single scenarios as units instead of their types, corrected over families alone. \
             Scenarios of one type resemble each other, which this does not allow for: its intervals and p tend to be smaller \
             than those above.",
        ));
        section.blocks.push(contrasts.into());
    }
    if scope.entities.len() > 2 {
        let on_all = format!("on every {}", scope.wording.one);
        let mut tables = vec![numbers(context, &on_all, &scope.entities).into()];
        let contrasts = planned_contrasts(context, &on_all, &scope.entities);
        if !contrasts.rows.is_empty() {
            tables.push(contrasts.into());
        }
        section.blocks.push(Block::details(format!("Shifts of all {}", scope.wording.many), tables));
    }
    section
}

fn rows(context: &Context<'_>, family: &Family<'_>) -> Vec<Row> {
    let scope = &context.scope;
    let row = |entity: &&str| {
        let moves = scope.languages.iter().enumerate().filter_map(|(series, code)| {
            let values = family
                .stages
                .iter()
                .map(|(_, label)| Some(scope.favourability(code, label, entity)?.mean_cluster))
                .collect::<Option<Vec<f64>>>()?;
            let way: Vec<String> = values.iter().map(|v| scope.decimals.signed(*v)).collect();
            let tip = format!("{entity}, {}: {}", language(code), way.join(" to "));
            Some(Move { series, slot: series, values, caution: family_caution(scope, family, code), tip })
        });
        Row {
            label: RowLabel { text: (*entity).to_owned(), strong: *entity == scope.target },
            marks: moves.collect(),
        }
    };
    scope.entities.iter().map(row).collect()
}

fn planned<'a>(context: &Context<'a>, code: &str, family: &str, entity: &str) -> Option<&'a PlannedContrast> {
    match context.scope.analysis.estimate(&format!("planned_contrast/{code}/{family}/{entity}"))? {
        Estimate::PlannedContrast(contrast) => Some(contrast),
        _ => None,
    }
}

fn numbers(context: &Context<'_>, what: &str, wanted: &[&str]) -> Table {
    let scope = &context.scope;
    let entity = format::capital(scope.wording.one);
    let header = [
        "Family",
        "Language",
        &entity,
        "#First stage",
        "#Last stage",
        "#Shift",
        "#95 % interval",
        "#p",
        "#adjusted p",
    ];
    let caption = format!(
        "Shift {what} ({}), in log-odds, scenario types as units. Adjusted p: Benjamini–Hochberg over the page’s {} of shifts.",
        scope.chosen(),
        counted(scope.corrected.tests(Together::Shift), "test")
    );
    let mut table = Table::new(caption, &header);
    for family in scope.families.iter().filter(|f| f.stages.len() > 1) {
        let ends = family.stages.first().zip(family.stages.last());
        for code in &scope.languages {
            let dagger = family_caution(scope, family, code).dagger();
            for entity in wanted {
                let Some(c) = shift(scope, code, family.name, entity) else { continue };
                let at = |label: &str| {
                    let c = scope.favourability(code, label, entity);
                    Cell::number(c.map_or_else(format::dash, |c| scope.decimals.signed(c.mean_cluster)))
                };
                let (first, last) = ends.map_or((at(""), at("")), |(first, last)| (at(first.1), at(last.1)));
                let [value, interval, p] = context.cells(c);
                table.push(vec![
                    Cell::head(family.name),
                    Cell::text(format!("{}{dagger}", language(code))),
                    Cell::text(*entity),
                    first,
                    last,
                    value,
                    interval,
                    p,
                    Cell::number(p_value(scope.corrected.p(&scope.shift_id(code, family.name, entity)))),
                ]);
            }
        }
    }
    name_once(&mut table, wanted);
    table
}

/// Empty where there are none.
fn planned_contrasts(context: &Context<'_>, what: &str, wanted: &[&str]) -> Table {
    let scope = &context.scope;
    let entity = format::capital(scope.wording.one);
    let header =
        ["Family", "Language", &entity, "#Scenarios", "#Contrast", "#95 % interval", "#p", "#Holm p"];
    let caption = format!(
        "Planned contrast {what}: last stage less first (both questions, all scenarios), in log-odds, scenarios as units. Holm \
         p: corrected over families, in each language."
    );
    let mut table = Table::new(caption, &header);
    for family in scope.families.iter().filter(|f| f.stages.len() > 1) {
        for code in &scope.languages {
            let dagger = family_caution(scope, family, code).dagger();
            for entity in wanted {
                let Some(contrast) = planned(context, code, family.name, entity) else { continue };
                table.push(vec![
                    Cell::head(family.name),
                    Cell::text(format!("{}{dagger}", language(code))),
                    Cell::text(*entity),
                    Cell::number(contrast.scenarios.to_string()),
                    Cell::number(scope.decimals.signed(contrast.mean)),
                    Cell::number(scope.decimals.interval(contrast.mean, contrast.ci_t)),
                    Cell::number(p_value(contrast.p)),
                    Cell::number(p_value(contrast.p_holm)),
                ]);
            }
        }
    }
    name_once(&mut table, wanted);
    table
}

/// Drops the column of the only entity, which the caption names, and lets a family's name stand once.
fn name_once(table: &mut Table, wanted: &[&str]) {
    if let [_] = wanted {
        table.remove_column(2);
        table.class = "grouped".to_owned();
        table.merge_heads();
    }
}
