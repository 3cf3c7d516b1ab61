//! Promise: a kernel that hangs or computes wrongly on a GPU that was never seen costs a warning and some seconds. A slower set
//! computes, the run's record says which, and what was found out is remembered.

use crate::common::run::{sweep, write_all};
use crate::driver::{emulated, said, with};
use crate::program::{lines, score, scores};
use std::process::Output;
use tiltmeter::store::RunReader;

/// Arithmetic that a small sweep on these settings records, and what it says.
fn swept(settings: &[(&str, &str)]) -> (String, Output) {
    let driver = emulated();
    let dir = tempfile::tempdir().expect("a folder");
    write_all(dir.path());
    let mut command = sweep(dir.path(), "run");
    command.args(["--backend", "cuda", "--limit", "1", "--languages", "en", "--models", "tiny-base"]);
    with(&mut command, driver).env("EMU_CC", "90").env("XDG_CACHE_HOME", dir.path());
    let output = command.envs(settings.iter().copied()).output().expect("starts");
    assert!(output.status.success(), "{}", said(&output));
    let reader = RunReader::open(&dir.path().join("run")).expect("the run opens");
    let record = &reader.checkpoints().expect("checkpoints")[0].record;
    (record.backend.clone(), output)
}

#[apply(test!)]
fn a_kernel_that_hangs_is_stopped_and_the_next_set_computes() {
    let settings = [("EMU_HANG", "product_wgmma_gate_21"), ("TILTMETER_CUDA_CHECK_SECONDS", "20")];
    let (backend, output) = swept(&settings);
    let text = said(&output);
    assert!(backend.contains("mma kernels") && !backend.contains("wgmma"), "{backend}");
    for part in
        ["the wgmma kernels cannot be used", "hung at product_wgmma_gate_21 for 20 s", "slower mma kernels"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[apply(test!)]
fn a_kernel_that_computes_wrongly_is_found_and_that_is_remembered() {
    let driver = emulated();
    let dir = tempfile::tempdir().expect("a folder");
    let run = |wrong: &str| {
        let log = dir.path().join("log");
        let _ = std::fs::remove_file(&log);
        let mut command = score(dir.path(), driver, &lines()[..2], &[]);
        command.env("EMU_CC", "90").env("EMU_WRONG", wrong).env("EMU_LOG", &log);
        command.env("XDG_CACHE_HOME", dir.path().join("cache"));
        let (output, written) = scores(dir.path(), &mut command);
        assert!(written.is_some(), "{}", said(&output));
        (said(&output), std::fs::read_to_string(log).expect("a log"))
    };
    // The naive twins take no tensor cores, and what is wrong with those is wrong in both fast sets.
    let (text, log) = run("mma");
    assert!(
        text.contains("the wgmma kernels cannot be used") && text.contains("the mma kernels cannot"),
        "{text}"
    );
    assert!(text.contains("off its naive twin") && text.contains("naive kernels"), "{text}");
    assert!(log.contains("launch product_wgmma"), "it was tried");
    let (text, log) = run("mma");
    assert!(text.contains("the wgmma kernels cannot be used"), "said again: {text}");
    assert!(
        !log.contains("launch product_wgmma") && !log.contains("launch product_mma"),
        "and not tried again"
    );
}
