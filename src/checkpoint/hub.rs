//! Where a checkpoint lies: a folder, or a hub id in the local Hugging Face cache.

/// Why a name led to no folder.
#[derive(Debug, thiserror::Error)]
pub enum HubError {}
