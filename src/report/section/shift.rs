//! What the way from a family's first stage to its last changed.

use serde_json::json;

use super::super::block::{Block, Section};
use super::super::caution::Caution;
use super::super::checkpoints::{Family, part};
use super::super::data::{Data, ESTIMATE, estimate};
use super::super::dumbbell::{self, Move, Row};
use super::super::figure::{Figure, Group, Panel};
use super::super::format::{self, language, p_value};
use super::super::frame::{self, Axis, Naming, RowLabel};
use super::super::stages::{self, Way};
use super::super::summary;
use super::super::table::{Cell, Table};
use super::super::words;
use super::{Context, OPEN};
use crate::stats::{Estimate, PlannedContrast};

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let staged: Vec<(usize, &Family<'_>)> =
        scope.families.iter().enumerate().filter(|(_, f)| f.ends().is_some()).collect();
    let mut section = Section {
        id: "shift",
        title: stages::title(scope),
        intro:
            "How far each family’s last stage stands from its first, taken scenario type by scenario type."
                .to_owned(),
        blocks: Vec::new(),
    };
    if staged.is_empty() {
        section.blocks.push(Block::paragraph(
            "A shift needs a family with two stages, base and chat say; there is none here.",
        ));
        return section;
    }
    section.blocks.extend(summary::forms(scope).map(Block::paragraph));
    let on_target = format!("on {}", scope.target);
    section.blocks.push(numbers(context, &on_target, &[scope.target]).into());
    let figure = Block::from(figure(context, &staged));
    section.blocks.push(match staged.len() {
        0..=OPEN => figure,
        n => Block::details(format!("Every {} in {n} families", scope.wording.one), vec![figure]),
    });
    let families = families_differ(context);
    if !families.rows.is_empty() {
        section.blocks.push(Block::paragraph(
            "Do families shift differently? Types of scenario by families, as repeated measures; p is corrected for types whose \
             differences between families vary unequally (Greenhouse and Geisser).",
        ));
        section.blocks.push(Block::details(families.caption.clone(), vec![families.into()]));
    }
    let contrasts = planned_contrasts(context, &on_target, &[scope.target]);
    if !contrasts.rows.is_empty() {
        section.blocks.push(Block::details(
            "The published contrast, with scenarios as units",
            vec![
                Block::paragraph(
                    "The same difference with single scenarios as units instead of their types, corrected over families alone. \
                     Scenarios of one type resemble each other, which this does not allow for: its intervals and p tend to be \
                     smaller than those above.",
                ),
                contrasts.into(),
            ],
        ));
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

fn figure(context: &Context<'_>, staged: &[(usize, &Family<'_>)]) -> Figure {
    let scope = &context.scope;
    let panels: Vec<(usize, Vec<Row>)> =
        staged.iter().map(|(i, family)| (*i, rows(context, family))).collect();
    let (low, high) = context.towards();
    let axis = Axis::log_odds(panels.iter().flat_map(|(_, rows)| dumbbell::extents(rows)), (&low, &high));
    let layout = context.entity_layout();
    let panels = panels.iter().map(|(i, rows)| {
        let title = context.family_title(*i);
        let naming = Naming {
            id: &context.picture_id(),
            title: &format!("Shift, {title}"),
            description: &format!(
                "A row per {}, an arrow per language from the first stage’s favourability to the last stage’s. The table has the shifts.",
                scope.wording.one
            ),
        };
        let picture = frame::panel(naming, rows, &axis, layout);
        let note = scope.families.get(*i).map_or_else(String::new, |family| context.family_note(family));
        Panel::new(title, note, picture)
    });
    let mut figure = Figure::new(
        "fig-shift",
        "From the first stage to the last",
        format!("Favourability of every {} before and after ({}).", scope.wording.one, scope.chosen()),
    );
    figure.legend = dumbbell::legend(&scope.languages, ends(context), false);
    figure.groups = Group::untitled(panels.collect());
    let mut columns = vec!["language", "family", scope.wording.one, "first_stage", "last_stage"];
    columns.extend(ESTIMATE);
    let mut data = Data::new(&columns);
    for (_, family) in staged {
        let Some([(_, first), (_, last)]) = family.ends() else { continue };
        for code in &scope.languages {
            for entity in &scope.entities {
                let Some(shift) = scope.shift(code, family.name, entity) else { continue };
                let id = scope.shift_id(code, family.name, entity);
                let at = |label| json!(scope.favourability(code, label, entity).map(|r| r.value));
                let mut row = vec![json!(code), json!(family.name), json!(entity), at(first), at(last)];
                row.extend(estimate(&id, &shift));
                data.push(row);
            }
        }
    }
    figure.data = data;
    figure
}

/// What the stages at an arrow's ends are called.
pub fn ends<'c>(context: &'c Context<'_>) -> (&'c str, &'c str) {
    let ways = stages::ways(&context.scope);
    match ways.as_slice() {
        [(Way { first, last }, _)] => (first, last),
        _ => ("first stage", "last stage"),
    }
}

fn rows(context: &Context<'_>, family: &Family<'_>) -> Vec<Row> {
    let scope = &context.scope;
    let row = |entity: &&str| {
        let moves = scope.languages.iter().enumerate().filter_map(|(series, code)| {
            let values = family
                .stages
                .iter()
                .map(|(_, label)| Some(scope.favourability(code, label, entity)?.value))
                .collect::<Option<Vec<f64>>>()?;
            let way: Vec<String> = values.iter().map(|v| scope.decimals.signed(*v)).collect();
            let tip = format!("{entity}, {}: {}", language(code), way.join(" to "));
            let caution = scope.ends_caution(family, code);
            Some(Move { series, slot: series, values, half: None, caution, tip })
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

/// A step of a family: its shift's label, its stages' names and labels.
struct Step<'a> {
    label: String,
    from: (&'a str, &'a str),
    to: (&'a str, &'a str),
}

/// From first to last, and with more than two stages each step between neighbours.
fn steps<'a>(family: &Family<'a>) -> Vec<Step<'a>> {
    let Some([from, to]) = family.ends() else { return Vec::new() };
    let mut steps = vec![Step { label: family.name.to_owned(), from, to }];
    if family.stages.len() > 2 {
        for pair in family.stages.windows(2) {
            if let [from, to] = *pair {
                steps.push(Step { label: format!("{}:{}-{}", family.name, to.0, from.0), from, to });
            }
        }
    }
    steps
}

fn numbers(context: &Context<'_>, what: &str, wanted: &[&str]) -> Table {
    let scope = &context.scope;
    let entity = format::capital(scope.wording.one);
    let header = [
        "Family",
        "Step",
        "Language",
        &entity,
        "#Before",
        "#After",
        "#Shift",
        "#95 % interval",
        "#p",
        "#adjusted p",
        "#Choices",
        "Firm",
    ];
    let caption = format!(
        "Shift {what} ({}), in log-odds. {} Choices: the change of the mean probability that \
         the {} is chosen, in percentage points. Firm: log-odds, choices and role scale agree.",
        scope.chosen(),
        scope.adjusted_over(scope.groups.shift),
        scope.wording.one
    );
    let mut table = Table::new(caption, &header);
    for family in &scope.families {
        for step in steps(family) {
            for code in &scope.languages {
                let caution =
                    [step.from.1, step.to.1].map(|label| scope.caution(code, label)).into_iter().max();
                let dagger = caution.unwrap_or(Caution::None).dagger();
                for entity in wanted {
                    let Some(shift) = scope.shift(code, &step.label, entity) else { continue };
                    let choice = scope.choice_shift(code, &step.label, entity);
                    let firm = scope.firm(code, &step.label, entity);
                    let at = |label: &str| {
                        let reading = scope.favourability(code, label, entity);
                        Cell::number(reading.map_or_else(format::dash, |r| scope.decimals.signed(r.value)))
                    };
                    let [value, interval, p, adjusted] = context.cells(&shift);
                    let value = context.linked(value, &scope.shift_id(code, &step.label, entity));
                    table.push(vec![
                        Cell::head(family.name),
                        Cell::text(format!("{} → {}", step.from.0, step.to.0)).with_class("whole"),
                        Cell::text(format!("{}{dagger}", language(code))),
                        Cell::text(*entity),
                        at(step.from.1),
                        at(step.to.1),
                        value,
                        interval,
                        p,
                        adjusted,
                        Cell::number(choice.map_or_else(format::dash, words::points)),
                        Cell::text(firm.map_or("–", |firm| words::firm(firm.verdict))),
                    ]);
                }
            }
        }
    }
    name_once(&mut table, wanted, 3);
    table
}

/// Whether families differ in their shifts, by language; empty with fewer than two families.
fn families_differ(context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let header = ["Language", "Families", "#F", "#Degrees of freedom", "#Epsilon", "#p"];
    let mut table = Table::new(format!("Families’ shifts on {} beside each other", scope.target), &header);
    for figure in scope.analysis.of("family_by_stage").filter(|f| part(&f.parts.country) == scope.target) {
        let Estimate::FamilyByStage(test) = &figure.estimate else { continue };
        let number = |value: Option<f64>| value.map_or_else(format::dash, |v| format::plain(v, 2));
        let freedom = test.epsilon.map_or_else(format::dash, |epsilon| {
            let of = |df: usize| format::plain(epsilon * df as f64, 1);
            format!("{} and {}", of(test.df1), of(test.df2))
        });
        table.push(vec![
            Cell::head(language(part(&figure.parts.language))),
            Cell::text(format::list(&test.families)).with_class("wrap"),
            Cell::number(number(test.f)),
            Cell::number(freedom),
            Cell::number(number(test.epsilon)),
            Cell::number(p_value(test.p_greenhouse_geisser)),
        ]);
    }
    table
}

/// Empty where there are none.
fn planned_contrasts(context: &Context<'_>, what: &str, wanted: &[&str]) -> Table {
    let scope = &context.scope;
    let entity = format::capital(scope.wording.one);
    let header =
        ["Family", "Language", &entity, "#Scenarios", "#Contrast", "#95 % interval", "#p", "#Holm p"];
    let caption = format!(
        "Published contrast {what}: last stage less first (both questions, all scenarios), in log-odds, scenarios as units. Holm \
         p: corrected over families, in each language."
    );
    let mut table = Table::new(caption, &header);
    for family in scope.families.iter().filter(|f| f.ends().is_some()) {
        for code in &scope.languages {
            let dagger = scope.ends_caution(family, code).dagger();
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
    name_once(&mut table, wanted, 2);
    table
}

/// Drops the column of the only entity, which the caption names, and lets a family's name stand once.
fn name_once(table: &mut Table, wanted: &[&str], column: usize) {
    if let [_] = wanted {
        table.remove_column(column);
        table.class = "grouped".to_owned();
        table.merge_heads();
    }
}
