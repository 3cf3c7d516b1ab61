//! What a page says of what its figures are made of: the types behind each, what was left out, what survives correction, and
//! which figures it explains.

use tiltmeter::report::{ReportInput, render, to_explain};
use tiltmeter::stats::{Explainer, ItemRow, Table};

use super::{CHINA, FOUR, NO_OPINION, PAIR, Study, analyzed, input, page, section};

fn two(types: usize, noise: f64, base: f64) -> Vec<ItemRow> {
    Study {
        checkpoints: &[("demo-base", NO_OPINION, base), ("demo-chat", CHINA, 0.99)],
        entities: &FOUR,
        languages: &["en"],
        types,
        noise,
    }
    .rows()
}

fn published(rows: &[ItemRow]) -> String {
    let (analysis, settings) = analyzed(rows, PAIR);
    render(&ReportInput { published: true, ..input(&analysis, &settings) }).expect("a page")
}

#[apply(test!)]
fn types_that_were_left_out_are_named_and_not_counted() {
    let mut rows = two(8, 0.5, 0.99);
    // Of type 0 one opponent of China is missing.
    rows.retain(|row| {
        row.scenario_type != "type0" || !(row.country_1 == "China" && row.country_2 == "Japan")
    });
    let said = page(&rows, PAIR);
    for sentence in ["in 14 scenarios of 7 types", "Left out where cells are missing: type0.", "here type0."]
    {
        assert!(said.contains(sentence), "the page lacks: {sentence}");
    }
    let all = published(&rows);
    assert!(all.contains("in 16 scenarios of 8 types") && !all.contains("Left out where"));
}

#[apply(test!)]
fn few_types_are_those_of_the_figure_itself() {
    let mut rows = two(8, 0.5, 0.99);
    rows.retain(|row| row.model == "demo-base" || row.scenario_type.as_str() < "type4");
    let said = page(&rows, PAIR);
    assert!(said.contains("in 8 to 16 scenarios of 4 to 8 types"));
    let sentence = "Only four scenario types are behind the figures of demo-chat in English: intervals over so few (three \
                    degrees of freedom)";
    for part in ["headline", "nuisance"] {
        assert!(section(&said, part).contains(sentence), "{part} lacks: {sentence}");
    }
}

#[apply(test!)]
fn what_does_not_survive_correction_is_not_called_not_found() {
    // Three types of the same size are told from zero by their own interval; eight tests later they are not.
    let mut rows = two(3, 0.3, 0.99);
    for row in rows.iter_mut().filter(|row| row.model == "demo-chat" && row.country_1 == "China") {
        let sign = if row.question == "justified" { 1.0 } else { -1.0 };
        let by = sign * [-0.25, 0.0, 0.25][usize::from(row.scenario_type.as_bytes()[4] - b'0')] * 2.0;
        let lean = by - sign * 0.4;
        (row.bias, row.diff_fwd, row.diff_rev) = (row.bias + lean, row.diff_fwd + lean, row.diff_rev + lean);
    }
    let said = page(&rows, PAIR);
    assert!(
        said.contains(
            "in English no lean on China that survives correction was found in demo-chat (95 % CI +"
        ),
        "{said}"
    );
    assert!(!said.contains("no lean on China was found"));
    assert!(said.contains("sentences say that no lean survives correction"));
}

#[apply(test!)]
fn a_page_of_published_figures_does_not_speak_of_a_test_that_it_does_not_do() {
    let rows = two(6, 0.5, 0.99);
    let said = published(&rows);
    assert!(!said.contains("TOST") && !said.contains("not shown to lie within"));
    assert!(said.contains("Sizes are not tested: whatever differs from zero is a lean, however small."));
    assert!(page(&rows, PAIR).contains("What the equivalence test (TOST) holds within ±0.25"));
}

#[apply(test!)]
fn a_single_checkpoint_is_called_by_its_name() {
    let said = page(&two(6, 0.5, 0.99), PAIR);
    assert!(
        said.contains(
            "Before post-training, in English no lean was found in demo-base (the data still allow"
        )
    );
    assert!(!said.contains("the one checkpoint"));

    let checkpoints =
        [("a-b", NO_OPINION, 0.99), ("a-c", CHINA, 0.99), ("b-b", NO_OPINION, 0.02), ("b-c", CHINA, 0.02)];
    let rows =
        Study { checkpoints: &checkpoints, entities: &FOUR, languages: &["en"], types: 6, noise: 0.5 }.rows();
    let family = |n: &str| {
        format!("[[family]]\nname = '{n}'\nbase = {{ model = '{n}-b' }}\nchat = {{ model = '{n}-c' }}\n")
    };
    let settings = format!("[analysis]\ntarget = 'China'\n{}{}", family("a"), family("b"));
    let said = page(&rows, &settings);
    for sentence in [
        "After post-training, in English a-c leans towards China and b-c‡ cannot be read.",
        "In English post-training moved a towards China and b‡ cannot be read",
    ] {
        assert!(said.contains(sentence), "the page lacks: {sentence}");
    }
    assert!(!said.contains("the one checkpoint") && !said.contains("the one family"));
}

#[apply(test!)]
fn explained_figures_are_marked_and_those_that_can_be_read_come_first() {
    let names = ["a", "b", "c", "d"];
    let labels: Vec<String> = names.iter().flat_map(|n| [format!("{n}-b"), format!("{n}-c")]).collect();
    let compliance = |label: &str| match label {
        "a-b" | "a-c" => 0.02,
        "b-c" => 0.5,
        _ => 0.99,
    };
    let checkpoints: Vec<(&str, &[f64], f64)> =
        labels.iter().map(|label| (label.as_str(), CHINA, compliance(label))).collect();
    let rows =
        Study { checkpoints: &checkpoints, entities: &FOUR, languages: &["en"], types: 5, noise: 0.5 }.rows();
    let families = names.map(|n| {
        format!("[[family]]\nname = '{n}'\nbase = {{ model = '{n}-b' }}\nchat = {{ model = '{n}-c' }}\n")
    });
    let (analysis, settings) =
        analyzed(&rows, &format!("[analysis]\ntarget = 'China'\n{}", families.concat()));
    let picked = to_explain(&analysis, &settings);
    let ids: Vec<&str> = picked.iter().map(|figure| figure.id.as_str()).collect();
    assert_eq!(ids.len(), 6);
    assert!(ids.iter().all(|id| !id.contains("/a/") && !id.contains("/a-")), "{ids:?}");

    let table = Table::from_rows(&rows).expect("a table");
    let explainer = Explainer::new(&table, &settings).expect("an explainer");
    let low = analysis.figure("confirmatory/en/a-c/China/preference/all").expect("a figure");
    let figures = picked.into_iter().chain([low]);
    let explanations = figures.map(|figure| explainer.explain(&analysis, figure, 1)).collect();
    let said = render(&ReportInput { explanations, ..input(&analysis, &settings) }).expect("a page");
    let part = section(&said, "explained");
    for heading in
        ["b-c† in English, lean on China", "b† in English, shift", "a-c‡ in English, lean", ">c in English"]
    {
        assert!(part.contains(heading), "the part lacks: {heading}");
    }
}
