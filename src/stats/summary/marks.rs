//! How far each run can be read, and the mark that says so wherever its name stands.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::Value;

use super::super::compliance::Tier;
use super::super::figure::{Analysis, Estimate, Figure};
use super::format::probability;

/// Compliance by (language, checkpoint), and the settings' families and routes.
pub struct Marks<'a> {
    analysis: &'a Analysis,
    means: HashMap<(&'a str, String), f64>,
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
        let means = analysis.of("compliance").filter_map(|figure| match &figure.estimate {
            Estimate::Compliance(c) if figure.parts.question.as_deref() == Some("both") => {
                Some(((figure.parts.language.as_deref()?, figure.parts.label()?), c.mean))
            }
            _ => None,
        });
        Marks { analysis, means: means.collect() }
    }

    /// The mark of what a figure is made of.
    pub fn figure(figure: &Figure) -> &'static str {
        figure.compliance.map_or("", mark)
    }

    /// Whether a family's shift between its ends can be read in the language.
    pub fn reads(&self, language: &str, family: &str) -> bool {
        let of = |group| {
            self.analysis.of(group).find(|figure| {
                let p = &figure.parts;
                p.language.as_deref() == Some(language)
                    && p.family.as_deref() == Some(family)
                    && p.routed == Some(true)
                    && !figure.step_between
            })
        };
        of("shift")
            .or_else(|| of("confirmatory_shift"))
            .is_none_or(|figure| Marks::figure(figure) != mark(0.0))
    }

    /// For each language at most two lines: who is to be read with care, and who not at all.
    pub fn warnings(&self, shown: &[(&'a str, String)]) -> String {
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
            let is_here = |model: &&String| self.means.keys().any(|(_, label)| label == *model);
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
