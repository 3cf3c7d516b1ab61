//! What an analysis is told: the `[analysis]` tables of a settings file and the families, whose tables a sweep's roster shares.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::StatsError;
use crate::plain::{self, nearest};

/// Keys of a `[[family]]` beside its stages.
const FAMILY_KEYS: [&str; 3] = ["name", "maker", "maker_country"];
/// Keys of a stage.
const STAGE_KEYS: [&str; 2] = ["model", "checkpoint"];
/// Keys of a `[[family]]` that are for the sweep or for readers.
const FAMILY_NOTES: [&str; 6] = ["licence", "license", "gated", "note", "notes", "prefill"];
/// Keys of a stage that are for the sweep or for readers.
const STAGE_NOTES: [&str; 9] =
    ["revision", "prefill", "form", "licence", "license", "gated", "note", "notes", "condition"];

/// A settings file as written; what it leaves out is filled in from the item table.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What messages call it.
    pub name: String,
    /// Of the file's bytes, in hex.
    pub sha256: Option<String>,
    /// `None` for a bare roster.
    pub analysis: Option<AnalysisSettings>,
    /// Cut down to what a run in progress has ([`Settings::restrict_to`]).
    pub partial: bool,
    /// In the order of the output.
    pub families: Vec<Family>,
}

/// One maker's checkpoints.
#[derive(Debug, Clone)]
pub struct Family {
    pub name: String,
    pub maker: Option<String>,
    pub maker_country: Option<String>,
    /// `base` first, the others in the file's order.
    pub stages: Vec<Stage>,
}

/// One checkpoint of a family.
#[derive(Debug, Clone)]
pub struct Stage {
    pub name: String,
    /// The checkpoint's name in the item table.
    pub model: String,
    /// Hub id or path, for the sweep.
    pub checkpoint: Option<String>,
}

/// `[analysis]`.
#[derive(Debug, Clone, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AnalysisSettings {
    /// The country that the filter, the maker test and the decompositions ask about.
    pub target: Option<String>,
    /// Language shifts are measured from here.
    pub baseline_language: Option<String>,
    /// Read for every checkpoint that `route` does not name.
    pub condition: Option<String>,
    pub questions: Option<Questions>,
    /// Checkpoint to condition.
    pub route: BTreeMap<String, String>,
    pub coherence: Coherence,
    pub type_contrast: Vec<TypeContrast>,
    pub comparison: Vec<Comparison>,
    pub power: Power,
    /// The smallest effect of interest, log-odds: what lies within it is no finding.
    pub smallest_effect: f64,
    /// Margins of the equivalence tests beside it, log-odds.
    pub margins: Vec<f64>,
    /// Conditions in which no lean is to be found: invented countries, neutral controls. Without them, those of
    /// [`NULL_CONDITIONS`] that the table has.
    pub null_conditions: Option<Vec<String>>,
}

/// Conditions that the default study has nothing to find in.
pub const NULL_CONDITIONS: [&str; 3] = ["invented", "control_neutral", "control_options"];

impl Default for AnalysisSettings {
    fn default() -> Self {
        AnalysisSettings {
            target: None,
            baseline_language: None,
            condition: None,
            questions: None,
            route: BTreeMap::new(),
            coherence: Coherence::default(),
            type_contrast: Vec::new(),
            comparison: Vec::new(),
            power: Power::default(),
            smallest_effect: 0.25,
            margins: vec![0.25, 0.5],
            null_conditions: None,
        }
    }
}

impl AnalysisSettings {
    /// The margins that equivalence is tested at: the settings' and the smallest effect, ascending.
    pub fn equivalence_margins(&self) -> Vec<f64> {
        let mut margins = self.margins.clone();
        margins.push(self.smallest_effect);
        margins.sort_by(f64::total_cmp);
        margins.dedup();
        margins
    }
}

/// The two questions of opposite polarity, of which one may not have been asked: favouring a country means `positive` up and
/// `negative` down.
#[derive(Debug, Clone, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Questions {
    pub positive: Option<String>,
    pub negative: Option<String>,
}

/// `[analysis.coherence]`.
#[derive(Debug, Clone, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Coherence {
    /// Shares of runs at which the kept scenarios are listed.
    pub thresholds: Vec<f64>,
    /// The share at which a scenario enters the subset on which estimates are given.
    pub subset: f64,
    /// Least numbers of coherent runs; without them, half to nine tenths of the runs.
    pub sweep: Option<Vec<usize>>,
    pub variant: Vec<Variant>,
}

impl Default for Coherence {
    fn default() -> Self {
        Coherence { thresholds: vec![0.5, 0.7], subset: 0.7, sweep: None, variant: Vec::new() }
    }
}

/// The filter again, with other conditions read.
#[derive(Debug, Clone, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    pub name: String,
    /// Laid over `[analysis.route]`.
    #[serde(default)]
    pub route: BTreeMap<String, String>,
}

/// Scenario types set against the rest.
#[derive(Debug, Clone, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TypeContrast {
    pub name: String,
    pub types: Vec<String>,
}

/// Two conditions of one checkpoint side by side.
#[derive(Debug, Clone, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    pub name: String,
    pub condition: String,
    pub baseline: String,
    /// Of the condition's rows; without it, each language that both have.
    pub language: Option<String>,
    /// Of the baseline's rows; without it, the condition's.
    pub baseline_language: Option<String>,
}

/// `[analysis.power]`.
#[derive(Debug, Clone, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Power {
    /// Shared among the families.
    pub alpha: f64,
    pub power: f64,
    /// Of the families' standard deviations, the one to plan with.
    pub sd_quantile: f64,
    /// Smallest shifts of interest, log-odds.
    pub effects: Vec<f64>,
}

impl Default for Power {
    fn default() -> Self {
        Power { alpha: 0.05, power: 0.8, sd_quantile: 0.75, effects: vec![0.25, 0.5, 1.0] }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    analysis: Option<AnalysisSettings>,
    #[serde(default)]
    family: Vec<toml::Table>,
}

impl Settings {
    pub fn read(path: &Path) -> Result<Settings, StatsError> {
        let text = plain::read_settings(path)
            .map_err(|source| StatsError::Read { path: path.to_owned(), source })?;
        Settings::parse(&text, &path.display().to_string())
    }

    /// Parses a settings file or a roster; `name` is what errors call it.
    pub fn parse(text: &str, name: &str) -> Result<Settings, StatsError> {
        let problem = |problem: String| StatsError::Settings { settings: name.to_owned(), problem };
        let file: File = plain::from_toml(text).map_err(problem)?;
        let mut families = Vec::with_capacity(file.family.len());
        for (i, table) in file.family.into_iter().enumerate() {
            families.push(Family::from_table(i, table).map_err(problem)?);
        }
        let settings = Settings {
            name: name.to_owned(),
            sha256: Some(Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()),
            analysis: file.analysis,
            partial: false,
            families,
        };
        settings.check().map_err(problem)?;
        Ok(settings)
    }

    /// Everything that can be wrong without looking at a table.
    fn check(&self) -> Result<(), String> {
        let families = self.families.iter().map(|f| f.name.as_str());
        distinct("family", families)?;
        distinct("checkpoint", self.families.iter().flat_map(|f| &f.stages).map(|s| s.model.as_str()))?;
        let Some(analysis) = &self.analysis else { return Ok(()) };
        let coherence = &analysis.coherence;
        for share in coherence.thresholds.iter().chain([&coherence.subset]) {
            if !(*share > 0.0 && *share <= 1.0) {
                return Err(format!("analysis.coherence has the threshold {share}, which is not in (0, 1]"));
            }
        }
        distinct("analysis.coherence.variant", coherence.variant.iter().map(|v| v.name.as_str()))?;
        distinct("analysis.type_contrast", analysis.type_contrast.iter().map(|c| c.name.as_str()))?;
        match &analysis.questions {
            Some(Questions { positive: Some(positive), negative: Some(negative) })
                if positive == negative =>
            {
                return Err(format!("analysis.questions names `{positive}` for both polarities"));
            }
            Some(Questions { positive: None, negative: None }) => {
                return Err("analysis.questions names neither `positive` nor `negative`".to_owned());
            }
            _ => {}
        }

        for margin in analysis.equivalence_margins() {
            if !(margin.is_finite() && margin > 0.0) {
                return Err(format!(
                    "analysis.smallest_effect and analysis.margins hold {margin}, which is not a positive number"
                ));
            }
        }
        let power = &analysis.power;
        let open = |share: f64| share > 0.0 && share < 1.0;
        if !open(power.alpha) || !open(power.power) {
            return Err("analysis.power needs alpha and power between 0 and 1".to_owned());
        }
        if !(0.0..=1.0).contains(&power.sd_quantile) {
            return Err(format!(
                "analysis.power.sd_quantile is {}, which is not in [0, 1]",
                power.sd_quantile
            ));
        }
        if let Some(effect) = power.effects.iter().find(|e| !(e.is_finite() && **e > 0.0)) {
            return Err(format!("analysis.power.effects holds {effect}, which is not a positive number"));
        }
        Ok(())
    }
}

impl Family {
    fn from_table(index: usize, table: toml::Table) -> Result<Family, String> {
        let name = match table.get("name") {
            Some(toml::Value::String(name)) if !name.is_empty() => name.clone(),
            _ => return Err(format!("family {} has no `name`", index + 1)),
        };
        let place = format!("family `{name}`");
        let mut family = Family { name, maker: None, maker_country: None, stages: Vec::new() };
        for (key, value) in table {
            match (key.as_str(), value) {
                ("name", _) => {}
                ("maker", value) => family.maker = Some(string(value, &place, &key)?),
                ("maker_country", value) => family.maker_country = Some(string(value, &place, &key)?),
                (key, _) if FAMILY_NOTES.contains(&key) => {}
                (_, toml::Value::Table(stage)) => family.stages.push(Stage::from_table(&place, key, stage)?),
                (key, _) => {
                    let known = FAMILY_KEYS.into_iter().chain(FAMILY_NOTES);
                    return Err(format!("{place} has the unknown key `{key}`{}", nearest(key, known)));
                }
            }
        }
        if family.stages.is_empty() {
            return Err(format!(
                "{place} has no stage; give it a table such as base = {{ model = \"...\" }}"
            ));
        }
        // A stable sort: only `base` moves.
        family.stages.sort_by_key(|s| s.name != "base");
        Ok(family)
    }
}

impl Stage {
    fn from_table(family: &str, name: String, table: toml::Table) -> Result<Stage, String> {
        let place = format!("{family}, stage `{name}`");
        let (mut model, mut checkpoint) = (None, None);
        for (key, value) in table {
            match key.as_str() {
                "model" => model = Some(string(value, &place, &key)?),
                "checkpoint" => checkpoint = Some(string(value, &place, &key)?),
                key if STAGE_NOTES.contains(&key) => {}
                key => {
                    let known = STAGE_KEYS.into_iter().chain(STAGE_NOTES);
                    return Err(format!("{place} has the unknown key `{key}`{}", nearest(key, known)));
                }
            }
        }
        match model {
            Some(model) if !model.is_empty() => Ok(Stage { name, model, checkpoint }),
            _ => Err(format!("{place} has no `model`, the checkpoint's name in the item table")),
        }
    }
}

fn string(value: toml::Value, place: &str, key: &str) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text),
        other => Err(format!("{place} has a `{key}` that is not text but {}", other.type_str())),
    }
}

fn distinct<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            return Err(format!("{what} has an empty name"));
        }
        if !seen.insert(name) {
            return Err(format!("{what} `{name}` stands twice"));
        }
    }
    Ok(())
}
