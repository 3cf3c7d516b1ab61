//! `tiltmeter report`: one page for a person, from an item table or a run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow};

use super::analyze;
use super::input::{Input, settings_for};
use super::output::say;
use super::shell::quoted;
use crate::report::{Planted, Provenance, ReportInput, render};
use crate::stats::{Analysis, Settings, analyze_table, read_table};
use crate::store::file::replace;
use crate::store::{RunReader, StoreError};

/// Write a self-contained HTML page with figures and tables.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// The page
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
    /// Its title
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

pub fn run(args: Args) -> Result<ExitCode> {
    args.input.check_output(&args.out)?;
    let settings = args.input.settings()?;
    let page = match (&args.input.items, &args.input.run) {
        (Some(items), _) => {
            let settings = settings.unwrap_or_default();
            let analysis = analyze_table(&read_table(items)?, &settings)?;
            Page { analysis, settings, provenance: None, planted: Vec::new() }
        }
        (None, Some(dir)) => Page::of_run(dir, settings)?,
        (None, None) => return Err(anyhow!("give --items or --run")),
    };
    for note in &page.analysis.notes {
        say(format_args!("note: {note}"));
    }
    page.write(args.title.clone(), commands(&args), &args.out)?;
    say(format_args!("wrote {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// What a page is made from.
pub(super) struct Page {
    pub analysis: Analysis,
    pub settings: Settings,
    pub provenance: Option<Provenance>,
    pub planted: Vec<Planted>,
}

impl Page {
    /// A run's figures so far, under `settings` or its own roster.
    pub fn of_run(dir: &Path, settings: Option<Settings>) -> Result<Page> {
        let reader = RunReader::open(dir)?;
        let analysis = analyze::analyze_run(dir, settings.clone())?;
        let settings = settings_for(&reader, settings)?;
        let provenance = Some(Provenance::of_run(&reader)?);
        Ok(Page { analysis, settings, provenance, planted: Vec::new() })
    }

    pub fn write(self, page_title: Option<String>, commands: Vec<String>, out: &Path) -> Result<()> {
        let html = render(&ReportInput {
            title: page_title.unwrap_or_else(|| title(&self.analysis)),
            analysis: &self.analysis,
            settings: &self.settings,
            provenance: self.provenance,
            planted: self.planted,
            commands,
        })?;
        replace(out, |file| file.write_all(html.as_bytes()).map_err(|e| StoreError::io(out, e)))?;
        Ok(())
    }
}

/// The question that the page answers.
fn title(analysis: &Analysis) -> String {
    let mut asked: Vec<&str> =
        analysis.group("compliance").map(|([_, checkpoint, _, _], _)| checkpoint).collect();
    asked.sort_unstable();
    asked.dedup();
    match asked.as_slice() {
        [one] => format!("Which way does {one} lean?"),
        _ => "Which way do these models lean?".to_owned(),
    }
}

/// The lines that make the page again: this one, and the one for all figures.
fn commands(args: &Args) -> Vec<String> {
    let mut input = String::new();
    for (flag, path) in
        [("--run", &args.input.run), ("--items", &args.input.items), ("--settings", &args.input.settings)]
    {
        if let Some(path) = path {
            input.push_str(&format!(" {flag} {}", quoted(path)));
        }
    }
    let title =
        args.title.as_ref().map_or_else(String::new, |t| format!(" --title {}", quoted(Path::new(t))));
    vec![
        format!("tiltmeter report{input}{title} --out {}", quoted(&args.out)),
        format!("tiltmeter analyze{input} --format json   # every figure, in full precision"),
    ]
}
