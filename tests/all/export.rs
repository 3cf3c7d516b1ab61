//! Exports: the columns that were promised, whole files only, and clear words where there is nothing to export.

use std::fs;

use crate::common::run::{PROMPTS, export, sweep, tiltmeter, write_all};

#[apply(test!)]
fn tables_have_the_promised_columns_and_rows() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = sweep(dir, "run").output().expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let (items, scores) = export(dir, "run", ".csv");
    let (items, scores) = (String::from_utf8_lossy(&items), String::from_utf8_lossy(&scores));
    assert_eq!(
        items.lines().next(),
        Some(
            "model,language,condition,country_1,country_2,scenario,scenario_type,question,\
             diff_fwd,diff_rev,bias,compliance"
        )
    );
    assert_eq!(
        scores.lines().next(),
        Some(
            "model,language,condition,country_1,country_2,scenario,scenario_type,question,roles,order,n_tokens,\
             log_odds,logprob_a,logprob_b,compliance,logsumexp,logits"
        )
    );
    assert_eq!(items.lines().count(), 1 + 2 * 2 * 2 * PROMPTS / 4);
    assert_eq!(scores.lines().count(), 1 + 2 * 2 * 2 * PROMPTS);
    let mut sorted: Vec<&str> = items.lines().skip(1).collect();
    let names = |line: &&str| line.split(',').take(8).map(str::to_owned).collect::<Vec<_>>();
    sorted.sort_by_key(names);
    assert_eq!(sorted, items.lines().skip(1).collect::<Vec<_>>());
    assert!(export(dir, "run", ".csv.gz") == export(dir, "run", ".csv.gz"));
    let to_standard_output = |tables: &[&str]| {
        let done = tiltmeter().current_dir(dir).args(["export", "--run", "run"]).args(tables).output();
        done.expect("the program starts")
    };
    assert_eq!(String::from_utf8_lossy(&to_standard_output(&["--items", "-"]).stdout), items);
    assert_eq!(String::from_utf8_lossy(&to_standard_output(&["--scores", "-"]).stdout), scores);
    assert_eq!(to_standard_output(&["--scores", "-", "--items", "-"]).status.code(), Some(1));
    assert!(!dir.join("-").exists());
}

#[apply(test!)]
fn an_analysis_says_what_a_run_or_a_table_lacks() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = sweep(dir, "run").args(["--limit", "3"]).output().expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let analyze = |args: &[&str]| {
        let done =
            tiltmeter().current_dir(dir).arg("analyze").args(args).output().expect("the program starts");
        assert_eq!(done.status.code(), Some(1), "{args:?}");
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    let said = analyze(&["--run", "run"]);
    assert!(said.contains("holds no complete item: 8 items still lack some of their four prompts"), "{said}");
    // Nothing is written over what is read.
    let said = analyze(&["--run", "run", "--output", "run/run.sqlite"]);
    assert!(said.contains("run.sqlite is read"), "{said}");
    export(dir, "run", ".jsonl");
    let said = analyze(&["--items", "run.scores.jsonl"]);
    assert!(said.contains("run.scores.jsonl: line 1: unknown field `roles`"), "{said}");
    let said = analyze(&["--run", "run", "--output", "nowhere/figures.txt"]);
    assert!(said.contains("there is no folder nowhere"), "{said}");
}

#[apply(test!)]
fn mistakes_are_said_and_leave_nothing_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let export = |args: &[&str]| {
        let done =
            tiltmeter().current_dir(dir).arg("export").args(args).output().expect("the program starts");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, said) = export(&["--run", "run", "--items", "items.csv"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("run holds no run"), "{said}");
    let (code, said) = export(&["--run", "run", "--items", "items.xlsx"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("items.xlsx") && said.contains(".parquet"), "{said}");
    let (code, _) = export(&["--run", "run"]);
    assert_eq!(code, Some(2));
    assert_eq!(fs::read_dir(dir).expect("the folder").count(), 0);
}
