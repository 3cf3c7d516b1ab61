//! `tiltmeter demo`: the whole way on two tiny checkpoints whose preference is known.

use super::engine::EngineArgs;
use super::output::{print, say};
use super::progress::Detail;
use super::report::Page;
use super::shell::quoted;
use super::sweep::{Sweep, say_kept};
use crate::demo::{Comparison, Planted, check_folder, check_page, unpack};
use crate::store::Roster;
use crate::study::Study;
use crate::sweep::Request;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Run the complete study on two tiny checkpoints with a planted preference, and compare.
///
/// Nothing is downloaded. The base checkpoint is neutral, the chat checkpoint leans by known amounts, and both prefer a
/// letter and a role, which the study's design has to cancel.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to leave everything in, as a run of your own would: checkpoints/, roster.toml, run/ and report.html
    /// (without it, only tiltmeter-demo.html is written, here)
    #[arg(long = "output", visible_alias = "out", value_name = "DIR")]
    out: Option<PathBuf>,
    /// Noise of this seed, whatever it gives, in place of the noise that was chosen so that planted values fall well inside
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    engine: EngineArgs,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let start = Instant::now();
    let report = match &args.out {
        Some(dir) => dir.join("report.html"),
        None => Path::new("tiltmeter-demo.html").to_owned(),
    };
    let scratch = tempfile::tempdir().context("no temporary folder can be made")?;
    let dir = args.out.as_deref().unwrap_or(scratch.path());
    check_folder(dir, args.seed)?;
    unpack(dir, args.seed)?;
    // What was asked for by name must be written; the page that nobody asked for may be left out.
    let page = match check_page(&report) {
        Ok(()) => true,
        Err(error) if args.out.is_some() => return Err(error.into()),
        Err(error) => {
            say(format_args!("note: no page will be written: {error}"));
            false
        }
    };
    let study = Study::open("default")?;
    let roster = Roster::load(&dir.join("roster.toml"))?;
    let mut request = Request::new(&roster, &study);
    request.sharing = args.engine.sharing();
    let run = dir.join("run");
    let scoring = Sweep { engine: &args.engine, request: &request, dir: &run, detail: Detail::default() };
    let (outcome, code) = args.engine.device.run(false, scoring)?;
    if let (true, Some(code)) = (outcome.stopped, code) {
        if let Some(dir) = &args.out {
            let mut again = vec!["demo".to_owned(), "--output".to_owned(), dir.display().to_string()];
            again.extend(args.seed.iter().flat_map(|seed| ["--seed".to_owned(), seed.to_string()]));
            say_kept(&run, &again)?;
        }
        return Ok(ExitCode::from(code));
    }
    if outcome.failed > 0 {
        bail!("the demo's own checkpoints could not be scored");
    }

    let mut found = Page::of_run(&run, None, None)?;
    let planted = Planted::read().context("planted.json in the binary")?;
    let countries: Vec<String> =
        study.entity_set("countries")?.entities.iter().map(|e| e.id.clone()).collect();
    let comparison = Comparison::new(&planted, &found.analysis, study.languages(), &countries);
    found.noise_seed = args.seed;
    found.planted = comparison.leans.iter().map(|lean| lean.for_report()).collect();
    // `report --run` would leave out what was planted.
    let mut command = "tiltmeter demo".to_owned();
    if let Some(dir) = &args.out {
        command.push_str(&format!(" --output {}", quoted(dir)));
    }
    if let Some(seed) = args.seed {
        command.push_str(&format!(" --seed {seed}"));
    }
    let commands = vec![command];
    let title = "The demo: a planted lean, measured".to_owned();
    let written = match page {
        true => {
            found.write(Some(title), commands, &report).map(|()| format!("report: {}\n", report.display()))
        }
        false => Ok(String::new()),
    };
    // Last: what was computed is on disk, whatever becomes of the reader of these lines.
    say(format_args!(
        "the complete study on two checkpoints in {} languages: {:.1} s",
        study.languages().len(),
        start.elapsed().as_secs_f64()
    ));
    let noise = crate::report::planted_noise(args.seed);
    let text = format!("{}{noise}\n{}", comparison.render(), written.as_deref().unwrap_or_default());
    print(text)?;
    written?;
    // Noise that nobody chose puts a planted value outside its interval now and then.
    let holds = comparison.holds() || (args.seed.is_some() && !comparison.leans.is_empty());
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
