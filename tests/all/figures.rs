//! The promise: `analyze` gives the published study's figures from its item table, and the same recipes hold on any other table.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tiltmeter::stats::{self, Analysis, Settings};

#[cfg(unix)]
use crate::common::named_pipe;
use crate::common::skip;

/// Compares a figure with what it must be; returns what disagrees.
fn disagreements(id: &str, path: &str, golden: &Value, ours: &Value, out: &mut Vec<String>) {
    let differ = |what: String| format!("{id} {path}: {what}");
    match (golden, ours) {
        (Value::Object(golden), Value::Object(ours)) => {
            for (key, golden) in golden {
                match ours.get(key) {
                    Some(ours) => disagreements(id, &format!("{path}/{key}"), golden, ours, out),
                    None => out.push(differ(format!("no field `{key}`"))),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                disagreements(id, &format!("{path}/{i}"), a, b, out);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            let is_p = path
                .split('/')
                .any(|part| ["p", "tost"].contains(&part) || part.starts_with("p_") || part.ends_with("_p"));
            let relative = if is_p { 1e-6 } else { 1e-9 };
            let absolute = if is_p || id.starts_with("compliance/") { 0.0 } else { 1e-12 };
            if !((a - b).abs() <= relative * a.abs() || (a - b).abs() <= absolute) {
                out.push(differ(format!("{b} where {a} is right")));
            }
        }
        (a, b) if a == b => {}
        (a, b) => out.push(differ(format!("{b} where {a} is right"))),
    }
}

pub fn check(analysis: &Analysis, golden: &[Value]) {
    let mut out = Vec::new();
    for figure in golden {
        let id = figure["id"].as_str().expect("an id");
        match analysis.estimate(id) {
            Some(estimate) => {
                let ours = serde_json::to_value(estimate).expect("estimates are JSON");
                disagreements(id, "", &figure["estimate"], &ours, &mut out);
            }
            None => out.push(format!("{id}: missing")),
        }
    }
    assert!(
        out.is_empty(),
        "{} disagreements, among them:\n{}",
        out.len(),
        out[..out.len().min(20)].join("\n")
    );
}

pub fn figures_of(document: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(document).expect("the golden figures");
    let mut document: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
    match document.remove("figures") {
        Some(Value::Array(figures)) => figures,
        _ => panic!("no figures"),
    }
}

/// The analysis of an item table, by settings of its own or the usual ones.
pub fn analyzed(items: &Path, settings: Option<&Path>) -> Analysis {
    let settings = settings.map(|path| Settings::read(path).expect("settings")).unwrap_or_default();
    let table = stats::read_table(items).expect("the item table");
    stats::analyze_table(&table, &settings).expect("an analysis")
}

/// The published study's tables, where this checkout has them beside it.
pub fn paper() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/paper"));
    if !folder.is_dir() {
        skip("../shared/paper is not here");
    }
    folder
}

#[apply(test!)]
fn every_published_figure_is_reproduced() {
    let paper = paper();
    let analysis = analyzed(&paper.join("items_real.csv.gz"), Some(&paper.join("published.toml")));
    let golden = figures_of(&paper.join("golden.json"));
    assert_eq!(golden.len(), 4772);
    check(&analysis, &golden);
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/items").join(name)
}

/// The fixture's expectations come from its own script, which shares no code and no floating point with the program.
#[apply(test!)]
fn every_recipe_agrees_with_exact_arithmetic_on_a_made_up_table() {
    let analysis = analyzed(&fixture("items.csv"), Some(&fixture("settings.toml")));
    let expected = figures_of(&fixture("expected.json"));
    assert!(expected.len() > 250, "{} expectations", expected.len());
    check(&analysis, &expected);
}

/// The fixture's lines after the header, put in another order.
fn shuffled(text: &str, stride: usize) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let header = lines.remove(0);
    let n = lines.len();
    let mut out = vec![header];
    out.extend((0..n).map(|i| lines[(i * stride + 5) % n]));
    out.join("\n")
}

fn document(text: &str) -> Vec<u8> {
    let settings = Settings::read(&fixture("settings.toml")).expect("settings");
    let table = stats::items::parse_table(text.as_bytes(), "items").expect("a table");
    let mut out = Vec::new();
    stats::analyze_table(&table, &settings).expect("an analysis").write_json(&mut out).expect("written");
    out
}

#[apply(test!)]
fn the_order_of_rows_changes_no_byte() {
    let text = std::fs::read_to_string(fixture("items.csv")).expect("the item table");
    let whole = document(&text);
    // 756 rows: the strides have no factor in common with it, so every row stays.
    for stride in [755, 109, 5] {
        assert!(document(&shuffled(&text, stride)) == whole, "stride {stride}");
    }
}

#[apply(test!)]
fn the_document_reads_back_to_the_same_numbers() {
    let text = std::fs::read_to_string(fixture("items.csv")).expect("the item table");
    let written: Value = serde_json::from_slice(&document(&text)).expect("one JSON object");
    assert_eq!(written["schema"], "tiltmeter-analysis/1");
    assert_eq!(written["settings"]["sha256"].as_str().map(str::len), Some(64));
    let analysis = analyzed(&fixture("items.csv"), Some(&fixture("settings.toml")));
    let figures = written["figures"].as_array().expect("figures");
    assert_eq!(figures.len(), analysis.figures().len());
    for (written, figure) in figures.iter().zip(analysis.figures()) {
        assert_eq!(written["id"], figure.id.as_str());
        assert_eq!(
            written["estimate"],
            serde_json::to_value(&figure.estimate).expect("JSON"),
            "{}",
            figure.id
        );
    }
}

fn analyze(args: &[&str]) -> std::process::Output {
    assert_cmd::Command::cargo_bin("tiltmeter")
        .expect("the program")
        .arg("analyze")
        .args(args)
        .output()
        .expect("runs")
}

#[apply(test!)]
fn the_command_prints_one_object_and_nothing_else() {
    use std::io::Write;
    let folder = tempfile::tempdir().expect("a folder");
    // Gzipped in two members, as tools that append write it.
    let text = std::fs::read(fixture("items.csv")).expect("the item table");
    let (head, tail) = text.split_at(1000);
    let items = folder.path().join("items.csv.gz");
    let mut file = std::fs::File::create(&items).expect("a file");
    for part in [head, tail] {
        let mut member = flate2::write::GzEncoder::new(&mut file, flate2::Compression::fast());
        member.write_all(part).expect("written");
        member.finish().expect("written");
    }
    let (items, settings) = (items.display().to_string(), fixture("settings.toml").display().to_string());
    let common = ["--items", &items, "--settings", &settings, "--analysis", "published"];

    let json = analyze(&[&common[..], &["--format", "json"]].concat());
    assert!(json.status.success(), "{}", String::from_utf8_lossy(&json.stderr));
    let written: Value = serde_json::from_slice(&json.stdout).expect("one JSON object");
    assert!(written["figures"].as_array().is_some_and(|f| f.len() > 3000));

    let output = folder.path().join("figures.json").display().to_string();
    assert!(analyze(&[&common[..], &["--format", "json", "--output", &output]].concat()).status.success());
    assert_eq!(std::fs::read(&output).expect("the file"), json.stdout);

    let table = analyze(&[&common[..], &["--country", "Norland", "--subset", "coherent60"]].concat());
    let text = String::from_utf8(table.stdout).expect("text");
    assert!(table.status.success());
    let order = [
        "Compliance",
        "Favourability (Norland, preference, coherent60",
        "Post-training",
        "Language",
        "Maker",
        "Coherence",
    ];
    let places: Vec<usize> = order.iter().map(|title| text.find(title).expect(title)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(!text.contains("Sudria"), "{text}");
}

#[apply(test!)]
fn wrong_calls_and_wrong_files_end_with_the_right_code() {
    let settings = fixture("settings.toml").display().to_string();
    let items = fixture("items.csv").display().to_string();
    for (args, code, message) in [
        (vec![], 2, "--items"),
        (vec!["--items", &items, "--run", "r"], 2, "cannot be used with"),
        (vec!["--items", "no-such-file.csv"], 1, "no-such-file.csv: cannot be read"),
        (vec!["--items", &settings], 1, "settings.toml: unknown column"),
        (vec!["--items", &items, "--settings", &items], 1, "items.csv: line 1"),
        (vec!["--items", &items, "--subset", "coherent99"], 1, "no subset `coherent99`"),
        (vec!["--run", "no-such-run"], 1, "no-such-run"),
    ] {
        let output = analyze(&args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(message), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

/// A truncated archive, and one that unpacks without end into a single line.
#[apply(test!)]
fn broken_and_hostile_archives_are_refused() {
    use std::io::Write;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("items.csv.gz");
    let gzip = |text: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(text).expect("written");
        out.finish().expect("written")
    };
    let whole = gzip(&std::fs::read(fixture("items.csv")).expect("the item table"));
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    let error = stats::read_table(&path).expect_err("truncated").to_string();
    assert!(error.contains("items.csv.gz: line "), "{error}");

    std::fs::write(&path, gzip(&vec![b'm'; 64 << 20])).expect("written");
    let error = stats::read_table(&path).expect_err("one endless line").to_string();
    assert!(error.contains("a record of more than a mebibyte"), "{error}");
}

/// A pipe that a shell opened is read like a file; a named one, to which nobody may ever write, is not waited for.
#[cfg(unix)]
#[apply(test!)]
fn pipes_that_deliver_are_read_and_named_ones_are_not_waited_for() {
    let (items, settings) =
        (fixture("items.csv").display().to_string(), fixture("settings.toml").display().to_string());
    let expected = analyze(&["--items", &items, "--settings", &settings]);
    for piped in ["items", "settings"] {
        let text = std::fs::read(if piped == "items" { &items } else { &settings }).expect("the file");
        let path =
            |name: &str, file: &str| if name == piped { "/dev/stdin".to_owned() } else { file.to_owned() };
        let done = assert_cmd::Command::cargo_bin("tiltmeter")
            .expect("the program")
            .args(["analyze", "--items", &path("items", &items), "--settings", &path("settings", &settings)])
            .write_stdin(text)
            .output()
            .expect("runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert!(done.stdout == expected.stdout, "{piped}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("settings.toml").display().to_string();
    named_pipe(&pipe);
    let done = analyze(&["--items", &items, "--settings", &pipe]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("settings.toml") && said.contains("is a named pipe"), "{said}");
    let done = analyze(&["--items", &items, "--settings", "/dev/zero"]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("/dev/zero") && said.contains("too large"), "{said}");
}
