//! `tiltmeter merge`: runs of several machines as one.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::output::say;
use super::{counted, grouped, shell};
use crate::store::RunReader;
use crate::store::merge::{Merged, merge};

/// Put runs together into one, the shards of a sweep say: its tables are those of a sweep on one machine, byte for byte.
///
/// What was computed by different programs, or with other weights, prompts, settings or arithmetic, is refused, and so are two
/// different scores of one prompt. Merging again, when more is scored, adds to what was merged.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of runs, or of shards
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Folder of the merged run: a new one, or one that `merge` made
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// End with an error if a shard is missing or a prompt is left
    #[arg(long)]
    complete: bool,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let Merged { copied, runs, absent } =
        merge(&args.runs, &args.run, |dir| say(format_args!("merging {}", dir.display())))?;
    for dir in &absent {
        say(format_args!("note: {} holds no run yet", dir.display()));
    }
    for (dir, found) in &runs {
        let left = found.asked.saturating_sub(found.scored);
        if left > 0 {
            say(format_args!(
                "note: {} has {} left to score",
                dir.display(),
                counted(left as usize, "prompt")
            ));
        }
    }
    let sentences = RunReader::open(&args.run)?.completeness()?;
    let missing = sentences.shards.iter().any(|shards| !shards.missing.is_empty());
    for sentence in sentences.sentences() {
        say(format_args!("note: {sentence}"));
    }
    let twice = match copied.twice {
        0 => String::new(),
        n => format!(", {} more were there already, the same", grouped(n)),
    };
    say(format_args!(
        "merged {} into {}: {} of {}{twice}",
        counted(runs.len(), "run"),
        args.run.display(),
        counted(copied.scores as usize, "score"),
        counted(copied.checkpoints as usize, "checkpoint"),
    ));
    if args.complete && (missing || !sentences.is_finished()) {
        bail!(
            "{} is not complete: see the notes above; sweep what is missing, and merge again",
            args.run.display()
        );
    }
    let run = shell::quoted(&args.run);
    say(format_args!(
        "next: tiltmeter report --run {run} --output report.html, or tiltmeter analyze --run {run}"
    ));
    Ok(ExitCode::SUCCESS)
}
