//! Figures: an id, the recipe's name and the estimate, and the document that holds them.

use std::collections::HashMap;
use std::io::Write;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::cluster::{Averages, Clustered};
use super::coherence::{CoherenceCounts, CoherentSet, SweepPoint};
use super::comparison::Sides;
use super::compliance::Quantiles;
use super::correlation::Coefficient;
use super::decomposition::{Contrast, TwoWay};
use super::error::StatsError;
use super::favourability::{Rank, Spread};
use super::maker::{LanguagePopulation, MakerTest};
use super::pairs::PairEstimate;
use super::planned::{PlannedContrast, PowerPlan};

/// What the JSON document calls its shape.
pub const SCHEMA: &str = "tiltmeter-analysis/1";

/// Values by name, in a fixed order; written as a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Named<T> {
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl<T> FromIterator<(String, T)> for Named<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(items: I) -> Self {
        Named(items.into_iter().collect())
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The same estimate from either average.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByAverage<T> {
    pub mean_row: T,
    pub mean_cluster: T,
}

/// One estimate; its fields are those that FIGURES names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Estimate {
    Clustered(Clustered),
    Spread(ByAverage<Spread>),
    Compliance(Quantiles),
    Maker(Box<ByAverage<MakerTest>>),
    LanguagePopulation(Box<ByAverage<LanguagePopulation>>),
    Correlation(Coefficient),
    Pairs(Named<Named<PairEstimate>>),
    Opponents(Named<Averages>),
    Topics(Named<f64>),
    Contrast(Contrast),
    TwoWay(TwoWay),
    PlannedContrast(PlannedContrast),
    Power(PowerPlan),
    CoherenceCounts(CoherenceCounts),
    CoherentSet(CoherentSet),
    CoherenceSweep(Named<SweepPoint>),
    Bank(Named<String>),
    Rank(Rank),
    Comparison(Box<ByAverage<Sides>>),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    pub id: String,
    pub estimator: &'static str,
    pub estimate: Estimate,
}

/// Everything that was estimated from one item table.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The settings as understood, defaults filled in.
    pub settings: Value,
    figures: Vec<Figure>,
    by_id: HashMap<String, usize>,
    /// What a person should know about how the settings met the table.
    pub notes: Vec<String>,
}

impl Analysis {
    pub fn new(settings: Value, notes: Vec<String>) -> Analysis {
        Analysis { settings, figures: Vec::new(), by_id: HashMap::new(), notes }
    }

    /// Adds figures; each id stands once.
    pub fn extend(&mut self, figures: impl IntoIterator<Item = Figure>) -> Result<(), StatsError> {
        for figure in figures {
            if self.by_id.insert(figure.id.clone(), self.figures.len()).is_some() {
                return Err(StatsError::RepeatedFigure { id: figure.id });
            }
            self.figures.push(figure);
        }
        Ok(())
    }

    pub fn figures(&self) -> &[Figure] {
        &self.figures
    }

    pub fn estimate(&self, id: &str) -> Option<&Estimate> {
        self.by_id.get(id).and_then(|at| self.figures.get(*at)).map(|figure| &figure.estimate)
    }

    /// The figure's clustered set, where it is one.
    pub fn clustered(&self, id: &str) -> Option<&Clustered> {
        match self.estimate(id)? {
            Estimate::Clustered(clustered) => Some(clustered),
            _ => None,
        }
    }

    /// The figures of a group, each with the parts of its id after the group's name.
    pub fn group<'a>(&'a self, group: &str) -> impl Iterator<Item = (Vec<&'a str>, &'a Estimate)> {
        self.figures.iter().filter_map(move |figure| {
            let rest = figure.id.strip_prefix(group)?.strip_prefix('/')?;
            Some((rest.split('/').collect(), &figure.estimate))
        })
    }

    /// Writes the JSON document, one figure a line.
    pub fn write_json(&self, mut out: impl Write) -> std::io::Result<()> {
        write!(out, "{{\"schema\":\"{SCHEMA}\",\n\"settings\":")?;
        serde_json::to_writer(&mut out, &self.settings)?;
        write!(out, ",\n\"figures\":[")?;
        for (i, figure) in self.figures.iter().enumerate() {
            out.write_all(if i == 0 { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut out, figure)?;
        }
        out.write_all(b"\n]}\n")?;
        out.flush()
    }
}
