//! How far each run can be read, and the mark that says so wherever its name stands.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::Value;

use super::super::compliance::Tier;
use super::super::figure::{Analysis, Estimate};
use super::format::probability;

/// Compliance by (language, checkpoint), and the settings' families and routes.
pub struct Marks<'a> {
    analysis: &'a Analysis,
    means: HashMap<(&'a str, &'a str), f64>,
}

/// As in the report: with care, and not at all.
fn mark(mean: f64) -> &'static str {
    match Tier::of(mean) {
        Tier::Full => "",
        Tier::Low => "‡",
        Tier::Middling | Tier::Partial => "†",
    }
}

impl<'a> Marks<'a> {
    pub fn new(analysis: &'a Analysis) -> Marks<'a> {
        let means = analysis.group("compliance").filter_map(|([language, label, question, _], estimate)| {
            match estimate {
                Estimate::Compliance(c) if question == "both" => Some(((language, label), c.mean)),
                _ => None,
            }
        });
        Marks { analysis, means: means.collect() }
    }

    /// A checkpoint with the mark of its worst run in `languages`.
    pub fn checkpoint(&self, languages: &[&str], label: &str) -> String {
        format!("{label}{}", self.worst(languages, &[label]))
    }

    /// A family, one step of it (`family:chat-base`) or it in another condition (`family@condition`), with the mark of
    /// the worse of the two runs that its shift is made of.
    pub fn shift(&self, language: &str, head: &str) -> String {
        format!("{head}{}", self.of_shift(language, head))
    }

    /// Whether a family's shift can be read in the language.
    pub fn reads(&self, language: &str, family: &str) -> bool {
        self.of_shift(language, family) != mark(0.0)
    }

    fn of_shift(&self, language: &str, head: &str) -> &'static str {
        let nothing = Vec::new();
        for family in self.analysis.settings["family"].as_array().unwrap_or(&nothing) {
            let rest = family["name"].as_str().and_then(|name| head.strip_prefix(name));
            let (Some(rest), Some(keys)) = (rest, family.as_object()) else { continue };
            let stages: Vec<(&str, &str)> = keys
                .iter()
                .filter_map(|(stage, value)| Some((stage.as_str(), value["model"].as_str()?)))
                .collect();
            let models: Vec<String> = match (rest.strip_prefix(':'), rest.strip_prefix('@')) {
                (Some(step), _) => {
                    let of_step = |stage: &str| step.split('-').any(|part| part == stage);
                    stages.iter().filter(|(stage, _)| of_step(stage)).map(|(_, m)| (*m).to_owned()).collect()
                }
                (_, Some(condition)) => ends(&stages).map(|model| format!("{model}@{condition}")).collect(),
                _ if rest.is_empty() => ends(&stages).map(str::to_owned).collect(),
                _ => continue,
            };
            let models: Vec<&str> = models.iter().map(String::as_str).collect();
            return self.worst(&[language], &models);
        }
        ""
    }

    fn worst(&self, languages: &[&str], labels: &[&str]) -> &'static str {
        let pairs = languages.iter().flat_map(|language| labels.iter().map(move |label| (*language, *label)));
        let means = pairs.filter_map(|key| self.means.get(&key));
        mark(means.copied().fold(1.0, f64::min))
    }

    /// For each language at most two lines: who is to be read with care, and who not at all.
    pub fn warnings(&self, shown: &[(&str, &str)]) -> String {
        let mut languages: Vec<&str> = Vec::new();
        for (language, _) in shown {
            if !languages.contains(language) {
                languages.push(language);
            }
        }
        let mut text = String::new();
        for language in languages {
            let sentences =
                [("†", "is below 0.97, to be read with care"), ("‡", "is below 0.1, as good as noise")];
            for (sign, what) in sentences {
                let of_tier = shown.iter().filter(|key| key.0 == language).filter_map(|key| {
                    let mean = *self.means.get(key)?;
                    (mark(mean) == sign).then(|| format!("{} {}", key.1, probability(mean)))
                });
                let named: Vec<String> = of_tier.collect();
                if !named.is_empty() {
                    let _ = writeln!(text, "{sign} in {language}, compliance {what}: {}", named.join(", "));
                }
            }
        }
        text
    }

    /// The condition behind a checkpoint's bare name.
    pub fn routed(&self, label: &str) -> &'a str {
        let analysis = &self.analysis.settings["analysis"];
        analysis["route"][label].as_str().or(analysis["condition"].as_str()).unwrap_or("")
    }

    /// A line for each condition that stands behind bare names and is not the usual one.
    pub fn routes(&self) -> String {
        let mut text = String::new();
        let analysis = &self.analysis.settings["analysis"];
        let Some(route) = analysis["route"].as_object() else { return text };
        let mut conditions: Vec<&str> = route.values().filter_map(Value::as_str).collect();
        conditions.sort_unstable();
        conditions.dedup();
        conditions.retain(|condition| analysis["condition"] != **condition);
        for condition in conditions {
            let is_here = |model: &&String| self.means.keys().any(|(_, label)| label == model);
            let models =
                route.iter().filter(|(_, to)| **to == *condition).map(|(model, _)| model).filter(is_here);
            let models: Vec<&str> = models.map(String::as_str).collect();
            if !models.is_empty() {
                let _ = writeln!(
                    text,
                    "Read in condition {condition}, by their bare names: {}",
                    models.join(", ")
                );
            }
        }
        text
    }
}

/// The first and the last model.
fn ends<'a>(stages: &[(&'a str, &'a str)]) -> impl Iterator<Item = &'a str> {
    stages.first().into_iter().chain(stages.last()).map(|(_, model)| *model).collect::<Vec<_>>().into_iter()
}
