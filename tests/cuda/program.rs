//! The program on the emulated driver: scores' bytes, a sweep that loses its GPU, what doctor says.

use crate::common::run::{export, sweep, tiltmeter, write_all};
use crate::common::{TinyConfig, TinyFamily, write_tiny_checkpoint};
use crate::driver::{emulated, said, with};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};
use tiltmeter::store::RunReader;

/// Prompts with shared and nested prefixes, of 1 to 85 tokens.
pub fn lines() -> Vec<String> {
    let line = |i: u32| {
        let tokens: Vec<u32> = (0..=i * 6).map(|t| t / 7 + i % 2).collect();
        let choices = if i.is_multiple_of(3) { json!([[5], [6, 7]]) } else { json!([[8], [9], [10]]) };
        json!({"id": i, "tokens": tokens, "choice_tokens": choices}).to_string()
    };
    (0..15).map(line).collect()
}

/// `score` of these lines with a tiny checkpoint in `dir`.
pub fn score(dir: &Path, driver: &Path, lines: &[String], more: &[&str]) -> Command {
    let model = dir.join("model");
    if !model.exists() {
        let config = TinyConfig { layers: 3, ..TinyConfig::new(TinyFamily::Qwen2) };
        write_tiny_checkpoint(&model, &config, 3);
    }
    let input = dir.join("items.jsonl");
    std::fs::write(&input, lines.join("\n")).expect("written");
    let mut command = tiltmeter();
    command.args(["score", "--backend", "cuda", "--model"]).arg(model).arg("--input").arg(input);
    command.arg("--output").arg(dir.join("scores.jsonl")).args(more);
    with(&mut command, driver);
    command
}

/// What is written, and what is said.
pub fn scores(dir: &Path, command: &mut Command) -> (Output, Option<String>) {
    let file = dir.join("scores.jsonl");
    let _ = std::fs::remove_file(&file);
    let output = command.output().expect("the program starts");
    (output, std::fs::read_to_string(&file).ok())
}

#[apply(test!)]
fn scores_have_the_same_bytes_for_every_pack_size_order_seed_and_without_sharing() {
    let driver = emulated();
    let dir = tempfile::tempdir().expect("a folder");
    for capability in ["80", "90"] {
        let run = |lines: &[String], more: &[&str], seed: u32| {
            let mut command = score(dir.path(), driver, lines, more);
            command.env("EMU_CC", capability).env("EMU_SEED", seed.to_string());
            let (output, scores) = scores(dir.path(), &mut command);
            scores.unwrap_or_else(|| panic!("{more:?}: {}", said(&output)))
        };
        let want = run(&lines(), &["--pack-tokens", "64"], 1);
        for (more, seed) in [
            (&["--pack-tokens", "512"][..], 2),
            (&["--pack-tokens", "8192"], 3),
            (&["--no-sharing"], 4),
            (&[], 5),
        ] {
            assert!(run(&lines(), more, seed) == want, "{capability}: {more:?}");
        }
        let order: Vec<usize> = (0..15).map(|i| i * 7 % 15).collect();
        let shuffled: Vec<String> = order.iter().map(|&i| lines()[i].clone()).collect();
        let rows: Vec<&str> = want.lines().collect();
        let got = run(&shuffled, &[], 6);
        assert!(got.lines().eq(order.iter().map(|&i| rows[i])), "{capability}: order of the items");
    }
}

/// Prompts that are scored in `dir/<run>`.
pub fn scored(dir: &Path, run: &str) -> usize {
    let reader = RunReader::open(&dir.join(run)).expect("the run opens");
    reader.checkpoints().expect("checkpoints").iter().map(|c| c.prompts as usize).sum()
}

#[apply(test!)]
fn a_sweep_that_loses_its_gpu_keeps_its_scores_and_goes_on_to_the_same_tables() {
    let driver = emulated();
    let dir = tempfile::tempdir().expect("a folder");
    write_all(dir.path());
    let run = |name: &str| {
        let mut command = sweep(dir.path(), name);
        command.args(["--backend", "cuda", "--pack-tokens", "256", "--limit", "12", "--languages", "en"]);
        // Forced, the set is not checked first.
        with(&mut command, driver).env("EMU_CC", "80").env("TILTMETER_CUDA_KERNELS", "mma");
        command
    };
    let log = dir.path().join("log");
    let whole = run("whole").env("EMU_LOG", &log).output().expect("starts");
    assert!(whole.status.success(), "{}", said(&whole));
    let log = std::fs::read_to_string(log).expect("the driver's log");
    let launches = log.lines().filter(|line| line.starts_with("launch")).count();
    // Late enough for some packs to have been stored.
    let failed =
        run("broken").env("EMU_FAIL_AFTER", (launches * 3 / 4).to_string()).output().expect("starts");
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(
        said(&failed).contains("the GPU is lost") && said(&failed).contains("is kept"),
        "{}",
        said(&failed)
    );
    let kept = scored(dir.path(), "broken");
    assert!(0 < kept && kept < scored(dir.path(), "whole"), "{kept} kept");
    // Killed a little before its end.
    let again = dir.path().join("again");
    let mut child =
        run("broken").env("EMU_LOG", &again).stderr(std::process::Stdio::null()).spawn().expect("starts");
    let launched = || std::fs::read_to_string(&again).map_or(0, |log| log.matches("launch").count());
    while launched() < launches / 8 && child.try_wait().expect("ours").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().expect("it dies");
    child.wait().expect("it is dead");
    assert!(scored(dir.path(), "broken") >= kept, "what was committed is there");
    let done = run("broken").output().expect("starts");
    assert!(done.status.success(), "{}", said(&done));
    assert!(export(dir.path(), "broken", ".csv") == export(dir.path(), "whole", ".csv"));
    // Another kernel set has other last digits.
    let other = run("whole").env("TILTMETER_CUDA_KERNELS", "naive").output().expect("starts");
    assert_eq!(other.status.code(), Some(1));
    assert!(said(&other).contains("cuda f16x2, mma kernels, CPU emulation"), "{}", said(&other));
}

#[apply(test!)]
fn doctor_checks_an_nvidia_gpu_and_auto_takes_it() {
    let driver = emulated();
    let mut command = tiltmeter();
    with(command.args(["doctor", "--backend", "cuda"]), driver).env("EMU_CC", "90");
    let done = command.output().expect("starts");
    let text = String::from_utf8_lossy(&done.stdout);
    for part in
        ["cuda 0: CPU emulation, compute capability 9.0", "self-check passed", "wgmma", "auto takes cuda 0"]
    {
        assert!(text.contains(part), "{part}: {text}{}", said(&done));
    }
    assert!(done.status.success());
}
