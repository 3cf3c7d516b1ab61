//! Promise: a sweep that is split over machines and merged is the sweep of one machine, byte for byte, whatever becomes of a
//! shard; and what does not belong together is not merged.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::common::run::{export, tiltmeter, write_all};
use tiltmeter::store::{RunReader, StoreError};

const ENDINGS: [&str; 4] = [".csv", ".csv.gz", ".jsonl", ".parquet"];

/// Two checkpoints in two languages, 384 prompts.
fn sweep(dir: &Path, run: &str) -> Command {
    let mut command = tiltmeter();
    command.args(["sweep", "--backend", "cpu", "--roster"]).arg(dir.join("roster.toml"));
    command.arg("--study").arg(dir.join("study")).arg("--run").arg(dir.join(run));
    command
}

fn done(command: &mut Command) -> (String, String) {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", said(&output));
    (String::from_utf8_lossy(&output.stdout).into_owned(), said(&output))
}

fn refused(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    said(&output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shard(dir: &Path, run: &str, which: &str) -> Command {
    let mut command = sweep(dir, run);
    command.args(["--shard", which]);
    command
}

fn merge(dir: &Path, runs: &[&str], out: &str) -> Command {
    let mut command = tiltmeter();
    command.arg("merge").args(runs.iter().map(|run| dir.join(run))).arg("--run").arg(dir.join(out));
    command
}

/// Every file of `dir` that is no part of a run.
fn is_clean(dir: &Path) -> bool {
    let names = fs::read_dir(dir).expect("readable").map(|entry| entry.expect("an entry").file_name());
    names.into_iter().all(|name| !name.to_string_lossy().starts_with('.'))
}

#[apply(test!)]
fn shards_merge_into_what_one_machine_computes() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    done(&mut sweep(dir, "whole"));
    let expected = ENDINGS.map(|ending| export(dir, "whole", ending));
    // Packs of other sizes, one shard killed in the middle and run again; none loads a checkpoint that it does not compute.
    for (count, packs) in [(3, ["48", "auto", "64"]), (7, ["64", "300", "auto"])] {
        let run = format!("split{count}");
        let mut loads = 0;
        for index in 1..=count {
            let mut command = shard(dir, &run, &format!("{index}/{count}"));
            if index == 2 {
                let mut child =
                    command.args(["--pack-tokens", "16"]).stderr(Stdio::null()).spawn().expect("starts");
                std::thread::sleep(Duration::from_millis(300));
                child.kill().expect("it dies");
                child.wait().expect("it is dead");
                command = shard(dir, &run, &format!("{index}/{count}"));
            }
            command.args(["--pack-tokens", packs[index % 3]]);
            let (_, said) = done(&mut command);
            assert!(said.contains(&format!("shard {index} of {count} (--shard)")), "{said}");
            loads += ["tiny-base: loading", "tiny-chat: loading"]
                .iter()
                .filter(|text| said.contains(**text))
                .count();
        }
        // No more than the cuts make necessary.
        assert!(loads <= count + 1, "{loads} loads");
        let (_, said) = done(merge(dir, &[&run], &format!("{run}-merged")).arg("--complete"));
        assert!(said.contains(&format!("merged {count} runs into")) && !said.contains("note:"), "{said}");
        for (ending, expected) in ENDINGS.iter().zip(&expected) {
            assert!(export(dir, &format!("{run}-merged"), ending) == *expected, "{count} shards, {ending}");
        }
    }
    // Shards of different splits overlap, and what they overlap in is the same.
    let (_, said) = done(&mut merge(dir, &["split7", "split3/shard-2-of-3", "whole"], "all"));
    assert!(said.contains("more were there already, the same") && !said.contains("missing"), "{said}");
    assert!(export(dir, "all", ".csv") == expected[0]);
}

#[apply(test!)]
fn what_is_missing_is_named_and_can_come_later() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    done(&mut sweep(dir, "whole"));
    for which in ["1/3", "3/3"] {
        done(&mut shard(dir, "split", which));
    }
    fs::create_dir(dir.join("split/shard-2-of-3")).expect("made");
    let one = dir.join("split/shard-1-of-3");
    let (text, _) = done(tiltmeter().arg("status").arg(&one));
    assert!(text.contains("\nshard 1 of 3: ") && text.contains(" of 384 prompts\n"), "{text}");
    assert!(!text.contains("filtered"), "{text}");
    // Whoever reads a shard, or a merge of some, hears of it first.
    let (text, _) = done(tiltmeter().arg("analyze").arg("--run").arg(&one));
    assert!(text.starts_with("shard 1 of 3: "), "{text}");
    let (_, said) = done(&mut merge(dir, &["split"], "merged"));
    assert!(said.contains("shard-2-of-3 holds no run yet") && said.contains("missing: 2"), "{said}");
    let (text, _) = done(tiltmeter().arg("analyze").arg("--run").arg(dir.join("merged")));
    assert!(text.starts_with("2 of 3 shards: ") && text.contains("missing: 2"), "{text}");
    let said = refused(merge(dir, &["split"], "merged").arg("--complete"));
    assert!(said.contains("is not complete"), "{said}");
    let (text, _) = done(tiltmeter().args(["sweep", "--status"]).arg(dir.join("split")));
    for part in ["not begun", "finished", "in all: ", "2 of 3 shards", "missing: 2"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (text, _) = done(tiltmeter().args(["status", "--json"]).arg(dir.join("split")));
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["runs"].as_array().map(Vec::len), Some(3), "{json}");
    assert_eq!(json["shards"][0]["missing"], serde_json::json!([2]), "{json}");
    let said = refused(tiltmeter().args(["analyze", "--run"]).arg(dir.join("split")));
    assert!(
        said.contains("holds shards, each a run of its own") && said.contains("tiltmeter merge"),
        "{said}"
    );
    // The missing one, and the rest of it in one piece: a merged run can be swept into as any other.
    done(&mut shard(dir, "split", "2/3"));
    done(merge(dir, &["split"], "merged").arg("--complete"));
    assert!(export(dir, "merged", ".csv") == export(dir, "whole", ".csv"));
    done(&mut merge(dir, &["split/shard-1-of-3"], "other"));
    done(&mut sweep(dir, "other"));
    assert!(export(dir, "other", ".csv") == export(dir, "whole", ".csv"));
    let (text, _) = done(tiltmeter().arg("status").arg(dir.join("other")));
    assert!(text.contains("finished: 384 prompts") && !text.contains("shard"), "{text}");
}

#[apply(test!)]
fn a_dry_run_says_what_each_shard_computes() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    // Text files are all that the split needs.
    let away =
        |name: &str| fs::rename(dir.join("checkpoints/chat").join(name), dir.join(name)).expect("moved");
    away("model.safetensors");
    let (text, _) = done(sweep(dir, "none").args(["--dry-run", "--shards", "4"]));
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let shares: Vec<f64> = rows
        .iter()
        .filter(|row| row.last() == Some(&"%"))
        .map(|row| row[row.len() - 2].parse().expect("a share"))
        .collect();
    assert_eq!(shares.len(), 4, "{text}");
    assert!(shares.iter().all(|share| (share - 25.0).abs() < 2.5), "{text}");
    let prompts = rows.iter().filter_map(|row| {
        let at = row.iter().position(|word| word.starts_with("tiny-"))?;
        row.get(at + 1)?.parse::<usize>().ok()
    });
    assert_eq!(prompts.sum::<usize>(), 384, "{text}");
    assert!(!dir.join("none").exists());
    // The first is of the base checkpoint alone, so that the other's weights need not be there.
    let (text, _) = done(shard(dir, "run", "1/4").arg("--dry-run"));
    assert!(text.contains("\n *") && text.contains("[1/1] tiny-base"), "{text}");
    done(&mut shard(dir, "run", "1/4"));
    let said = refused(&mut shard(dir, "run", "4/4"));
    assert!(said.contains("checkpoint `tiny-chat`"), "{said}");
    // Without the text files no machine knows its share.
    away("tokenizer.json");
    let said = refused(&mut shard(dir, "run", "2/4"));
    assert!(said.contains("every machine needs their text files") && said.contains("--models"), "{said}");
}

#[apply(test!)]
fn a_cluster_says_which_shard_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let array = |id: &str, count: &str| {
        let mut command = sweep(dir, "run");
        command.args(["--limit", "8"]).envs([
            ("SLURM_ARRAY_TASK_ID", id),
            ("SLURM_ARRAY_TASK_MIN", "0"),
            ("SLURM_ARRAY_TASK_MAX", &(count.parse::<u32>().expect("a number") - 1).to_string()),
            ("SLURM_ARRAY_TASK_COUNT", count),
        ]);
        command
    };
    let (_, said) = done(&mut array("1", "2"));
    assert!(said.contains("shard 2 of 2 (SLURM_ARRAY_TASK_ID)"), "{said}");
    assert!(dir.join("run/shard-2-of-2/run.sqlite").is_file());
    // A task submitted alone would take itself for all of it.
    let said = refused(&mut array("0", "1"));
    assert!(said.contains("--shard I/2"), "{said}");
    let said = refused(array("0", "1").args(["--shard", "none"]));
    assert!(said.contains("holds shard-2-of-2, which is not a run's"), "{said}");
    let said = refused(sweep(dir, "pods").env("JOB_COMPLETION_INDEX", "0"));
    assert!(said.contains("--shards N, the Job's completions"), "{said}");
    let said = refused(sweep(dir, "pods").args(["--shards", "3"]));
    assert!(said.contains("nothing says which one"), "{said}");
    let zero = shard(dir, "run", "0/4").output().expect("the program starts");
    assert_eq!(zero.status.code(), Some(2));
    // A shard's folder is one split's.
    let said = refused(shard(dir, "run", "2/2").args(["--limit", "9"]));
    assert!(said.contains("holds shard 2 of 2 of another split"), "{said}");
}

#[apply(test!)]
fn what_does_not_belong_together_is_not_merged() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    for which in ["1/2", "2/2"] {
        done(&mut shard(dir, "split", which));
    }
    let runs = ["split/shard-1-of-2", "split/shard-2-of-2", "other"];
    // Each change is made to a run of its own, which is then refused beside the others.
    let other = |change: &dyn Fn(&Path)| {
        let _ = fs::remove_dir_all(dir.join("other"));
        done(sweep(dir, "other").args(["--limit", "8"]));
        change(&dir.join("other"));
        let said = refused(&mut merge(dir, &runs, "merged"));
        assert!(!dir.join("merged").exists() && is_clean(dir), "{said}");
        assert!(said.contains("nothing was merged"), "{said}");
        said
    };
    let sql = |text: &'static str| {
        move |run: &Path| {
            let db = rusqlite::Connection::open(run.join("run.sqlite")).expect("opens");
            assert!(db.execute(text, []).expect("understood") > 0, "{text}");
        }
    };
    for (change, part) in [
        ("UPDATE run SET value = '9.9.9' WHERE key = 'program'", "program version is"),
        ("UPDATE run SET value = 'ff' WHERE key = 'study_sha256'", "study files (SHA-256) is"),
        (
            "UPDATE checkpoint SET weights_sha256 = 'ff' WHERE model = 'tiny-chat'",
            "checkpoint `tiny-chat`'s weights (SHA-256)",
        ),
        (
            "UPDATE checkpoint SET template_sha256 = 'ff' WHERE model = 'tiny-chat'",
            "`tiny-chat`'s chat template (SHA-256)",
        ),
        ("UPDATE checkpoint SET arithmetic = 'ff' WHERE model = 'tiny-base'", "`tiny-base`'s arithmetic"),
        ("UPDATE checkpoint SET backend = 'wgpu f32'", "backend is cpu f32"),
        (
            "UPDATE score SET log_odds = log_odds + 1e-9 WHERE (checkpoint, item, slot) =
               (SELECT checkpoint, item, slot FROM score LIMIT 1)",
            "has another log-odds in",
        ),
        (
            "UPDATE score SET prompt_sha256 = zeroblob(32) WHERE (checkpoint, item, slot) =
               (SELECT checkpoint, item, slot FROM score LIMIT 1)",
            "prompt `en/main/USA-China/border_acts_1/justified/fwd/12` of checkpoint `tiny-base` has another list of token ids",
        ),
    ] {
        let said = other(&sql(change));
        assert!(said.contains(part), "{part}: {said}");
    }
    let roster = fs::read_to_string(dir.join("roster.toml")).expect("readable");
    for (from, to, part) in [
        ("\"China\"\n\n", "\"Japan\"\n\n", "the setting `analysis.target` is"),
        ("Nobody", "Somebody", "what the roster says of checkpoint `tiny-base`"),
    ] {
        assert!(roster.contains(from));
        fs::write(dir.join("roster.toml"), roster.replace(from, to)).expect("written");
        let said = other(&|_| ());
        assert!(said.contains(part), "{part}: {said}");
    }
    // A folder of another's hand, and a run that merge did not make.
    let said = refused(&mut merge(dir, &runs[..2], "study"));
    assert!(said.contains("nothing is overwritten"), "{said}");
    let before = fs::read(dir.join("other/run.sqlite")).expect("there");
    let said = refused(&mut merge(dir, &runs[..2], "other"));
    assert!(said.contains("that `merge` did not make"), "{said}");
    assert!(fs::read(dir.join("other/run.sqlite")).expect("there") == before);
    let said = refused(&mut merge(dir, &["split/shard-1-of-2"], "split/shard-1-of-2"));
    assert!(said.contains("did not make"), "{said}");
    let said = refused(&mut merge(dir, &["study"], "merged"));
    assert!(said.contains("holds no run"), "{said}");
}

#[apply(test!)]
fn a_merge_killed_at_any_moment_leaves_nothing_half() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    for which in ["1/2", "2/2"] {
        done(&mut shard(dir, "split", which));
    }
    done(&mut merge(dir, &["split"], "expected"));
    let expected = export(dir, "expected", ".csv");
    let (mut nothing, mut all) = (0, 0);
    for round in 0..24 {
        let out = format!("killed{round}");
        let mut child = merge(dir, &["split"], &out).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(3 * round));
        let _ = child.kill();
        child.wait().expect("it is dead");
        match RunReader::open(&dir.join(&out)) {
            Err(StoreError::NoRun { .. }) => nothing += 1,
            Err(error) => panic!("{error}"),
            Ok(reader) => {
                drop(reader);
                assert!(export(dir, &out, ".csv") == expected, "round {round}");
                all += 1;
            }
        }
        done(merge(dir, &["split"], &out).arg("--complete"));
        assert!(export(dir, &out, ".csv") == expected, "round {round}");
    }
    assert!(nothing > 0, "no kill was in time; {all} were late");
    assert!(is_clean(dir));
}

#[apply(test!)]
fn two_workers_on_one_shard_lose_nothing_and_double_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let start = || {
        let mut command = shard(dir, "split", "1/2");
        command.args(["--pack-tokens", "16"]).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let (first, second) = (start(), start());
    let ends = [first, second].map(|child| child.wait_with_output().expect("it ends"));
    let told: Vec<String> = ends.iter().map(said).collect();
    let turned_away: Vec<&String> =
        ends.iter().zip(&told).filter(|(end, _)| !end.status.success()).map(|(_, said)| said).collect();
    // One may have come after the other had ended; else it is told who is at work.
    for said in &turned_away {
        assert!(
            said.contains("another sweep is writing to the run in") && said.contains("(process "),
            "{said}"
        );
    }
    assert!(turned_away.len() < 2, "{told:?}");
    done(&mut shard(dir, "split", "2/2"));
    done(&mut sweep(dir, "whole"));
    done(merge(dir, &["split"], "merged").arg("--complete"));
    assert!(export(dir, "merged", ".csv") == export(dir, "whole", ".csv"));
}
