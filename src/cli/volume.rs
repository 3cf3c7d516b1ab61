//! What every command takes: how much it says on standard error, and on how many cores it works.

use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context, Result};

/// Arguments that stand behind any command.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Everywhere {
    /// Say nothing but errors on standard error
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    quiet: bool,
    /// Say more, such as what share of the layers' work is skipped
    #[arg(long, short, global = true, conflicts_with = "quiet", help_heading = "Everywhere")]
    verbose: bool,
    /// Cores to work on; all of them if not given. No result depends on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Everywhere")]
    threads: Option<u16>,
}

const NORMAL: u8 = 0;
const QUIET: u8 = 1;
const VERBOSE: u8 = 2;

/// Set once, before a command begins; read wherever something is said.
static VOLUME: AtomicU8 = AtomicU8::new(NORMAL);

pub fn is_quiet() -> bool {
    VOLUME.load(Ordering::Relaxed) == QUIET
}

pub fn is_verbose() -> bool {
    VOLUME.load(Ordering::Relaxed) == VERBOSE
}

impl Everywhere {
    /// Makes them hold for all that follows.
    pub fn apply(self) -> Result<()> {
        let volume = match (self.quiet, self.verbose) {
            (true, _) => QUIET,
            (_, true) => VERBOSE,
            _ => NORMAL,
        };
        VOLUME.store(volume, Ordering::Relaxed);
        let Some(threads) = self.threads else { return Ok(()) };
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .with_context(|| format!("--threads {threads}"))
    }
}
