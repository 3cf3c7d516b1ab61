//! Do shifts go towards the makers' own countries?

use super::super::forest::{self, Mark, Row};
use super::super::format::{self, count_word, language, p_value};
use super::super::frame::{self, Axis, RowLabel};
use super::super::scope::Caution;
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
    section.blocks.push(numbers(context, &tests).into());
    section
        .blocks
        .push(Block::details("Without each family in turn", vec![leave_one_out(&tests, context).into()]));
    section
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
                let caution = family.stages.iter().map(|(_, label)| scope.caution(code, label)).max();
                Some(mark(
                    code,
                    family.name,
                    *test.signed.get(family.name)?,
                    caution.unwrap_or(Caution::None),
                ))
            })
            .collect();
        if !marks.is_empty() {
            rows.push(Row {
                label: RowLabel { text: family.name.to_owned(), strong: family.home == Some(scope.target) },
                marks,
            });
        }
    }
    rows.push(Row {
        label: RowLabel { text: "mean".to_owned(), strong: true },
        marks: of_target.iter().map(|(code, _, test)| mark(code, "mean", test.mean, Caution::None)).collect(),
    });
    let axis = Axis::log_odds(forest::extents(&rows), ("← away from the maker’s side", "towards it →"));
    let width = frame::label_width(rows.iter().map(|row| row.label.text.as_str()));
    let description = "A row per family and one for the mean, a mark per language: the signed shift in log-odds. The tables below have the numbers.";
    let name = format!("Maker direction on {}", scope.target);
    let svg =
        frame::panel(&context.figure_id(), &name, description, &rows, scope.languages.len(), &axis, width);
    let mut legend = forest::legend(&scope.languages);
    legend.truncate(scope.languages.len());
    Block::Figure {
        caption: format!(
            "Shifts on {}, signed by maker ({}). Bold: makers at home there.",
            scope.target,
            scope.chosen()
        ),
        legend,
        groups: vec![Group {
            title: String::new(),
            panels: vec![Panel { title: String::new(), note: String::new(), svg }],
        }],
    }
}

fn numbers(context: &Context<'_>, tests: &[(&str, &str, &MakerTest)]) -> Table {
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
    let mut table = Table::new(
        format!(
            "Signed shifts over families ({}); binomial, sign-flip and Wilcoxon tests are exact",
            scope.chosen()
        ),
        &header,
    );
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
