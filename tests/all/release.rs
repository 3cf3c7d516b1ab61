//! Promise: what is installed beside the program comes from the program: completions, manual, licences.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use crate::common::harness::skip;
use crate::common::run::tiltmeter;

fn printed(args: &[&str]) -> String {
    let done = tiltmeter().args(args).output().expect("the program starts");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

/// The commands that the help lists.
fn commands() -> BTreeSet<String> {
    let help = printed(&["--help"]);
    let listed = help.split("Commands:\n").nth(1).expect("a list").split("\n\n").next().expect("a list");
    let names = listed.lines().filter_map(|line| line.strip_prefix("  "));
    let names = names.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[apply(test!)]
fn completions_of_every_shell_know_every_command() {
    let commands = commands();
    assert!(commands.len() >= 17, "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = printed(&["completions", shell]);
        for command in &commands {
            assert!(text.contains(command.as_str()), "{shell} does not know {command}");
        }
        assert!(text.contains("--max-prompts") || text.contains("pack-tokens"), "{shell} knows no options");
    }
    let refused = tiltmeter().args(["completions", "csh"]).output().expect("the program starts");
    assert_eq!(refused.status.code(), Some(2));
}

#[apply(test!)]
fn bash_can_read_its_completions_and_completes_a_command() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("completions");
    fs::write(&file, printed(&["completions", "bash"])).expect("written");
    let script = format!(
        "set -e; source '{}'; COMP_WORDS=(tiltmeter swe); COMP_CWORD=1; _tiltmeter tiltmeter swe tiltmeter; echo \"${{COMPREPLY[@]}}\"",
        file.display()
    );
    let Ok(done) = Command::new("bash").args(["-c", &script]).stderr(Stdio::piped()).output() else {
        skip("there is no bash")
    };
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "sweep");
}

#[apply(test!)]
fn there_is_a_page_for_every_command_and_no_other_file_is_replaced() {
    let dir = tempfile::tempdir().expect("a folder");
    let pages = dir.path().join("man1");
    let to = pages.to_str().expect("a name");
    printed(&["man", "--output", to]);
    for command in commands() {
        let text = fs::read_to_string(pages.join(format!("tiltmeter-{command}.1"))).expect("a page");
        assert!(text.contains(".SH SYNOPSIS") && text.contains(".SH OPTIONS"), "{command}");
    }
    let whole = fs::read_to_string(pages.join("tiltmeter.1")).expect("a page");
    assert_eq!(printed(&["man"]), whole);
    printed(&["man", "--output", to]); // once more, over its own
    fs::write(pages.join("tiltmeter-sweep.1"), "my notes").expect("written");
    let refused = tiltmeter().args(["man", "--output", to]).output().expect("the program starts");
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("tiltmeter-sweep.1 is not a page"), "{said}");
    assert_eq!(fs::read(pages.join("tiltmeter-sweep.1")).expect("kept"), b"my notes");
}

#[apply(test!)]
fn the_licences_of_all_that_is_inside_are_told() {
    let list = printed(&["licences"]);
    assert_eq!(list, printed(&["licenses"]));
    for name in ["cudarc", "wgpu", "tokenizers", "with SQLite", "with Oniguruma"] {
        assert!(list.contains(name), "{name}");
    }
    let texts = printed(&["licences", "--texts"]);
    assert!(texts.contains("Permission is hereby granted") && texts.contains("Apache License"));
    let bill: serde_json::Value = serde_json::from_str(&printed(&["licences", "--sbom"])).expect("JSON");
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let rows =
        serde_json::from_str::<Vec<serde_json::Value>>(&printed(&["licences", "--json"])).expect("JSON");
    assert_eq!(Some(rows.len()), bill["components"].as_array().map(Vec::len));
}

#[apply(test!)]
fn every_schema_says_which_it_is_and_a_misspelled_one_is_answered() {
    let list = printed(&["schema"]);
    let names: Vec<&str> = list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 10, "{list}");
    for name in names {
        let schema: serde_json::Value = serde_json::from_str(&printed(&["schema", name])).expect("JSON");
        let id = schema["$id"].as_str().expect("an id");
        let version = id.strip_prefix(&format!("urn:tiltmeter:schema:{name}:"));
        assert!(version.and_then(|v| v.parse::<u32>().ok()).is_some_and(|v| v >= 1), "{id}");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
    }
    let refused = tiltmeter().args(["schema", "statsu"]).output().expect("the program starts");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("perhaps `status` is meant"), "{said}");
}
