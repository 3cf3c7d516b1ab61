//! Promise: on several GPUs of one model a sweep fills the same table, byte for byte; if one is lost, the others' scores are kept
//! and the sweep goes on where it was.

use crate::common::run::{export, sweep, write_all};
use crate::driver::{emulated, said, with};
use crate::program::scored;
use std::process::Command;

#[apply(test!)]
fn two_gpus_fill_the_table_of_one_and_one_that_is_lost_takes_nothing_with_it() {
    let driver = emulated();
    let dir = tempfile::tempdir().expect("a folder");
    write_all(dir.path());
    let run = |name: &str, devices: &str| -> Command {
        let mut command = sweep(dir.path(), name);
        command.args(["--backend", "cuda", "--devices", devices, "--pack-tokens", "128"]);
        command.args(["--limit", "8", "--languages", "en", "--models", "tiny-base"]);
        with(&mut command, driver).env("EMU_CC", "90").env("EMU_DEVICES", "2");
        command.env("TILTMETER_CUDA_KERNELS", "wgmma");
        command
    };
    let done = run("one", "1").output().expect("starts");
    assert!(done.status.success(), "{}", said(&done));
    let log = dir.path().join("log");
    let done = run("two", "0,1").env("EMU_LOG", &log).output().expect("starts");
    assert!(done.status.success(), "{}", said(&done));
    assert!(export(dir.path(), "two", ".csv") == export(dir.path(), "one", ".csv"));
    let log = std::fs::read_to_string(log).expect("a log");
    let launches = |stream: &str| {
        log.lines().filter(|line| line.starts_with("launch") && line.ends_with(stream)).count()
    };
    let passes = |stream: &str| {
        log.lines().filter(|line| line.starts_with("launch embed") && line.ends_with(stream)).count()
    };
    // Each GPU has a stream for passes and one for loading.
    let (one, other) = (passes("stream 1"), passes("stream 3"));
    assert!(one.abs_diff(other) * 4 <= one.max(other), "{one} and {other} passes");

    // Its last pack but some.
    let after = (launches("stream 4") + launches("stream 3") * 9 / 10).to_string();
    let failing = [("EMU_FAIL_DEVICE", "1"), ("EMU_FAIL_AFTER", after.as_str())];
    let failed = run("broken", "0,1").envs(failing).output().expect("starts");
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(said(&failed).contains("the GPU is lost"), "{}", said(&failed));
    let (kept, whole) = (scored(dir.path(), "broken"), scored(dir.path(), "two"));
    // All of the other's half, and what this one had stored.
    assert!(whole / 3 < kept && kept < whole, "{kept} of {whole} kept");
    let done = run("broken", "0,1").output().expect("starts");
    assert!(done.status.success(), "{}", said(&done));
    assert!(export(dir.path(), "broken", ".csv") == export(dir.path(), "one", ".csv"));

    let refused = run("none", "0,0").output().expect("starts");
    assert!(!refused.status.success() && said(&refused).contains("GPU 0 twice"), "{}", said(&refused));
    let refused = run("none", "0,1").env("EMU_MIXED", "1").output().expect("starts");
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("scores of one checkpoint come from one kind of device"),
        "{}",
        said(&refused)
    );
    let refused = run("none", "0,2").output().expect("starts");
    assert!(!refused.status.success() && said(&refused).contains("no NVIDIA GPU `2`"), "{}", said(&refused));
}
