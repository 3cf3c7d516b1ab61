//! `tiltmeter runs`: the run folders below a folder.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};

use super::output::{print, print_json, say};
use super::{counted, grouped};
use crate::store::{FoundRun, find_runs};

/// List the run folders in a folder and below it, with how far each has come.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to look through, four levels deep
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The list as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let runs = find_runs(&args.dir)?;
    if args.json {
        print_json(&runs)?;
    } else if runs.is_empty() {
        say(format_args!("no run in {} or below it", args.dir.display()));
    } else {
        print(text(&runs))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(runs: &[FoundRun]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["run", "state", "asked", "scored", "checkpoints", "study", "program", "begun"]);
    for column in 2..4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for run in runs {
        let known = |part: &Option<String>| part.clone().unwrap_or_default();
        let mark = if run.filtered { " *" } else { "" };
        table.add_row([
            run.dir.display().to_string(),
            run.state.name().to_owned(),
            grouped(run.asked),
            grouped(run.scored),
            format!("{}{mark}", counted(run.checkpoints.len(), "checkpoint")),
            format!("{} {}", known(&run.study), known(&run.study_version)),
            known(&run.program),
            known(&run.begun),
        ]);
    }
    let mut text = format!("{}\n", table.trim_fmt());
    if runs.iter().any(|run| run.filtered) {
        text.push_str("* not all of the study's prompts were asked: tiltmeter status --run DIR\n");
    }
    for (run, error) in runs.iter().filter_map(|run| Some((run, run.error.as_ref()?))) {
        text.push_str(&format!("{}: {error}\n", run.dir.display()));
    }
    text
}
