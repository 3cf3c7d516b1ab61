//! `tiltmeter export`: a run's tables for other tools.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::builder::{PathBufValueParser, TypedValueParser};

use super::output::{is_standard, place, say, standard_output};
use super::{counted, grouped};
use crate::interchange::{LogFormat, write_log, write_results};
use crate::store::export::Format;
use crate::store::file::is_same;
use crate::store::{RunReader, StoreError, export_items, export_scores};

/// Write a run's item table, its single prompts' scores, or what other programs read.
///
/// Of a table the ending says the format: .csv, .csv.gz, .jsonl or .parquet; `-` is standard output, as CSV. Rows are ordered by
/// their names, so that the same scores give the same bytes. What other programs read has the prompts' texts, which are the
/// study's and not the run's.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("table").required(true).multiple(true)))]
#[command(override_usage = "tiltmeter export --run <DIR> --items|--scores|--lm-eval|--inspect <FILE>")]
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
    /// Results and samples as lm-evaluation-harness writes them, in a folder per checkpoint
    #[arg(long, value_name = "DIR", group = "table")]
    lm_eval: Option<PathBuf>,
    /// An evaluation log of Inspect, .eval or .json, of all checkpoints or of `--models`
    #[arg(long, value_name = "FILE", group = "table", value_parser = log_file())]
    inspect: Option<PathBuf>,
    /// With --lm-eval or --inspect: the study that the run was asked, by name or folder [default: the embedded one]
    #[arg(long, value_name = "NAME|DIR")]
    study: Option<String>,
    /// With --lm-eval or --inspect: only these checkpoints, by their names in the run
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    models: Vec<String>,
}

/// A file whose ending is known; anything else is a mistake in the command.
fn table_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match Format::of(&path) {
        _ if is_standard(&path) => Ok(path),
        Ok(_) => Ok(path),
        Err(error) => Err(error),
    })
}

/// A log whose ending is known.
fn log_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| LogFormat::of(&path).map(|_| path))
}

pub fn run(args: Args) -> Result<ExitCode> {
    if let (Some(items), Some(scores)) = (&args.items, &args.scores)
        && (is_same(items, scores) || is_standard(items) && is_standard(scores))
    {
        anyhow::bail!("--items and --scores name the same file");
    }
    let others = args.lm_eval.is_some() || args.inspect.is_some();
    if !others && (args.study.is_some() || !args.models.is_empty()) {
        anyhow::bail!(
            "--study and --models are for --lm-eval and --inspect: the tables hold no texts, and all checkpoints"
        );
    }
    let run = RunReader::open(&args.run)?;
    for sentence in run.completeness()?.sentences() {
        say(format_args!("note: {sentence}"));
    }
    if let Some(path) = &args.items {
        let counts = to_place(path, |path| export_items(&run, path))?;
        let left = match counts.incomplete {
            0 => String::new(),
            n => format!(" ({} more still lack prompts)", grouped(n)),
        };
        say(format_args!("wrote {} to {}{left}", counted(counts.complete, "item"), place(path)));
    }
    if let Some(path) = &args.scores {
        let count = to_place(path, |path| export_scores(&run, path))?;
        say(format_args!("wrote {} to {}", counted(count, "score"), place(path)));
    }
    let (study, models) = (args.study.as_deref(), &args.models);
    if let Some(dir) = &args.lm_eval {
        let count = write_results(&run, dir, study, models)?;
        say(format_args!("wrote {} to {}", counted(count, "sample"), dir.display()));
    }
    if let Some(path) = &args.inspect {
        let count = write_log(&run, path, study, models)?;
        say(format_args!("wrote {} to {}", counted(count, "sample"), path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a table to its file. For standard output it is made beside first: a reader gets all of it or nothing.
fn to_place<T>(path: &Path, write: impl FnOnce(&Path) -> Result<T, StoreError>) -> Result<T> {
    if !is_standard(path) {
        return Ok(write(path)?);
    }
    let table =
        tempfile::Builder::new().suffix(".csv").tempfile().context("no temporary file can be made")?;
    let written = write(table.path())?;
    let mut out = standard_output();
    // By its name: what was written has taken the place of the file that was opened.
    std::io::copy(&mut std::fs::File::open(table.path())?, &mut out)?;
    out.flush()?;
    Ok(written)
}
