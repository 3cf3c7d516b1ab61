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
