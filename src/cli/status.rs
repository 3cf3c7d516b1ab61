//! `tiltmeter status`: how far a run has come.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::output::{print, print_json};
use super::progress::duration;
use super::{counted, grouped};
use crate::store::{
    Completeness, DATABASE, RunReader, RunState, RunsProgress, Shards, StoredSweep, shards_in,
};

/// Say what a run was asked, what of it is scored and what is left; also while a sweep writes to it. Of several runs, the
/// shards of a sweep say, how far each is and all of them are.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of runs, or of shards
    #[arg(value_name = "RUN", required_unless_present = "run")]
    runs: Vec<PathBuf>,
    /// One of them, as other commands name it
    #[arg(long, value_name = "DIR")]
    run: Vec<PathBuf>,
    /// Everything as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Status {
    run: PathBuf,
    /// Program, study and time of creation.
    identity: BTreeMap<String, String>,
    finished: bool,
    left: u64,
    #[serde(flatten)]
    completeness: Completeness,
    sweeps: Vec<StoredSweep>,
}

pub fn run(args: Args) -> Result<ExitCode> {
    of(&[args.run, args.runs].concat(), args.json)
}

/// Of one run in full, of several as a table.
pub fn of(runs: &[PathBuf], json: bool) -> Result<ExitCode> {
    match runs {
        [run] if run.join(DATABASE).exists() || shards_in(run)?.is_empty() => one(run, json)?,
        runs => {
            let progress = RunsProgress::of(runs)?;
            match json {
                true => print_json(&progress)?,
                false => print(several(&progress))?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn one(run: &Path, json: bool) -> Result<()> {
    let reader = RunReader::open(run)?;
    let completeness = reader.completeness()?;
    let status = Status {
        identity: reader.identity()?.into_iter().collect(),
        finished: completeness.is_finished(),
        left: completeness.asked - completeness.scored,
        sweeps: reader.sweeps()?,
        completeness,
        run: run.to_path_buf(),
    };
    match json {
        true => print_json(&status),
        false => print(text(&status)),
    }
}

/// A row per run, and what all of them come to.
fn several(progress: &RunsProgress) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["run", "asked", "scored", "left", "done", "state", "time left"]);
    for column in 1..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let share = |scored: u64, asked: u64| match asked {
        0 => "-".to_owned(),
        asked => format!("{:.1} %", 100.0 * scored as f64 / asked as f64),
    };
    for run in &progress.runs {
        let [asked, scored, left] = [run.asked, run.scored, run.left].map(grouped);
        let done = share(run.scored, run.asked);
        let time = run.seconds_left.map(|seconds| format!("about {}", duration(seconds))).unwrap_or_default();
        let name = run.run.display().to_string();
        table.add_row([name, asked, scored, left, done, run.state.name().to_owned(), time]);
    }
    let states =
        [RunState::Running, RunState::Finished, RunState::Stopped, RunState::Unknown, RunState::NotBegun];
    let states = states.into_iter().filter_map(|state| {
        let count = progress.runs.iter().filter(|run| run.state == state).count();
        (count > 0).then(|| format!("{} {}", grouped(count), state.name()))
    });
    let time = progress.seconds_left.map(|seconds| format!("; about {} left", duration(seconds)));
    let mut text = format!(
        "{}\nin all: {} of {} prompts are scored ({}); {}{}\n",
        table.trim_fmt(),
        grouped(progress.scored),
        grouped(progress.asked),
        share(progress.scored, progress.asked),
        states.collect::<Vec<_>>().join(", "),
        time.unwrap_or_default()
    );
    for sentence in progress.shards.iter().filter_map(Shards::sentence) {
        text.push_str(&format!("{sentence}\n"));
    }
    text
}

fn text(status: &Status) -> String {
    let of = |key: &str| status.identity.get(key).map_or("?", String::as_str);
    let mut text = format!(
        "{}: study {} {}, program {}, begun {}\n",
        status.run.display(),
        of("study_name"),
        of("study_version"),
        of("program"),
        of("created")
    );
    let found = &status.completeness;
    for sentence in found.sentences() {
        text.push_str(&format!("{sentence}\n"));
    }
    if found.recorded && found.is_finished() {
        text.push_str(&match found.asked {
            0 => "not begun: nothing is recorded as asked yet\n".to_owned(),
            asked => format!("finished: {} asked, all scored\n", counted(asked as usize, "prompt")),
        });
    }
    if let Some(last) = status.sweeps.last() {
        let end = match (&last.ended, &last.outcome) {
            (Some(ended), Some(outcome)) => format!("ended {ended} ({outcome})"),
            _ => "no end recorded: it is running, or was killed".to_owned(),
        };
        let sweeps = counted(status.sweeps.len(), "sweep");
        text.push_str(&format!("{sweeps}; the last began {}, {end}\n", last.started));
    }
    if !found.cells.is_empty() {
        text.push_str(&format!("\n{}", table(found).trim_fmt()));
        text.push_str("\nA language's column says how many of its prompts are left.\n");
    }
    text
}

/// A row per checkpoint and condition.
fn table(found: &Completeness) -> Table {
    let asked = || found.cells.iter().filter(|cell| cell.asked > 0);
    let languages: BTreeSet<&str> = asked().map(|cell| cell.language.as_str()).collect();
    let mut rows: BTreeMap<(&str, &str), BTreeMap<&str, [u64; 2]>> = BTreeMap::new();
    for cell in asked() {
        let row = rows.entry((&cell.model, &cell.condition)).or_default();
        row.insert(&cell.language, [cell.asked, cell.scored]);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let head = ["checkpoint", "condition", "asked", "scored", "left"];
    table.set_header(head.into_iter().chain(languages.iter().copied()));
    for column in 2..head.len() + languages.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for ((model, condition), cells) in rows {
        let [asked, scored] = cells.values().fold([0, 0], |[a, s], [asked, scored]| [a + asked, s + scored]);
        let mut row = vec![model.to_owned(), condition.to_owned()];
        row.extend([asked, scored, asked - scored].map(grouped));
        row.extend(languages.iter().map(|language| match cells.get(language) {
            Some([asked, scored]) => grouped(asked - scored),
            None => "-".to_owned(),
        }));
        table.add_row(row);
    }
    table
}
