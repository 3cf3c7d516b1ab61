//! The CUDA backend on an emulated driver: the real host code and the real kernels, on the CPU.
//!
//! `tests/fake-cuda/build.sh` makes the driver with g++; where it cannot be made these tests count as ignored. A driver is
//! loaded once in a process, so what is in `inside` runs in processes of its own, once for each kind of GPU. With
//! `TILTMETER_TEST_GPU=1` it runs on the GPU of this machine instead.

#[macro_use]
extern crate macro_rules_attribute;

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

mod ahead;
mod driver;
mod failures;
mod first_run;
mod inside;
mod log;
mod outside;
mod program;
mod several;

/// Set by `outside` in the processes that run what is in `inside`, and nothing else.
const INSIDE: &str = "TILTMETER_TEST_INSIDE";

fn main() -> std::process::ExitCode {
    let is_inside = std::env::var_os(INSIDE).is_some();
    common::harness::run(|test| test.starts_with("inside::") == is_inside)
}
