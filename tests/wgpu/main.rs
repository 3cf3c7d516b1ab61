//! The wgpu backend against the cpu backend, on whatever adapter is there, software ones included.
//!
//! Without an adapter these tests count as ignored; `shaders` needs none.

#[macro_use]
extern crate macro_rules_attribute;

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

mod device;
mod heads;
mod invariance;
mod limits;
mod parity;
mod shaders;
mod shards;
mod steps;

fn main() -> std::process::ExitCode {
    common::harness::run(|_| true)
}
