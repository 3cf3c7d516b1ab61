//! `tiltmeter plan`: what is decided before a run, in a dated file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::input::Input;
use super::output::{deliver_text, is_standard};
use crate::plain;
use crate::stats::{Analysis, Facts, PlanCheck, PlannedHashes, Preregistration, Settings};
use crate::store::file::check_folder;
use crate::store::{Roster, RunReader};
use crate::study::{EMBEDDED, Study};

/// Write down what is decided before a run: target, margin, families, scope, and the hashes of study, roster and settings.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The study that will be asked, by name or folder
    #[arg(long, value_name = "NAME|DIR", default_value = EMBEDDED[0])]
    study: String,
    /// The roster that will be swept: the name of one that ships, or a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    roster: String,
    /// The settings that will analyse it [default: the roster]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The plan; a file that is there is not replaced; `-` writes standard output
    #[arg(long = "output", visible_alias = "out", value_name = "FILE.toml")]
    out: PathBuf,
}

pub fn run(args: Args) -> Result<ExitCode> {
    if !is_standard(&args.out) {
        check_folder(&args.out)?;
        if args.out.symlink_metadata().is_ok() {
            bail!("{} is there already: a plan is not rewritten; name another file", args.out.display());
        }
    }
    let study = Study::open(&args.study)?;
    // A file's settings are all that a plan needs of it: what is to be analysed may have no checkpoints here.
    let roster = match Path::new(&args.roster) {
        path if path.exists() => Settings::read(path)?,
        _ => Roster::open(&args.roster)
            .map_err(anyhow::Error::from)
            .and_then(|roster| Ok(Settings::parse(&roster.text, &roster.name)?))?,
    };
    let settings =
        args.settings.as_deref().map(Settings::read).transpose()?.unwrap_or_else(|| roster.clone());
    let hash = |settings: &Settings| settings.sha256.clone().unwrap_or_default();
    let hashes =
        PlannedHashes { study: study.hash().to_owned(), roster: hash(&roster), settings: hash(&settings) };
    let plan = Preregistration::new(&settings, &roster, hashes, plain::now())?;
    deliver_text(Some(&args.out), plan.text())?;
    Ok(ExitCode::SUCCESS)
}

/// The plan in `path` held against what was analysed.
pub fn check(path: &Path, input: &Input, analysis: &Analysis) -> Result<PlanCheck> {
    let text = plain::read_settings(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let plan = Preregistration::parse(&text, &path.display().to_string())?;
    let settings = &analysis.settings["analysis"];
    let mut families: Vec<String> = Vec::new();
    for family in
        analysis.of("confirmatory_shift").chain(analysis.of("shift")).filter_map(|f| f.parts.family.as_ref())
    {
        if !families.contains(family) {
            families.push(family.clone());
        }
    }
    let mut facts = Facts {
        settings: analysis.settings["sha256"].as_str().map(str::to_owned),
        target: settings["target"].as_str().unwrap_or_default().to_owned(),
        smallest_effect: settings["smallest_effect"].as_f64().unwrap_or_default(),
        families,
        ..Facts::default()
    };
    if let Some(dir) = &input.run {
        let run = RunReader::open(dir)?;
        let study = run.identity()?.into_iter().find(|(key, _)| key == "study_sha256");
        facts.study = study.map(|(_, value)| value);
        [facts.begun, _] = run.begun()?;
        if let Some((path, text)) = run.roster()? {
            facts.roster = Settings::parse(&text, &path.display().to_string())?.sha256;
        }
    }
    Ok(PlanCheck::new(plan, &facts))
}
