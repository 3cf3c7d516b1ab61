//! Promise: `--output` names the result of every command, and `-` is standard output.

use std::path::Path;

use crate::common::run::tiltmeter;

fn table() -> String {
    let items = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/items");
    let mut tables: Vec<_> =
        items.read_dir().expect("a folder").map(|entry| entry.expect("one").path()).collect();
    tables.retain(|path| path.extension().is_some_and(|ending| ending == "csv"));
    tables.sort();
    tables.first().expect("a table").display().to_string()
}

/// Standard output of a command that succeeds.
fn printed(args: &[&str]) -> String {
    let done = tiltmeter().args(args).current_dir(std::env::temp_dir()).output().expect("runs");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}

#[apply(test!)]
fn a_dash_is_standard_output_and_old_names_stay() {
    let table = table();
    let figures = printed(&["analyze", "--items", &table, "--format", "csv"]);
    assert!(figures.lines().count() > 1, "{figures}");
    assert_eq!(printed(&["analyze", "--items", &table, "--format", "csv", "--output", "-"]), figures);
    for name in ["--output", "--out"] {
        let page = printed(&["report", "--items", &table, "--format", "markdown", name, "-"]);
        assert!(page.starts_with('#'), "{page}");
    }
    assert!(!std::env::temp_dir().join("-").exists());
}

#[apply(test!)]
fn prompts_go_to_a_file_or_to_standard_output() {
    let asked = ["prompts", "--stage", "base", "--limit", "3"];
    let lines = printed(&asked);
    assert_eq!(lines.lines().count(), 3);
    assert_eq!(printed(&[&asked[..], &["--output", "-"]].concat()), lines);
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("prompts.jsonl");
    let name = file.to_str().expect("a plain path");
    assert_eq!(printed(&[&asked[..], &["--output", name]].concat()), "");
    assert_eq!(std::fs::read_to_string(&file).expect("written"), lines);
    let nowhere = dir.path().join("no/such.jsonl");
    let done = tiltmeter().args(asked).arg("--output").arg(&nowhere).output().expect("runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.code() == Some(1) && said.contains("such.jsonl"), "{said}");
}

#[apply(test!)]
fn a_dash_is_standard_input_for_what_is_read() {
    let text = std::fs::read(table()).expect("a table");
    let done = assert_cmd::Command::new(env!("CARGO_BIN_EXE_tiltmeter"))
        .args(["analyze", "--format", "csv", "--items", "-"])
        .write_stdin(text)
        .output()
        .expect("runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let expected = printed(&["analyze", "--items", &table(), "--format", "csv"]);
    assert_eq!(String::from_utf8_lossy(&done.stdout), expected);
}
