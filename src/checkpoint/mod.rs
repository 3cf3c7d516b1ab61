//! What is loaded: a checkpoint folder's config, weights and their meaning.
//!
//! `Checkpoint::open` reads config.json into a `DecoderSpec` (`families/`, with `fields` and `rope`), maps the weight
//! files (`files`, `index`, `safetensors`, `torch`), and binds one to the other tensor by tensor (`plan`, `bind`).

pub mod hub;
pub mod spec;
pub mod weights;

mod bind;
mod contents;
mod error;
mod families;
mod fields;
mod files;
mod finite;
mod hash;
mod index;
mod instead;
mod json;
mod open;
mod outline;
mod plan;
mod quantised;
mod reading;
mod rope;
mod safetensors;
mod stamp;
mod tied;
mod torch;

pub use contents::StoredTensor;
pub use error::CheckpointError;
pub use files::tensor_table;
pub use hash::{FileHash, HashOrigin, fingerprint};
pub use hub::{HubError, Resolved, resolve};
pub use open::{Checkpoint, UsedTensor};
pub use outline::{Outline, OutlineTensor};
pub use reading::{Reading, Take};
pub use spec::DecoderSpec;
pub use weights::{Dtype, Role, Tensor, Weights};
