//! What is loaded: a checkpoint folder's config, weights and their meaning.

pub mod spec;
pub mod weights;

pub use spec::DecoderSpec;
pub use weights::{Dtype, Role, Tensor, Weights};
