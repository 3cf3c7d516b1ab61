//! A sweep that is killed and started again ends with the same tables, byte for byte, and mixes nothing.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::Random;
use crate::common::run::{PROMPTS, export, sweep, tiltmeter, write_all};
use tiltmeter::store::RunReader;

const ENDINGS: [&str; 4] = [".csv", ".csv.gz", ".jsonl", ".parquet"];

/// A run without interruption, its tables, and how long it took.
fn whole(dir: &Path) -> (Vec<(Vec<u8>, Vec<u8>)>, Duration) {
    let start = Instant::now();
    let done = sweep(dir, "whole").output().expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let time = start.elapsed();
    (ENDINGS.map(|ending| export(dir, "whole", ending)).to_vec(), time)
}

#[apply(test!)]
fn a_sweep_killed_at_random_moments_ends_like_one_that_was_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let (expected, time) = whole(dir);
    let rows = expected[0].1.iter().filter(|b| **b == b'\n').count();
    assert_eq!(rows, 1 + 2 * 2 * 2 * PROMPTS, "2 checkpoints, 2 languages, 2 conditions");

    let mut random = Random(20);
    let (mut kills, mut cut_short) = (0, 0);
    // Kills that come too late are not counted; the bound is for machines that are never in time.
    for round in 0..40 {
        if kills >= 24 && cut_short > 0 {
            break;
        }
        let name = format!("killed{round}");
        for attempt in 0..6 {
            // Fewer tokens a pack: more moments between which to die. The scores must not care.
            let pack = ["48", "64", "301"][(round + attempt) % 3];
            let mut child = sweep(dir, &name)
                .args(["--pack-tokens", pack])
                .stderr(Stdio::null())
                .spawn()
                .expect("the program starts");
            let moment = time.mul_f64((f64::from(random.unit()) + 1.0) / 2.0);
            std::thread::sleep(moment);
            if child.try_wait().expect("the child is ours").is_some() {
                break;
            }
            child.kill().expect("it dies");
            child.wait().expect("it is dead");
            kills += 1;
        }
        let end = sweep(dir, &name).output().expect("the program starts");
        assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stderr));
        for (ending, expected) in ENDINGS.iter().zip(&expected) {
            let got = export(dir, &name, ending);
            assert!(got.0 == expected.0, "items{ending} of round {round} differ");
            assert!(got.1 == expected.1, "scores{ending} of round {round} differ");
        }
        let reader = RunReader::open(&dir.join(&name)).expect("the run opens");
        for checkpoint in reader.checkpoints().expect("checkpoints") {
            let sessions = checkpoint.sessions.iter();
            cut_short += sessions.filter(|(_, s)| s.computed_tokens > 0 && !s.complete).count();
        }
    }
    assert!(kills >= 20, "only {kills} kills were in time");
    assert!(cut_short > 0, "no kill came between two packs");
}

#[apply(test!)]
fn what_is_scored_is_not_scored_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let first = sweep(dir, "run").args(["--limit", "10"]).output().expect("the program starts");
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let second = sweep(dir, "run").output().expect("the program starts");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("344 prompts, 40 more were scored before"), "{said}");
    let third = sweep(dir, "run").output().expect("the program starts");
    let said = String::from_utf8_lossy(&third.stderr);
    assert!(said.contains("tiny-chat: all 384 prompts were scored before"), "{said}");
    let (expected, _) = whole(dir);
    assert!(export(dir, "run", ".csv") == expected[0]);
}

#[apply(test!)]
fn the_plan_is_computed_exactly_and_recorded() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let plan = sweep(dir, "none").arg("--dry-run").output().expect("the program starts");
    assert!(plan.status.success());
    assert!(!dir.join("none").exists(), "a dry run leaves nothing behind");
    let said = String::from_utf8_lossy(&plan.stdout);
    assert!(said.contains("[1/2] tiny-base: 384 prompts"), "{said}");
    for (run, extra) in [("shared", None), ("alone", Some("--no-sharing"))] {
        let done = sweep(dir, run).args(extra).output().expect("the program starts");
        assert!(done.status.success());
        let reader = RunReader::open(&dir.join(run)).expect("the run opens");
        for checkpoint in reader.checkpoints().expect("checkpoints") {
            let (_, session) = checkpoint.sessions.first().expect("one session");
            assert!(session.complete);
            assert_eq!(session.computed_tokens, session.tree_tokens);
            assert_eq!(session.sharing, extra.is_none());
            match extra {
                None => assert!(session.tree_tokens * 2 < session.naive_tokens),
                Some(_) => assert_eq!(session.tree_tokens, session.naive_tokens),
            }
        }
    }
    assert!(export(dir, "shared", ".csv") == export(dir, "alone", ".csv"));
}

/// Changes one thing about a finished run and says what the next sweep answers.
fn refusal(change: impl FnOnce(&Path)) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let first = sweep(dir, "run").args(["--limit", "8"]).output().expect("the program starts");
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let before = export(dir, "run", ".csv");
    change(dir);
    let second = sweep(dir, "run").output().expect("the program starts");
    assert_eq!(second.status.code(), Some(1));
    // The other checkpoint may have gone on; what was there must still be there.
    let after = export(dir, "run", ".csv");
    for line in before.1.split(|b| *b == b'\n') {
        assert!(after.1.split(|b| *b == b'\n').any(|l| l == line), "a row is gone");
    }
    String::from_utf8_lossy(&second.stderr).into_owned()
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("readable");
    assert!(text.contains(from), "{} has no {from}", path.display());
    fs::write(path, text.replace(from, to)).expect("writable");
}

#[apply(test!)]
fn other_weights_are_refused() {
    let said = refusal(|dir| {
        let file = dir.join("checkpoints/base/model.safetensors");
        let mut bytes = fs::read(&file).expect("weights");
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        fs::write(&file, bytes).expect("writable");
    });
    assert!(said.contains("`tiny-base`") && said.contains("weights") && said.contains("--run"), "{said}");
}

#[apply(test!)]
fn another_configuration_is_not_told_as_other_weights() {
    let said = refusal(|dir| {
        edit(&dir.join("checkpoints/base/config.json"), "\"use_cache\":true", "\"use_cache\":false")
    });
    assert!(said.contains("`tiny-base`") && said.contains("config.json (SHA-256)"), "{said}");
    assert!(!said.contains("weights"), "{said}");
}

#[apply(test!)]
fn another_tokenizer_template_or_prefill_is_refused() {
    let tokenizer = "checkpoints/base/tokenizer.json";
    let said = refusal(|dir| edit(&dir.join(tokenizer), "<|end|>", "<|stop|>"));
    assert!(said.contains("`tiny-base`"), "{said}");
    let said = refusal(|dir| {
        edit(&dir.join("checkpoints/chat/tokenizer_config.json"), "{{ m.role }}", "{{ m.role|upper }}");
    });
    assert!(said.contains("`tiny-chat`"), "{said}");
    let said = refusal(|dir| {
        edit(&dir.join("roster.toml"), "checkpoints/chat\"", "checkpoints/chat\", prefill = \"(\"");
    });
    assert!(said.contains("`tiny-chat`") && said.contains("prefill"), "{said}");
}

#[apply(test!)]
fn another_study_is_refused() {
    let said = refusal(|dir| edit(&dir.join("study/texts/en.toml"), "better", "well"));
    assert!(said.contains("study files") && said.contains("--run"), "{said}");
    let said = refusal(|dir| edit(&dir.join("study/study.toml"), "version = \"1\"", "version = \"2\""));
    assert!(said.contains("study version"), "{said}");
}

#[apply(test!)]
fn a_study_with_errors_is_not_asked() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    edit(
        &dir.join("study/scenarios/fr/trade.toml"),
        "{A.Name} arrête une colonne « trade » que {B} envoie",
        "{B.Name} arrête une colonne « trade » que {A} envoie",
    );
    for command in [["sweep"].as_slice(), &["prompts", "--stage", "base", "--language", "en"]] {
        let mut asked = tiltmeter();
        asked.args(command).arg("--study").arg(dir.join("study"));
        if command[0] == "sweep" {
            asked.arg("--roster").arg(dir.join("roster.toml")).arg("--run").arg(dir.join("run"));
        }
        let done = asked.output().expect("the program starts");
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains("has 1 error") && said.contains("scenarios/fr/trade.toml"), "{said}");
    }
    assert!(!dir.join("run").exists());
}

#[apply(test!)]
fn a_checkpoint_that_fails_is_named_and_the_others_are_scored() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    fs::remove_file(dir.join("checkpoints/base/model.safetensors")).expect("removed");
    let done = sweep(dir, "run").output().expect("the program starts");
    assert_eq!(done.status.code(), Some(1));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        said.contains("error: checkpoint `tiny-base`") && said.contains("1 of 2 checkpoints failed"),
        "{said}"
    );
    let (items, _) = export(dir, "run", ".csv");
    assert!(String::from_utf8_lossy(&items).lines().skip(1).all(|line| line.starts_with("tiny-chat,")));
}

#[apply(test!)]
fn names_that_do_not_exist_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    for (option, value) in [("--models", "tiny-bse"), ("--countries", "Atlantis"), ("--scenarios", "weather")]
    {
        let done = sweep(dir, "run").args([option, value]).output().expect("the program starts");
        assert_eq!(done.status.code(), Some(1));
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(said.contains(value), "{said}");
        assert!(!dir.join("run").exists());
    }
    let lonely = sweep(dir, "run").args(["--countries", "China"]).output().expect("the program starts");
    assert_eq!(lonely.status.code(), Some(1));
    let unknown = tiltmeter().args(["sweep", "--rooster", "x"]).output().expect("the program starts");
    assert_eq!(unknown.status.code(), Some(2));
}
