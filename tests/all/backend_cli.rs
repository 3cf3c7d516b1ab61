//! Promise: the backend is chosen by name, and a GPU that fails costs an error and no score.

use std::path::Path;
use std::process::{Command, Output};

use crate::common::run::{export, sweep, tiltmeter, write_all};
use crate::common::{skip, skip_part};
use serde_json::{Value, json};
use tiltmeter::backend::wgpu::adapter;
use tiltmeter::store::RunReader;

/// Without a device to test with, the test counts as ignored.
fn need_device() {
    if adapter::list().is_empty() {
        assert!(
            std::env::var_os("TILTMETER_TEST_NEEDS_ADAPTER").is_none(),
            "no Vulkan, Metal or DX12 device"
        );
        skip("no Vulkan, Metal or DX12 device here");
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn output(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

/// No driver can be found, as on a machine without one.
fn without_driver(command: &mut Command) -> &mut Command {
    command.env("VK_DRIVER_FILES", "/nowhere.json").env("VK_ICD_FILENAMES", "/nowhere.json")
}

fn demo_model() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/checkpoints/chat")
}

/// Prompts with shared and nested prefixes, of 1 to 300 tokens.
fn lines() -> Vec<String> {
    (0..24)
        .map(|i| {
            let tokens: Vec<u32> = (0..(1 + i * 13) as u32).map(|t| 100 + t / 9).collect();
            json!({"id": i, "tokens": tokens, "choice_tokens": [[65], [66, 67], [68]]}).to_string()
        })
        .collect()
}

fn score(dir: &Path, lines: &[String], more: &[&str]) -> (Output, Option<String>) {
    let (input, scores) = (dir.join("items.jsonl"), dir.join("scores.jsonl"));
    let _ = std::fs::remove_file(&scores);
    std::fs::write(&input, lines.join("\n")).expect("written");
    let mut command = tiltmeter();
    command.args(["score", "--model"]).arg(demo_model()).arg("--input").arg(&input);
    command.arg("--output").arg(&scores).args(more);
    let output = output(&mut command);
    (output, std::fs::read_to_string(&scores).ok())
}

#[apply(test!)]
fn scores_on_a_gpu_have_the_same_bytes_for_every_pack_size_and_order_and_without_sharing() {
    need_device();
    let dir = tempfile::tempdir().expect("a folder");
    let gpu = ["--backend", "wgpu", "--top", "3"];
    let (first, want) = score(dir.path(), &lines(), &[&gpu[..], &["--pack-tokens", "64"]].concat());
    assert!(first.status.success(), "{}", said(&first));
    assert!(said(&first).contains("device: wgpu"), "{}", said(&first));
    let want = want.expect("scores");
    for more in [vec!["--pack-tokens", "512"], vec!["--pack-tokens", "8192"], vec!["--no-sharing"], vec![]] {
        let (_, got) = score(dir.path(), &lines(), &[&gpu[..], &more].concat());
        assert!(got.as_deref() == Some(&want), "{more:?}");
    }
    let order: Vec<usize> = (0..24).map(|i| i * 7 % 24).collect();
    let shuffled: Vec<String> = order.iter().map(|&i| lines()[i].clone()).collect();
    let (_, got) = score(dir.path(), &shuffled, &gpu);
    let rows: Vec<&str> = want.lines().collect();
    assert!(got.expect("scores").lines().eq(order.iter().map(|&i| rows[i])), "order of the items");
}

#[apply(test!)]
fn auto_is_the_processor_where_no_real_gpu_is() {
    let dir = tempfile::tempdir().expect("a folder");
    if adapter::best_real(adapter::list()).is_none() {
        let (scored, _) = score(dir.path(), &lines(), &[]);
        assert!(said(&scored).contains("device: cpu"), "{}", said(&scored));
    } else {
        skip_part("a real GPU is here, and auto takes it");
    }
    let (scored, _) = score(dir.path(), &lines(), &["--backend", "cpu"]);
    assert!(said(&scored).contains("device: cpu"), "{}", said(&scored));
}

#[apply(test!)]
fn a_device_that_is_not_there_is_refused_with_what_there_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let (refused, scores) = score(dir.path(), &lines(), &["--backend", "cpu", "--adapter", "0"]);
    assert_eq!((refused.status.code(), scores), (Some(1), None));
    assert!(said(&refused).contains("--backend is cpu"), "{}", said(&refused));
    need_device();
    let (refused, scores) = score(dir.path(), &lines(), &["--adapter", "abacus"]);
    assert_eq!((refused.status.code(), scores), (Some(1), None));
    assert!(said(&refused).contains("`abacus`") && said(&refused).contains("0: "), "{}", said(&refused));
}

/// Only Vulkan can be hidden from a process.
#[cfg(target_os = "linux")]
#[apply(test!)]
fn without_a_driver_wgpu_says_what_to_install_and_auto_takes_the_processor() {
    let dir = tempfile::tempdir().expect("a folder");
    write_all(dir.path());
    let refused = output(without_driver(sweep(dir.path(), "none").args(["--backend", "wgpu"])));
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("no GPU was found") && said(&refused).contains("libvulkan1"));
    let done = output(without_driver(sweep(dir.path(), "auto").args(["--languages", "en"])));
    assert!(done.status.success() && said(&done).contains("device: cpu"), "{}", said(&done));
    let doctor = output(without_driver(tiltmeter().arg("doctor")));
    let text = String::from_utf8_lossy(&doctor.stdout);
    assert!(doctor.status.success() && text.contains("libvulkan1") && text.contains("cpu"), "{text}");
    // What was not looked at may be what auto takes.
    let auto = |args: &[&str]| {
        let done = output(without_driver(tiltmeter().arg("doctor").args(args)));
        String::from_utf8_lossy(&done.stdout).contains("--backend auto takes")
    };
    assert_eq!([auto(&[]), auto(&["--backend", "cpu"]), auto(&["--backend", "wgpu"])], [true, false, false]);
}

/// Prompts that are scored in `dir/<run>`.
fn scored(dir: &Path, run: &str) -> usize {
    let reader = RunReader::open(&dir.join(run)).expect("the run opens");
    let checkpoints = reader.checkpoints().expect("checkpoints");
    checkpoints.iter().map(|c| c.prompts as usize).sum()
}

/// Some of the prompts, in packs that a failure can come between.
const LIMIT: usize = 24;
const GPU_SWEEP: [&str; 6] = ["--backend", "wgpu", "--pack-tokens", "256", "--limit", "24"];

/// A sweep on the GPU that `fault` ends, then the same without it: what it said, and the tables.
fn interrupted(dir: &Path, run: &str, fault: &str) -> (Output, usize, (Vec<u8>, Vec<u8>)) {
    let gpu = |run: &str| {
        let mut command = sweep(dir, run);
        command.args(GPU_SWEEP);
        command
    };
    let failed = output(gpu(run).env("TILTMETER_TEST_FAULT", fault));
    let stored = scored(dir, run);
    let done = output(&mut gpu(run));
    assert!(done.status.success(), "{fault}: {}", said(&done));
    (failed, stored, export(dir, run, ".csv"))
}

#[apply(test!)]
fn a_gpu_that_fails_ends_the_sweep_with_an_error_and_the_next_start_goes_on_to_the_same_tables() {
    need_device();
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = output(sweep(dir, "whole").args(GPU_SWEEP));
    assert!(done.status.success(), "{}", said(&done));
    let whole = export(dir, "whole", ".csv");
    let all = 2 * 2 * 2 * LIMIT;
    assert_eq!(scored(dir, "whole"), all);

    // Lost in the middle: late enough for some packs to be stored.
    let (failed, stored, tables) = interrupted(dir, "lost", "lost:40");
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(said(&failed).contains("lost") && said(&failed).contains("start again"), "{}", said(&failed));
    assert!(0 < stored && stored < all, "{stored} of {all}");
    assert!(tables == whole, "after a loss");

    let (failed, stored, tables) = interrupted(dir, "full", "allocation:140");
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(said(&failed).contains("MiB left"), "{}", said(&failed));
    assert!(stored < all && tables == whole, "after too little memory");

    let (failed, stored, tables) = interrupted(dir, "hung", "hung");
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(said(&failed).contains("did not finish"), "{}", said(&failed));
    assert!(stored < all && tables == whole, "after a hung submit");
}

#[apply(test!)]
fn a_run_does_not_mix_backends_and_names_both() {
    need_device();
    let dir = tempfile::tempdir().expect("a folder");
    write_all(dir.path());
    let done = output(sweep(dir.path(), "run").args(["--backend", "cpu", "--languages", "en"]));
    assert!(done.status.success(), "{}", said(&done));
    let refused = output(sweep(dir.path(), "run").args(["--backend", "wgpu"]));
    assert_eq!(refused.status.code(), Some(1));
    let said = said(&refused);
    assert!(said.contains("cpu f32") && said.contains("wgpu f32"), "{said}");
}

#[apply(test!)]
fn doctor_lists_each_device_with_its_path_and_a_self_check_that_passes() {
    let mut command = tiltmeter();
    command.args(["doctor", "--json", "--model"]).arg(demo_model());
    let done = output(&mut command);
    assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), said(&done));
    let report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let devices = report["devices"].as_array().expect("devices");
    assert_eq!(devices.len(), 1 + adapter::list().len());
    for device in devices {
        assert_eq!(device["passes"], true, "{device}");
        assert_eq!(device["check"]["tree_equals_flat"], true);
        assert!(device["path"].as_str().is_some_and(|path| !path.is_empty()), "{device}");
        assert!(device["why"].as_str().is_some_and(|why| !why.is_empty()), "{device}");
    }
    let model = &report["model"];
    assert!(model["bos"].as_str().is_some_and(|rule| rule.contains("in front of")), "{model}");
    assert!(model["chat"].as_array().is_some_and(|ids| !ids.is_empty()), "{model}");
    assert_eq!(model["fits"].as_array().map(Vec::len), Some(devices.len()));
}

/// Every number of two analyses, by its place.
fn numbers(value: &Value, place: &str, out: &mut Vec<(String, f64)>) {
    match value {
        Value::Number(n) => out.push((place.to_owned(), n.as_f64().unwrap_or(f64::NAN))),
        Value::Array(list) => {
            for (i, value) in list.iter().enumerate() {
                numbers(value, &format!("{place}[{i}]"), out);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                numbers(value, &format!("{place}.{key}"), out);
            }
        }
        _ => {}
    }
}

/// The demo's checkpoints on a part of its prompts: all of them take minutes on a software device.
#[apply(test!)]
fn the_demos_figures_are_the_same_on_a_gpu_as_on_the_processor() {
    need_device();
    let dir = tempfile::tempdir().expect("a folder");
    tiltmeter::demo::unpack(dir.path(), None).expect("unpacked");
    let figures = |backend: &str| {
        let out = dir.path().join(backend);
        let mut sweep = tiltmeter();
        sweep.args([
            "sweep",
            "--backend",
            backend,
            "--languages",
            "en,zh",
            "--countries",
            "France,Japan,Indonesia",
        ]);
        sweep.args(["--scenarios", "trade,border", "--roster"]).arg(dir.path().join("roster.toml"));
        let done = output(sweep.arg("--run").arg(&out));
        assert!(done.status.success(), "{backend}: {}", said(&done));
        let done = output(tiltmeter().args(["analyze", "--format", "json", "--run"]).arg(&out));
        assert!(done.status.success(), "{backend}: {}", said(&done));
        let analysis: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        let mut figures = Vec::new();
        for figure in analysis["figures"].as_array().expect("figures") {
            let id = figure["id"].as_str().expect("an id");
            // Coherence counts who is ahead, and in the neutral checkpoint ties fall to either side.
            if !id.starts_with("coherence") {
                numbers(&figure["estimate"], id, &mut figures);
            }
        }
        figures
    };
    let (cpu, gpu) = (figures("cpu"), figures("wgpu"));
    assert!(cpu.len() > 1000, "{} figures", cpu.len());
    assert_eq!(cpu.len(), gpu.len());
    for ((place, cpu), (same, gpu)) in cpu.iter().zip(&gpu) {
        assert_eq!(place, same);
        assert!(
            (cpu - gpu).abs() <= 1e-3 * cpu.abs().max(1.0),
            "{place}: {cpu} on the processor, {gpu} on the GPU"
        );
    }
}
