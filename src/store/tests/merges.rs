//! Runs that are put together: in one order, each row once, and counted.

use std::collections::HashSet;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::*;
use crate::store::merge::merge;

/// Every row of every table.
fn dump(dir: &Path) -> Vec<(String, Vec<Vec<Value>>)> {
    let db = Connection::open(dir.join(DATABASE)).expect("a database");
    let rows = |ask: &str| -> Vec<Vec<Value>> {
        let mut query = db.prepare(ask).expect("understood");
        let columns = query.column_count();
        let row = query.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
        row.and_then(Iterator::collect).expect("readable")
    };
    let tables = rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    let tables = tables.into_iter().flatten().map(|name| match name {
        Value::Text(name) => name,
        other => panic!("{other:?}"),
    });
    tables.map(|table| (table.clone(), rows(&format!("SELECT * FROM {table}")))).collect()
}

const ROSTER_TEXT: &str = "[[family]]\nname = \"toy\"\nbase = { model = \"m\", checkpoint = \"org/m\" }\n";

/// A run of some of the prompts that says it was begun then.
fn run(dir: &Path, name: &str, prompts: &[Prompt], begun: &str) -> PathBuf {
    let dir = dir.join(name);
    sweep(&dir, prompts, 8, 99).expect("the sweep runs");
    let mut store = RunStore::open_or_create(&dir, &identity()).expect("the run opens");
    let keys = store.keys(prompts).expect("keys");
    let cell = |language: &str| Cell { language: language.into(), condition: "main".into(), whole: 20 };
    store.ask(&["m"], &[cell("en"), cell("fr")], &keys).expect("recorded");
    store.begin_sweep(&SweepRecord::default()).expect("recorded");
    store.keep_roster(ROSTER_TEXT, &HashSet::new()).expect("kept");
    drop(store);
    let db = Connection::open(dir.join(DATABASE)).expect("a database");
    for change in [
        "UPDATE run SET value = ?1 WHERE key = 'created'",
        "UPDATE session SET started = ?1",
        "UPDATE sweep SET started = ?1",
    ] {
        assert_eq!(db.execute(change, [begun]).expect("changed"), 1);
    }
    dir
}

#[test]
fn runs_are_merged_in_the_order_in_which_they_were_begun_and_their_scores_counted() {
    let dir = tempfile::tempdir().expect("a folder");
    let prompts = prompts();
    let later = run(dir.path(), "a", &prompts[..16], "2026-01-02T00:00:00Z");
    let earlier = run(dir.path(), "b", &prompts[12..], "2026-01-01T00:00:00Z");
    let mut dumps = Vec::new();
    for (out, runs) in [("one", [&later, &earlier]), ("two", [&earlier, &later])] {
        let out = dir.path().join(out);
        let mut told = Vec::new();
        let done = merge(&runs.map(Clone::clone), &out, |run| told.push(run.to_path_buf())).expect("merged");
        assert_eq!(told, [earlier.clone(), later.clone()]);
        assert_eq!(done.runs.iter().map(|(dir, _)| dir.clone()).collect::<Vec<_>>(), told);
        let copied = done.copied;
        assert_eq!((copied.scores, copied.twice, copied.checkpoints), (24, 4, 1));
        dumps.push(dump(&out));
        let found = RunReader::open(&out).and_then(|run| run.completeness()).expect("readable");
        assert_eq!([found.whole, found.asked, found.scored], [40, 24, 24]);
        // Once more: all of it is there.
        let again = merge(&runs.map(Clone::clone), &out, |_| ()).expect("merged").copied;
        assert_eq!((again.scores, again.twice, again.checkpoints), (0, 28, 1));
        assert!(dump(&out) == dumps[dumps.len() - 1], "and nothing of it twice");
    }
    assert!(dumps[0] == dumps[1], "the order of the arguments is of no consequence");
    let table = |name: &str| dumps[0].iter().find(|(table, _)| table == name).map(|(_, rows)| rows);
    let begun = ["created", "2026-01-01T00:00:00Z"].map(|text| Value::Text(text.into())).to_vec();
    assert!(table("run").is_some_and(|rows| rows.contains(&begun)));
    for (name, count) in [("score", 24), ("session", 2), ("sweep", 2), ("cell", 2)] {
        assert_eq!(table(name).map(Vec::len), Some(count), "{name}");
    }
}

#[test]
fn a_run_that_is_named_must_have_begun_and_a_shard_may_come_later() {
    let dir = tempfile::tempdir().expect("a folder");
    let one = run(dir.path(), "split/shard-1-of-2", &prompts(), "2026-01-01T00:00:00Z");
    let empty = dir.path().join("split/shard-2-of-2");
    fs::create_dir_all(&empty).expect("a folder");
    fs::write(empty.join(DATABASE), "").expect("written");
    let split = dir.path().join("split");
    let done = merge(&[split], &dir.path().join("out"), |_| ()).expect("merged");
    assert_eq!(done.absent, std::slice::from_ref(&empty));
    let error = merge(&[one, empty], &dir.path().join("other"), |_| ()).expect_err("refused").to_string();
    assert!(error.contains("shard-2-of-2") && error.contains("holds no run"), "{error}");
    assert!(!dir.path().join("other").exists());
    let none = merge(&[], &dir.path().join("other"), |_| ()).expect_err("refused").to_string();
    assert!(none.contains("nothing to merge: no run is named"), "{none}");
}

#[test]
fn a_strangers_database_is_not_merged_into_and_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    let one = run(dir.path(), "one", &prompts(), "2026-01-01T00:00:00Z");
    let out = dir.path().join("out");
    fs::create_dir(&out).expect("a folder");
    let text = "this is no database, it only has the name of one".repeat(50);
    for name in [DATABASE, ROSTER] {
        fs::write(out.join(name), &text).expect("written");
    }
    let error = merge(&[one], &out, |_| ()).expect_err("refused").to_string();
    assert!(error.contains("is not a run of tiltmeter's"), "{error}");
    for name in [DATABASE, ROSTER] {
        assert_eq!(fs::read_to_string(out.join(name)).expect("still there"), text, "{name}");
    }
}

#[test]
fn of_runs_that_disagree_the_two_are_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let prompts = prompts();
    let without = run(dir.path(), "first", &prompts[8..], "2026-01-01T00:00:00Z");
    let one = run(dir.path(), "second", &prompts[..8], "2026-01-02T00:00:00Z");
    let other = run(dir.path(), "third", &prompts[..4], "2026-01-03T00:00:00Z");
    let db = Connection::open(other.join(DATABASE)).expect("a database");
    db.execute("UPDATE score SET log_odds = log_odds + 1", []).expect("changed");
    drop(db);
    let out = dir.path().join("out");
    let runs = [without.clone(), one.clone(), other.clone()];
    let error = merge(&runs, &out, |_| ()).expect_err("refused").to_string();
    let two = format!("has another log-odds in {} than in {}:", one.display(), other.display());
    assert!(error.contains(&two) && error.contains("checkpoint `m`") && !out.exists(), "{error}");
}

#[test]
fn a_merged_run_keeps_its_roster_from_being_written_over() {
    let dir = tempfile::tempdir().expect("a folder");
    let one = run(dir.path(), "one", &prompts(), "2026-01-01T00:00:00Z");
    let out = dir.path().join("out");
    merge(&[one], &out, |_| ()).expect("merged");
    assert_eq!(fs::read_to_string(out.join(ROSTER)).expect("kept"), ROSTER_TEXT);
    let mine = format!("# mine\n{ROSTER_TEXT}");
    fs::write(out.join(ROSTER), &mine).expect("written");
    let store = RunStore::open_or_create(&out, &identity()).expect("the run opens");
    let error = store.keep_roster(ROSTER_TEXT, &HashSet::new()).expect_err("refused");
    assert!(matches!(error, StoreError::OtherHand { .. }), "{error}");
    assert_eq!(fs::read_to_string(out.join(ROSTER)).expect("kept"), mine);
}
