//! `tiltmeter export`: a run's tables for other tools.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::{PathBufValueParser, TypedValueParser};

use super::output::say;
use super::{counted, grouped};
use crate::store::export::Format;
use crate::store::file::is_same;
use crate::store::{RunReader, export_items, export_scores};

/// Write a run's item table, its single prompts' scores, or both.
///
/// The ending says the format: .csv, .csv.gz, .jsonl or .parquet. Rows are ordered by their names, so that the same
/// scores give the same bytes.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("table").required(true).multiple(true)))]
pub struct Args {
    /// Folder of the run
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// One row per item: a pair, scenario and question, the mean of its four prompts
    #[arg(long, value_name = "FILE", group = "table", value_parser = table_file())]
    items: Option<PathBuf>,
    /// One row per prompt
    #[arg(long, value_name = "FILE", group = "table", value_parser = table_file())]
    scores: Option<PathBuf>,
}

/// A file whose ending is known; anything else is a mistake in the command.
fn table_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match Format::of(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(error),
    })
}

pub fn run(args: Args) -> Result<ExitCode> {
    if let (Some(items), Some(scores)) = (&args.items, &args.scores)
        && is_same(items, scores)
    {
        anyhow::bail!("--items and --scores name the same file");
    }
    let run = RunReader::open(&args.run)?;
    for sentence in run.completeness()?.sentences() {
        say(format_args!("note: {sentence}"));
    }
    if let Some(path) = &args.items {
        let counts = export_items(&run, path)?;
        let left = match counts.incomplete {
            0 => String::new(),
            n => format!(" ({} more still lack prompts)", grouped(n)),
        };
        say(format_args!("wrote {} to {}{left}", counted(counts.complete, "item"), path.display()));
    }
    if let Some(path) = &args.scores {
        let count = export_scores(&run, path)?;
        say(format_args!("wrote {} to {}", counted(count, "score"), path.display()));
    }
    Ok(ExitCode::SUCCESS)
}
