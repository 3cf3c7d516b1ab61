//! Tiny random checkpoints for tests: the same bytes for the same seed, on every machine.

#![allow(dead_code, unused_imports)] // every test binary compiles its own copy and uses a part of it

mod files;
mod random;
mod tensors;
mod tiny;

pub use files::{RawTensor, write_config, write_index, write_parts, write_safetensors, write_weights};
pub use random::Random;
pub use tiny::{FAMILIES, TinyConfig, TinyFamily, write_tiny_checkpoint};
