//! Promise: a kernel that hangs or computes wrongly on a GPU that was never seen costs a warning and some seconds. A slower set
//! computes, the run's record says which, and what was found out is remembered. Where none computes right, nothing is computed.

use crate::common::run::{sweep, tiltmeter, write_all};
use crate::driver::{emulated, said, with};
use crate::program::{lines, score, scores};
use std::path::Path;
use std::process::{Command, Output};
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

/// `score` on a GPU with a cache of its own: what it says, and whether it launched anything. It must refuse, and write nothing.
fn refused(dir: &Path, settings: &[(&str, &str)]) -> (String, bool) {
    let log = dir.join("log");
    let _ = std::fs::remove_file(&log);
    let mut command = score(dir, emulated(), &lines()[..2], &[]);
    command.env("EMU_CC", "80").env("EMU_LOG", &log).env("XDG_CACHE_HOME", dir.join("cache"));
    let (output, written) = scores(dir, command.envs(settings.iter().copied()));
    let text = said(&output);
    assert_eq!((output.status.code(), written), (Some(1), None), "{text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    let [error] = errors[..] else { panic!("{text}") };
    let gpu = "no kernels can be used on CPU emulation, compute capability 8.0, driver for CUDA 13.0; the naive ones";
    for part in [gpu, "update the driver", "--backend cpu", "`tiltmeter doctor`"] {
        assert!(error.contains(part), "{part}: {text}");
    }
    (error.to_owned(), std::fs::read_to_string(log).is_ok_and(|log| log.contains("launch")))
}

#[apply(test!)]
fn a_gpu_on_which_a_kernel_of_every_set_is_wrong_computes_nothing() {
    // Sums of norms go wrong; keys of a path are not kept, so that NaN is read.
    for (setting, kernel, why) in
        [("EMU_WRONG", "norm_split", "off the processor"), ("EMU_SKIP", "carry", "infinite or NaN in layer")]
    {
        let dir = tempfile::tempdir().expect("a folder");
        let fault = [(setting, kernel)];
        let (error, launched) = refused(dir.path(), &fault);
        assert!(error.contains("a small decoder") && error.contains(why) && launched, "{error}");
        let (again, launched) = refused(dir.path(), &fault);
        assert!(again == error && again.contains("remembered in") && !launched, "{again}");

        let with_cache = |command: &mut Command| {
            let command = with(command, emulated()).env("EMU_CC", "80").env(setting, kernel);
            let done = command.env("XDG_CACHE_HOME", dir.path().join("cache")).output().expect("starts");
            assert_eq!(done.status.code(), Some(1), "{}", said(&done));
            String::from_utf8_lossy(&done.stdout).into_owned() + &said(&done)
        };
        write_all(dir.path());
        let text = with_cache(sweep(dir.path(), "run").args(["--backend", "cuda", "--limit", "1"]));
        assert!(text.contains(&error) && !dir.path().join("run").exists(), "{text}");
        let text = with_cache(tiltmeter().args(["doctor", "--backend", "cuda"]));
        let found = error.trim_start_matches("error: ");
        assert!(text.contains(&format!("self-check FAILED: {found}")), "{text}");
        assert!(!text.contains("auto takes cuda"), "{text}");
    }
}

#[apply(test!)]
fn a_gpu_that_is_lost_in_its_check_is_refused_this_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let (error, _) = refused(dir.path(), &[("EMU_FAIL_AFTER", "0")]);
    assert!(error.contains("the GPU is lost") && !error.contains("remembered"), "{error}");
    assert!(!dir.path().join("cache").exists(), "nothing is kept");
}
