//! The promise: the confirmatory analysis gives what independent implementations give, and holds its tongue where nothing
//! can be inferred.

mod small;

use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;
use tiltmeter::stats::{self, Analysis, Confirmatory, Estimate, Settings};

use crate::common::skip;
use crate::figures::{analyzed, check, figures_of, paper};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/confirmatory").join(name)
}

/// numpy and scipy, by `confirm.py` beside the table.
#[apply(test!)]
fn every_recipe_agrees_with_numpy_on_a_made_up_table() {
    let analysis = analyzed(&fixture("items.csv"), Some(&fixture("settings.toml")));
    let expected = figures_of(&fixture("expected.json"));
    assert_eq!(expected.len(), 422);
    check(&analysis, &expected);
}

/// numpy and scipy, by `make.py` beside the table, whose cells are not all there.
#[apply(test!)]
fn what_reviewers_ask_next_agrees_with_numpy_on_a_made_up_table() {
    let fixture = |name: &str| fixture("../review").join(name);
    let analysis = analyzed(&fixture("items.csv"), Some(&fixture("settings.toml")));
    let expected = figures_of(&fixture("expected.json"));
    check(&analysis, &expected);
    // And nothing else is there of these groups, nor in their figures.
    for figure in expected.iter() {
        let id = figure["id"].as_str().expect("an id");
        if !id.starts_with("confirmatory/") {
            let ours = serde_json::to_value(analysis.estimate(id)).expect("estimates are JSON");
            assert_eq!(names_in(&ours), names_in(&figure["estimate"]), "{id}");
        }
    }
    let groups = [
        "language_invariance",
        "scenario_dif",
        "reliability",
        "item_quality",
        "leave_one_out",
        "leave_one_out_shift",
        "empirical_null",
        "specification_curve",
        "specification_curve_shift",
        "role_effect",
    ];
    for group in groups {
        let mut ids: Vec<&str> = analysis.of(group).map(|figure| figure.id.as_str()).collect();
        let of_group = |id: &&str| id.split('/').next() == Some(group);
        let mut right: Vec<&str> =
            expected.iter().filter_map(|f| f["id"].as_str()).filter(of_group).collect();
        ids.sort_unstable();
        right.sort_unstable();
        assert_eq!(ids, right);
    }
}

/// The names in an estimate, each below the ones that it stands in.
fn names_in(value: &Value) -> Vec<String> {
    let below = |(name, value): (&String, &Value)| {
        let inside = names_in(value).into_iter().map(move |inside| format!("{name}/{inside}"));
        inside.chain([name.clone()]).collect::<Vec<_>>()
    };
    let mut names: Vec<String> = value.as_object().into_iter().flatten().flat_map(below).collect();
    names.sort_unstable();
    names
}

/// R (lme4, clubSandwich) on the published table. Its mixed models are the closed forms again where the bank is balanced.
#[apply(test!)]
fn every_confirmatory_figure_of_the_published_table_is_reproduced() {
    let paper = paper();
    let golden = paper.join("../stats/golden_open.json");
    if !golden.is_file() {
        skip("../shared/stats/golden_open.json is not here");
    }
    let analysis = analyzed(&paper.join("items_real.csv.gz"), Some(&paper.join("published.toml")));
    let (mixed, closed): (Vec<Value>, Vec<Value>) = figures_of(&golden)
        .into_iter()
        .partition(|figure| figure["id"].as_str().is_some_and(|id| id.starts_with("reml")));
    assert!(closed.len() >= 34, "{}", closed.len());
    check(&analysis, &closed);

    let balanced = mixed.iter().filter(|f| {
        f["id"].as_str().is_some_and(|id| id.starts_with("reml/") && id.ends_with("/types_of_seven"))
    });
    let mut seen = 0;
    for figure in balanced {
        let id = figure["id"].as_str().expect("an id").replacen("reml", "confirmatory", 1);
        let Some(Estimate::Confirmatory(c)) = analysis.estimate(&id) else { panic!("no {id}") };
        let block = c.new_opponents.expect("an interval");
        let parts = c.components.expect("components");
        let golden = &figure["estimate"];
        let pairs = [
            (&golden["estimate"], Some(c.estimate)),
            (&golden["se"], block.se),
            (&golden["df_satterthwaite"], block.df),
            (&golden["components"]["type"], Some(parts.kind)),
            (&golden["components"]["scenario"], Some(parts.scenario)),
            (&golden["components"]["opponent"], Some(parts.opponent)),
            (&golden["components"]["opponent_type"], Some(parts.opponent_type)),
            (&golden["components"]["cell"], Some(parts.cell)),
        ];
        for (golden, ours) in pairs {
            let (golden, ours) = (golden.as_f64().expect("a number"), ours.expect("a value"));
            assert!((golden - ours).abs() < 1e-5 * golden.abs(), "{id}: {ours} where R has {golden}");
        }
        seen += 1;
    }
    assert!(seen > 0);
}

/// The tidy table, the document and Parquet hold the same figures, and an item table is one in every format.
#[apply(test!)]
fn formats_hold_the_same() {
    let analysis = analyzed(&fixture("items.csv"), Some(&fixture("settings.toml")));
    let mut csv = Vec::new();
    analysis.write_csv(&mut csv).expect("written");
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let at = |name: &str| stats::TIDY_COLUMNS.iter().position(|column| *column == name).expect("a column");
    let (mut rows, mut seen) = (0, 0);
    let mut in_csv: Vec<Vec<Option<String>>> = Vec::new();
    for record in reader.records() {
        let record = record.expect("a row");
        rows += 1;
        in_csv.push(record.iter().map(|cell| (!cell.is_empty()).then(|| cell.to_owned())).collect());
        let Some(Estimate::Confirmatory(c)) = analysis.estimate(&record[at("id")]) else { continue };
        if &record[at("scope")] == "crossed" {
            let number = |column: &str| record[at(column)].parse::<f64>().ok();
            let ci = c.crossed.and_then(|b| b.ci);
            assert_eq!((number("estimate"), number("half_width")), (Some(c.estimate), ci));
            assert_eq!(number("low"), ci.map(|ci| c.estimate - ci));
            assert_eq!(number("high"), ci.map(|ci| c.estimate + ci));
            seen += 1;
        }
    }
    assert!(rows > 1000 && seen > 50, "{rows} {seen}");
    let mut parquet = Vec::new();
    analysis.write_parquet(&mut parquet).expect("written");
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("figures.parquet");
    std::fs::write(&path, &parquet).expect("written");
    let reader = SerializedFileReader::try_from(path.as_path()).expect("Parquet");
    assert_eq!(reader.metadata().num_row_groups(), 1);
    let text = |field: &Field| match field {
        Field::Null => None,
        Field::Str(text) => Some(text.clone()),
        Field::Double(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    };
    let in_parquet: Vec<Vec<Option<String>>> = reader
        .get_row_iter(None)
        .expect("rows")
        .map(|row| row.expect("a row").get_column_iter().map(|(_, field)| text(field)).collect())
        .collect();
    assert!(in_parquet == in_csv);
    let mut markdown = Vec::new();
    analysis.write_markdown(&mut markdown).expect("written");
    let markdown = String::from_utf8(markdown).expect("text");
    assert_eq!(markdown.lines().count(), rows + 2);
    // The columns that hold something in some row.
    let used = (0..stats::TIDY_COLUMNS.len()).filter(|at| in_csv.iter().any(|row| row[*at].is_some()));
    let used: Vec<&str> = used.map(|at| stats::TIDY_COLUMNS[at]).collect();
    assert_eq!(markdown.lines().next(), Some(format!("| {} |", used.join(" | ")).as_str()));

    let lines: Vec<String> = csv::Reader::from_path(fixture("items.csv"))
        .expect("the table")
        .deserialize::<stats::ItemRow>()
        .map(|row| serde_json::to_string(&row.expect("a row")).expect("JSON"))
        .collect();
    let path = dir.path().join("items.jsonl");
    std::fs::write(&path, lines.join("\n")).expect("written");
    let again = analyzed(&path, Some(&fixture("settings.toml")));
    assert_eq!(again.figures(), analysis.figures());
}

#[apply(test!)]
fn the_command_says_where_figures_come_from_and_what_was_planned() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("tiltmeter").expect("the program");
        command.args(args).output().expect("runs")
    };
    let path = |name: &str| fixture(name).display().to_string();
    let plan = dir.path().join("plan.toml").display().to_string();
    let (items, settings) = (path("items.csv"), path("settings.toml"));
    let written = run(&["plan", "--roster", &settings, "--out", &plan]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let again = run(&["plan", "--roster", &settings, "--out", &plan]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));

    let common = ["analyze", "--items", &items, "--settings", &settings, "--plan", &plan];
    let over = run(&[&common[..], &["--output", &plan]].concat());
    assert!(String::from_utf8_lossy(&over.stderr).contains("is read, so nothing is written there"));
    let json = run(&[&common[..], &["--format", "json"]].concat());
    assert!(json.status.success(), "{}", String::from_utf8_lossy(&json.stderr));
    let document: Value = serde_json::from_slice(&json.stdout).expect("one JSON object");
    assert_eq!(document["origin"]["program"]["name"], "tiltmeter");
    assert_eq!(document["origin"]["hashes"]["items"].as_str().map(str::len), Some(64));
    assert_eq!(document["plan"]["departures"], serde_json::json!([]));
    let figures = document["figures"].as_array().expect("figures");
    assert!(figures.iter().all(|figure| figure["group"].is_string()));
    assert!(run(&[&common[..], &["--format", "json"]].concat()).stdout == json.stdout);

    for (extra, width) in [(&[][..], 80), (&["--tables", "all"][..], 80)] {
        let table = run(&[&common[..], extra].concat());
        let text = String::from_utf8(table.stdout).expect("text");
        assert!(text.starts_with("Planned on 2"), "{text}");
        let tables = text.lines().filter(|line| line.starts_with('─') || line.starts_with(' '));
        let longest = tables.map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= width), "{longest:?}: {text}");
    }
    let refused = run(&["analyze", "--items", &items, "--format", "parquet"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("name a file with --output"));
}
