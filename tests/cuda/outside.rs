//! Runs what is in `inside` on each kind of GPU.

use crate::INSIDE;
use crate::common::say;
use crate::driver::{REAL, emulated, with};
use std::process::Command;

/// Tests in `inside::part` on a GPU of this compute capability.
fn run(part: &str, capability: &str) {
    let this = std::env::current_exe().expect("this test's own program");
    let mut command = Command::new(this);
    command.args(["--test-threads=2", &format!("inside::{part}")]).env(INSIDE, "1");
    if std::env::var_os(REAL).is_none() {
        with(&mut command, emulated()).env("EMU_CC", capability);
    }
    let done = command.output().expect("starts");
    let text = String::from_utf8_lossy(&done.stdout);
    say(&text);
    assert!(done.status.success(), "on {capability}: {text}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(!text.contains("running 0 tests"), "{part}: nothing ran");
}

#[apply(test!)]
fn steps_on_hopper() {
    run("steps", "90");
}

#[apply(test!)]
fn steps_on_ampere() {
    run("steps", "80");
}

#[apply(test!)]
fn families_on_hopper() {
    run("families", "90");
}

#[apply(test!)]
fn families_on_ampere() {
    run("families", "80");
}

#[apply(test!)]
fn invariance_on_hopper() {
    run("invariance", "90");
}

#[apply(test!)]
fn invariance_on_ampere() {
    run("invariance", "80");
}
