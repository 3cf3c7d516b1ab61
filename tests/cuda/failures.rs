//! Promise: whatever is missing, old or broken is one sentence, with an exit code that is not 0, and no score is lost.

use crate::driver::{emulated, said, with};
use crate::program::{lines, score, scores};
use std::path::Path;
use std::process::Command;

/// A library that is none, or lacks what a driver has.
fn library(dir: &Path, source: Option<&str>) {
    std::fs::create_dir_all(dir).expect("a folder");
    let library = dir.join("libcuda.so");
    let Some(source) = source else {
        std::fs::write(&library, "").expect("written");
        return;
    };
    let file = dir.join("library.c");
    std::fs::write(&file, source).expect("written");
    let done = Command::new("g++").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&file).output();
    assert!(done.expect("starts").status.success());
}

/// Asked to score, the program says all of `parts` in one sentence and writes nothing.
fn refuses(driver: &Path, settings: &[(&str, &str)], more: &[&str], parts: &[&str]) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = score(dir.path(), driver, &lines(), more);
    command.envs(settings.iter().copied());
    let (output, written) = scores(dir.path(), &mut command);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{settings:?}: {text}");
    assert_eq!(written, None, "{settings:?}");
    assert!(!text.contains("panicked"), "{text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    for part in parts {
        assert!(errors[0].contains(part), "{part}: {text}");
    }
}

#[apply(test!)]
fn what_is_missing_or_broken_is_one_sentence() {
    let driver = emulated();
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(at("none")).expect("a folder");
    refuses(&at("none"), &[], &[], &["no NVIDIA driver on this machine"]);
    library(&at("empty"), None);
    refuses(&at("empty"), &[], &[], &["cannot be loaded (", "libcuda.so", "525"]);
    library(&at("other"), Some("extern \"C\" int nothing() { return 0; }"));
    refuses(&at("other"), &[], &[], &["lacks cuInit", "525"]);
    library(
        &at("part"),
        Some(
            "extern \"C\" { int cuInit(unsigned) { return 0; } int cuDriverGetVersion(int *v) { *v = 12000; return 0; } }",
        ),
    );
    refuses(&at("part"), &[], &[], &["lacks cuGetErrorName"]);

    refuses(driver, &[("EMU_DEVICES", "0")], &[], &["sees no GPU"]);
    let hidden = [("EMU_DEVICES", "0"), ("CUDA_VISIBLE_DEVICES", "7")];
    refuses(driver, &hidden, &[], &["sees no GPU", "CUDA_VISIBLE_DEVICES is `7`"]);
    refuses(driver, &[("EMU_CC", "75")], &[], &["compute capability 7.5", "--backend wgpu"]);
    refuses(driver, &[("EMU_DRIVER", "11080")], &[], &["CUDA 11.8", "525"]);
    refuses(driver, &[("EMU_CC", "80"), ("TILTMETER_CUDA_KERNELS", "wgmma")], &[], &["wgmma", "8.0"]);
    refuses(driver, &[("TILTMETER_CUDA_KERNELS", "slow")], &[], &["`slow`", "naive"]);
    refuses(driver, &[], &["--adapter", "abacus"], &["`abacus`", "0: CPU emulation"]);
}

#[apply(test!)]
fn too_little_memory_says_what_would_fit() {
    let driver = emulated();
    refuses(driver, &[("EMU_MEM", "100000")], &[], &["memory"]);
    // Enough for the weights and small passes, not for the pack that was asked for.
    let settings = [("EMU_MEM", "3000000")];
    refuses(driver, &settings, &["--pack-tokens", "65536", "--no-sharing"], &["MiB of free memory"]);
}

#[apply(test!)]
fn a_gpu_that_is_lost_at_any_launch_costs_one_sentence_and_no_score() {
    let driver = emulated();
    for launch in ["0", "3", "20"] {
        // Forced, it is not checked first.
        let settings = [("EMU_FAIL_AFTER", launch), ("EMU_CC", "90"), ("TILTMETER_CUDA_KERNELS", "wgmma")];
        refuses(driver, &settings, &[], &["the GPU is lost", "what has been scored is kept"]);
    }
}

#[apply(test!)]
fn doctor_says_what_is_missing_and_fails_where_cuda_was_asked_for() {
    let driver = emulated();
    let doctor = |more: &[&str], settings: &[(&str, &str)]| {
        let mut command = crate::common::run::tiltmeter();
        with(command.arg("doctor").args(more), driver).envs(settings.iter().copied());
        let done = command.output().expect("starts");
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned() + &said(&done))
    };
    let (code, text) = doctor(&["--backend", "cuda"], &[("EMU_DEVICES", "0")]);
    assert!(code == Some(1) && text.contains("cuda: the NVIDIA driver sees no GPU"), "{text}");
    let (code, text) = doctor(&["--backend", "cuda"], &[("EMU_CC", "75")]);
    assert!(code == Some(1) && text.contains("compute capability 7.5"), "{text}");
}
