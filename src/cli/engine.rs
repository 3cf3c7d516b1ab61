//! Arguments that every command with a forward pass shares.

use crate::backend::cpu::Cpu;
use crate::scoring::ScoreOptions;
use anyhow::Result;
use std::path::PathBuf;

/// Which checkpoint.
#[derive(Debug, Clone, clap::Args)]
pub struct ModelArgs {
    /// Checkpoint folder, or a hub id (`org/name`) that is in the local Hugging Face cache
    #[arg(long, value_name = "DIR|ID")]
    pub model: String,
    /// Revision of a hub id
    #[arg(long, value_name = "REV")]
    pub revision: Option<String>,
}

impl ModelArgs {
    pub fn resolve(&self) -> Result<PathBuf> {
        Ok(crate::checkpoint::hub::resolve(&self.model, self.revision.as_deref())?.dir)
    }
}

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BackendName {
    /// The best that this machine has
    Auto,
    Cpu,
}

/// How to compute. None of it changes a result's bits on one device.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineArgs {
    /// Device to compute on
    #[arg(long, value_enum, default_value_t = BackendName::Auto)]
    pub backend: BackendName,
    /// Tokens computed together at most
    #[arg(long, value_name = "T", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub pack_tokens: u32,
    /// Compute every prompt alone, for comparison
    #[arg(long)]
    pub no_sharing: bool,
}

impl EngineArgs {
    pub fn backend(&self) -> Result<Cpu> {
        match self.backend {
            BackendName::Auto | BackendName::Cpu => Ok(Cpu),
        }
    }

    pub fn options(&self) -> ScoreOptions {
        ScoreOptions { pack_tokens: self.pack_tokens as usize, sharing: !self.no_sharing, top: 0 }
    }
}
