//! `tiltmeter study export`: a study's files, or the study as tasks of lm-evaluation-harness.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::counted;
use super::engine::ModelArgs;
use super::output::say;
use super::prompts::{Stage, unescape};
use super::study::{refuse_standard_output, sound};
use crate::interchange::{Engine, Selection, write_task};
use crate::study::{EMBEDDED, StageForm, Study};

/// Write a study's files into a new folder, or with --lm-eval its prompts as tasks of lm-evaluation-harness.
///
/// A task is one condition in one language, for base or for chat checkpoints; README.md in the folder has the command that runs
/// them, and what has to hold for the harness to read the tokens that are read here.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of an embedded study, or a study's folder
    #[arg(default_value = EMBEDDED[0])]
    study: String,
    /// Folder to write: new, or empty
    #[arg(required_unless_present = "lm_eval", conflicts_with = "lm_eval")]
    folder: Option<PathBuf>,
    /// Write tasks of lm-evaluation-harness into this folder instead: new, or empty
    #[arg(long, value_name = "DIR")]
    lm_eval: Option<PathBuf>,
    #[command(flatten)]
    tasks: TaskArgs,
}

/// Which prompts become tasks.
#[derive(Debug, clap::Args)]
#[group(requires = "lm_eval")]
struct TaskArgs {
    /// Only tasks for base or for chat checkpoints
    #[arg(long, value_enum)]
    stage: Option<Stage>,
    /// Languages of the scenarios, separated by commas; all of the study's if not given
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    languages: Vec<String>,
    /// Conditions of the study, separated by commas; `all` for all of them [default: main]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    conditions: Vec<String>,
    /// Only pairs among these countries
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    countries: Vec<String>,
    /// Only these scenarios or scenario types
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    scenarios: Vec<String>,
    /// At most N prompts of each task: the first ones, or with `--seed` some at random
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// With `--limit`: whole items at random, spread evenly over pairs and scenario types
    #[arg(long, value_name = "S", requires = "limit")]
    seed: Option<u64>,
    /// The checkpoint's own beginning of an answer, for conditions that ask for it (`\n` is a newline)
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = unescape)]
    prefill: Option<String>,
    /// Refuse what the harness would read in other tokens than are read here, with this checkpoint: a folder, or a hub id in
    /// the local cache
    #[arg(long, value_name = "DIR|ID", requires = "stage")]
    model: Option<String>,
}

pub fn run(args: Args) -> Result<ExitCode> {
    if let Some(dir) = args.lm_eval.as_deref().or(args.folder.as_deref()) {
        refuse_standard_output(dir)?;
    }
    if let Some(dir) = &args.lm_eval {
        let study = sound(&args.study)?;
        let selection = selection(&args.tasks, &study)?;
        let form = args.tasks.stage.map(Stage::form);
        let engine = match (&args.tasks.model, form) {
            (Some(model), Some(form)) => {
                let folder = ModelArgs { model: model.clone(), revision: None }.resolve()?;
                Some(Engine::open(model, &folder, form)?)
            }
            _ => None,
        };
        let written = write_task(dir, &study, &selection, engine.as_ref())?;
        let dir = dir.display();
        say(format_args!(
            "wrote {} to {dir}; {dir}/README.md has the command that runs them",
            written.sentence()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let Some(folder) = &args.folder else { bail!("say where to write: a folder, or --lm-eval DIR") };
    let files = Study::open_files(&args.study)?;
    files.write(folder)?;
    say(format_args!("{} in {}", counted(files.len(), "file"), folder.display()));
    Ok(ExitCode::SUCCESS)
}

fn selection(args: &TaskArgs, study: &Study) -> Result<Selection> {
    let all_conditions = || study.conditions().iter().map(|condition| condition.name.clone()).collect();
    let conditions: Vec<String> = match args.conditions.as_slice() {
        [] => vec!["main".to_owned()],
        [all] if all == "all" => all_conditions(),
        names => names.to_vec(),
    };
    let languages = match args.languages.is_empty() {
        true => study.languages().to_vec(),
        false => args.languages.clone(),
    };
    let named = |list: &[String]| (list.len() == 1).then(|| list[0].clone());
    // A choice of one that does not exist is a mistake; of several, what does not exist is left out.
    if let (Some(condition), Some(language), Some(stage)) =
        (named(&conditions), named(&args.languages), args.stage)
        && !study.condition(&condition)?.exists(&language, stage.form())
    {
        bail!(
            "condition `{condition}` does not exist for language `{language}` and stage `{}`",
            stage.form().name()
        );
    }
    Ok(Selection {
        forms: args.stage.map_or_else(|| vec![StageForm::Base, StageForm::Chat], |stage| vec![stage.form()]),
        languages,
        conditions,
        countries: args.countries.clone(),
        scenarios: args.scenarios.clone(),
        prefill: args.prefill.clone(),
        limit: args.limit.map(|limit| limit as usize),
        seed: args.seed,
    })
}
