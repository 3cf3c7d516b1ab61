//! `tiltmeter analyze`: figures from an item table or a run.

use crate::stats::summary::{self, SummaryOptions};
use crate::stats::{Analysis, LetterBias, PromptScore, Settings, Table, analyze_table, read_table};
use crate::store::file::replace;
use crate::store::{RunReader, StoreError};
use crate::study::{OptionOrder, Roles};
use anyhow::{Context, Result, anyhow};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Estimate favourability, shifts, maker direction, coherence and compliance.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("input").required(true).args(["items", "run"])))]
pub struct Args {
    /// Item table, .csv or .csv.gz, as `export` writes it
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// Run folder of a sweep
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Families and analysis settings; without it, the run's roster, or defaults made from the table
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Which recipes
    #[arg(long, value_enum, default_value_t = Recipes::Published)]
    analysis: Recipes,
    /// Tables for a person, or every figure as JSON
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Where to write; standard output if left out
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Question shown in the tables (default: preference, where both polarities were asked)
    #[arg(long, value_name = "NAME")]
    question: Option<String>,
    /// Scenarios shown in the tables: all, coherent70 ... (default: all)
    #[arg(long, value_name = "NAME")]
    subset: Option<String>,
    /// The one country shown in the tables (default: every country)
    #[arg(long, value_name = "NAME")]
    country: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Recipes {
    /// Those of the published study
    Published,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let Recipes::Published = args.analysis;
    let settings = args.settings.as_deref().map(Settings::read).transpose()?;
    let analysis = match (&args.items, &args.run) {
        (Some(items), _) => analyze_table(&read_table(items)?, &settings.unwrap_or_default())?,
        (None, Some(dir)) => analyze_run(dir, settings)?,
        (None, None) => return Err(anyhow!("give --items or --run")),
    };
    for note in &analysis.notes {
        eprintln!("note: {note}");
    }
    let mut document = Vec::new();
    match args.format {
        Format::Json => analysis.write_json(&mut document)?,
        Format::Table => {
            let options =
                SummaryOptions { question: args.question, subset: args.subset, country: args.country };
            document = summary::render(&analysis, &options).map_err(|problem| anyhow!(problem))?.into_bytes();
        }
    }
    match &args.output {
        Some(path) => replace(path, |out| out.write_all(&document).map_err(|e| StoreError::io(path, e)))?,
        None => BufWriter::new(std::io::stdout().lock()).write_all(&document)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A run's figures so far, the letter bias of its prompts among them; what its roster names beyond that is left out.
pub(crate) fn analyze_run(dir: &Path, settings: Option<Settings>) -> Result<Analysis> {
    let reader = RunReader::open(dir)?;
    let (rows, counts) = reader.items()?;
    let mut settings = match (settings, reader.roster()?) {
        (Some(settings), _) => settings,
        (None, Some((path, text))) => Settings::parse(&text, &path.display().to_string())?,
        (None, None) => Settings::default(),
    };
    let table = Table::from_rows(&rows).with_context(|| format!("the run in {}", dir.display()))?;
    drop(rows);
    let mut notes = settings.restrict_to(&table);
    if counts.incomplete > 0 {
        notes.push(format!("{} items lack some of their four prompts and are left out", counts.incomplete));
    }

    let mut letters = LetterBias::new(&table);
    reader.visit_prompts(|names, score| {
        letters.push(&PromptScore {
            model: names.model,
            language: names.language,
            condition: names.condition,
            country_1: names.country_1,
            country_2: names.country_2,
            scenario: names.scenario,
            question: names.question,
            forward: score.roles == Roles::Fwd,
            first: score.order == OptionOrder::First,
            log_odds: score.log_odds,
        });
        Ok::<(), StoreError>(())
    })?;
    let mut analysis = analyze_table(&table, &settings)?;
    analysis.extend(letters.figures(&settings)?)?;
    analysis.notes.splice(0..0, notes);
    Ok(analysis)
}
