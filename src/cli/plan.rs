//! `tiltmeter plan`: what is decided before a run, in a dated file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::grouped;
use super::input::Input;
use super::output::{deliver_text, is_standard};
use crate::plain;
use crate::stats::{Analysis, Facts, PlanCheck, PlannedHashes, Preregistration, Settings};
use crate::store::file::check_folder;
use crate::store::{Completeness, Roster, RunReader};
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
        let found = run.completeness()?;
        facts.lacks = found.recorded.then(|| lacks(&found));
        if let Some((path, text)) = run.roster()? {
            facts.roster = Settings::parse(&text, &path.display().to_string())?.sha256;
        }
    }
    Ok(PlanCheck::new(plan, &facts))
}

/// What a run lacks of the study's prompts for its checkpoints and conditions, and of those that it was asked.
fn lacks(found: &Completeness) -> Vec<String> {
    let mut said = Vec::new();
    if !found.is_finished() {
        let [scored, asked] = [found.scored, found.asked].map(grouped);
        said.push(format!("the run is not whole: {scored} of {asked} prompts are scored"));
    }
    let words = found.filters.in_words();
    // Of a filter that leaves nothing out there is nothing to say.
    if found.is_filtered() {
        let [asked, whole] = [found.asked, found.whole].map(grouped);
        let filters = if words.is_empty() { String::new() } else { format!(" ({})", words.join("; ")) };
        said.push(format!("it was asked only some of what was planned: {asked} of {whole} prompts{filters}"));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Filters;

    #[test]
    fn a_run_that_is_not_whole_departs_from_its_plan() {
        let whole = Completeness { whole: 1008, asked: 1008, scored: 1008, ..Completeness::default() };
        assert_eq!(lacks(&whole), [""; 0]);
        let unfinished = Completeness { scored: 816, ..whole.clone() };
        assert_eq!(lacks(&unfinished), ["the run is not whole: 816 of 1,008 prompts are scored"]);
        let filters = Filters { countries: vec!["A".into(), "B".into()], ..Filters::default() };
        let filtered = Completeness { asked: 336, scored: 336, filters, ..whole };
        let said = "it was asked only some of what was planned: 336 of 1,008 prompts (countries A, B)";
        assert_eq!(lacks(&filtered), [said]);
    }
}
