//! How often the demo's intervals hold what was planted, when nobody chooses the noise:
//!
//!     cargo build --release
//!     cargo run --release --manifest-path benches/Cargo.toml --example seeds [PROGRAM] [SEEDS]
//!
//! For each seed from 1 on PROGRAM (target/release/tiltmeter) scores the chat checkpoint of `tiltmeter demo --seed` in one language,
//! the three in turn (17,696 prompts), and analyses the run. Prints coverage of the eight planted leans by scope, with its
//! standard error over seeds. 240 seeds take about ten minutes on two cores.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tiltmeter::demo::{Planted, unpack};

const LANGUAGES: [&str; 3] = ["en", "fr", "zh"];
const SCOPES: [&str; 3] = ["same_types", "new_types", "crossed"];
const MODEL: &str = "planted-chat";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let program = PathBuf::from(arguments.next().unwrap_or_else(|| "target/release/tiltmeter".to_owned()));
    let program = program.canonicalize().expect("the program: cargo build --release, or name it");
    let seeds: u64 = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(240);
    let truth = Planted::read().expect("planted.json");
    // By scope, each seed's share of the planted leans inside.
    let mut shares: [Vec<f64>; 3] = Default::default();
    for seed in 1..=seeds {
        let language = LANGUAGES[seed as usize % LANGUAGES.len()];
        let folder = tempfile::tempdir().expect("a temporary folder");
        unpack(folder.path(), Some(seed)).expect("unpacked");
        let run = |arguments: &[&str]| run(&program, folder.path(), arguments);
        run(&["sweep", "--roster", "roster.toml", "--models", MODEL, "--languages", language, "--run", "run"]);
        let found = run(&["analyze", "--run", "run", "--format", "json"]);
        let found: serde_json::Value = serde_json::from_slice(&found).expect("figures");
        let planted = &truth.stages["chat"].favourability[language];
        for (scope, shares) in SCOPES.iter().zip(&mut shares) {
            let inside = planted.iter().filter(|(country, planted)| {
                let id = format!("confirmatory/{language}/{MODEL}/{country}/preference/all");
                let figures = found["figures"].as_array().expect("figures");
                let figure = figures.iter().find(|figure| figure["id"] == id.as_str()).expect("a lean");
                let estimate = &figure["estimate"];
                let number = |value: &serde_json::Value| value.as_f64().expect("a number");
                (number(&estimate["estimate"]) - *planted).abs() <= number(&estimate[*scope]["ci"])
            });
            shares.push(inside.count() as f64 / planted.len() as f64);
        }
        if seed % 20 == 0 || seed == seeds {
            print!("{seed} seeds:");
            for (scope, shares) in SCOPES.iter().zip(&shares) {
                let n = shares.len() as f64;
                let mean = shares.iter().sum::<f64>() / n;
                let variance = shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0);
                print!(" {scope} {mean:.3} (se {:.3})", (variance / n).sqrt());
            }
            println!();
        }
    }
}

fn run(program: &Path, dir: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).current_dir(dir).args(arguments).stderr(Stdio::null()).output();
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{arguments:?} ended with {}", output.status);
    output.stdout
}
