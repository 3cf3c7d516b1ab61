//! Do shifts go towards the makers' own countries?

use super::super::forest::{self, Mark, Row};
use super::super::format::{self, count_word, language, p_value};
use super::super::frame::{self, Axis, RowLabel};
use super::super::scope::Caution;
use super::super::summary::{family_caution, read_maker_test, unread_makers};
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
    let read: Vec<Tested> = tests
        .iter()
        .map(|&(code, entity, all)| Tested { code, entity, all, test: read_maker_test(scope, code, all) })
        .collect();
    let unread = unread(context, &tests);
    let caption = match unread.is_empty() {
        true => "Signed shifts",
        false => "Signed shifts of the families that can be read in the language",
    };
    section.blocks.push(numbers(context, caption, &read).into());
    section
        .blocks
        .push(Block::details("Without each family in turn", vec![leave_one_out(context, &read).into()]));
    if !unread.is_empty() {
        let whole: Vec<Tested> =
            read.iter().map(|row| Tested { test: Some(row.all.clone()), ..*row }).collect();
        let caption = format!("Signed shifts of all families, {} among them", format::list(&unread));
        section.blocks.push(Block::details(
            "With the families that cannot be read",
            vec![numbers(context, &caption, &whole).into()],
        ));
    }
    section
}

/// A line of the section's tables.
struct Tested<'a> {
    code: &'a str,
    entity: &'a str,
    /// Over all families.
    all: &'a MakerTest,
    /// Over the families that are counted; `None` if there is none.
    test: Option<MakerTest>,
}

/// Families with a test that cannot be read in some language of it.
fn unread(context: &Context<'_>, tests: &[(&str, &str, &MakerTest)]) -> Vec<String> {
    let scope = &context.scope;
    let in_some = |name: &str| {
        tests.iter().any(|(code, _, test)| unread_makers(scope, code, test).iter().any(|f| f.name == name))
    };
    let families = scope.families.iter().filter(|f| in_some(f.name));
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
        Some(mark(code, "mean", read_maker_test(scope, code, test)?.mean, Caution::None))
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

fn numbers(context: &Context<'_>, caption: &str, rows: &[Tested<'_>]) -> Table {
    let scope = &context.scope;
    let entity = format::capital(scope.wording.one);
    let header = [
        &entity,
        "Language",
        "#Families",
        "#Mean shift",
        "#p (t)",
        "#Maker’s way",
        "#p (binomial)",
        "#p (sign flips)",
        "#p (Wilcoxon)",
    ];
    let caption = format!("{caption} ({}); binomial, sign-flip and Wilcoxon tests are exact", scope.chosen());
    let mut table = Table::new(caption, &header);
    for Tested { code, entity, all, test } in rows {
        let families = test.as_ref().map_or(0, MakerTest::families);
        let number =
            |text: &dyn Fn(&MakerTest) -> String| Cell::number(test.as_ref().map_or_else(format::dash, text));
        table.push(vec![
            Cell::head(*entity),
            Cell::text(language(code)),
            Cell::number(format!("{families} of {}", all.families())),
            number(&|test| scope.decimals.signed(test.mean)),
            number(&|test| p_value(test.p)),
            number(&|test| format!("{} of {families}", test.aligned)),
            number(&|test| p_value(test.p_binomial)),
            number(&|test| p_value(test.p_sign_flip)),
            number(&|test| p_value(test.p_wilcoxon)),
        ]);
    }
    table.class = "grouped".to_owned();
    table.merge_heads();
    table
}

fn leave_one_out(context: &Context<'_>, rows: &[Tested<'_>]) -> Table {
    let scope = &context.scope;
    let mut header = vec![format::capital(scope.wording.one), "Language".to_owned()];
    header.extend(scope.families.iter().map(|f| format!("#{}", f.name)));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::new("p of the t-test with the named family left out", &header);
    for Tested { code, entity, test, .. } in rows {
        let mut row = vec![Cell::head(*entity), Cell::text(language(code))];
        let without = |name: &str| test.as_ref()?.leave_one_out_p.get(name).copied().flatten();
        row.extend(scope.families.iter().map(|f| Cell::number(p_value(without(f.name)))));
        table.push(row);
    }
    table
}
