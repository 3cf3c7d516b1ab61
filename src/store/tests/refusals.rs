//! What is refused, and in which words: changed inputs, a second writer, a full disk, strangers' and damaged files.

use rusqlite::Connection;

use super::*;
use crate::study::StageForm;

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts(), 24, 1).expect("the sweep runs");
    for (identity, field) in [
        (RunIdentity { program: "0.2.0".into(), ..identity() }, "program version 0.1.0, not 0.2.0"),
        (RunIdentity { study_name: "other".into(), ..identity() }, "study toy, not other"),
        (RunIdentity { study_version: "2".into(), ..identity() }, "study version 1, not 2"),
        (RunIdentity { study_sha256: "bb".into(), ..identity() }, "study files (SHA-256) aa, not bb"),
    ] {
        let error = RunStore::open_or_create(dir.path(), &identity).expect_err("refused").to_string();
        assert!(error.contains(field) && error.contains("--run"), "{error}");
    }
    let mut store = RunStore::open_or_create(dir.path(), &identity()).expect("the run opens");
    for (changed, field) in [
        (CheckpointRecord { config_sha256: "x".into(), ..record("m") }, "config.json (SHA-256) c, not x"),
        (CheckpointRecord { weights_sha256: "x".into(), ..record("m") }, "weights (SHA-256) w, not x"),
        (CheckpointRecord { tokenizer_sha256: "x".into(), ..record("m") }, "tokenizer (SHA-256) t, not x"),
        (
            CheckpointRecord { template_sha256: Some("x".into()), ..record("m") },
            "chat template (SHA-256) none",
        ),
        (CheckpointRecord { template_date: Some("1 Jan 2024".into()), ..record("m") }, "template date"),
        (CheckpointRecord { prefill: Some("(".into()), ..record("m") }, "prefill none, not \"(\""),
        (CheckpointRecord { backend: "wgpu".into(), ..record("m") }, "backend cpu, not wgpu"),
        (CheckpointRecord { form: StageForm::Chat, ..record("m") }, "form base, not chat"),
    ] {
        let error = store.checkpoint(&changed).expect_err("refused").to_string();
        assert!(error.contains(field) && error.contains("`m`"), "{error}");
    }
    let moved = CheckpointRecord { source: "elsewhere".into(), ..record("m") };
    store.checkpoint(&moved).expect("a folder may move");
}

#[test]
fn one_sweep_at_a_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = RunStore::open_or_create(dir.path(), &identity()).expect("the run opens");
    let error = RunStore::open_or_create(dir.path(), &identity()).expect_err("in use");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    RunReader::open(dir.path()).expect("reading is free");
    let says = || fs::read_to_string(dir.path().join("lock")).expect("readable");
    let who = format!("process {}", std::process::id());
    assert!(says().starts_with(&who) && error.to_string().contains(&who), "{error}");
    drop(first);
    assert_eq!(says(), "", "nobody holds it");
    RunStore::open_or_create(dir.path(), &identity()).expect("free again");
}

#[test]
fn a_full_disk_loses_the_pack_and_nothing_before_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut store, checkpoint, set, run) = begun(dir.path()).expect("a session");
    let first = logits(&prompts()[0]);
    let keys = store.keys(&prompts()).expect("keys");
    let one = [row(keys[0], set, &first)];
    store.put(checkpoint, run, &one, Progress::default()).expect("there is room");
    store.fill_disk();
    // Item numbers need not exist: what counts is that these rows need more pages.
    let many: Vec<ScoreRow<'_>> =
        (1000..3000).map(|item| row(PromptKey { item, slot: 0 }, set, &first)).collect();
    let error = store.put(checkpoint, run, &many, Progress::default()).expect_err("no room");
    assert!(matches!(error, StoreError::RunFull { .. }), "{error}");
    assert_eq!(store.scored(checkpoint).expect("readable").len(), 1);
}

#[test]
fn figures_that_are_no_numbers_are_not_stored() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut store, checkpoint, set, run) = begun(dir.path()).expect("a session");
    let keys = store.keys(&prompts()).expect("keys");
    let good = logits(&prompts()[0]);
    let bad = vec![vec![f32::NAN, 0.0], vec![0.0]];
    let rows = [row(keys[0], set, &good), row(keys[1], set, &bad)];
    let error = store.put(checkpoint, run, &rows, Progress::default()).expect_err("refused").to_string();
    assert!(error.contains("`fr/main/USA-China/s2/justified/fwd/21`") && error.contains("NaN"), "{error}");
    assert!(error.contains("checkpoint `m`"), "{error}");
    // Not the one that the figures are made of.
    let beside = vec![vec![0.0, f32::INFINITY], vec![0.0]];
    let error = store.put(checkpoint, run, &[row(keys[0], set, &beside)], Progress::default());
    assert!(matches!(error, Err(StoreError::NotFinite { field: "logit", .. })), "{error:?}");
    let short = vec![vec![0.0], vec![0.0]];
    let error = store.put(checkpoint, run, &[row(keys[0], set, &short)], Progress::default());
    assert!(matches!(error, Err(StoreError::LogitCount { given: 2, expected: 3, .. })), "{error:?}");
    assert!(store.scored(checkpoint).expect("readable").is_empty());
}

#[test]
fn strangers_files_are_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join(DATABASE);
    let none = RunReader::open(dir.path()).expect_err("no run");
    assert!(matches!(none, StoreError::NoRun { .. }), "{none}");

    fs::write(&path, "this is no database, it only has the name of one".repeat(50)).expect("written");
    for error in [
        RunReader::open(dir.path()).map(drop).expect_err("refused"),
        RunStore::open_or_create(dir.path(), &identity()).map(drop).expect_err("refused"),
    ] {
        assert!(matches!(error, StoreError::NotARun { .. }), "{error}");
    }
    assert!(fs::read(&path).expect("still there").starts_with(b"this is no database"));

    fs::remove_file(&path).expect("removed");
    let other = Connection::open(&path).expect("a database");
    other.execute_batch("CREATE TABLE diary (entry TEXT)").expect("a table");
    drop(other);
    let error = RunStore::open_or_create(dir.path(), &identity()).expect_err("refused");
    assert!(matches!(error, StoreError::NotARun { .. }), "{error}");

    fs::remove_file(&path).expect("removed");
    drop(RunStore::open_or_create(dir.path(), &identity()).expect("a new run"));
    let newer = Connection::open(&path).expect("a database");
    newer.pragma_update(None, "user_version", 7).expect("set");
    drop(newer);
    let error = RunReader::open(dir.path()).expect_err("refused");
    assert!(matches!(error, StoreError::Format { found: 7, .. }), "{error}");
}

#[test]
fn a_run_that_does_not_say_what_was_scored_is_refused() {
    for emptied in ["", " WHERE key = 'study_sha256'", " WHERE key = 'questions'"] {
        let dir = tempfile::tempdir().expect("a folder");
        sweep(dir.path(), &prompts(), 24, 24).expect("the sweep runs");
        let path = dir.path().join(DATABASE);
        let db = Connection::open(&path).expect("a database");
        assert!(db.execute(&format!("DELETE FROM run{emptied}"), []).expect("deleted") > 0);
        drop(db);
        for error in [
            RunReader::open(dir.path()).map(drop).expect_err("refused").to_string(),
            RunStore::open_or_create(dir.path(), &identity()).map(drop).expect_err("refused").to_string(),
        ] {
            assert!(error.contains(DATABASE) && error.contains("its table `run` lacks `"), "{error}");
        }
    }
    // Before the first checkpoint there is nothing to be mistaken about: a sweep may have died there.
    let dir = tempfile::tempdir().expect("a folder");
    drop(RunStore::open_or_create(dir.path(), &identity()).expect("made"));
    Connection::open(dir.path().join(DATABASE))
        .and_then(|db| db.execute("DELETE FROM run", []))
        .expect("deleted");
    RunStore::open_or_create(dir.path(), &identity()).expect("filled again");
}

#[cfg(unix)]
#[test]
fn named_pipes_in_a_run_folder_are_refused_and_not_waited_for() {
    for name in [DATABASE, "lock", ROSTER] {
        let dir = tempfile::tempdir().expect("a folder");
        if name == ROSTER {
            // Among other files no run is begun at all.
            drop(RunStore::open_or_create(dir.path(), &identity()).expect("made"));
        }
        crate::plain::named_pipe(dir.path().join(name));
        let opened = RunStore::open_or_create(dir.path(), &identity()).map(drop);
        if name == DATABASE {
            let read = RunReader::open(dir.path()).map(drop);
            for refused in [&opened, &read] {
                assert!(matches!(refused, Err(StoreError::NotARun { .. })), "{refused:?}");
            }
        }
        let error = match name {
            ROSTER => {
                RunReader::open(dir.path()).expect("the run opens").roster().map(drop).expect_err("refused")
            }
            _ => opened.expect_err("refused"),
        };
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn an_empty_file_is_a_run_that_never_began() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join(DATABASE), "").expect("written");
    let error = RunReader::open(dir.path()).expect_err("nothing there");
    assert!(matches!(error, StoreError::NoRun { .. }), "{error}");
    RunStore::open_or_create(dir.path(), &identity()).expect("made");
}

#[test]
fn a_damaged_file_is_an_error_not_a_crash() {
    let whole = tempfile::tempdir().expect("a folder");
    sweep(whole.path(), &prompts(), 24, 24).expect("the sweep runs");
    drop(RunStore::open_or_create(whole.path(), &identity()).expect("folds the log in"));
    let bytes = fs::read(whole.path().join(DATABASE)).expect("the database");
    let mut seed = 12345u64;
    let mut next = move |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    for round in 0..60 {
        let dir = tempfile::tempdir().expect("a folder");
        let mut bad = bytes.clone();
        match round % 3 {
            0 => bad.truncate(next(bad.len())),
            1 => {
                for _ in 0..40 {
                    let at = next(bad.len());
                    bad[at] = next(256) as u8;
                }
            }
            _ => {
                let at = next(bad.len());
                let end = (at + 4096).min(bad.len());
                bad[at..end].fill(next(256) as u8);
            }
        }
        fs::write(dir.path().join(DATABASE), bad).expect("written");
        if let Ok(reader) = RunReader::open(dir.path()) {
            let _ = reader.items();
            let _ = reader.checkpoints();
            let _ = reader.visit_prompts(|_, _| Ok::<(), StoreError>(()));
        }
        let _ = RunStore::open_or_create(dir.path(), &identity());
    }
}

#[test]
fn logits_that_do_not_fit_their_answers_are_damage() {
    // Three answer tokens, four bytes each.
    for (bytes, is_sound) in [(12, true), (0, false), (8, false), (11, false), (13, false), (16, false)] {
        let dir = tempfile::tempdir().expect("a folder");
        sweep(dir.path(), &prompts(), 24, 24).expect("the sweep runs");
        let db = Connection::open(dir.path().join(DATABASE)).expect("opens");
        db.execute("UPDATE score SET logits = zeroblob(?1)", [bytes]).expect("changed");
        let reader = RunReader::open(dir.path()).expect("opens");
        match reader.visit_prompts(|_, _| Ok::<(), StoreError>(())) {
            Ok(_) => assert!(is_sound, "{bytes} bytes"),
            Err(error) => {
                let error = error.to_string();
                assert!(!is_sound && error.contains("logits that do not fit"), "{error}");
            }
        }
    }
}

#[test]
fn a_run_that_computes_is_refused() {
    for (change, named) in [
        ("ALTER TABLE score RENAME TO other; CREATE VIEW score AS SELECT * FROM other", "view `score`"),
        ("CREATE TRIGGER t AFTER INSERT ON word BEGIN DELETE FROM score; END", "trigger `t`"),
        ("ALTER TABLE word ADD COLUMN x BLOB GENERATED ALWAYS AS (zeroblob(1000000000))", "column `word.x`"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        sweep(dir.path(), &prompts(), 24, 24).expect("the sweep runs");
        Connection::open(dir.path().join(DATABASE)).expect("opens").execute_batch(change).expect("changed");
        let read = RunReader::open(dir.path()).map(drop).expect_err("refused").to_string();
        let written = RunStore::open_or_create(dir.path(), &identity()).map(drop).expect_err("refused");
        for error in [read, written.to_string()] {
            assert!(error.contains(named) && error.contains("damaged"), "{error}");
        }
    }
}

#[test]
fn a_shard_that_no_split_has_is_refused_before_it_is_counted() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts(), 24, 24).expect("the sweep runs");
    let add =
        "INSERT INTO sweep (started, program, arguments, filters, machine) VALUES ('', '', '[]', ?1, '{}')";
    for (index, count) in [(1, u32::MAX), (0, 3), (4, 3)] {
        let filters = format!("{{\"shard\":{{\"index\":{index},\"count\":{count}}}}}");
        let db = Connection::open(dir.path().join(DATABASE)).expect("opens");
        db.execute("DELETE FROM sweep", []).expect("changed");
        db.execute(add, [filters]).expect("changed");
        let reader = RunReader::open(dir.path()).expect("opens");
        let error = reader.completeness().expect_err("refused").to_string();
        assert!(error.contains(&format!("a sweep of shard {index} of {count}")), "{error}");
    }
}
