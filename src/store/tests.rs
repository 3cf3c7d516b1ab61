//! A run folder under crashes, full disks, strangers' files and changed inputs.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::study::{OptionOrder, Prompt, PromptText, Roles, StageForm};

fn identity() -> RunIdentity {
    RunIdentity {
        program: "0.1.0".into(),
        study_name: "toy".into(),
        study_version: "1".into(),
        study_sha256: "aa".into(),
    }
}

fn record(model: &str) -> CheckpointRecord {
    CheckpointRecord {
        model: model.into(),
        family: "toy".into(),
        stage: "base".into(),
        form: StageForm::Base,
        source: "checkpoints/base".into(),
        revision: None,
        weights_sha256: "w".into(),
        tokenizer_sha256: "t".into(),
        template_sha256: None,
        template_date: None,
        prefill: None,
        dtype: "bf16".into(),
        parameters: 1000,
        backend: "cpu".into(),
    }
}

fn session() -> SessionRecord {
    SessionRecord {
        device: "a processor".into(),
        pack_tokens: 64,
        sharing: true,
        prompts: 24,
        naive_tokens: 240,
        tree_tokens: 100,
        computed_tokens: 0,
        load_seconds: 0.5,
        compute_seconds: 0.0,
        complete: false,
    }
}

/// Two languages, three scenarios, one question, all four arrangements: 24 prompts.
fn prompts() -> Vec<Prompt> {
    let mut prompts = Vec::new();
    for language in ["fr", "en"] {
        for scenario in ["s2", "s1", "s3"] {
            for roles in [Roles::Fwd, Roles::Rev] {
                for order in [OptionOrder::First, OptionOrder::Second] {
                    let (r, o) = (roles.name(), order.name());
                    prompts.push(Prompt {
                        id: format!("{language}/main/USA-China/{scenario}/justified/{r}/{o}"),
                        language: language.into(),
                        condition: "main".into(),
                        pair: ["USA".into(), "China".into()],
                        scenario: scenario.into(),
                        scenario_type: "border".into(),
                        question: "justified".into(),
                        roles,
                        order,
                        text: PromptText::Plain(String::new()),
                    });
                }
            }
        }
    }
    prompts
}

/// Scores that depend on the prompt alone.
fn logits(prompt: &Prompt) -> Vec<Vec<f32>> {
    let seed = prompt.id.bytes().fold(7u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
    let value = |n: u32| (seed.wrapping_mul(n) % 1000) as f32 / 300.0 - 1.5;
    vec![vec![value(3), value(5)], vec![value(11)]]
}

const ANSWERS: [&[u32]; 2] = [&[32, 362], &[33]];

fn answers() -> Vec<Vec<u32>> {
    ANSWERS.iter().map(|ids| ids.to_vec()).collect()
}

fn row<'a>(key: PromptKey, answers: AnswersId, logits: &'a [Vec<f32>]) -> ScoreRow<'a> {
    let a = f64::from(logits[0][0]) / 3.0;
    let b = f64::from(logits[1][0]) / 7.0;
    ScoreRow {
        key,
        prompt_sha256: [9; 32],
        n_tokens: 10,
        answers,
        logits,
        logsumexp: 3.25,
        logprobs: [a, b],
        log_odds: a - b,
        compliance: 0.1,
    }
}

/// One sweep over `prompts`, `pack` at a time; it dies after `packs` of them.
fn sweep(dir: &Path, prompts: &[Prompt], pack: usize, packs: usize) -> Result<(), StoreError> {
    let mut store = RunStore::open_or_create(dir, &identity())?;
    let checkpoint = store.checkpoint(&record("m"))?;
    let set = store.answers(checkpoint, &answers())?;
    let keys = store.keys(prompts)?;
    let scored = store.scored(checkpoint)?;
    let left: Vec<(PromptKey, Vec<Vec<f32>>)> = keys
        .into_iter()
        .zip(prompts)
        .filter(|(key, _)| !scored.contains_key(key))
        .map(|(key, prompt)| (key, logits(prompt)))
        .collect();
    let run = store.begin_session(checkpoint, &session())?;
    let mut progress = Progress::default();
    for part in left.chunks(pack).take(packs) {
        let rows: Vec<ScoreRow<'_>> = part.iter().map(|(key, l)| row(*key, set, l)).collect();
        progress.computed_tokens += 10;
        store.put(checkpoint, run, &rows, progress)?;
    }
    if left.chunks(pack).len() <= packs {
        store.end_session(run, progress)?;
    }
    // The connection is left as a killed process leaves it: never closed, its log not folded in.
    std::mem::forget(store.into_parts_for_test());
    Ok(())
}

fn export(dir: &Path, ending: &str) -> (Vec<u8>, Vec<u8>) {
    let reader = RunReader::open(dir).expect("the run opens");
    let (items, scores) = (dir.join(format!("items{ending}")), dir.join(format!("scores{ending}")));
    export_items(&reader, &items).expect("items are written");
    export_scores(&reader, &scores).expect("scores are written");
    (fs::read(items).expect("items"), fs::read(scores).expect("scores"))
}

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
fn exported_figures_read_back_to_the_same_bits() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts(), 5, 99).expect("the sweep runs");
    let reader = RunReader::open(dir.path()).expect("the run opens");
    let (rows, _) = reader.items().expect("items");
    let (csv, _) = export(dir.path(), ".csv");
    let read: Vec<crate::stats::items::ItemRow> =
        csv::Reader::from_reader(&csv[..]).deserialize().collect::<Result<_, _>>().expect("the table reads");
    assert_eq!(read, rows);
    let (_, scores) = export(dir.path(), ".jsonl");
    let mut lines = scores.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let count = reader
        .visit_prompts(|names, score| {
            let line = lines.next().expect("a line per prompt");
            let json: serde_json::Value = serde_json::from_slice(line).expect("JSON");
            assert_eq!(json["scenario"], names.scenario);
            assert_eq!(json["order"], score.order.name());
            assert_eq!(json["log_odds"].as_f64(), Some(score.log_odds));
            let logits: Vec<Vec<f32>> = serde_json::from_value(json["logits"].clone()).expect("lists");
            assert_eq!(logits, score.logits);
            Ok::<(), StoreError>(())
        })
        .expect("prompts");
    assert_eq!(count, 24);
    parquet_holds(dir.path(), &rows);
}

fn parquet_holds(dir: &Path, rows: &[crate::stats::items::ItemRow]) {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::RowAccessor;
    export(dir, ".parquet");
    let file = fs::File::open(dir.join("items.parquet")).expect("the file");
    let table = SerializedFileReader::new(file).expect("parquet");
    for (read, row) in table.get_row_iter(None).expect("rows").zip(rows) {
        let read = read.expect("a row");
        assert_eq!(read.get_string(5).expect("scenario"), &row.scenario);
        assert_eq!(read.get_double(10).expect("bias"), row.bias);
    }
    let file = fs::File::open(dir.join("scores.parquet")).expect("the file");
    let table = SerializedFileReader::new(file).expect("parquet");
    let first = table.get_row_iter(None).expect("rows").next().expect("one").expect("a row");
    let lists = first.get_list(16).expect("logits");
    assert_eq!(lists.elements().len(), 2);
    let prompt = prompts().into_iter().find(|p| p.id == "en/main/USA-China/s1/justified/fwd/12");
    let expected = logits(&prompt.expect("the first prompt"));
    assert_eq!(
        format!("{:?}", lists.elements()[1]),
        format!("ListInternal(List {{ elements: [Float({:?})] }})", expected[1][0])
    );
}

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
    drop(first);
    RunStore::open_or_create(dir.path(), &identity()).expect("free again");
}

#[test]
fn a_full_disk_loses_the_pack_and_nothing_before_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut store = RunStore::open_or_create(dir.path(), &identity()).expect("the run opens");
    let checkpoint = store.checkpoint(&record("m")).expect("registered");
    let set = store.answers(checkpoint, &answers()).expect("answers");
    let run = store.begin_session(checkpoint, &session()).expect("a session");
    let first = logits(&prompts()[0]);
    let keys = store.keys(&prompts()).expect("keys");
    let one = [row(keys[0], set, &first)];
    store.put(checkpoint, run, &one, Progress::default()).expect("there is room");
    store.fill_disk();
    // Item numbers need not exist: what counts is that these rows need more pages.
    let many: Vec<ScoreRow<'_>> =
        (1000..3000).map(|item| row(PromptKey { item, slot: 0 }, set, &first)).collect();
    let error = store.put(checkpoint, run, &many, Progress::default()).expect_err("no room");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(store.scored(checkpoint).expect("readable").len(), 1);
}

#[test]
fn figures_that_are_no_numbers_are_not_stored() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut store = RunStore::open_or_create(dir.path(), &identity()).expect("the run opens");
    let checkpoint = store.checkpoint(&record("m")).expect("registered");
    let set = store.answers(checkpoint, &answers()).expect("answers");
    let run = store.begin_session(checkpoint, &session()).expect("a session");
    let keys = store.keys(&prompts()).expect("keys");
    let good = logits(&prompts()[0]);
    let bad = vec![vec![f32::NAN, 0.0], vec![0.0]];
    let rows = [row(keys[0], set, &good), row(keys[1], set, &bad)];
    let error = store.put(checkpoint, run, &rows, Progress::default()).expect_err("refused").to_string();
    assert!(error.contains("`fr/main/USA-China/s2/justified/fwd/21`") && error.contains("NaN"), "{error}");
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
fn the_roster_is_kept_and_read_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = RunStore::open_or_create(dir.path(), &identity()).expect("the run opens");
    assert!(!store.keep_roster("a = 1\n").expect("kept"));
    assert!(!store.keep_roster("a = 1\n").expect("kept"));
    assert!(store.keep_roster("a = 2\n").expect("kept"));
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
}

#[test]
fn exports_replace_whole_files_or_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    sweep(dir.path(), &prompts(), 24, 1).expect("the sweep runs");
    let reader = RunReader::open(dir.path()).expect("the run opens");
    let before: Vec<_> = files(dir.path());
    for name in ["items", "items.tsv", ".csv", "items.csv.zip"] {
        let error = export_items(&reader, &dir.path().join(name)).expect_err("refused");
        assert!(matches!(error, StoreError::UnknownEnding { .. }), "{error}");
    }
    let error = export_items(&reader, &dir.path().join("no/such/folder/items.csv")).expect_err("refused");
    assert!(error.to_string().contains("items.csv"), "{error}");
    assert_eq!(files(dir.path()), before);
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
