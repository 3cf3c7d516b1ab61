//! What the tests share: tiny random checkpoints (the same bytes for the same seed, on every machine), scores of made-up
//! prompts, and the results of transformers to compare with.

#![allow(dead_code, unused_imports)] // every test binary compiles its own copy and uses a part of it

#[macro_use]
pub mod harness;

pub mod continuations;
pub mod data;
mod files;
pub mod heads;
mod random;
mod references;
pub mod run;
mod scores;
pub mod steps;
mod tensors;
mod tiny;
pub mod tokenizer;
mod transformers;

#[cfg(unix)]
pub use files::named_pipe;
pub use files::{RawTensor, write_config, write_index, write_parts, write_safetensors, write_weights};
pub use harness::{say, skip, skip_part};
pub use random::Random;
pub use references::references;
pub use scores::{bits, items, score};
pub use tiny::{FAMILIES, TinyConfig, TinyFamily, write_tiny_checkpoint};
pub use transformers::{Errors, Reference, relative};
