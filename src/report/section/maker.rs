//! Do shifts go towards the makers' own countries?

use super::super::forest::{self, Mark, Row};
use super::super::format::{self, count_word, language, p_value};
use super::super::frame::{self, Axis, RowLabel};
use super::super::scope::{Caution, Family};
use super::super::summary::{ReadShifts, family_caution};
use super::super::table::{Block, Cell, Group, Panel, Section, Table};
use super::Context;
use crate::stats::{Estimate, MakerTest};

pub fn section(context: &Context<'_>) -> Section {
    let scope = &context.scope;
    let mut section = Section {
        id: "maker",
        title: "Maker direction".to_owned(),
        intro: format!(
            "Whether post-training moves families their makers’ way: each family’s shift on {}, with its sign turned \
             where the maker is at home elsewhere, so that plus always means towards the maker’s side.",
            scope.target
        ),
        blocks: Vec::new(),
    };
    let mut tests: Vec<(&str, &str, &MakerTest)> = scope
        .analysis
        .group("maker")
        .filter_map(|([code, entity, question, subset], estimate)| match estimate {
            Estimate::Maker(test) if question == scope.question && subset == scope.subset => {
                Some((code, entity, &test.mean_cluster))
            }
            _ => None,
        })
        .collect();
    // A stable sort: languages keep their order.
    tests.sort_by_key(|(_, entity, _)| (*entity != scope.target, *entity));
    let families = tests.iter().map(|(_, _, test)| test.signed.iter().count()).max().unwrap_or(0);
    if families < 2 {
        section.blocks.push(Block::paragraph(format!(
            "A direction over makers needs several families, each with a base and a chat checkpoint; there {} {} here.",
            if families == 1 { "is" } else { "are" },
            if families == 1 { "one".to_owned() } else { count_word(0) },
        )));
        return section;
    }
    section.blocks.push(figure(context, &tests));
    let unread = unread(context, &tests);
    if !unread.is_empty() {
        section.blocks.push(readable(context, &tests).into());
    }
    section.blocks.push(numbers(context, &tests, &unread).into());
    section
        .blocks
        .push(Block::details("Without each family in turn", vec![leave_one_out(&tests, context).into()]));
    section
}

/// Families with a test that cannot be read in some language of it.
fn unread(context: &Context<'_>, tests: &[(&str, &str, &MakerTest)]) -> Vec<String> {
    let scope = &context.scope;
    let in_some = |f: &&Family<'_>| {
        tests.iter().any(|(code, _, test)| {
            test.signed.get(f.name).is_some() && family_caution(scope, f, code) == Caution::Low
        })
    };
    let families = scope.families.iter().filter(in_some);
    families.map(|f| format!("{}{}", f.name, Caution::Low.dagger())).collect()
}

fn figure(context: &Context<'_>, tests: &[(&str, &str, &MakerTest)]) -> Block {
    let scope = &context.scope;
    let of_target: Vec<_> = tests.iter().filter(|(_, entity, _)| *entity == scope.target).collect();
    let mark = |code: &str, name: &str, value: f64, caution: Caution| Mark {
        series: scope.series(code),
        slot: scope.series(code),
        value,
        half: None,
        hollow: false,
        caution,
        tip: format!("{name}, {}: {}", language(code), scope.decimals.signed(value)),
    };
    let mut rows: Vec<Row> = Vec::new();
    for family in &scope.families {
        let marks: Vec<Mark> = of_target
            .iter()
            .filter_map(|(code, _, test)| {
                let caution = family_caution(scope, family, code);
                Some(mark(code, family.name, *test.signed.get(family.name)?, caution))
            })
            .collect();
        if !marks.is_empty() {
            let worst = marks.iter().map(|m| m.caution).max().unwrap_or(Caution::None);
            let text = format!("{}{}", family.name, worst.dagger());
            rows.push(Row { label: RowLabel { text, strong: family.home == Some(scope.target) }, marks });
        }
    }
    let mean = |(code, _, test): &&(&str, &str, &MakerTest)| {
        Some(mark(code, "mean", ReadShifts::of(scope, code, test)?.mean, Caution::None))
    };
    rows.push(Row {
        label: RowLabel { text: "mean".to_owned(), strong: false },
        marks: of_target.iter().filter_map(mean).collect(),
    });
    let axis = Axis::log_odds(forest::extents(&rows), ("← away from the maker’s side", "towards it →"));
    let width = frame::label_width(rows.iter().map(|row| row.label.text.as_str()));
    let description = "A row per family and one for the mean, a mark per language: the signed shift in log-odds. The tables below have the numbers.";
    let name = format!("Maker direction on {}", scope.target);
    let svg =
        frame::panel(&context.figure_id(), &name, description, &rows, scope.languages.len(), &axis, width);
    let worst = rows.iter().flat_map(|row| &row.marks).map(|m| m.caution).max().unwrap_or(Caution::None);
    let mut caption = format!("Shifts on {}, signed by maker ({}).", scope.target, scope.chosen());
    if rows.iter().any(|row| row.label.strong) {
        caption.push_str(" Bold: makers at home there.");
    }
    if worst > Caution::None {
        caption.push_str(" †: compliance of a stage below 0.97 in some language.");
    }
    if worst == Caution::Low {
        caption.push_str(" ‡ and faint marks: below 0.1, left out of the mean.");
    }
    Block::Figure {
        caption,
        legend: forest::spoken(&scope.languages),
        groups: vec![Group {
            title: String::new(),
            panels: vec![Panel { title: String::new(), note: String::new(), svg }],
        }],
    }
}

/// The signed shifts without the families that cannot be read.
fn readable(context: &Context<'_>, tests: &[(&str, &str, &MakerTest)]) -> Table {
    let scope = &context.scope;
    let entity = format::capital(scope.wording.one);
    let header = [&entity, "Language", "#Families read", "#Mean shift", "#Maker’s way"];
    let caption =
        format!("Signed shifts of the families that can be read in the language ({})", scope.chosen());
    let mut table = Table::new(caption, &header);
    for (code, entity, test) in tests {
        let read = ReadShifts::of(scope, code, test);
        let of_read =
            |text: &dyn Fn(ReadShifts) -> String| Cell::number(read.map_or_else(format::dash, text));
        table.push(vec![
            Cell::head(*entity),
            Cell::text(language(code)),
            Cell::number(format!("{} of {}", read.map_or(0, |r| r.families), test.signed.iter().count())),
            of_read(&|r| scope.decimals.signed(r.mean)),
            of_read(&|r| format!("{} of {}", r.aligned, r.families)),
        ]);
    }
    table.class = "grouped".to_owned();
    table.merge_heads();
    table
}

/// The tests, which are over all families: `unread` names those that cannot be read.
fn numbers(context: &Context<'_>, tests: &[(&str, &str, &MakerTest)], unread: &[String]) -> Table {
    let scope = &context.scope;
    let entity = format::capital(scope.wording.one);
    let header = [
        &entity,
        "Language",
        "#Mean shift",
        "#p (t)",
        "#Maker’s way",
        "#p (binomial)",
        "#p (sign flips)",
        "#p (Wilcoxon)",
    ];
    let among = match unread {
        [] => String::new(),
        some => format!(", {} among them", format::list(some)),
    };
    let caption = format!(
        "Signed shifts over all families{among} ({}); binomial, sign-flip and Wilcoxon tests are exact",
        scope.chosen()
    );
    let mut table = Table::new(caption, &header);
    for (code, entity, test) in tests {
        table.push(vec![
            Cell::head(*entity),
            Cell::text(language(code)),
            Cell::number(scope.decimals.signed(test.mean)),
            Cell::number(p_value(test.p)),
            Cell::number(format!("{} of {}", test.aligned, test.signed.iter().count())),
            Cell::number(p_value(test.p_binomial)),
            Cell::number(p_value(test.p_sign_flip)),
            Cell::number(p_value(test.p_wilcoxon)),
        ]);
    }
    table.class = "grouped".to_owned();
    table.merge_heads();
    table
}

fn leave_one_out(tests: &[(&str, &str, &MakerTest)], context: &Context<'_>) -> Table {
    let scope = &context.scope;
    let mut header = vec![format::capital(scope.wording.one), "Language".to_owned()];
    header.extend(scope.families.iter().map(|f| format!("#{}", f.name)));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::new("p of the t-test with the named family left out", &header);
    for (code, entity, test) in tests {
        let mut row = vec![Cell::head(*entity), Cell::text(language(code))];
        row.extend(
            scope
                .families
                .iter()
                .map(|f| Cell::number(p_value(test.leave_one_out_p.get(f.name).copied().flatten()))),
        );
        table.push(row);
    }
    table
}
