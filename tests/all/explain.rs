//! Promise: every figure can be asked where it comes from, and what is said of it is what leaving something out does.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tiltmeter::stats::{self, Explainer, ItemRow, Settings};

use crate::common::run::{sweep, tiltmeter, write_all};

/// A over B by 1 and 3 in two scenarios of one type, by 4 in the only one of another: a lean of (2 + 4)/2.
fn rows(model: &str) -> Vec<ItemRow> {
    let of = |(scenario, kind, bias): (&str, &str, f64)| ItemRow {
        model: model.to_owned(),
        language: "en".to_owned(),
        condition: "main".to_owned(),
        country_1: "A".to_owned(),
        country_2: "B|C/D".to_owned(),
        scenario: scenario.to_owned(),
        scenario_type: kind.to_owned(),
        question: "who".to_owned(),
        diff_fwd: bias + 0.5,
        diff_rev: bias - 0.5,
        bias,
        compliance: 0.9,
    };
    [("s1", "one", 1.0), ("s2", "one", 3.0), ("s3", "two", 4.0)].map(of).into()
}

#[apply(test!)]
fn influence_by_hand() {
    let settings = Settings::default();
    let table = stats::Table::from_rows(&rows("m@x/y-z")).expect("a table");
    let analysis = stats::analyze_table(&table, &settings).expect("an analysis");
    let explainer = Explainer::new(&table, &settings).expect("an explainer");
    let figure = analysis.figure("confirmatory/en/m@x/y-z/A/who/all").expect("the lean");
    let told = explainer.explain(&analysis, figure, 2);
    assert_eq!(told.headline.map(|h| h.value), Some(3.0));
    let c = told.made_of;
    assert_eq!((c.cells, c.items, c.prompts, c.pairs, c.scenarios, c.types), (3, 3, 12, 1, 3, 2));
    let cells: Vec<_> =
        told.influence.cells.iter().map(|c| (c.scenario.as_str(), c.without, c.change)).collect();
    assert_eq!(cells, [("s3", Some(2.0), Some(-1.0)), ("s1", Some(3.5), Some(0.5))]);
    let types: Vec<_> = told.influence.types.iter().map(|t| (t.name.as_str(), t.change)).collect();
    assert_eq!(types, [("one", Some(1.0)), ("two", Some(-1.0))]);
    // Without its only opponent there is no lean.
    let pairs: Vec<_> = told.influence.pairs.iter().map(|t| (t.name.as_str(), t.without)).collect();
    assert_eq!(pairs, [("B|C/D", None)]);
    assert_eq!((told.runs.len(), told.runs[0].factor, told.runs[0].items), (1, 1.0, 3));
    assert_eq!(told.influence.cells[0].items[0].diff_fwd, 4.5);
    // The other side is the same with the other sign, and a list is said to be one.
    let other = analysis.figure("confirmatory/en/m@x/y-z/B|C/D/who/all").expect("the other lean");
    let told = explainer.explain(&analysis, other, 1).influence;
    assert_eq!((told.cells[0].change, told.pairs[0].name.as_str()), (Some(1.0), "A"));
    let list = analysis.figure("topics/en/m@x/y-z/A/who/all").expect("a list");
    let told = explainer.explain(&analysis, list, 1);
    assert!(
        told.influence.untold.is_some_and(|why| why.contains("a list")) && told.influence.cells.is_empty()
    );
    assert_eq!(told.made_from[0].id, "favourability/en/m@x/y-z/A/who/all");
}

#[apply(test!)]
fn a_figure_of_some_scenarios_is_made_of_those() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/items");
    let settings = fixture.join("settings.toml").display().to_string();
    // Norland in two of three pairs. Six of seven scenarios are coherent, four are of types of two, all are seven.
    for (id, scenarios, types) in [
        ("favourability/en/alpha-chat/Norland/preference/all", 7, 3),
        ("favourability/en/alpha-chat/Norland/preference/coherent60", 6, 3),
        ("confirmatory/en/alpha-chat/Norland/preference/types_of_two", 4, 2),
    ] {
        let done = explain(&[id, "--json", "--settings", &settings], ("--items", &fixture.join("items.csv")));
        assert!(done.status.success(), "{id}: {}", String::from_utf8_lossy(&done.stderr));
        let told: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        let made = &told["made_of"];
        let counts = ["scenarios", "types", "pairs", "cells", "items"].map(|key| made[key].as_u64());
        assert_eq!(counts, [scenarios, types, 2, 2 * scenarios, 4 * scenarios].map(Some), "{id}");
    }
}

fn explain(arguments: &[&str], input: (&str, &Path)) -> Output {
    tiltmeter().arg("explain").args(arguments).arg(input.0).arg(input.1).output().expect("the program starts")
}

#[apply(test!)]
fn a_shift_of_a_run_is_told_with_its_parts_and_its_prompts() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = sweep(dir, "run").args(["--backend", "cpu"]).output().expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let (run, study) = (dir.join("run"), dir.join("study").display().to_string());
    let id = "confirmatory_shift/en/tiny/China/preference/all";
    let common = [id, "--study", &study];
    let json = explain(&[&common[..], &["--json", "--most", "1"]].concat(), ("--run", &run));
    assert!(json.status.success(), "{}", String::from_utf8_lossy(&json.stderr));
    let told: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&told["schema"], &told["id"]), (&"tiltmeter-explanation/1".into(), &id.into()));
    let parts: Vec<&str> = told["made_from"]
        .as_array()
        .expect("parts")
        .iter()
        .map(|p| p["id"].as_str().expect("an id"))
        .collect();
    let of = |model: &str| format!("confirmatory/en/{model}/China/preference/all");
    assert_eq!(parts, [of("tiny-base"), of("tiny-chat")]);
    let value = |v: &Value| v["headline"]["value"].as_f64().expect("a number");
    let parts = told["made_from"].as_array().expect("parts");
    assert!((value(&told) - (value(&parts[1]) - value(&parts[0]))).abs() < 1e-12);

    // Two questions in two stages, four prompts each: text and score, which make the item.
    let items = told["influence"]["cells"][0]["items"].as_array().expect("items");
    assert_eq!(items.len(), 4);
    for item in items {
        let prompts = item["prompts"].as_array().expect("prompts");
        assert_eq!(prompts.len(), 4);
        let mut sum = 0.0;
        for prompt in prompts {
            let first = prompt["first_option"] == item["country_1"];
            assert_eq!(first, prompt["order"] == "12", "{prompt}");
            sum += prompt["log_odds"].as_f64().expect("a number") * if first { 0.25 } else { -0.25 };
            let text = prompt["text"].as_str().expect("a text");
            assert!(text.contains("(A) ") && text.contains("China"), "{text}");
        }
        assert!((sum - item["bias"].as_f64().expect("a number")).abs() < 1e-12, "{item}");
    }

    let text = explain(&common, ("--run", &run));
    let text = String::from_utf8(text.stdout).expect("text");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for part in ["Formula:", "tiny-base", "Without one scenario type", "roles fwd, order 12", "  | (A) "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // A figure over families has no items of its own, and says so; prompts alone make the letters' figures.
    let letters = explain(&["letter_effect/en/tiny-chat/both/all"], ("--run", &run));
    assert!(String::from_utf8_lossy(&letters.stdout).contains("Without one pair"));
    assert!(String::from_utf8_lossy(&letters.stderr).contains("--study"));

    // The page explains its main figures, and links its rows to them.
    let page = dir.join("page.html");
    let done = tiltmeter()
        .args(["report", "--study", &study, "--run"])
        .arg(&run)
        .arg("--output")
        .arg(&page)
        .output()
        .expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let page = fs::read_to_string(&page).expect("a page");
    for part in [
        "<a href=\"#explained-1\">",
        "One of its four prompts, as tiny-chat was shown it",
        "<pre>tiltmeter explain ",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Weights that nobody trained put little on the two answers: the heading says so.
    let heading = page.split("<h3 id=\"explained-1\">").nth(1).and_then(|rest| rest.split("</h3>").next());
    let heading = heading.expect("a heading");
    assert!(
        ["tiny† in English, shift on China", "tiny‡ in English, shift on China"]
            .iter()
            .any(|start| heading.starts_with(start)),
        "{heading}"
    );

    // Its example is of the condition that its figures are read from, and its last line gives them all.
    let roster = fs::read_to_string(dir.join("roster.toml")).expect("a roster");
    let plain = dir.join("plain.toml");
    fs::write(&plain, roster.replace("[analysis]", "[analysis]\ncondition = \"plain\"")).expect("written");
    for (settings, condition) in [(dir.join("roster.toml"), "main"), (plain, "plain")] {
        let done = tiltmeter()
            .args(["report", "--format", "markdown", "--output", "-", "--study", &study, "--run"])
            .arg(&run)
            .arg("--settings")
            .arg(settings)
            .output()
            .expect("the program starts");
        let said = String::from_utf8(done.stdout).expect("text");
        let shown = format!("as tiny-chat was shown it in English (en/{condition}/");
        assert!(said.contains(&shown), "{shown}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(said.contains("--analysis both --format json   # every figure"), "{said}");
        assert!(!said.contains("hedge sentence") && !said.contains("by its item means"), "{said}");
    }

    let output = dir.join("told.json");
    let file = ["--json", "--most", "1", "--output", output.to_str().expect("a path")];
    assert!(explain(&[&common[..], &file].concat(), ("--run", &run)).status.success());
    assert_eq!(fs::read(&output).expect("written"), json.stdout);
    let over = ["--output", run.join("run.sqlite").to_str().expect("a path")].map(str::to_owned);
    let refused = explain(&[id, &over[0], &over[1]], ("--run", &run));
    assert_eq!(refused.status.code(), Some(1));
}

#[apply(test!)]
fn an_id_that_is_none_is_answered_with_the_nearest() {
    let items = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/items/items.csv");
    let asked = |id: &str| {
        let done = explain(&[id], ("--items", &items));
        assert_eq!(done.status.code(), Some(1));
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    let said = asked("confirmatory/en/alpha-chta/Norland/preference/all");
    assert!(said.contains("  confirmatory/en/alpha-chat/Norland/preference/all\n"), "{said}");
    let said = asked("");
    assert!(said.contains("lists all"), "{said}");
    let told = explain(&["pairs/en/alpha-chat/all"], ("--items", &items));
    assert!(told.status.success());
    assert!(String::from_utf8_lossy(&told.stdout).contains("No items are listed: it is a list"));
    assert!(String::from_utf8_lossy(&told.stderr).contains("no single prompts"));
}
