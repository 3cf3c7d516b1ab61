//! `tiltmeter sweep`: score every checkpoint of a roster on a study.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::engine::{Chosen, EngineArgs, Work};
use super::output::{print, say, warn};
use super::progress::{Detail, Progress, duration};
use super::prompts::{Stage, unescape};
use super::shard::{ShardArgs, table};
use super::study::sound;
use super::volume::{is_quiet, is_verbose};
use super::{counted, grouped, shell, status};
use crate::backend::cpu::Cpu;
use crate::backend::measure::Measured;
use crate::scoring::PackSize;
use crate::scoring::fingerprint;
use crate::stats::{Nameable, Settings};
use crate::store::roster::Single;
use crate::store::{Roster, RunReader, RunStore};
use crate::study::Study;
use crate::sweep::{FromFiles, Outcome, Request, Split, Totals, dry_run, kept, run_identity, sweep};

/// Score every checkpoint of a roster on a study; killed and started again, it goes on where it was.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Roster of checkpoints: a TOML file; `default`, the published study's seven families; or `further`, families beside
    /// those
    #[arg(long, value_name = "FILE", default_value = crate::store::roster::SHIPPED)]
    roster: String,
    /// One checkpoint in place of a roster: a folder, or a hub id in the local Hugging Face cache
    #[arg(long, value_name = "DIR|ID", conflicts_with_all = ["roster", "models"])]
    model: Option<String>,
    /// How that checkpoint is addressed
    #[arg(long, value_enum, default_value_t = Stage::Base, requires = "model")]
    stage: Stage,
    /// Revision of its hub id
    #[arg(long, value_name = "REV", requires = "model")]
    revision: Option<String>,
    /// How its answers begin, for conditions that ask for it (`\n` is a newline)
    #[arg(long, value_name = "TEXT", requires = "model", allow_hyphen_values = true, value_parser = unescape)]
    prefill: Option<String>,
    /// Name of an embedded study, or a study's folder
    #[arg(long, value_name = "NAME|DIR", default_value = crate::study::EMBEDDED[0])]
    study: String,
    /// Folder for the scores; made if it is not there
    #[arg(long, value_name = "DIR", required_unless_present_any = ["dry_run", "status"])]
    run: Option<PathBuf>,
    /// Languages of the scenarios, separated by commas; all of the study's if not given
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    languages: Vec<String>,
    /// Conditions of the study, separated by commas; `all` for all of them. With `main`, a checkpoint that the roster
    /// routes to another condition is asked that one too
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "main")]
    conditions: Vec<String>,
    /// Only pairs among these countries
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    countries: Vec<String>,
    /// Only these scenarios or scenario types
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    scenarios: Vec<String>,
    /// Only these checkpoints, by their names in the roster
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    models: Vec<String>,
    /// At most N prompts per checkpoint, language and condition: the first ones, or with `--seed` some at random
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// With `--limit`: whole items at random, spread evenly over pairs and scenario types; the same ones in all languages
    #[arg(long, value_name = "S", requires = "limit")]
    seed: Option<u64>,
    #[command(flatten)]
    shard: ShardArgs,
    /// Print the plan of what is left, prompts and tokens, to standard output, and compute nothing; of a sweep in shards, also
    /// what each of them computes
    #[arg(long)]
    dry_run: bool,
    /// With --backend cuda: several GPUs of one model, by their indices, separated by commas; each takes a part of the prompts
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "adapter")]
    devices: Vec<usize>,
    /// Say how far these runs are, which may be shards or folders of shards, and do nothing else: as `tiltmeter status`
    #[arg(long, value_name = "RUN", num_args = 1.., exclusive = true)]
    status: Vec<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
}

pub fn run(args: Args) -> Result<ExitCode> {
    if !args.status.is_empty() {
        return status::of(&args.status, false);
    }
    let shard = args.shard.shard(args.dry_run)?;
    // A shard has a run folder of its own.
    let dir = match (&args.run, shard) {
        (Some(dir), Some((shard, told))) => Some(shard.folder(dir, told)?),
        (dir, _) => dir.clone(),
    };
    let roster = roster(&args)?;
    // What the analysis will not understand had better be known before anything is computed.
    let settings = Settings::parse(&roster.text, &roster.name)?;
    let study = sound(&args.study)?;
    let misnamed = settings.misnamed(&nameable(&study));
    for note in &misnamed {
        say(format_args!("note: {note}"));
    }
    let request = Request { shard: shard.map(|(shard, _)| shard), ..request(&args, &roster, &study) };
    if let (Some((shard, told)), Some(dir)) = (shard, &dir) {
        say(format_args!("{shard} ({}), in {}", told.variable(), dir.display()));
    }
    let detail = Detail { quiet: is_quiet(), verbose: is_verbose() };
    let (outcome, code) = match &dir {
        Some(dir) if !args.dry_run => {
            request.check()?;
            let work = Sweep { engine: &args.engine, request: &request, dir, detail };
            args.engine.device.run_on(&args.devices, detail.quiet, work)?
        }
        _ => {
            let loader = FromFiles {
                backends: &[Cpu],
                arithmetic: String::new(),
                fingerprint: None,
                pack: PackSize::default(),
                plan_only: true,
            };
            let mut progress = Progress::new(detail, true);
            let kept = dir.as_deref().map(kept).transpose()?.unwrap_or_default();
            let split = args.shard.count(request.shard).map(|count| {
                let stages = request.check()?;
                Split::of(&request, &stages, &loader, count, &mut progress)
            });
            let split = split.transpose()?;
            if let Some(split) = &split {
                print(table(split, request.shard)?)?;
            }
            match (&split, request.shard) {
                // Whose plan is not asked.
                (Some(_), None) => (Outcome::default(), None),
                _ => {
                    let outcome = dry_run(&request, &loader, &kept, split.as_ref(), &mut progress)?;
                    print(progress.plans())?;
                    (outcome, progress.stopped())
                }
            }
        }
    };
    if let (true, Some(code)) = (outcome.stopped, code) {
        if let (Some(dir), false) = (&dir, args.dry_run) {
            say_kept(dir, &request.arguments)?;
        }
        return Ok(ExitCode::from(code));
    }
    if let (Some(dir), Some(run), false) = (&dir, &args.run, args.dry_run)
        && !detail.quiet
    {
        let shards = shard.map(|_| run.as_path());
        say_done(&outcome, dir, shards);
    }
    if outcome.failed > 0 {
        anyhow::bail!("{} of {} checkpoints failed", outcome.failed, outcome.failed + outcome.done);
    }
    Ok(ExitCode::SUCCESS)
}

/// A sweep on the device that is chosen.
pub(super) struct Sweep<'a> {
    pub engine: &'a EngineArgs,
    pub request: &'a Request<'a>,
    /// Run folder.
    pub dir: &'a Path,
    pub detail: Detail,
}

impl Work for Sweep<'_> {
    /// With the exit code of the signal that came, if any did.
    type Output = (Outcome, Option<u8>);

    fn run<B: Measured>(self, backend: &B, chosen: &Chosen) -> Result<Self::Output> {
        self.run_on(std::slice::from_ref(backend), chosen)
    }

    fn run_on<B: Measured>(self, backends: &[B], chosen: &Chosen) -> Result<Self::Output> {
        // First of all: what belongs to the run must not wait for the device.
        let mut store = RunStore::open_or_create(self.dir, &run_identity(self.request.study))?;
        let prints = backends.iter().map(fingerprint).collect::<Result<Vec<_>, _>>()?;
        if let Some(other) = prints.iter().position(|print| Some(print) != prints.first()) {
            bail!("device {other} of --devices computes other bits than the first: use them one by one");
        }
        let loader = FromFiles {
            backends,
            arithmetic: chosen.arithmetic.clone(),
            fingerprint: prints.into_iter().next(),
            pack: self.engine.pack(chosen),
            plan_only: false,
        };
        let mut progress = Progress::new(self.detail, false);
        let outcome = sweep(self.request, &mut store, &loader, &mut progress)?;
        Ok((outcome, progress.stopped()))
    }
}

/// A sweep that was asked to end: what is kept, and how it goes on.
pub(super) fn say_kept(dir: &Path, arguments: &[String]) -> Result<()> {
    let found = RunReader::open(dir)?.completeness()?;
    let kept = kept_sentence(found.scored, found.asked, dir);
    warn(format_args!("stopped: {kept}; this goes on:\n  {}", shell::command(arguments)));
    Ok(())
}

fn kept_sentence(scored: u64, asked: u64, dir: &Path) -> String {
    let dir = dir.display();
    match asked {
        // The prompts had not been laid out yet.
        0 => format!("nothing was asked yet, and {dir} holds no score"),
        _ => format!("{} of {} prompts are scored and kept in {dir}", grouped(scored), grouped(asked)),
    }
}

/// What all of it took, and what comes next. `shards`: the folder in which this run is one of several.
fn say_done(outcome: &Outcome, dir: &Path, shards: Option<&Path>) {
    let Totals { prompts, naive_tokens, computed_tokens, load_seconds, compute_seconds, seconds } =
        outcome.totals;
    if prompts > 0 {
        say(format_args!(
            "in all: {} of {} in {}: computed {} of {} tokens in {} ({} to load)",
            counted(prompts as usize, "prompt"),
            counted(outcome.done + outcome.failed, "checkpoint"),
            duration(seconds),
            grouped(computed_tokens),
            grouped(naive_tokens),
            duration(compute_seconds),
            duration(load_seconds)
        ));
    }
    if let (0, Some(shards)) = (outcome.failed, shards) {
        let shards = shell::quoted(shards);
        say(format_args!("next, when all shards are done: tiltmeter merge {shards} --run MERGED"));
    } else if outcome.failed == 0 {
        let run = shell::quoted(dir);
        say(format_args!(
            "next: tiltmeter report --run {run} --output report.html, or tiltmeter analyze --run {run}"
        ));
    }
}

fn request<'a>(args: &Args, roster: &'a Roster, study: &'a Study) -> Request<'a> {
    let mut request = Request::new(roster, study);
    if !args.languages.is_empty() {
        request.languages = unique(&args.languages);
    }
    request.conditions = match args.conditions.as_slice() {
        [all] if all == "all" => study.conditions().iter().map(|c| c.name.clone()).collect(),
        names => unique(names),
    };
    request.models = args.models.clone();
    request.countries = args.countries.clone();
    request.scenarios = args.scenarios.clone();
    request.limit = args.limit.map(|n| n as usize);
    request.seed = args.seed;
    request.sharing = args.engine.sharing();
    request.arguments = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    request
}

/// The roster that is named, or that of the one checkpoint.
fn roster(args: &Args) -> Result<Roster> {
    let Some(checkpoint) = &args.model else { return Ok(Roster::open(&args.roster)?) };
    let (revision, prefill) = (args.revision.as_deref(), args.prefill.as_deref());
    Ok(Roster::single(&Single { checkpoint, revision, prefill }, args.stage.form())?)
}

/// What the settings' names may be.
fn nameable(study: &Study) -> Nameable<'_> {
    Nameable {
        conditions: study.conditions().iter().map(|condition| condition.name.as_str()).collect(),
        languages: study.languages().iter().map(String::as_str).collect(),
        types: study.scenarios().iter().map(|scenario| scenario.kind.as_str()).collect(),
        entities: study
            .entity_sets()
            .flat_map(|set| &set.entities)
            .map(|entity| entity.id.as_str())
            .collect(),
        questions: study.questions().iter().map(|question| question.id.as_str()).collect(),
    }
}

/// A name given twice is asked once.
fn unique(names: &[String]) -> Vec<String> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(name) {
            seen.push(name.clone());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_that_is_stopped_says_how_far_it_came() {
        let said = |scored, asked| kept_sentence(scored, asked, Path::new("run"));
        assert_eq!(said(0, 0), "nothing was asked yet, and run holds no score");
        assert_eq!(said(0, 9), "0 of 9 prompts are scored and kept in run");
    }
}
