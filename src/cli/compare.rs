//! `tiltmeter compare`: two runs side by side.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::input::Input;
use super::output::{deliver_text, is_standard, say};
use super::run_table::RunTable;
use crate::report::{JoinedRuns, differences};
use crate::stats::{
    AGREEMENT_SCHEMA, Agreement, Analysis, DiffersBetween, Recipes, Settings, Side, Table, agreement_text,
    analyze_with, conclusions, join_items, paired, read_table, renamed,
};
use crate::store::RunReader;

/// Compare two runs, versions, precisions or engines: differences of log-odds, changed choices, changed conclusions.
///
/// Prompts are joined by their names and their tokens. Of item tables, which have no single prompts, the items are joined by
/// their names.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folder, or item table
    #[arg(value_name = "RUN1")]
    first: PathBuf,
    /// The other one
    #[arg(value_name = "RUN2")]
    second: PathBuf,
    /// Families and analysis settings for both; without it each run's roster, which stands for a table beside it too
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// A checkpoint that is called NAME1 in the first and NAME2 in the second; may stand several times
    #[arg(long, num_args = 2, value_names = ["NAME1", "NAME2"], action = clap::ArgAction::Append)]
    checkpoint: Vec<String>,
    /// End with exit code 1 if some log-odds lie further apart than this
    #[arg(long, value_name = "X", value_parser = tolerance)]
    tolerance: Option<f64>,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Where to write; standard output if left out, or `-`
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() && x >= 0.0 => Ok(x),
        _ => Err("a tolerance is a number that is not negative".to_owned()),
    }
}

/// One of the two as it was read.
struct Read {
    reader: Option<RunReader>,
    table: Table,
    settings: Settings,
}

impl Read {
    fn new(path: &Path, settings: Option<Settings>) -> Result<Read> {
        if path.is_dir() {
            let RunTable { reader, table, settings, .. } = RunTable::read(path, settings)?;
            return Ok(Read { reader: Some(reader), table, settings });
        }
        let table = read_table(path).context("compare takes run folders and item tables")?;
        Ok(Read { reader: None, table, settings: settings.unwrap_or_default() })
    }

    /// A table says nothing of families: it is analysed as the run beside it.
    fn adopt(&mut self, settings: &Settings, own: &Path) -> Vec<String> {
        self.settings = settings.clone();
        let mut notes = self.settings.restrict_to(&self.table);
        notes.push(format!("{} has no settings of its own: the run's stand for both", own.display()));
        notes
    }

    fn analyze(&self) -> Result<Analysis> {
        Ok(analyze_with(&self.table, &self.settings, Recipes::Confirmatory)?)
    }

    fn side<'a>(&'a self, analysis: &'a Analysis) -> Side<'a> {
        Side { table: &self.table, settings: &self.settings, analysis }
    }
}

pub fn run(args: Args) -> Result<ExitCode> {
    let file = args.output.as_deref().filter(|output| !is_standard(output));
    if let Some(output) = file {
        for input in [&args.first, &args.second] {
            let (items, run) = if input.is_dir() { (None, Some(input)) } else { (Some(input), None) };
            let input = Input { items: items.cloned(), run: run.cloned(), settings: args.settings.clone() };
            input.check_output(output)?;
        }
    }
    let agreement = compare(&args)?;
    for note in &agreement.notes {
        say(format_args!("note: {note}"));
    }
    let text = match args.json {
        true => format!("{}\n", serde_json::to_string_pretty(&agreement)?),
        false => agreement_text(&agreement),
    };
    deliver_text(file, text)?;
    if let Some(tolerance) = args.tolerance.filter(|tolerance| agreement.exceeds(*tolerance)) {
        say(format_args!("some log-odds lie further apart than {tolerance}"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(args: &Args) -> Result<Agreement> {
    let settings = args.settings.as_deref().map(Settings::read).transpose()?;
    // (as the second calls it, as the first does).
    let names: Vec<(String, String)> =
        args.checkpoint.chunks_exact(2).map(|two| (two[1].clone(), two[0].clone())).collect();
    let mut first = Read::new(&args.first, settings.clone())?;
    let mut second = Read::new(&args.second, settings.clone())?;
    for (own, known, path) in names.iter().flat_map(|(of_second, of_first)| {
        [(of_first, &first, &args.first), (of_second, &second, &args.second)]
    }) {
        if known.table.models.id(own).is_none() {
            let all: Vec<&str> = known.table.models.iter().collect();
            bail!("{} has no checkpoint `{own}`; it has {}", path.display(), all.join(", "));
        }
    }
    if !names.is_empty() {
        (second.table, second.settings) = renamed(&second.table, &second.settings, &names)?;
    }
    let mut notes = Vec::new();
    if settings.is_none() {
        match (first.reader.is_some(), second.reader.is_some()) {
            (true, false) => notes.extend(second.adopt(&first.settings, &args.second)),
            (false, true) => notes.extend(first.adopt(&second.settings, &args.first)),
            _ => {}
        }
    }
    let mut differs = Vec::new();
    let runs = match (&first.reader, &second.reader) {
        (Some(one), Some(other)) => {
            differs = differences(one, other, &names)?;
            Some(JoinedRuns::new(one, other, &names)?)
        }
        _ => {
            notes.push(
                "joined by the names of items: a table does not say which tokens were shown".to_owned(),
            );
            None
        }
    };
    let tables = || join_items(&first.table, &second.table);
    let (mut runs, (scores, joined)) = match runs {
        Some(mut runs) => {
            let scores = std::mem::take(&mut runs.scores);
            let joined = runs.joined;
            (Some(runs), (scores, joined))
        }
        None => (None, tables()),
    };
    if joined.both + joined.other_tokens == 0 {
        let of = |read: &Read| read.table.models.iter().collect::<Vec<_>>().join(", ");
        bail!(
            "{} and {} have nothing in common: no {} of the same names (checkpoints {} and {}; --checkpoint NAME1 NAME2 \
             joins two that are called differently)",
            args.first.display(),
            args.second.display(),
            if runs.is_some() { "prompt" } else { "item" },
            of(&first),
            of(&second)
        );
    }
    if joined.both == 0 {
        notes.push("every prompt has other tokens in the two: no log-odds can be compared".to_owned());
    }
    let analyses = [first.analyze()?, second.analyze()?];
    differs.extend(settings_apart(&analyses[0], &analyses[1]));
    let keeps = runs.take();
    let paired = paired(first.side(&analyses[0]), second.side(&analyses[1]), |names| {
        keeps.as_ref().is_none_or(|runs| runs.keeps(names))
    })?;
    let (log_odds, log_odds_by) = scores.spreads();
    let alone = joined.only_first + joined.only_second + joined.other_tokens;
    let identical = alone == 0 && log_odds.as_ref().is_some_and(|all| all.identical == all.compared);
    Ok(Agreement {
        schema: AGREEMENT_SCHEMA,
        first: args.first.display().to_string(),
        second: args.second.display().to_string(),
        differs,
        joined,
        identical,
        log_odds,
        log_odds_by,
        conclusions: conclusions(&analyses[0], &analyses[1]),
        paired,
        target: analyses[0].settings["analysis"]["target"].as_str().unwrap_or_default().to_owned(),
        notes,
    })
}

/// Settings that the two were analysed with.
fn settings_apart(first: &Analysis, second: &Analysis) -> Vec<DiffersBetween> {
    let of = |analysis: &Analysis| analysis.settings["analysis"].as_object().cloned().unwrap_or_default();
    let (one, other) = (of(first), of(second));
    let apart = one.iter().filter(|(key, value)| other.get(*key) != Some(value));
    apart
        .map(|(key, value)| DiffersBetween {
            what: format!("settings: {key}"),
            checkpoint: None,
            first: value.to_string(),
            second: other.get(key).map_or_else(|| "none".to_owned(), ToString::to_string),
        })
        .collect()
}
