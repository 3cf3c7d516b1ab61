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
