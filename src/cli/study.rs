//! `tiltmeter study`: look at studies, check them, copy them, begin one.

use super::output::{is_standard, print, say};
use super::prompts::{FilterArgs, Stage, prompts};
use super::{counted, grouped, study_export};
use crate::study::{
    EMBEDDED, Finding, Kind, PromptText, Scenario, ScenarioRole, StageForm, Study, StudyFiles, Validation,
};
use anyhow::{Context, Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// List, show, export, check and begin studies.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the studies that the program carries
    List,
    /// Show what a study asks, or one of its prompts
    Show(ShowArgs),
    Export(study_export::Args),
    /// Check a study's files; exit code 1 if prompts would be missing or wrong
    Validate {
        /// Name of an embedded study, or a study's folder
        study: String,
    },
    /// Write a small commented study of your own to start from
    New {
        /// Folder to write: new, or empty
        folder: PathBuf,
        /// What to start from
        #[arg(long, value_enum, default_value_t = Template::Pair)]
        template: Template,
    },
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Name of an embedded study, or a study's folder
    #[arg(default_value = EMBEDDED[0])]
    study: String,
    /// Show the first prompt of the condition instead
    #[arg(long)]
    prompt: bool,
    /// How a checkpoint is addressed
    #[arg(long, value_enum, default_value_t = Stage::Base)]
    stage: Stage,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Template {
    /// Two companies, two questions, two languages
    Pair,
}

pub fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::List => list(),
        Command::Show(args) if args.prompt => show_prompt(args),
        Command::Show(args) => show(&Study::open(&args.study)?),
        Command::Export(args) => study_export::run(args),
        Command::Validate { study } => validate(Study::open_files(&study)?),
        Command::New { folder, template: Template::Pair } => {
            refuse_standard_output(&folder)?;
            let files = StudyFiles::template_pair();
            files.write(&folder)?;
            let folder = folder.display();
            say(format_args!("{} in {folder}; begin with {folder}/study.toml", counted(files.len(), "file")));
            say(format_args!("then: tiltmeter study validate {folder}"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `-` is standard output everywhere.
pub(super) fn refuse_standard_output(folder: &Path) -> Result<()> {
    if is_standard(folder) {
        bail!("a study is a folder of files, which standard output cannot take: name a folder");
    }
    Ok(())
}

fn list() -> Result<ExitCode> {
    let study = Study::embedded()?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "name",
        "version",
        "languages",
        "scenarios",
        "types",
        "controls",
        "conditions",
        "prompts",
        "title",
    ]);
    let (asked, controls) = (asked(&study), controls(&study));
    let prompts: usize = study.conditions().iter().flat_map(|c| counts(&study, &c.name)).map(|c| c.2).sum();
    table.add_row([
        study.name().to_owned(),
        study.version().to_owned(),
        study.languages().join(","),
        asked.len().to_string(),
        types(&asked).to_string(),
        controls.len().to_string(),
        study.conditions().len().to_string(),
        grouped(prompts),
        study.title().to_owned(),
    ]);
    done(&trimmed(&table))
}

/// The scenarios that the study is about: those of the first condition's set.
fn asked(study: &Study) -> Vec<&Scenario> {
    let set = study.conditions().first().map_or("", |c| c.scenarios.as_str());
    study.scenarios().iter().filter(|s| s.set == set).collect()
}

/// All others.
fn controls(study: &Study) -> Vec<&Scenario> {
    let set = study.conditions().first().map_or("", |c| c.scenarios.as_str());
    study.scenarios().iter().filter(|s| s.set != set).collect()
}

fn types(scenarios: &[&Scenario]) -> usize {
    scenarios.iter().map(|s| s.kind.as_str()).collect::<BTreeSet<_>>().len()
}

/// Language, form and number of prompts, where a condition exists.
fn counts<'s>(study: &'s Study, condition: &str) -> Vec<(&'s str, StageForm, usize)> {
    let Ok(condition) = study.condition(condition) else {
        return Vec::new();
    };
    let pairs = study.entity_set(&condition.entities).map_or(0, |set| set.pairs.len());
    let scenarios = study.scenarios().iter().filter(|s| s.set == condition.scenarios).count();
    let each = pairs * scenarios * study.questions().len() * 4;
    let forms = [StageForm::Base, StageForm::Chat];
    let mut counts = Vec::new();
    for language in study.languages() {
        let asked = forms.into_iter().filter(|f| condition.exists(language, *f));
        counts.extend(asked.map(|form| (language.as_str(), form, each)));
    }
    counts
}

fn show(study: &Study) -> Result<ExitCode> {
    let mut text = format!("{} {}", study.name(), study.version());
    if !study.title().is_empty() {
        text.push_str(&format!(": {}", study.title()));
    }
    let questions: Vec<String> =
        study.questions().iter().map(|q| format!("{} ({:+})", q.id, q.polarity)).collect();
    let sets: Vec<String> = study
        .entity_sets()
        .map(|set| {
            let ids: Vec<&str> = set.entities.iter().take(10).map(|e| e.id.as_str()).collect();
            let more = if set.entities.len() > ids.len() { ", ..." } else { "" };
            format!("{}: {}{more} ({})", set.name, ids.join(", "), counted(set.pairs.len(), "pair"))
        })
        .collect();
    let answers = study.answers(study.languages().first().map_or("", String::as_str));
    text.push_str(&format!("\nhash       {}", study.hash()));
    text.push_str(&format!("\nlanguages  {}", study.languages().join(", ")));
    text.push_str(&format!("\nquestions  {}", questions.join(", ")));
    text.push_str(&format!("\nanswers    {:?} or {:?}", answers[0], answers[1]));
    text.push_str(&format!("\nentities   {}", sets.join("\n           ")));
    let (asked, controls) = (asked(study), controls(study));
    text.push_str(&format!("\nscenarios  {} of {} types", asked.len(), types(&asked)));
    if !controls.is_empty() {
        text.push_str(&format!("; {} controls of {}", controls.len(), types(&controls)));
    }
    text.push_str("\n\n");
    text.push_str(&trimmed(&scenario_table(study)));
    text.push('\n');
    text.push_str(&trimmed(&condition_table(study)));
    done(&text)
}

fn scenario_table(study: &Study) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["type", "set", "acts", "responds", "none", "scenarios"]);
    right_align(&mut table, 2..6);
    let mut kinds: BTreeMap<(&str, &str), [usize; 3]> = BTreeMap::new();
    for scenario in study.scenarios() {
        let counts = kinds.entry((&scenario.set, &scenario.kind)).or_default();
        let [acts, responds, none] = counts;
        *match scenario.role {
            ScenarioRole::Acts => acts,
            ScenarioRole::Responds => responds,
            ScenarioRole::None => none,
        } += 1;
    }
    for ((set, kind), [acts, responds, none]) in kinds {
        let numbers = [acts, responds, none, acts + responds + none];
        let row = [kind.to_owned(), set.to_owned()].into_iter();
        table.add_row(row.chain(numbers.map(|n| n.to_string())));
    }
    table
}

fn condition_table(study: &Study) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["condition", "entities", "scenarios", "languages", "stages", "prompts each"]);
    right_align(&mut table, 5..6);
    for condition in study.conditions() {
        let counts = counts(study, &condition.name);
        let mut languages: Vec<&str> = counts.iter().map(|c| c.0).collect();
        languages.dedup();
        let stages: BTreeSet<&str> = counts.iter().map(|c| c.1.name()).collect();
        table.add_row([
            condition.name.clone(),
            condition.entities.clone(),
            condition.scenarios.clone(),
            languages.join(","),
            stages.into_iter().collect::<Vec<_>>().join(","),
            grouped(counts.first().map_or(0, |c| c.2)),
        ]);
    }
    table
}

fn right_align(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// The table without the padding around its lines.
fn trimmed(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(&line).trim_end())).collect()
}

fn show_prompt(args: ShowArgs) -> Result<ExitCode> {
    let study = Study::open(&args.study)?;
    let query = args.filter.query(&study, args.stage);
    let prompt = prompts(&study, &query)?.next().context("the study has no prompt")?;
    say(format_args!("{} ({})", prompt.id, query.form.name()));
    match prompt.text {
        PromptText::Plain(text) => done(&format!("{text}\n")),
        PromptText::Chat { messages, prefill } => {
            let mut text = String::new();
            for message in messages {
                text.push_str(&format!("[{}]\n{}\n", message.role, message.content));
            }
            if !prefill.is_empty() {
                text.push_str(&format!("[assistant begins]\n{prefill}\n"));
            }
            done(&text)
        }
    }
}

fn validate(files: StudyFiles) -> Result<ExitCode> {
    let Validation { findings, silenced } = Study::validate_files(files);
    let errors = findings.iter().filter(|f| f.is_error()).count();
    let mut text = String::new();
    for finding in &findings {
        let severity = if finding.is_error() { "error" } else { "warning" };
        let kind = finding.kind.map_or_else(String::new, |kind| format!(" [{}]", kind.name()));
        text.push_str(&format!("{severity}: {finding}{kind}\n"));
    }
    print(&text)?;
    let warnings = counted(findings.len() - errors, "warning");
    let silent = if silenced > 0 { format!(", {silenced} silenced") } else { String::new() };
    say(format_args!("{}, {warnings}{silent}", counted(errors, "error")));
    Ok(if findings.iter().any(Finding::is_error) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Errors of a study that are quoted where it was to be asked.
const QUOTED: usize = 20;

/// A study that may be asked: one in which `study validate` finds no error.
pub(super) fn sound(name: &str) -> Result<Study> {
    let study = Study::open(name)?;
    // Those that ship are held to it by the program's own tests.
    if EMBEDDED.contains(&name) {
        return Ok(study);
    }
    let (errors, warnings): (Vec<Finding>, Vec<Finding>) =
        study.validate().into_iter().partition(Finding::is_error);
    for note in warnings.iter().filter(|warning| warning.kind == Some(Kind::LineEnds)) {
        say(format_args!("note: {note}"));
    }
    if errors.is_empty() {
        return Ok(study);
    }
    let mut list: Vec<String> = errors.iter().take(QUOTED).map(|error| format!("  {error}")).collect();
    if errors.len() > QUOTED {
        list.push(format!("  and {} more", grouped(errors.len() - QUOTED)));
    }
    bail!(
        "the study in {name} has {}, so nothing is asked (`tiltmeter study validate` also has its warnings):\n{}",
        counted(errors.len(), "error"),
        list.join("\n")
    )
}

fn done(text: &str) -> Result<ExitCode> {
    print(text)?;
    Ok(ExitCode::SUCCESS)
}
