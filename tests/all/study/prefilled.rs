//! How an answer begins, from the roster: a sweep asks with it, as `score` does.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::run::{export, tiltmeter};

const CHAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/checkpoints/chat");

fn log_odds(line: &str) -> f64 {
    serde_json::from_str::<Value>(line).unwrap()["log_odds"].as_f64().unwrap()
}

/// Log-odds of these prompts by `score`, in order.
fn scored(dir: &Path, prompts: &[Value], prefill: Option<&str>) -> Vec<f64> {
    let mut items = String::new();
    for prompt in prompts {
        let mut item = json!({"id": prompt["id"], "messages": prompt["messages"], "choices": [["A", " A"], ["B", " B"]]});
        if let Some(prefill) = prefill {
            item["prefill"] = prefill.into();
        }
        items.push_str(&format!("{item}\n"));
    }
    fs::write(dir.join("items.jsonl"), items).unwrap();
    let done = tiltmeter()
        .current_dir(dir)
        .args(["score", "--model", CHAT, "--input", "items.jsonl", "--output", "-"])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let lines = String::from_utf8(done.stdout).unwrap();
    lines.lines().map(log_odds).collect()
}

#[apply(test!)]
fn a_sweep_begins_the_answer_as_the_roster_says() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let roster =
        format!("[[family]]\nname = 'f'\nchat = {{ model = 'm', checkpoint = '{CHAT}', prefill = '(' }}\n");
    fs::write(dir.join("roster.toml"), roster).unwrap();
    let swept = tiltmeter()
        .current_dir(dir)
        .args(["sweep", "--roster", "roster.toml", "--run", "run", "--backend", "cpu"])
        .args(["--conditions", "prefill", "--languages", "en", "--limit", "3"])
        .output()
        .unwrap();
    assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
    let (_, scores) = export(dir, "run", ".jsonl");
    let scores = String::from_utf8(scores).unwrap();
    let mut own: Vec<f64> = scores.lines().map(log_odds).collect();

    let prompts = tiltmeter()
        .args(["prompts", "--stage", "chat", "--condition", "prefill", "--prefill", "(", "--limit", "3"])
        .output()
        .unwrap();
    let prompts = String::from_utf8(prompts.stdout).unwrap();
    let prompts: Vec<Value> = prompts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((own.len(), prompts.len()), (3, 3));
    let mut with = scored(dir, &prompts, Some("("));
    let mut without = scored(dir, &prompts, None);
    for values in [&mut own, &mut with, &mut without] {
        values.sort_by(f64::total_cmp);
    }
    assert_eq!(own, with);
    assert_ne!(own, without);
}
