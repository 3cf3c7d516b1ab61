//! What was stored is there afterwards, whatever happened in between.

use std::collections::HashSet;

use super::*;

#[test]
fn a_run_cut_short_anywhere_ends_like_one_that_was_not() {
    let whole = tempfile::tempdir().expect("a folder");
    sweep(whole.path(), &prompts(), 24, 24).expect("the sweep runs");
    let expected: Vec<_> =
        [".csv", ".csv.gz", ".jsonl", ".parquet"].map(|e| export(whole.path(), e)).to_vec();
    for cut in 0..8 {
        let dir = tempfile::tempdir().expect("a folder");
        let mut order = prompts();
        order.rotate_left(cut * 5 % 24);
        sweep(dir.path(), &order, 3, cut).expect("the sweep runs");
        order.reverse();
        sweep(dir.path(), &order, 7, 1).expect("the sweep runs");
        sweep(dir.path(), &prompts(), 5, 99).expect("the sweep runs");
        for (ending, expected) in [".csv", ".csv.gz", ".jsonl", ".parquet"].iter().zip(&expected) {
            assert!(export(dir.path(), ending) == *expected, "cut {cut}, {ending}");
        }
    }
}

#[test]
fn items_add_up_in_order_and_incomplete_ones_are_counted() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts()[..10], 3, 99).expect("the sweep runs");
    let (rows, counts) = RunReader::open(dir.path()).and_then(|r| r.items()).expect("items");
    assert_eq!(counts, ItemCounts { complete: 2, incomplete: 1 });
    let scenarios: Vec<&str> = rows.iter().map(|r| r.scenario.as_str()).collect();
    assert_eq!(scenarios, ["s1", "s2"]);
    let odds: Vec<f64> = prompts()[4..8]
        .iter()
        .map(|p| f64::from(logits(p)[0][0]) / 3.0 - f64::from(logits(p)[1][0]) / 7.0)
        .collect();
    assert_eq!(rows[0].diff_fwd, (odds[0] - odds[1]) / 2.0);
    assert_eq!(rows[0].diff_rev, (odds[2] - odds[3]) / 2.0);
    assert_eq!(rows[0].bias, (rows[0].diff_fwd + rows[0].diff_rev) / 2.0);
}

#[test]
fn cells_are_counted_alike_with_and_without_the_items() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts()[..18], 3, 99).expect("the sweep runs");
    let open = || RunReader::open(dir.path()).expect("the run opens");
    let counts = |reader: &RunReader| -> Vec<(String, u64)> {
        let cells = reader.completeness().expect("readable").cells;
        cells.into_iter().map(|cell| (cell.language, cell.scored)).collect()
    };
    let reader = open();
    reader.items().expect("items");
    let expected = [("en".to_owned(), 6), ("fr".to_owned(), 12)];
    assert_eq!((counts(&reader), counts(&open())), (expected.to_vec(), expected.to_vec()));
}

#[test]
fn a_run_is_found_by_its_folder_with_what_it_says_of_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(&dir.path().join("a/b"), &prompts(), 24, 24).expect("the sweep runs");
    let mut store = RunStore::open_or_create(&dir.path().join("a/b"), &identity()).expect("the run opens");
    let keys = store.keys(&prompts()).expect("keys");
    let cell = |language: &str| Cell { language: language.into(), condition: "main".into(), whole: 12 };
    store.ask(&["m"], &[cell("en"), cell("fr")], &keys).expect("recorded");
    drop(store);
    let found = find_runs(dir.path()).expect("readable");
    let [run] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((run.dir.clone(), run.error.clone()), (dir.path().join("a/b"), None));
    let said = [&run.study, &run.study_version, &run.program].map(|text| text.as_deref());
    assert_eq!(said, [Some("toy"), Some("1"), Some("0.1.0")]);
    // 2026-01-31T12:00:00Z
    assert!(run.begun.as_ref().is_some_and(|time| time.len() == 20 && time.ends_with('Z')), "{run:?}");
    assert_eq!((run.checkpoints.as_slice(), run.asked, run.scored), (["m".to_owned()].as_slice(), 24, 24));
    assert_eq!((run.state, run.filtered), (RunState::Finished, false));
    // Begun or not, where nothing was asked.
    for (name, begun, state) in [("c", false, RunState::NotBegun), ("d", true, RunState::Finished)] {
        let one = dir.path().join(name);
        let mut store = RunStore::open_or_create(&one, &identity()).expect("made");
        if begun {
            store.begin_sweep(&SweepRecord::default()).expect("recorded");
        }
        drop(store);
        assert_eq!(find_runs(&one).expect("readable")[0].state, state);
        fs::remove_dir_all(one).expect("removed");
    }
    // As deep as is said, and no deeper.
    for place in ["1/2/3/4", "1/2/3/4/5"] {
        fs::create_dir_all(dir.path().join(place)).expect("folders");
        fs::write(dir.path().join(place).join(DATABASE), "").expect("written");
    }
    let found = find_runs(dir.path()).expect("readable");
    let places: Vec<_> = found.into_iter().map(|run| run.dir).collect();
    assert_eq!(places, ["1/2/3/4", "a/b"].map(|place| dir.path().join(place)));
}

#[test]
fn the_roster_is_kept_and_read_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = RunStore::open_or_create(dir.path(), &identity()).expect("the run opens");
    let keep = |text: &str| store.keep_roster(text, &HashSet::new()).expect("kept").replaced;
    assert!(!keep("a = 1\n"));
    assert!(!keep("a = 1\n"));
    assert!(keep("a = 2\n"));
    let (rows, settings) = load_items(dir.path()).expect("readable");
    assert!(rows.is_empty());
    assert_eq!(settings.map(|(_, text)| text).as_deref(), Some("a = 2\n"));
    // What cannot be read is not written over.
    let path = dir.path().join(ROSTER);
    fs::write(&path, b"\xff no text").expect("written");
    store.keep_roster("a = 3\n", &HashSet::new()).expect_err("refused");
    assert_eq!(fs::read(&path).expect("there"), b"\xff no text");
}

#[test]
fn provenance_reads_back() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts(), 8, 2).expect("the sweep runs");
    sweep(dir.path(), &prompts(), 8, 9).expect("the sweep runs");
    let reader = RunReader::open(dir.path()).expect("the run opens");
    let checkpoints = reader.checkpoints().expect("checkpoints");
    let [checkpoint] = checkpoints.as_slice() else { panic!("one checkpoint") };
    assert_eq!(checkpoint.record, record("m"));
    assert_eq!(checkpoint.prompts, 24);
    assert_eq!(checkpoint.answers, [answers()]);
    let done: Vec<(u64, bool)> =
        checkpoint.sessions.iter().map(|(_, s)| (s.computed_tokens, s.complete)).collect();
    assert_eq!(done, [(20, false), (10, true)]);
    let identity = reader.identity().expect("identity");
    assert!(identity.contains(&("study_name".into(), "toy".into())));
    assert_eq!(reader.questions().expect("questions"), samples::identity().questions);
}

/// Makes of a run what format 2 was.
fn as_format_2(dir: &Path) {
    let db = rusqlite::Connection::open(dir.join(DATABASE)).expect("a database");
    db.execute_batch(
        "DROP TABLE sweep; DROP TABLE cell; DROP TABLE asked;
         ALTER TABLE checkpoint DROP COLUMN arithmetic;
         ALTER TABLE session DROP COLUMN sweep;
         ALTER TABLE session DROP COLUMN scored;
         ALTER TABLE session DROP COLUMN ended;
         PRAGMA user_version = 2;",
    )
    .expect("the columns are there");
}

#[test]
fn a_run_of_format_2_is_brought_up_to_date_and_its_scores_are_not_mixed() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts(), 8, 1).expect("the sweep runs");
    let expected = export(dir.path(), ".csv");
    as_format_2(dir.path());
    assert!(export(dir.path(), ".csv") == expected, "read as it stands");

    let mut store = RunStore::open_or_create(dir.path(), &identity()).expect("it opens");
    let error = store.checkpoint(&record("m")).expect_err("nobody knows what computed it").to_string();
    assert!(error.contains("an older program's, which did not record it"), "{error}");
    store.begin_sweep(&SweepRecord::default()).expect("recorded");
    let other = store.checkpoint(&record("n")).expect("a new checkpoint");
    store.begin_session(other, &session()).expect("recorded");
    drop(store);
    assert!(export(dir.path(), ".csv") == expected, "and kept");
    let reader = RunReader::open(dir.path()).expect("the run opens");
    let found: Vec<_> = reader.checkpoints().expect("readable");
    assert_eq!(found.iter().map(|c| c.record.arithmetic.as_deref()).collect::<Vec<_>>(), [None, Some("f")]);
    assert_eq!(reader.sweeps().expect("readable").len(), 1);
}

#[test]
fn what_was_asked_adds_up_and_forgets_checkpoints_that_nobody_waits_for() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts()[..10], 10, 9).expect("the sweep runs");
    let mut store = RunStore::open_or_create(dir.path(), &identity()).expect("the run opens");
    let keys = store.keys(&prompts()).expect("keys");
    let cell = |language: &str| Cell { language: language.into(), condition: "main".into(), whole: 12 };
    store.ask(&["m", "typo"], &[cell("en"), cell("fr")], &keys[..6]).expect("recorded");
    store.ask(&["m", "typo"], &[cell("fr")], &keys[4..12]).expect("recorded");
    assert_eq!((store.left("m").expect("counted"), store.left("typo").expect("counted")), (2, 12));
    let counts = |dir: &Path| {
        let found = RunReader::open(dir).and_then(|run| run.completeness()).expect("readable");
        [found.whole, found.asked, found.scored]
    };
    assert_eq!(counts(dir.path()), [48, 24, 10]);
    store.forget_all_but(&["elsewhere"]).expect("forgotten");
    assert_eq!(counts(dir.path()), [24, 12, 10]);
}

#[test]
fn what_is_left_takes_as_long_as_the_pace_of_the_sweep_that_runs_says() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts()[..10], 10, 9).expect("the sweep runs");
    let mut store = RunStore::open_or_create(dir.path(), &identity()).expect("the run opens");
    let keys = store.keys(&prompts()).expect("keys");
    store
        .ask(&["m"], &[Cell { language: "en".into(), condition: "main".into(), whole: 24 }], &keys)
        .expect("asked");
    store.begin_sweep(&SweepRecord::default()).expect("recorded");
    let checkpoint = store.checkpoint(&record("m")).expect("known");
    store.begin_session(checkpoint, &session()).expect("recorded");
    let db = rusqlite::Connection::open(dir.path().join(DATABASE)).expect("a database");
    let pace =
        "UPDATE session SET scored = 20, started = '2026-01-01T00:00:00Z', ended = '2026-01-01T00:00:10Z'
                WHERE sweep IS NOT NULL";
    db.execute(pace, []).expect("as ten seconds would leave it");
    let left = || RunsProgress::of(&[dir.path().to_path_buf()]).expect("readable").seconds_left;
    assert_eq!(left(), Some(14.0 / 2.0));
    drop(store);
    assert_eq!(left(), None, "nobody is at work");
}
