//! What a page's sentences claim, read back out of them and held against the figures: on tables made at random, and on hard
//! ones.

use serde_json::Value;
use tiltmeter::report::Document;
use tiltmeter::stats::{Analysis, Estimate, Figure, ItemRow, Size};

use super::{FOUR, Study, analyzed, input};

/// An entity's figure as the sentences must have it.
struct Truth<'a> {
    entity: &'a str,
    value: f64,
    half: Option<f64>,
    finding: bool,
}

fn truths<'a>(analysis: &'a Analysis, language: &str, checkpoint: &str) -> Vec<Truth<'a>> {
    let of_run = |f: &&Figure| {
        let p = &f.parts;
        (p.language.as_deref(), p.checkpoint.as_deref()) == (Some(language), Some(checkpoint))
            && (p.question.as_deref(), p.subset.as_deref()) == (Some("preference"), Some("all"))
    };
    let truth = |f: &'a Figure| {
        let Estimate::Confirmatory(c) = &f.estimate else { panic!("{}", f.id) };
        let half = c.crossed.and_then(|block| block.interval());
        Truth {
            entity: f.parts.country.as_deref().expect("a country"),
            value: c.estimate,
            half,
            finding: f.differs() && c.size != Some(Size::Smaller),
        }
    };
    analysis.of("confirmatory").filter(of_run).map(truth).collect()
}

/// The numbers of a text: a true minus is a minus.
fn numbers(text: &str) -> Vec<f64> {
    let text = text.replace('−', "-");
    let pieces = text.split(|c: char| !(c.is_ascii_digit() || "+-.".contains(c)));
    pieces
        .filter(|piece| piece.contains('.'))
        .filter_map(|piece| piece.trim_end_matches('.').parse().ok())
        .collect()
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<&'t str> {
    Some(text.split_once(from)?.1.split_once(to)?.0)
}

/// Equal to the digits that were printed.
fn printed(value: f64, truth: f64) -> bool {
    (value - truth).abs() <= 0.00501
}

/// Checks every verdict of a table's headline; returns how many claims of each kind there were: leans, none found, no
/// interval.
fn hold(rows: &[ItemRow]) -> [usize; 3] {
    let (analysis, settings) = analyzed(rows, "");
    let document = Document::new(&input(&analysis, &settings)).expect("a document").json();
    let headline = document["headline"].as_array().expect("blocks");
    let list = headline.iter().find(|block| block["kind"] == "list").expect("verdicts");
    let mut claims = [0; 3];
    for item in list["items"].as_array().expect("items") {
        let text = |key: &str| item[key].as_str().expect("a text").to_owned();
        let (lead, said) = (text("lead"), text("text"));
        let checkpoint = lead.split_once(" in ").expect("a language").0;
        let found = truths(&analysis, "en", checkpoint);
        let leaning: Vec<&Truth<'_>> = found.iter().filter(|t| t.finding).collect();
        let silent: Vec<&Truth<'_>> = found.iter().filter(|t| t.half.is_none()).collect();
        let open: Vec<&Truth<'_>> = found.iter().filter(|t| t.half.is_some() && !t.finding).collect();

        // A lean is claimed where there is one, with its numbers.
        assert_eq!(said.contains("leans "), !leaning.is_empty(), "{lead}: {said}");
        for way in ["towards ", "away from "] {
            let Some(clause) = between(&said, way, ")") else { continue };
            let (entity, rest) = clause.split_once(" by ").expect("a size");
            let entity = entity.split(" over ").next().expect("a name");
            let truth =
                leaning.iter().find(|t| t.entity == entity).unwrap_or_else(|| panic!("{lead}: {said}"));
            let half = truth.half.expect("an interval");
            let [value, _, low, high] =
                <[f64; 4]>::try_from(numbers(&rest.replace("95 %", "95.0"))).expect("four numbers");
            for (shown, is) in [(value, truth.value), (low, truth.value - half), (high, truth.value + half)] {
                assert!(printed(shown, is), "{lead}: {said}: {shown} for {is}");
            }
            assert_eq!(way == "towards ", truth.value > 0.0, "{lead}: {said}");
            claims[0] += 1;
        }
        // None found, where there was an interval to find it with, with the largest that the data allow.
        let none = said.contains("no lean found")
            || said.contains("no lean that survives")
            || said.contains("no lean of");
        assert_eq!(none, leaning.is_empty() && !open.is_empty(), "{lead}: {said}");
        if none {
            let allowed =
                between(&said, "the data still allow a lean of up to ±", ".").expect("a bound").to_owned();
            let digits = said.split_once("up to ±").expect("a bound").1;
            let bound = numbers(digits.split([' ', ';']).next().expect("a number"))[0];
            let most = open.iter().map(|t| t.value.abs() + t.half.unwrap_or(0.0)).fold(0.0, f64::max);
            assert!(printed(bound, most), "{lead}: {said}: {allowed} for {most}");
            claims[1] += 1;
        }
        // What has no interval is named, and nothing else is.
        assert_eq!(
            said.to_lowercase().contains("no interval can be given"),
            !silent.is_empty(),
            "{lead}: {said}"
        );
        if let Some((_, measured)) = said.split_once("measured: ") {
            for truth in &silent {
                let pair = found.len() == 2;
                assert!(pair || measured.contains(truth.entity), "{lead}: {said}");
            }
            claims[2] += 1;
        }
        assert!(!said.contains("neutral"), "{said}");
        assert_eq!(said.contains("TOST"), said.contains("holds") || said.contains("no finding"), "{said}");
    }
    claims
}

#[apply(test!)]
fn verdicts_say_what_the_figures_say() {
    let mut state = 20_260_101u64;
    let mut draw = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    let mut claims = [0; 3];
    for round in 0..40 {
        let n = 2 + round % 3;
        let size = [0.0, 0.1, 1.0, 3.0][round % 4];
        let noise = [0.0, 0.3, 1.5][round % 3];
        let opinions: Vec<Vec<f64>> =
            (0..2).map(|_| (0..n).map(|_| size * (draw() - 0.5)).collect()).collect();
        let mut rows = Study {
            checkpoints: &[("one", &opinions[0], 0.99), ("two", &opinions[1], 0.99)],
            entities: &FOUR[..n],
            languages: &["en"],
            types: 1 + (draw() * 7.0) as usize,
            noise,
        }
        .rows();
        for row in &mut rows {
            // Noise that differs between the scenarios of the table's rows only, so that tables differ.
            let shake = noise * (draw() - 0.5);
            row.bias += shake;
            row.diff_fwd += shake;
            row.diff_rev += shake;
        }
        if round % 5 == 4 {
            // One country in one type only.
            let last = FOUR[n - 1];
            rows.retain(|row| {
                (row.country_1 != last && row.country_2 != last) || row.scenario_type == "type0"
            });
        }
        for (sum, n) in claims.iter_mut().zip(hold(&rows)) {
            *sum += n;
        }
    }
    assert!(claims.iter().all(|n| *n > 8), "too few claims to call it a test: {claims:?}");
}

#[apply(test!)]
fn no_mark_stands_for_an_interval_that_is_not_there() {
    let rows = Study {
        checkpoints: &[("only", &[2.0, 0.0, 0.0, 0.0], 0.99)],
        entities: &FOUR,
        languages: &["en"],
        types: 5,
        noise: 0.0,
    }
    .rows();
    let (analysis, settings) = analyzed(&rows, "");
    let document = Document::new(&input(&analysis, &settings)).expect("a document");
    let figures = document.figure_files();
    let forest = figures.iter().find(|f| f.name.starts_with("fig-favourability")).expect("a forest");
    // The style names classes too, so look at what is drawn.
    let drawn = forest.svg.split_once("</style>").expect("a style").1;
    let (key, drawn) = drawn.split_once(">only</text>").expect("the panel's title");
    assert!(!key.contains(r#"class="ci""#), "the key shows an interval: {key}");
    assert!(drawn.contains(r#"class="cross""#) && !drawn.contains(r#"class="hollow""#), "{drawn}");
    assert!(!drawn.contains(r#"class="fill""#), "{drawn}");
    for row in forest.csv.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        assert!(fields[5..].iter().all(|field| field.is_empty()), "an interval or a p: {row}");
    }
    let said = document.json();
    let all = said.to_string();
    assert!(all.contains("+2.00") && all.contains("without any spread") && !all.contains("no lean found"));
    assert!(matches!(said["headline"], Value::Array(_)));
}
