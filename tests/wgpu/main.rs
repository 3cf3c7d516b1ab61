//! The wgpu backend against the cpu backend, on whatever adapter is there, software ones included.
//!
//! Without an adapter these tests say so and pass; `shaders` needs none.

#[path = "../common/mod.rs"]
mod common;

mod device;
mod heads;
mod invariance;
mod limits;
mod parity;
mod shaders;
mod steps;
