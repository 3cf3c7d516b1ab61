//! Figures: an id, the recipe's name and the estimate, and the document that holds them.

use std::collections::HashMap;
use std::io::Write;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::adjust::ALPHA;
use super::cluster::{Averages, Clustered};
use super::coherence::{CoherenceCounts, CoherentSet, SweepPoint};
use super::comparison::Sides;
use super::compliance::{Quantiles, Tier};
use super::confirmatory::{
    Choice, ChoiceShift, Confirmatory, Cr2, FamilyByStage, Firm, MakerGroups, MakerHome, RoleScaled, SignFlip,
};
use super::correlation::Coefficient;
use super::decomposition::{Contrast, TwoWay};
use super::error::StatsError;
use super::favourability::{Rank, Spread};
use super::key::Parts;
use super::maker::{LanguagePopulation, MakerTest};
use super::origin::Origin;
use super::pairs::PairEstimate;
use super::planned::{PlannedContrast, PowerPlan};
use super::preregistration::PlanCheck;
use super::review::{
    Effect, EmpiricalNull, ItemQuality, LanguageInvariance, LeaveOneOut, Reliability, ScenarioDif,
    SpecificationCurve,
};

/// What the JSON document calls its shape.
pub const SCHEMA: &str = "tiltmeter-analysis/1";

/// Values by name, in a fixed order; written as a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(Vec::new())
    }
}

impl<T> Named<T> {
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ByAverage<T> {
    pub mean_row: T,
    pub mean_cluster: T,
}

/// One estimate; its fields are those that FIGURES names.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
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
    Confirmatory(Box<Confirmatory>),
    Choice(Choice),
    ChoiceShift(ChoiceShift),
    RoleScaled(RoleScaled),
    SignFlip(SignFlip),
    Cr2(Cr2),
    Firm(Firm),
    FamilyByStage(FamilyByStage),
    MakerHome(Box<MakerHome>),
    MakerGroups(Box<MakerGroups>),
    LanguageInvariance(LanguageInvariance),
    ScenarioDif(ScenarioDif),
    Reliability(Reliability),
    ItemQuality(ItemQuality),
    LeaveOneOut(LeaveOneOut),
    EmpiricalNull(EmpiricalNull),
    SpecificationCurve(SpecificationCurve),
    Effect(Effect),
}

#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Figure {
    pub id: String,
    /// What the id says, as fields.
    #[serde(flatten)]
    pub parts: Parts,
    pub estimator: &'static str,
    /// The lowest mean compliance of the runs that the figure is made of: how far it can be read ([`super::Tier`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliance: Option<f64>,
    /// Whether it is a step between two stages that are not a family's ends.
    #[serde(skip)]
    pub step_between: bool,
    /// The one p-value adjusted for many tests that belongs to the figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjusted: Option<Adjusted>,
    pub estimate: Estimate,
}

impl Figure {
    /// Whether the adjusted p says that the figure differs from zero.
    pub fn differs(&self) -> bool {
        self.adjusted.as_ref().and_then(|adjusted| adjusted.p).is_some_and(|p| p < ALPHA)
    }

    /// How far the figure can be read, where it is made of runs.
    pub fn tier(&self) -> Option<Tier> {
        self.compliance.map(Tier::of)
    }
}

/// A p-value adjusted for many tests, and over which.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Adjusted {
    /// `None` where the figure has no p of its own.
    pub p: Option<f64>,
    pub method: &'static str,
    /// What was adjusted together, in words.
    pub over: &'static str,
    /// How many p there were.
    pub tests: usize,
}

/// Everything that was estimated from one item table.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The settings as understood, defaults filled in.
    pub settings: Value,
    figures: Vec<Figure>,
    by_id: HashMap<String, usize>,
    /// Where it comes from, where that is to be written down.
    pub origin: Option<Origin>,
    /// The plan that it was held against.
    pub plan: Option<PlanCheck>,
    /// What a person should know about how the settings met the table.
    pub notes: Vec<String>,
}

impl Analysis {
    pub fn new(settings: Value, notes: Vec<String>) -> Analysis {
        Analysis { settings, figures: Vec::new(), by_id: HashMap::new(), origin: None, plan: None, notes }
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
        self.figure(id).map(|figure| &figure.estimate)
    }

    /// The figure of that id.
    pub fn figure(&self, id: &str) -> Option<&Figure> {
        self.by_id.get(id).and_then(|at| self.figures.get(*at))
    }

    /// The figures of a group, in their order; what each is about stands in its `parts`.
    pub fn of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Figure> {
        self.figures.iter().filter(move |figure| figure.parts.group == group)
    }

    /// The figure's clustered set, where it is one.
    pub fn clustered(&self, id: &str) -> Option<&Clustered> {
        match self.estimate(id)? {
            Estimate::Clustered(clustered) => Some(clustered),
            _ => None,
        }
    }

    /// Writes the JSON document, one figure a line.
    pub fn write_json(&self, mut out: impl Write) -> std::io::Result<()> {
        writeln!(out, "{{\"schema\":\"{SCHEMA}\",")?;
        if let Some(origin) = &self.origin {
            write!(out, "\"origin\":")?;
            serde_json::to_writer(&mut out, origin)?;
            writeln!(out, ",")?;
        }
        if let Some(plan) = &self.plan {
            write!(out, "\"plan\":")?;
            serde_json::to_writer(&mut out, plan)?;
            writeln!(out, ",")?;
        }
        write!(out, "\"notes\":")?;
        serde_json::to_writer(&mut out, &self.notes)?;
        write!(out, ",\n\"settings\":")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_found_by_its_name() {
        let named: Named<i32> =
            [("a", 1), ("b", 2)].map(|(name, n)| (name.to_owned(), n)).into_iter().collect();
        assert_eq!(
            (named.get("b"), named.get("c"), named.len(), named.is_empty()),
            (Some(&2), None, 2, false)
        );
        assert!(Named::<i32>::default().is_empty());
    }
}
