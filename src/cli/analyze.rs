//! `tiltmeter analyze`: figures from an item table or a run.

use super::input::{Input, settings_for};
use super::origin;
use super::output::{deliver, deliver_text, is_standard, keep, say};
use super::run_table::RunTable;
use crate::plain::is_day;
use crate::report::{Document, ReportInput};
use crate::stats::summary::{self, SummaryOptions, Tables};
use crate::stats::{Analysis, Named, Recipes, Settings, analyze_with, read_table};
use crate::store::RunReader;
use anyhow::{Result, anyhow, bail};
use std::path::PathBuf;
use std::process::ExitCode;

/// Estimate leans, shifts, makers' advantage and compliance: tables for a person, or every figure for a program.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Which recipes
    #[arg(long, value_enum, default_value_t = Choice::Confirmatory)]
    analysis: Choice,
    /// Tables for a person; every figure as JSON; one row an estimate as CSV, Parquet or Markdown
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Where to write; standard output if left out, or `-`
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A plan that `plan` wrote before the run: say what was planned and what was not
    #[arg(long, value_name = "FILE.toml")]
    plan: Option<PathBuf>,
    /// The date to write into the JSON, as 2026-01-31; without it the only dates there are the run's own
    #[arg(long, value_name = "DATE", value_parser = day)]
    date: Option<String>,
    /// How many tables
    #[arg(long, value_enum, default_value_t = Amount::Key)]
    tables: Amount,
    /// Question shown in the tables [default: preference, where both polarities were asked]
    #[arg(long, value_name = "NAME")]
    question: Option<String>,
    /// Scenarios shown in the tables: all, coherent70 ... [default: all]
    #[arg(long, value_name = "NAME")]
    subset: Option<String>,
    /// The one country shown in the tables [default: the target; every country with --tables all]
    #[arg(long, value_name = "NAME")]
    country: Option<String>,
    /// The one language shown in the tables [default: every language]
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// The one condition shown in the tables [default: every condition]
    #[arg(long, value_name = "NAME")]
    condition: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Choice {
    /// The complete bank, intervals for stated scopes, three scales, and what reviewers ask next
    Confirmatory,
    /// Those of the published study
    Published,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
    Parquet,
    Markdown,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Amount {
    /// Those that an answer needs, for the target
    Key,
    /// Every one, for every country
    All,
}

fn day(text: &str) -> Result<String, String> {
    match is_day(text) {
        true => Ok(text.to_owned()),
        false => Err("it is no day of the calendar such as 2026-01-31".to_owned()),
    }
}

impl Args {
    fn recipes(&self) -> Recipes {
        // Scenarios and questions that only the published study's figures are made for.
        let asks_published = self.question.is_some() || self.subset.as_deref().is_some_and(|s| s != "all");
        match self.analysis {
            // The summary that comes first is the page's, which is made of both.
            Choice::Confirmatory if self.format == Format::Table && (asks_published || self.opens()) => {
                Recipes::Both
            }
            Choice::Confirmatory => Recipes::Confirmatory,
            Choice::Published => Recipes::Published,
            Choice::Both => Recipes::Both,
        }
    }

    /// Whether the page's opening comes before the tables: where no part of them was chosen.
    fn opens(&self) -> bool {
        let chosen = [&self.question, &self.subset, &self.country, &self.language, &self.condition];
        self.format == Format::Table && chosen.iter().all(|part| part.is_none())
    }

    /// Those that shape the figures.
    fn arguments(&self) -> Named<String> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let analysis = match self.analysis {
            Choice::Confirmatory => "confirmatory",
            Choice::Published => "published",
            Choice::Both => "both",
        };
        let given = [
            ("items", path(&self.input.items)),
            ("run", path(&self.input.run)),
            ("settings", path(&self.input.settings)),
            ("analysis", Some(analysis.to_owned())),
            ("plan", path(&self.plan)),
        ];
        given.into_iter().filter_map(|(flag, value)| Some((flag.to_owned(), value?))).collect()
    }
}

pub fn run(args: Args) -> Result<ExitCode> {
    let file = args.output.as_deref().filter(|output| !is_standard(output));
    if let Some(output) = file {
        args.input.check_output(output)?;
        keep(output, &args.plan)?;
    } else if args.format == Format::Parquet {
        bail!("Parquet is no text for a terminal: name a file with --output");
    }
    let settings = args.input.settings()?;
    let mut first = String::new();
    let recipes = args.recipes();
    let (mut analysis, completeness) = match (&args.input.items, &args.input.run) {
        (Some(items), _) => {
            (analyze_with(&read_table(items)?, &settings.clone().unwrap_or_default(), recipes)?, None)
        }
        (None, Some(dir)) => {
            let run = RunTable::read(dir, settings.clone())?;
            for sentence in run.completeness.sentences() {
                first.push_str(&format!("{sentence}\n\n"));
            }
            (run.analyze(recipes)?, Some(run.completeness))
        }
        (None, None) => return Err(anyhow!("give --items or --run")),
    };
    let plan =
        args.plan.as_deref().map(|path| super::plan::check(path, &args.input, &analysis)).transpose()?;
    for sentence in plan.iter().flat_map(|plan| plan.sentences()) {
        first.push_str(&summary::wrapped(&sentence));
    }
    first.push_str(if plan.is_some() { "\n" } else { "" });
    if args.opens() && matches!(args.analysis, Choice::Confirmatory | Choice::Both) {
        let settings = match &args.input.run {
            Some(dir) => settings_for(&RunReader::open(dir)?, settings)?,
            None => settings.unwrap_or_default(),
        };
        for sentence in opening(&analysis, &settings) {
            first.push_str(&format!("{}\n", summary::wrapped(&sentence)));
        }
    }
    // Its sentences stand above already; the document has them as fields.
    analysis.plan = plan;
    let origin = origin::of(&args.input, args.arguments(), args.date.clone(), &analysis, completeness)?;
    analysis.origin = Some(origin);
    for note in &analysis.notes {
        say(format_args!("note: {note}"));
    }
    write(&args, &analysis, first)
}

/// What the page opens with; nothing where there is nothing for a page.
fn opening(analysis: &Analysis, settings: &Settings) -> Vec<String> {
    let input = ReportInput {
        title: String::new(),
        analysis,
        settings,
        provenance: None,
        planted: Vec::new(),
        noise_seed: None,
        commands: Vec::new(),
        unfinished: Vec::new(),
        example: None,
        explanations: Vec::new(),
        published: false,
    };
    Document::new(&input).map_or_else(|_| Vec::new(), |document| document.opening())
}

fn write(args: &Args, analysis: &Analysis, first: String) -> Result<ExitCode> {
    let output = args.output.as_deref();
    match args.format {
        Format::Table => {
            let options = SummaryOptions {
                tables: match args.tables {
                    Amount::Key => Tables::Key,
                    Amount::All => Tables::All,
                },
                question: args.question.clone(),
                subset: args.subset.clone(),
                country: args.country.clone(),
                language: args.language.clone(),
                condition: args.condition.clone(),
            };
            let tables = summary::render(analysis, &options).map_err(|problem| anyhow!(problem))?;
            deliver_text(output, first + &tables)?;
        }
        Format::Json => deliver(output, |out| Ok(analysis.write_json(out)?))?,
        Format::Csv => deliver(output, |out| Ok(analysis.write_csv(out)?))?,
        Format::Markdown => deliver(output, |out| {
            out.write_all(first.as_bytes())?;
            Ok(analysis.write_markdown(out)?)
        })?,
        Format::Parquet => {
            let mut table = Vec::new();
            analysis.write_parquet(&mut table)?;
            deliver_text(output, table)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Args;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_date_is_a_day_of_the_calendar() {
        let read = |date: &str| Line::try_parse_from(["analyze", "--items", "t.csv", "--date", date]);
        assert_eq!(read("2026-01-31").expect("a day").args.date.as_deref(), Some("2026-01-31"));
        for date in ["foo", "2026-02-31", "31.1.2026"] {
            let error = read(date).expect_err("no day").to_string();
            assert!(error.contains("--date") && error.contains("no day of the calendar"), "{error}");
        }
    }
}
