//! What the commands do with a study.

use std::fs;
use std::process::{Command, Stdio};

use tiltmeter::study::{Study, StudyFiles};

use crate::common::references;

fn tiltmeter(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_tiltmeter")).args(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = tiltmeter(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[apply(test!)]
fn a_new_study_validates_and_gives_the_golden_prompts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine");
    let dir = path.to_str().unwrap();
    stdout(&["study", "new", dir]);
    let found = stdout(&["study", "validate", dir]);
    assert!(
        found.lines().count() == 1 && found.contains("has 2 types") && found.contains("[few-types]"),
        "{found}"
    );
    for (language, stage) in [("fr", "base"), ("en", "chat")] {
        let file =
            format!("{}/tests/fixtures/study-pair/{stage}.{language}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let args = ["prompts", "--study", dir, "--language", language, "--stage", stage, "--limit", "8"];
        let lines = stdout(&args);
        if std::env::var_os("TILTMETER_WRITE_GOLDEN").is_some() {
            fs::write(&file, &lines).unwrap();
        }
        assert_eq!(lines, fs::read_to_string(&file).unwrap(), "{file}");
    }
    let again = tiltmeter(&["study", "new", dir]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("not empty"));
}

#[apply(test!)]
fn an_exported_study_is_the_same_study() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    let dir = path.to_str().unwrap();
    stdout(&["study", "export", "geopolitics", dir]);
    assert_eq!(Study::load(&path).unwrap().hash(), Study::embedded().unwrap().hash());
    assert_eq!(stdout(&["study", "show", dir]), stdout(&["study", "show", "default"]));
    fs::write(path.join(".hidden"), "x").unwrap();
    fs::write(path.join("README.md"), "x").unwrap();
    assert_eq!(Study::load(&path).unwrap().hash(), Study::embedded().unwrap().hash());
}

#[apply(test!)]
fn a_study_is_not_written_to_standard_output() {
    let dir = tempfile::tempdir().expect("a folder");
    for arguments in [["study", "new", "-"].as_slice(), &["study", "export", "geopolitics", "-"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tiltmeter"));
        let done = command.current_dir(dir.path()).args(arguments).output().expect("the program starts");
        assert_eq!(done.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&done.stderr).contains("name a folder"));
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0);
    }
}

#[apply(test!)]
fn controls_are_counted_apart() {
    let shown = stdout(&["study", "show"]);
    assert!(shown.contains("\nscenarios  79 of 13 types; 5 controls of 2\n"), "{shown}");
    let listed = stdout(&["study", "list"]);
    let words = |line: usize| listed.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
    let at = words(0).iter().position(|w| *w == "scenarios").unwrap();
    assert_eq!(words(0)[at..at + 3], ["scenarios", "types", "controls"]);
    assert_eq!(words(1)[at..at + 3], ["79", "13", "5"]);
}

#[apply(test!)]
fn a_pair_that_nobody_knows_is_answered_with_those_there_are() {
    let output = tiltmeter(&["prompts", "--stage", "base", "--pairs", "USA-Fr"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("a pair is two of USA, France, China,") && message.contains("as `USA-France`"),
        "{message}"
    );
}

#[apply(test!)]
fn validate_tells_errors_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    StudyFiles::template_pair().write(folder.path()).unwrap();
    let file = folder.path().join("scenarios/fr/staff.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("{B.de}", "{B.dela}", 1)).unwrap();
    let output = tiltmeter(&["study", "validate", dir]);
    assert_eq!(output.status.code(), Some(1));
    let findings = String::from_utf8(output.stdout).unwrap();
    assert!(
        findings.contains("error: scenarios/fr/staff.toml:6: scenario `staff_acts_1`: `{B.dela}` asks for"),
        "{findings}"
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 error, 1 warning"));
    // No prompt of a study with errors is asked, in whatever language.
    let prompts =
        |language| tiltmeter(&["prompts", "--study", dir, "--stage", "base", "--language", language]);
    for language in ["en", "fr"] {
        let failed = prompts(language);
        assert_eq!(failed.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&failed.stderr).contains("so nothing is asked"));
    }
}

#[apply(test!)]
fn prompts_are_json_lines_with_what_the_issue_names() {
    let lines = stdout(&[
        "prompts",
        "--language",
        "fr",
        "--stage",
        "chat",
        "--condition",
        "system_neutral",
        "--limit",
        "3",
    ]);
    let lines: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    let keys: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    let wanted =
        ["id", "pair", "scenario", "scenario_type", "question", "roles", "order", "messages", "prefill"];
    assert_eq!(keys, wanted);
    assert_eq!(lines[0]["messages"][0]["role"], "system");
    assert_eq!((&lines[2]["roles"], &lines[1]["order"]), (&"rev".into(), &"21".into()));
    let shown = stdout(&[
        "study",
        "show",
        "--prompt",
        "--stage",
        "chat",
        "--language",
        "fr",
        "--condition",
        "system_neutral",
    ]);
    assert!(shown.starts_with("[system]\n") && shown.contains("\n[user]\n"), "{shown}");
}

#[apply(test!)]
fn prompts_that_cannot_be_picked_are_said() {
    let said = |args: &[&str]| {
        let output = tiltmeter(&[&["prompts", "--stage", "chat"], args].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, message) = said(&["--countries", "USA"]);
    assert!(code == Some(1) && message.contains("no prompt is left"), "{message}");
    let (code, message) = said(&["--condition", "prefill"]);
    assert!(code == Some(1) && message.contains("say how with --prefill"), "{message}");
    let (code, message) = said(&["--pairs", "USA-Fr"]);
    assert!(code == Some(1) && message.contains("a pair is two of USA, France, "), "{message}");
    let (code, message) = said(&["--prefill", "(", "--limit", "1"]);
    assert!(code == Some(0) && message.contains("--prefill is not used"), "{message}");
}

#[apply(test!)]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tiltmeter"))
        .args(["prompts", "--stage", "base"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[apply(test!)]
fn a_study_that_is_not_there_is_named() {
    let output = tiltmeter(&["study", "show", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message, "error: `nowhere` is neither a study of this program (`geopolitics`) nor a folder\n");
    let output = tiltmeter(&["study", "validate", concat!(env!("CARGO_MANIFEST_DIR"), "/docs")]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("/docs: there is no study.toml"), "{message}");
}

#[apply(test!)]
fn with_a_model_the_text_is_what_it_reads_and_its_ids_are_there() {
    let folders = references(|dir| dir.join("tokenizer.json").is_file());
    let mut tried = 0;
    for dir in folders {
        let chat = dir.join("chat_template.jinja").is_file();
        let stage = if chat { "chat" } else { "base" };
        let output =
            tiltmeter(&["prompts", "--stage", stage, "--limit", "2", "--model", dir.to_str().unwrap()]);
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(message.starts_with("error: "), "{message}");
            continue;
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert!(line["text"].as_str().unwrap().contains("the USA"), "{line}");
        assert!(line["tokens"].as_array().unwrap().len() > 50);
        tried += 1;
    }
    assert!(tried > 0);
}
