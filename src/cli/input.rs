//! What figures are made from: an item table or a run, and the settings they are made with.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::output::keep;
use crate::stats::Settings;
use crate::store::file::check_folder;
use crate::store::{DATABASE, ROSTER, RunReader};

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("input").required(true).args(["items", "run"])))]
pub struct Input {
    /// Item table as `export` writes it: .csv, .csv.gz, .jsonl or .parquet
    #[arg(long, value_name = "FILE")]
    pub items: Option<PathBuf>,
    /// Run folder of a sweep
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Families and analysis settings; without it, the run's roster, or defaults made from the table
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
}

impl Input {
    /// Those of the command line, if there are any.
    pub fn settings(&self) -> Result<Option<Settings>> {
        Ok(self.settings.as_deref().map(Settings::read).transpose()?)
    }

    /// Refuses an output in a folder that is not there, and one that would overwrite what it is made from.
    pub fn check_output(&self, output: &Path) -> Result<()> {
        check_folder(output)?;
        let of_run = self.run.iter().flat_map(|dir| [dir.join(DATABASE), dir.join(ROSTER)]);
        keep(output, self.items.iter().chain(&self.settings).cloned().chain(of_run))
    }
}

/// What was given, or the run's roster, or defaults.
pub fn settings_for(run: &RunReader, given: Option<Settings>) -> Result<Settings> {
    Ok(match (given, run.roster()?) {
        (Some(settings), _) => settings,
        (None, Some((path, text))) => Settings::parse(&text, &path.display().to_string())?,
        (None, None) => Settings::default(),
    })
}
