//! The CUDA backend on an emulated driver: the real host code and the real kernels, on the CPU.
//!
//! `tests/fake-cuda/build.sh` makes the driver with g++; where it cannot be made these tests say so and pass. A driver is
//! loaded once in a process, so what is in `inside` runs in processes of its own, once for each kind of GPU. With
//! `TILTMETER_TEST_GPU=1` it runs on the GPU of this machine instead.

#[path = "../common/mod.rs"]
mod common;

mod driver;
mod failures;
mod inside;
mod log;
mod outside;
mod program;
