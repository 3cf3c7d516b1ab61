//! `tiltmeter explain`: where a figure comes from.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};

use super::input::Input;
use super::output::{deliver_text, is_standard, say};
use super::run_table::RunTable;
use crate::plain::nearest_few;
use crate::report::attach_prompts;
use crate::stats::{
    Analysis, Explainer, Explanation, Recipes, Settings, Table, analyze_with, explanation_text, read_table,
};
use crate::study::{EMBEDDED, Study};

/// Say where a figure comes from: what it is, its formula, its runs and items, what moves it most, and the prompts of that.
///
/// What something moves is the figure made again without it. A cell is a pair in a scenario, with every question and run
/// that the figure takes together; of a run its prompts stand below it, with text and scores.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The figure's id, as `analyze --format json` has it
    #[arg(value_name = "FIGURE_ID")]
    id: String,
    #[command(flatten)]
    input: Input,
    /// How many of the cells that move it most
    #[arg(long, value_name = "N", default_value_t = 3)]
    most: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Where to write; standard output if left out, or `-`
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The run's study, for the prompts' texts [default: the embedded one, if the run was asked that]
    #[arg(long, value_name = "NAME|DIR", requires = "run")]
    study: Option<String>,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let file = args.output.as_deref().filter(|output| !is_standard(output));
    if let Some(output) = file {
        args.input.check_output(output)?;
    }
    let settings = args.input.settings()?;
    let explanation = match (&args.input.items, &args.input.run) {
        (Some(items), _) => of_table(&read_table(items)?, &settings.unwrap_or_default(), &args)?,
        (None, Some(dir)) => {
            let run = RunTable::read(dir, settings)?;
            let analysis = run.analyze(Recipes::Both)?;
            let explainer = Explainer::new(&run.table, &run.settings)?;
            let mut explanation = explained(&explainer, &analysis, &args)?;
            let study = Study::open(args.study.as_deref().unwrap_or(EMBEDDED[0]))?;
            if !attach_prompts(&mut explanation, &run.reader, &study)? {
                say(format_args!(
                    "note: prompts stand without their text: the run was not asked the study {} (name its own with --study)",
                    args.study.as_deref().unwrap_or(EMBEDDED[0])
                ));
            }
            explanation
        }
        (None, None) => return Err(anyhow!("give --items or --run")),
    };
    let text = match args.json {
        true => format!("{}\n", serde_json::to_string_pretty(&explanation)?),
        false => explanation_text(&explanation),
    };
    deliver_text(file, text)?;
    Ok(ExitCode::SUCCESS)
}

fn of_table(table: &Table, settings: &Settings, args: &Args) -> Result<Explanation> {
    let analysis = analyze_with(table, settings, Recipes::Both)?;
    let explanation = explained(&Explainer::new(table, settings)?, &analysis, args)?;
    say("note: an item table has no single prompts; of a run, --run shows them");
    Ok(explanation)
}

fn explained(explainer: &Explainer<'_>, analysis: &Analysis, args: &Args) -> Result<Explanation> {
    if let Some(figure) = analysis.figure(&args.id) {
        return Ok(explainer.explain(analysis, figure, args.most));
    }
    let known = analysis.figures().iter().map(|figure| figure.id.as_str());
    match nearest_few(&args.id, known, 5).as_slice() {
        [] => bail!("no figure is called `{}`: `analyze --analysis both --format csv` lists all", args.id),
        near => bail!("no figure is called `{}`; the nearest are\n  {}", args.id, near.join("\n  ")),
    }
}
