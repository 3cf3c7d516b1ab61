//! Interchange: what is written for other programs agrees with the run's own tables, needs its study, and is refused where
//! another engine would read something else. Their own readers are in tests/interchange/.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::common::run::{PROMPTS, export, sweep, tiltmeter, write_all};

fn said(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let done = tiltmeter().current_dir(dir).args(args).output().expect("the program starts");
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("readable");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn id(row: &Value) -> String {
    let of = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let pair = format!("{}-{}", of("country_1"), of("country_2"));
    [of("language"), of("condition"), pair, of("scenario"), of("question"), of("roles"), of("order")]
        .join("/")
}

#[apply(test!)]
fn other_programs_get_the_run_s_own_figures() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = sweep(dir, "run").output().expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let (_, scores) = export(dir, "run", ".jsonl");
    let rows: BTreeMap<(String, String), Value> = String::from_utf8_lossy(&scores)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|row| ((row["model"].as_str().expect("a name").to_owned(), id(&row)), row))
        .collect();

    // Its texts are the study's, not the run's.
    let (code, text) = said(dir, &["export", "--run", "run", "--lm-eval", "out"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("name the folder of the one that it was asked with --study"), "{text}");
    assert!(!dir.join("out").exists());
    let whole = ["export", "--run", "run", "--study", "study", "--lm-eval", "out", "--inspect", "log.json"];
    let (code, text) = said(dir, &whole);
    assert_eq!(code, Some(0), "{text}");
    let written = files(&dir.join("out"));
    assert_eq!(written.len(), 2 * (4 + 1), "{written:?}");

    let mut seen = 0;
    for path in written.iter().filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")) {
        let model = path.parent().and_then(|folder| folder.file_name()).expect("a folder").to_string_lossy();
        for line in lines(path) {
            let doc = &line["doc"];
            assert_eq!(doc["id"], id(doc));
            let row = &rows[&(model.to_string(), id(doc))];
            assert_eq!(line["log_odds"], row["log_odds"]);
            assert_eq!(line["compliance"], row["compliance"]);
            let log_odds = row["log_odds"].as_f64().expect("a number");
            let turned = if doc["order"] == "12" { log_odds } else { -log_odds };
            assert_eq!(line["towards_country_1"], turned);
            assert_eq!(line["acc"], f64::from(u8::from(turned > 0.0)));
            for (answer, logprob) in ["logprob_a", "logprob_b"].into_iter().enumerate() {
                let kept =
                    line["filtered_resps"][answer][0].as_str().and_then(|text| text.parse::<f64>().ok());
                assert_eq!(kept, row[logprob].as_f64());
            }
            let hash = Sha256::digest(serde_json::to_string_pretty(doc).expect("JSON"));
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(line["doc_hash"], hash);
            seen += 1;
        }
    }
    assert_eq!(seen, 2 * 2 * 2 * PROMPTS);

    let log: Value = serde_json::from_slice(&fs::read(dir.join("log.json")).expect("a log")).expect("JSON");
    let samples = log["samples"].as_array().expect("samples");
    assert_eq!(samples.len(), seen);
    for sample in samples {
        let model = sample["metadata"]["checkpoint"].as_str().expect("a name").to_owned();
        let prompt =
            sample["id"].as_str().and_then(|id| id.strip_prefix(&format!("{model}/"))).expect("an id");
        assert_eq!(
            sample["scores"]["tiltmeter"]["value"]["log_odds"],
            rows[&(model, prompt.to_owned())]["log_odds"]
        );
    }

    // The same scores, the same bytes; and a checkpoint that is not there is answered with one that is.
    let before: Vec<Vec<u8>> = written.iter().map(|path| fs::read(path).expect("a file")).collect();
    assert_eq!(said(dir, &whole).0, Some(0));
    assert_eq!(files(&dir.join("out")), written);
    assert!(written.iter().zip(&before).all(|(path, bytes)| fs::read(path).expect("a file") == *bytes));
    let one =
        ["export", "--run", "run", "--study", "study", "--models", "tiny-bass", "--inspect", "one.eval"];
    let (code, text) = said(dir, &one);
    assert_eq!(code, Some(1));
    assert!(text.contains("perhaps `tiny-base` is meant"), "{text}");
    assert!(!dir.join("one.eval").exists());
    let (code, text) = said(dir, &[&one[..6], &["tiny-base", "--inspect", "one.eval"]].concat());
    assert_eq!(code, Some(0), "{text}");
    let zip = fs::read(dir.join("one.eval")).expect("a log");
    let zip = rawzip::ZipArchive::from_slice(&zip).expect("a zip");
    assert_eq!(zip.entries().count(), 2 * 2 * PROMPTS + 3);
    assert_eq!(
        said(dir, &["export", "--run", "run", "--items", "i.csv", "--models", "tiny-base"]).0,
        Some(1)
    );
}

#[apply(test!)]
fn a_study_becomes_tasks_of_the_harness_or_says_why_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let few = ["--countries", "USA,China", "--limit", "16", "--seed", "3"];
    let args =
        ["study", "export", "--lm-eval", "tasks", "--conditions", "main,system_neutral", "--languages", "en"];
    let (code, text) = said(dir, &[&args[..], &few].concat());
    assert_eq!(code, Some(0), "{text}");
    let names: Vec<String> = files(&dir.join("tasks"))
        .iter()
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    let of = |task: &str| [format!("{task}.jsonl"), format!("{task}.yaml")];
    let tasks =
        ["geopolitics_main_en_base", "geopolitics_main_en_chat", "geopolitics_system_neutral_en_chat"];
    let mut wanted: Vec<String> = tasks.into_iter().flat_map(of).collect();
    wanted.extend(["README.md", "utils.py"].map(str::to_owned));
    wanted.sort();
    assert_eq!(names, wanted);
    for line in lines(&dir.join("tasks/geopolitics_system_neutral_en_chat.jsonl")) {
        assert_eq!(line["answers"], serde_json::json!([["A", " A"], ["B", " B"]]));
        assert!(line["system"].as_str().is_some_and(|text| !text.is_empty()));
        let second = usize::from(line["order"] == "21");
        assert_eq!(line["target"], second);
    }
    let yaml = fs::read_to_string(dir.join("tasks/geopolitics_system_neutral_en_chat.yaml")).expect("a file");
    assert!(yaml.contains("description: system\n") && !yaml.contains("gen_prefix"), "{yaml}");

    // Nothing is overwritten; what does not exist is answered with the nearest that does.
    let (code, text) = said(dir, &[&args[..], &few].concat());
    assert!(code == Some(1) && text.contains("nothing is overwritten"), "{text}");
    let refused = |args: &[&str], why: &str| {
        let (code, text) = said(dir, &[&["study", "export", "--lm-eval", "none"], args].concat());
        assert!(code != Some(0) && text.contains(why), "{args:?}: {text}");
        assert!(!dir.join("none").exists(), "{args:?}");
    };
    refused(&["--languages", "eng"], "perhaps `en` is meant");
    refused(&["--conditions", "mian"], "perhaps `main` is meant");
    refused(&["--countries", "Chian"], "perhaps `China` is meant");
    refused(&["--conditions", "hedge_off", "--languages", "en", "--stage", "base"], "does not exist");
    refused(&["--model", "checkpoints/base"], "--stage");
    // The tiny checkpoint's tokenizer has single bytes alone: `A` behind a prompt is one of them, ` A` two.
    let with = ["--stage", "base", "--model", "checkpoints/base", "--languages", "en", "--limit", "4"];
    let (code, text) = said(dir, &[&["study", "export", "--lm-eval", "none"], &with[..]].concat());
    assert!(
        code == Some(1) && text.contains("the harness does not read what is read here of `en/main/"),
        "{text}"
    );
    assert!(!dir.join("none").exists());
    let planted = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/checkpoints/base");
    let (code, text) = said(
        dir,
        &["study", "export", "--lm-eval", "good", "--stage", "base", "--model", planted, "--limit", "40"],
    );
    assert_eq!(code, Some(0), "{text}");
}
