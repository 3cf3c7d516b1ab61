//! The promise: `analyze` gives the published study's figures from its item table, and the same recipes hold on any other table.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tiltmeter::stats::{self, Analysis, Settings};

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
        (Value::Number(a), Value::Number(b)) if a.is_f64() => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            let is_p = path.split('/').any(|part| part == "p" || part.starts_with("p_") || part.ends_with("_p"));
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

fn check(analysis: &Analysis, golden: &[Value]) {
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
    assert!(out.is_empty(), "{} disagreements, among them:\n{}", out.len(), out[..out.len().min(20)].join("\n"));
}

fn figures_of(document: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(document).expect("the golden figures");
    let mut document: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
    match document.remove("figures") {
        Some(Value::Array(figures)) => figures,
        _ => panic!("no figures"),
    }
}

/// The published study's tables, where this checkout has them beside it.
fn paper() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/paper"));
    if !folder.is_dir() {
        eprintln!("skipped: {} is not here", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn every_published_figure_is_reproduced() {
    let Some(paper) = paper() else { return };
    let settings = Settings::read(&paper.join("published.toml")).expect("settings");
    let table = stats::read_table(&paper.join("items_real.csv.gz")).expect("the item table");
    let analysis = stats::analyze_table(&table, &settings).expect("an analysis");
    let golden = figures_of(&paper.join("golden.json"));
    assert_eq!(golden.len(), 4772);
    check(&analysis, &golden);
}
