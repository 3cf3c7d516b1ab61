//! `tiltmeter report`: one page for a person, from an item table or a run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;

use super::input::{Input, settings_for};
use super::output::{deliver_text, is_standard, keep, say, write_whole};
use super::run_table::RunTable;
use super::shell::quoted;
use crate::report::{Document, Example, Planted, Provenance, ReportInput, attach_prompts, to_explain};
use crate::stats::{Analysis, Explainer, Explanation, Recipes, Settings, Table, analyze_table, read_table};
use crate::study::{EMBEDDED, Study};

/// Write what was found: a self-contained HTML page with figures and tables, or the same as Markdown or JSON.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// The report; `-` writes standard output
    #[arg(long = "output", visible_alias = "out", value_name = "FILE", required_unless_present = "figures")]
    out: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// Whose leans and shifts it leads with
    #[arg(long, value_enum, default_value_t = Lead::Confirmatory)]
    analysis: Lead,
    /// Folder for every figure as SVG and PNG and its numbers as CSV, made if it is not there; no file in it is replaced
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// A plan that `plan` wrote before the run: the first screen says what was planned and what was not
    #[arg(long, value_name = "FILE.toml")]
    plan: Option<PathBuf>,
    /// Its title
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// The run's study, to show one of its prompts [default: the embedded one, if the run was asked that]
    #[arg(long, value_name = "NAME|DIR", requires = "run")]
    study: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One page that needs nothing else
    Html,
    /// The words and tables; figures as their numbers
    Markdown,
    /// The words, tables and figures' numbers in full precision
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Lead {
    /// Intervals for stated scopes, corrected over families
    Confirmatory,
    /// Those of the published study
    Published,
}

pub fn run(args: Args) -> Result<ExitCode> {
    if let Some(out) = args.out.as_deref().filter(|out| !is_standard(out)) {
        args.input.check_output(out)?;
        keep(out, &args.plan)?;
    }
    let settings = args.input.settings()?;
    let mut page = match (&args.input.items, &args.input.run) {
        (Some(items), _) => {
            let settings = settings.unwrap_or_default();
            let table = read_table(items)?;
            let analysis = analyze_table(&table, &settings)?;
            let explanations = explanations(&table, &settings, &analysis)?;
            Page { explanations, ..Page::of_analysis(analysis, settings) }
        }
        (None, Some(dir)) => Page::of_run(dir, settings, args.study.as_deref())?,
        (None, None) => return Err(anyhow!("give --items or --run")),
    };
    page.published = args.analysis == Lead::Published;
    if let Some(path) = &args.plan {
        page.analysis.plan = Some(super::plan::check(path, &args.input, &page.analysis)?);
    }
    for note in &page.analysis.notes {
        say(format_args!("note: {note}"));
    }
    let document = page.document(args.title.clone(), commands(&args))?;
    if let Some(dir) = &args.figures {
        write_figures(&document, dir)?;
    }
    if let Some(out) = &args.out {
        let text = match args.format {
            Format::Html => document.html()?,
            Format::Markdown => document.markdown(),
            Format::Json => format!("{:#}\n", document.json()),
        };
        deliver_text(Some(out), text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    write_whole(path, |file| Ok(file.write_all(bytes.as_ref())?))
}

/// Three files a figure, none of which may be there already.
fn write_figures(document: &Document, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)
        .map_err(crate::plain::worded)
        .with_context(|| format!("the folder {} cannot be made", dir.display()))?;
    let figures = document.figure_files();
    let path = |name: &str, ending: &str| dir.join(format!("{name}.{ending}"));
    let mut paths = figures.iter().flat_map(|f| ["svg", "png", "csv"].map(|ending| path(&f.name, ending)));
    if let Some(there) = paths.find(|path| path.symlink_metadata().is_ok()) {
        bail!("{} is there already, so no figure is written: name another folder", there.display());
    }
    for figure in &figures {
        write(&path(&figure.name, "svg"), &figure.svg)?;
        write(&path(&figure.name, "csv"), &figure.csv)?;
        let picture = figure.png()?;
        write(&path(&figure.name, "png"), &picture.bytes)?;
        if !picture.missing.is_empty() {
            let missing: String = picture.missing.iter().collect();
            say(format_args!(
                "note: {}.png has boxes for what no font on this machine can write: {missing}",
                figure.name
            ));
        }
    }
    say(format_args!("wrote {} files in {}", 3 * figures.len(), dir.display()));
    Ok(())
}

/// What a page is made from.
pub(super) struct Page {
    pub analysis: Analysis,
    pub settings: Settings,
    pub provenance: Option<Provenance>,
    pub planted: Vec<Planted>,
    pub noise_seed: Option<u64>,
    unfinished: Vec<String>,
    example: Option<Example>,
    explanations: Vec<Explanation>,
    published: bool,
}

impl Page {
    fn of_analysis(analysis: Analysis, settings: Settings) -> Page {
        Page {
            analysis,
            settings,
            provenance: None,
            planted: Vec::new(),
            noise_seed: None,
            unfinished: Vec::new(),
            example: None,
            explanations: Vec::new(),
            published: false,
        }
    }

    /// A run's figures so far, under `settings` or its own roster; `study`: the one that it was asked, by name or folder.
    pub fn of_run(dir: &Path, settings: Option<Settings>, study: Option<&str>) -> Result<Page> {
        let run = RunTable::read(dir, settings.clone())?;
        let RunTable { reader, completeness, .. } = &run;
        let analysis = run.analyze(Recipes::Both)?;
        let mut explanations = explanations(&run.table, &run.settings, &analysis)?;
        let settings = settings_for(reader, settings)?;
        let asked = Study::open(study.unwrap_or(EMBEDDED[0]))?;
        let example = Example::of_run(reader, &settings, &analysis, &asked)?;
        if let (Some(study), None) = (study, &example) {
            say(format_args!("note: no prompt is shown: the run was not asked the study {study}"));
        }
        for explanation in &mut explanations {
            attach_prompts(explanation, reader, &asked)?;
        }
        Ok(Page {
            provenance: Some(Provenance::of_run(reader)?),
            unfinished: completeness.sentences(),
            example,
            explanations,
            ..Page::of_analysis(analysis, settings)
        })
    }

    fn document(self, page_title: Option<String>, commands: Vec<String>) -> Result<Document> {
        Ok(Document::new(&ReportInput {
            title: page_title.unwrap_or_else(|| title(&self.analysis)),
            analysis: &self.analysis,
            settings: &self.settings,
            provenance: self.provenance,
            planted: self.planted,
            noise_seed: self.noise_seed,
            commands,
            unfinished: self.unfinished,
            example: self.example,
            explanations: self.explanations,
            published: self.published,
        })?)
    }

    /// Writes the page.
    pub fn write(self, page_title: Option<String>, commands: Vec<String>, out: &Path) -> Result<()> {
        write(out, self.document(page_title, commands)?.html()?)
    }
}

/// Cells that move each of the explained figures most.
const CELLS: usize = 3;

/// Where the page's main figures come from.
fn explanations(table: &Table, settings: &Settings, analysis: &Analysis) -> Result<Vec<Explanation>> {
    let explainer = Explainer::new(table, settings)?;
    let figures = to_explain(analysis, settings);
    Ok(figures.into_iter().map(|figure| explainer.explain(analysis, figure, CELLS)).collect())
}

/// The question that the page answers.
fn title(analysis: &Analysis) -> String {
    let mut asked: Vec<&str> =
        analysis.of("compliance").filter_map(|figure| figure.parts.checkpoint.as_deref()).collect();
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
    let mut report = String::new();
    if let Some(study) = &args.study {
        report.push_str(&format!(" --study {}", quoted(Path::new(study))));
    }
    if let Some(format) = args.format.to_possible_value().filter(|_| args.format != Format::Html) {
        report.push_str(&format!(" --format {}", format.get_name()));
    }
    if let Some(lead) = args.analysis.to_possible_value().filter(|_| args.analysis != Lead::Confirmatory) {
        report.push_str(&format!(" --analysis {}", lead.get_name()));
    }
    if let Some(title) = &args.title {
        report.push_str(&format!(" --title {}", quoted(Path::new(title))));
    }
    if let Some(out) = &args.out {
        report.push_str(&format!(" --output {}", quoted(out)));
    }
    vec![
        format!("tiltmeter report{input}{report}"),
        // The page shows figures of either analysis, whichever it leads with.
        format!("tiltmeter analyze{input} --analysis both --format json   # every figure, in full precision"),
    ]
}
