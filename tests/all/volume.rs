//! Promise: every command says nothing but errors under `-q`, and computes the same on any number of cores.

use std::path::{Path, PathBuf};

use crate::common::run::tiltmeter;

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/checkpoints/chat")
}

/// Standard error of a command, and whether it succeeded.
fn said(args: &[&str]) -> (bool, String) {
    let done = tiltmeter().args(args).output().expect("runs");
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[apply(test!)]
fn quiet_keeps_back_all_but_errors_before_and_behind_a_command() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (ok, text) = said(&["roster", "new", &file("loud.toml")]);
    assert!(ok && text.contains("loud.toml written"), "{text}");
    assert_eq!(said(&["roster", "new", &file("quiet.toml"), "-q"]), (true, String::new()));
    assert_eq!(said(&["--quiet", "roster", "new", &file("quieter.toml")]), (true, String::new()));
    let (ok, text) = said(&["-q", "roster", "show", &file("none.toml")]);
    assert!(!ok && text.starts_with("error: ") && text.contains("none.toml"), "{text}");
}

#[apply(test!)]
fn scores_do_not_depend_on_the_number_of_threads() {
    let dir = tempfile::tempdir().expect("a folder");
    let items = dir.path().join("items.jsonl");
    std::fs::write(&items, "{\"id\": 1, \"prompt\": \"Answer: (\", \"choices\": [[\"A\"], [\"B\"]]}\n")
        .expect("written");
    let scores = |threads: &str| {
        let mut command = tiltmeter();
        command.args(["score", "--backend", "cpu", "--output", "-", "--threads", threads]);
        command.arg("--model").arg(model()).arg("--input").arg(&items);
        let done = command.output().expect("runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    };
    assert_eq!(scores("1"), scores("3"));
    let (ok, text) = said(&["doctor", "--threads", "0"]);
    assert!(!ok && text.contains("--threads"), "{text}");
}
