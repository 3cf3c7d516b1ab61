//! Promise: the documentation's links lead somewhere, and the program has the commands and options that it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// README.md and everything under docs/, with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.extension().and_then(|ending| ending.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("md") => files.push(path),
                _ => {}
            }
        }
    }
    let read = |path: PathBuf| (path.clone(), std::fs::read_to_string(path).expect("text"));
    files.into_iter().map(read).collect()
}

#[apply(test!)]
fn relative_links_lead_to_files() {
    let mut links = 0;
    for (file, text) in documents() {
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            links += 1;
            let path = file.with_file_name("").join(target);
            assert!(path.exists(), "{}: the link to {target} leads nowhere", file.display());
        }
    }
    assert!(links > 10, "{links} links were found");
}

/// Commands as they stand in code: fenced, indented, or within a sentence.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, piece) in text.split('`').enumerate() {
        // A fence's three marks leave its text, as a single mark does, in an odd place.
        let code = number % 2 == 1;
        let one_line = piece.replace('\n', " ");
        let lines: Vec<&str> = match piece.lines().count() {
            0..=2 if code => vec![one_line.as_str()],
            _ => piece.lines().filter(|line| code || line.starts_with("    ")).collect(),
        };
        let command = |line: &&str| line.trim_start().starts_with("tiltmeter ");
        found.extend(lines.iter().filter(|line| command(line)).map(|line| line.trim().to_owned()));
    }
    found
}

#[apply(test!)]
fn commands_and_their_options_exist() {
    let mut helps: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut checked = 0;
    for (file, text) in documents() {
        for command in commands(&text) {
            let words = command.split(['#', '|']).next().unwrap_or_default().split_whitespace().skip(1);
            let words: Vec<&str> = words.collect();
            let depth = match words.first() {
                Some(&("study" | "bench")) => 2,
                _ => 1,
            };
            let names: Vec<String> = words.iter().take(depth).map(|word| (*word).to_owned()).collect();
            let help = helps.entry(names.clone()).or_insert_with(|| {
                let mut program = Command::new(env!("CARGO_BIN_EXE_tiltmeter"));
                let done = program.args(&names).arg("--help").output().expect("it starts");
                assert!(done.status.success(), "{}: no such command: {command}", file.display());
                String::from_utf8(done.stdout).expect("UTF-8")
            });
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let known = help.split([' ', ',', '\n', '=']).any(|word| word == *option);
                assert!(known, "{}: no such option: {option} in {command}", file.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "{checked} options were found");
}
