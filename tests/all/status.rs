//! Promise: a run says how far it has come, to people and programs, also one that an older program made.

use std::fs;
use std::path::Path;

use crate::common::run::{tiltmeter, write_all};
use tiltmeter::store::RunReader;

fn output(arguments: &[&str], run: &Path) -> (String, String) {
    let done = tiltmeter().args(arguments).arg("--run").arg(run).output().expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).into()
}

#[apply(test!)]
fn a_filtered_run_says_so_first_wherever_it_is_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = tiltmeter()
        .args(["sweep", "--languages", "en", "--countries", "China,Japan", "--backend", "cpu", "--roster"])
        .arg(dir.join("roster.toml"))
        .arg("--study")
        .arg(dir.join("study"))
        .arg("--run")
        .arg(dir.join("run"))
        .output()
        .expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // One of three pairs in one of two languages, of two checkpoints.
    let first = "filtered: 64 of the study's 384 prompts for these checkpoints and conditions were asked (languages en; \
                 countries China, Japan)";
    let (text, _) = output(&["status"], &dir.join("run"));
    assert!(text.contains(first) && text.contains("finished: 64 prompts asked, all scored"), "{text}");
    assert!(text.contains("checkpoint  condition  asked  scored  left  en"), "{text}");
    let (json, _) = output(&["status", "--json"], &dir.join("run"));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (json["asked"].as_u64(), json["left"].as_u64(), json["whole"].as_u64()),
        (Some(64), Some(0), Some(384))
    );
    let sweep = &json["sweeps"][0];
    assert!(
        sweep["arguments"].as_array().is_some_and(|all| all.iter().any(|a| a == "--countries")),
        "{sweep}"
    );
    assert!(sweep["machine"]["cores"].as_u64().is_some_and(|n| n > 0), "{sweep}");
    for arguments in [["analyze"].as_slice(), &["analyze", "--format", "markdown"]] {
        let (table, _) = output(arguments, &dir.join("run"));
        assert!(table.starts_with(first), "{table}");
    }
    let items = dir.join("items.csv");
    let (_, told) = output(&["export", "--items", &items.display().to_string()], &dir.join("run"));
    assert!(told.starts_with(&format!("note: {first}")), "{told}");
}

/// A run of format 2, as tiltmeter 0.1.0 made it.
#[apply(test!)]
fn a_run_of_an_older_format_is_read_as_it_stands() {
    let dir = tempfile::tempdir().expect("a folder");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/run-0.1.0");
    for file in ["run.sqlite", "roster.toml"] {
        fs::copy(from.join(file), dir.path().join(file)).expect("copied");
    }
    let before = fs::read(dir.path().join("run.sqlite")).expect("there");
    let reader = RunReader::open(dir.path()).expect("it opens");
    let checkpoints = reader.checkpoints().expect("readable");
    assert_eq!(
        checkpoints.iter().map(|c| (c.prompts, c.prompt_tokens)).collect::<Vec<_>>(),
        [(40, 6734), (40, 6914)]
    );
    assert!(checkpoints.iter().all(|c| c.record.arithmetic.is_none()));
    let found = reader.completeness().expect("readable");
    assert_eq!((found.whole, found.asked, found.scored, found.recorded), (0, 80, 80, false));
    drop(reader);
    let (text, _) = output(&["status"], dir.path());
    assert!(text.contains("perhaps unfinished") && !text.contains("finished: 80"), "{text}");
    output(&["analyze"], dir.path());
    assert_eq!(fs::read(dir.path().join("run.sqlite")).expect("there"), before, "reading changes nothing");
}

#[apply(test!)]
fn runs_are_found_with_their_state_and_a_broken_one_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let sweep = |run: &str, more: &[&str]| {
        let mut command = tiltmeter();
        command
            .args(["-q", "sweep", "--languages", "en", "--backend", "cpu", "--study"])
            .arg(dir.join("study"));
        command.arg("--roster").arg(dir.join("roster.toml")).arg("--run").arg(dir.join(run)).args(more);
        let done = command.output().expect("the program starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    sweep("runs/deep/one", &["--countries", "China,Japan"]);
    fs::create_dir_all(dir.join("runs/two")).expect("a folder");
    fs::write(dir.join("runs/two/run.sqlite"), "no database").expect("written");
    let done = tiltmeter().arg("runs").arg(dir.join("runs")).output().expect("the program starts");
    let text = String::from_utf8_lossy(&done.stdout);
    let line = |name: &str| text.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{text}"));
    assert!(line("deep/one").contains("finished") && line("deep/one").contains("64"), "{text}");
    assert!(line("runs/two").contains("cannot be read") && text.contains("*"), "{text}");
    // While somebody writes to it.
    let lock = fs::File::options().write(true).open(dir.join("runs/deep/one/lock")).expect("the lock");
    lock.lock().expect("locked");
    let done =
        tiltmeter().args(["runs", "--json"]).arg(dir.join("runs")).output().expect("the program starts");
    let found: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(found[0]["state"], "running", "{found}");
    assert_eq!(found[1]["state"], "unreadable", "{found}");
    let none = tiltmeter().arg("runs").arg(dir.join("study")).output().expect("the program starts");
    assert!(none.status.success() && String::from_utf8_lossy(&none.stderr).starts_with("no run in"));
}
