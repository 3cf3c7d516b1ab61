//! Promise: `tiltmeter demo` measures what was planted, and leaves what a run of one's own would.

use assert_cmd::Command;

#[apply(test!)]
fn the_demo_measures_what_was_planted_and_its_roster_works_as_it_stands() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("demo");
    let demo =
        Command::cargo_bin("tiltmeter").expect("built").args(["demo", "--out"]).arg(&out).assert().success();
    let printed = String::from_utf8_lossy(&demo.get_output().stdout).into_owned();
    assert!(printed.contains("48 of 48 planted leans lie inside"), "{printed}");
    let report = std::fs::read_to_string(out.join("report.html")).expect("report.html");
    assert!(report.contains("48 of 48 planted values lie inside"), "the report compares");
    assert!(report.contains("tiltmeter demo --output ") && !report.contains("tiltmeter report --run"));
    for file in ["roster.toml", "run", "checkpoints/base/config.json", "checkpoints/chat/chat_template.jinja"]
    {
        assert!(out.join(file).exists(), "{file}");
    }

    let other = dir.path().join("other");
    Command::cargo_bin("tiltmeter")
        .expect("built")
        .args(["sweep", "--languages", "fr", "--countries", "France,Japan", "--scenarios", "trade"])
        .arg("--roster")
        .arg(out.join("roster.toml"))
        .arg("--run")
        .arg(&other)
        .assert()
        .success();
    let items = dir.path().join("items.csv");
    Command::cargo_bin("tiltmeter")
        .expect("built")
        .args(["export", "--run"])
        .arg(&other)
        .arg("--items")
        .arg(&items)
        .assert()
        .success();
    let rows = std::fs::read_to_string(items).expect("items").lines().count();
    assert_eq!(rows, 1 + 2 * 7 * 2, "two checkpoints, seven scenarios, two questions");
}
