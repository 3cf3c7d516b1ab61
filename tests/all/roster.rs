//! Promise: a roster can be looked at before anything is scored, and says how to get what is missing.

use assert_cmd::Command;
use serde_json::Value;

fn roster(args: &[&str]) -> (i32, String, String) {
    let cache = tempfile::tempdir().expect("a folder");
    let mut command = Command::cargo_bin("tiltmeter").expect("built");
    command.arg("roster").args(args).env("HF_HUB_CACHE", cache.path());
    let done = command.env_remove("HF_HOME").env("HOME", cache.path()).output().expect("runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (done.status.code().unwrap_or(-1), text(done.stdout), text(done.stderr))
}

#[apply(test!)]
fn those_that_ship_are_listed_and_shown() {
    let (code, listed, _) = roster(&["list"]);
    assert_eq!(code, 0);
    assert!(listed.contains("default") && listed.contains("further"), "{listed}");
    let (_, text, _) = roster(&["show", "further", "--text"]);
    assert!(text.contains("[[family]]"), "{text}");
}

#[apply(test!)]
fn what_is_missing_comes_with_its_revision_its_files_and_its_licence() {
    let (code, shown, _) = roster(&["show"]);
    assert_eq!(code, 0);
    let llama = "hf download meta-llama/Llama-3.1-8B --revision d04e592bb4f6aa9cfee91e2e20afa771667e1d4b --exclude \"original/*\"";
    assert!(shown.contains("14 checkpoints not on this machine"), "{shown}");
    assert!(shown.contains(llama), "{shown}");
    assert!(shown.contains("its licence (Llama 3.1 Community) is to be accepted"), "{shown}");
    let (_, json, _) = roster(&["show", "--json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(14));
    assert_eq!(json[2]["gated"], true);
}

#[apply(test!)]
fn a_folder_that_is_missing_has_no_licence_on_the_hub() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("roster.toml");
    let text = "[[family]]\nname = 'f'\ngated = true\nbase = { model = 'f', checkpoint = './nowhere' }\n";
    std::fs::write(&file, text).expect("written");
    let (code, shown, _) = roster(&["show", &file.display().to_string()]);
    assert_eq!(code, 0);
    assert!(shown.contains("neither a folder nor a hub id") && !shown.contains("licence"), "{shown}");
}

/// A sweep says of a checkpoint that is not there what `roster show` says of it.
#[apply(test!)]
fn a_sweep_names_the_licence_that_is_to_be_accepted() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = Command::cargo_bin("tiltmeter").expect("built");
    command.args(["sweep", "--backend", "cpu", "--models", "llama3-8b,qwen2.5-7b", "--run"]);
    command.arg(dir.path().join("run")).env("HF_HUB_CACHE", dir.path()).env_remove("HF_HOME");
    let done = command.output().expect("runs");
    assert_eq!(done.status.code(), Some(1));
    let said = String::from_utf8(done.stderr).expect("UTF-8");
    let line = |model: &str| said.lines().find(|line| line.contains(model)).expect("it is named").to_owned();
    let llama = line("`llama3-8b`");
    let fetch = "fetch it with `hf download meta-llama/Llama-3.1-8B --revision d04e592bb4f6aa9cfee91e2e20afa771667e1d4b";
    assert!(llama.contains(fetch) && llama.contains("*.gguf"), "{llama}");
    assert!(
        llama.contains("its licence (Llama 3.1 Community) is to be accepted on the hub's page"),
        "{llama}"
    );
    assert!(!line("`qwen2.5-7b`").contains("licence"), "{said}");
}

#[apply(test!)]
fn a_new_one_is_understood_and_replaces_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("mine.toml");
    let name = file.to_str().expect("a plain path");
    let (code, _, said) = roster(&["new", name]);
    assert_eq!(code, 0, "{said}");
    let (code, shown, _) = roster(&["show", name]);
    assert!(code == 0 && shown.contains("qwen2.5-0.5b-inst"), "{shown}");
    std::fs::write(&file, "mine").expect("written");
    let (code, _, said) = roster(&["new", name]);
    assert!(code == 1 && said.contains("mine.toml"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), "mine");
    let (code, printed, _) = roster(&["new", "-"]);
    assert!(code == 0 && printed.contains("qwen2.5-0.5b-inst"), "{printed}");
}
