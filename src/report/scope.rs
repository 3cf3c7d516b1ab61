//! What an analysis holds, in the page's order: languages, families, checkpoints, entities, and how far each can be read.

use std::collections::HashMap;

use crate::stats::{Analysis, Clustered, Estimate, Quantiles, Settings, Tier};

use super::corrected::{Corrected, Together};
use super::format::{self, Decimals};
use super::input::ReportInput;

/// A checkpoint as the study reads it (routed), or in another condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<'a> {
    /// As figures name it: `model`, or `model@condition`.
    pub label: &'a str,
    /// Index of its family.
    pub family: Option<usize>,
    /// Its stage's name.
    pub stage: Option<&'a str>,
}

/// A maker's checkpoints that the table has, in stage order.
#[derive(Debug, Clone)]
pub struct Family<'a> {
    pub name: &'a str,
    pub maker: Option<&'a str>,
    pub home: Option<&'a str>,
    /// (stage, label).
    pub stages: Vec<(&'a str, &'a str)>,
}

/// How far a run's compliance lets its preferences be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caution {
    None,
    /// Below the top tier.
    Reduced,
    /// Below the bottom tier: as good as noise.
    Low,
}

impl Caution {
    pub fn of(mean: f64) -> Caution {
        match Tier::of(mean) {
            Tier::Full => Caution::None,
            Tier::Low => Caution::Low,
            _ => Caution::Reduced,
        }
    }

    /// How a table paints it.
    pub fn class(self) -> &'static str {
        match self {
            Caution::None => "good",
            Caution::Reduced => "fair",
            Caution::Low => "poor",
        }
    }

    /// The mark that later figures carry.
    pub fn dagger(self) -> &'static str {
        match self {
            Caution::None => "",
            Caution::Reduced => "†",
            Caution::Low => "‡",
        }
    }

    /// What a warning about such runs opens with.
    pub fn warning(self) -> &'static str {
        match self {
            Caution::Low => "Warning.",
            _ => "Read with care.",
        }
    }
}

/// The one thing compared and several of them: a study of countries speaks of countries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wording {
    pub one: &'static str,
    pub many: &'static str,
}

#[derive(Debug)]
pub struct Scope<'a> {
    pub analysis: &'a Analysis,
    /// Question and subset that the page leads with.
    pub question: &'a str,
    pub subset: &'a str,
    /// The baseline first.
    pub languages: Vec<&'a str>,
    pub families: Vec<Family<'a>>,
    /// Routed checkpoints, families first.
    pub checkpoints: Vec<Checkpoint<'a>>,
    /// The runs of other conditions.
    pub others: Vec<Checkpoint<'a>>,
    /// In one order throughout: by mean favourability over the last stages and languages, highest first.
    pub entities: Vec<&'a str>,
    pub target: &'a str,
    pub wording: Wording,
    pub decimals: Decimals,
    cautions: HashMap<(&'a str, &'a str), (Caution, f64)>,
    pub corrected: Corrected,
}

impl<'a> Scope<'a> {
    pub fn new(input: &ReportInput<'a>) -> Scope<'a> {
        let analysis = input.analysis;
        let (mut questions, mut subsets) = (Vec::new(), Vec::new());
        let (mut languages, mut labels) = (Vec::new(), Vec::new());
        for ([language, label, _, question, subset], _) in analysis.group("favourability") {
            add(&mut questions, question);
            add(&mut subsets, subset);
            add(&mut languages, language);
            add(&mut labels, label);
        }
        let named =
            |key: &str| analysis.settings.get("analysis").and_then(|a| a.get(key)).and_then(|v| v.as_str());
        let question = if questions.contains(&"preference") {
            "preference"
        } else {
            questions.first().copied().unwrap_or("")
        };
        let subset = if subsets.contains(&"all") { "all" } else { subsets.first().copied().unwrap_or("") };
        if let Some(baseline) = named("baseline_language") {
            languages.sort_by_key(|language| *language != baseline);
        }
        let (families, checkpoints, others) = checkpoints(input.settings, &labels);
        let mut scope = Scope {
            analysis,
            question,
            subset,
            languages,
            families,
            checkpoints,
            others,
            entities: Vec::new(),
            target: named("target").unwrap_or(""),
            wording: Wording { one: "country", many: "countries" },
            decimals: Decimals::default(),
            cautions: HashMap::new(),
            corrected: Corrected::default(),
        };
        scope.order_entities();
        scope.wording = scope.wording_for(input.settings);
        scope.measure();
        scope.corrected = Corrected::of(&scope);
        scope
    }

    /// Countries, unless the settings have families and none of their makers is at home in what the table compares.
    fn wording_for(&self, settings: &Settings) -> Wording {
        let homes: Vec<&str> = settings.families.iter().filter_map(|f| f.maker_country.as_deref()).collect();
        if settings.families.is_empty() || homes.iter().any(|home| self.entities.contains(home)) {
            Wording { one: "country", many: "countries" }
        } else {
            Wording { one: "entity", many: "entities" }
        }
    }

    fn order_entities(&mut self) {
        let routed = |label: &str| self.checkpoints.iter().any(|c| c.label == label);
        let last: Vec<&str> =
            self.families.iter().filter_map(|f| f.stages.last()).map(|(_, label)| *label).collect();
        let mut sums: Vec<(&'a str, f64, usize)> = Vec::new();
        for ([_, label, entity, question, subset], estimate) in self.analysis.group("favourability") {
            let Estimate::Clustered(c) = estimate else { continue };
            if question != self.question || subset != self.subset || !routed(label) {
                continue;
            }
            let counts = last.is_empty() || last.contains(&label);
            let at = sums.iter().position(|(name, ..)| *name == entity).unwrap_or_else(|| {
                sums.push((entity, 0.0, 0));
                sums.len() - 1
            });
            if let Some((_, sum, n)) = sums.get_mut(at).filter(|_| counts) {
                *sum += c.mean_cluster;
                *n += 1;
            }
        }
        let mean =
            |(_, sum, n): &(&str, f64, usize)| if *n > 0 { sum / *n as f64 } else { f64::NEG_INFINITY };
        sums.sort_by(|a, b| mean(b).total_cmp(&mean(a)).then(a.0.cmp(b.0)));
        self.entities = sums.into_iter().map(|(name, ..)| name).collect();
        if !self.entities.contains(&self.target) {
            self.target = self.entities.first().copied().unwrap_or("");
        }
    }

    /// Compliance and digits.
    fn measure(&mut self) {
        for ([language, label, question, _], estimate) in self.analysis.group("compliance") {
            if let (Estimate::Compliance(q), "both") = (estimate, question) {
                self.cautions.insert((language, label), (Caution::of(q.mean), q.mean));
            }
        }
        let mut halves = Vec::new();
        for checkpoint in &self.checkpoints {
            for language in &self.languages {
                let found =
                    self.entities.iter().filter_map(|e| self.favourability(language, checkpoint.label, e));
                halves.extend(found.filter_map(|c| c.ci_t));
            }
        }
        self.decimals = Decimals::for_half_widths(halves);
    }

    pub fn favourability_id(&self, language: &str, label: &str, entity: &str) -> String {
        format!("favourability/{language}/{label}/{entity}/{}/{}", self.question, self.subset)
    }

    pub fn shift_id(&self, language: &str, family: &str, entity: &str) -> String {
        format!("shift/{language}/{family}/{entity}/{}/{}", self.question, self.subset)
    }

    pub fn language_shift_id(&self, language: &str, label: &str, entity: &str) -> String {
        let baseline = self.baseline();
        format!("language_shift/{language}-{baseline}/{label}/{entity}/{}/{}", self.question, self.subset)
    }

    /// Favourability at the page's question and subset.
    pub fn favourability(&self, language: &str, label: &str, entity: &str) -> Option<&'a Clustered> {
        self.analysis.clustered(&self.favourability_id(language, label, entity))
    }

    pub fn favourability_at(
        &self,
        language: &str,
        label: &str,
        entity: &str,
        question: &str,
        subset: &str,
    ) -> Option<&'a Clustered> {
        self.analysis.clustered(&format!("favourability/{language}/{label}/{entity}/{question}/{subset}"))
    }

    /// Whether a checkpoint's favourability differs from zero.
    pub fn leans(&self, language: &str, label: &str, entity: &str) -> bool {
        self.corrected.differs(&self.favourability_id(language, label, entity))
    }

    /// How many favourability figures were adjusted together.
    pub fn tests(&self) -> usize {
        self.corrected.tests(Together::Favourability)
    }

    pub fn compliance(&self, language: &str, label: &str) -> Option<&'a Quantiles> {
        match self.analysis.estimate(&format!("compliance/{language}/{label}/both/all"))? {
            Estimate::Compliance(q) => Some(q),
            _ => None,
        }
    }

    pub fn caution(&self, language: &str, label: &str) -> Caution {
        self.cautions.get(&(language, label)).map_or(Caution::None, |(caution, _)| *caution)
    }

    /// Mean compliance.
    pub fn compliance_mean(&self, language: &str, label: &str) -> Option<f64> {
        self.cautions.get(&(language, label)).map(|(_, mean)| *mean)
    }

    /// Languages in which the checkpoint was asked.
    pub fn languages_of(&self, label: &str) -> Vec<&'a str> {
        let asked = |language: &&&str| self.cautions.contains_key(&(**language, label));
        self.languages.iter().filter(asked).copied().collect()
    }

    /// The series of a language in figures.
    pub fn series(&self, language: &str) -> usize {
        self.languages.iter().position(|l| *l == language).unwrap_or(0)
    }

    pub fn baseline(&self) -> &'a str {
        self.languages.first().copied().unwrap_or("")
    }

    /// The opposites of an entity are the same number with the other sign where only two are compared.
    pub fn is_pair(&self) -> bool {
        self.entities.len() == 2
    }

    /// `preference` in words, with the scenarios it is taken over.
    pub fn chosen(&self) -> String {
        format!("{}, {}", question_phrase(self.question), subset_phrase(self.subset))
    }
}

/// The id of a letter's or role's bias: language, checkpoint, question, subset.
pub fn nuisance_id(group: &str, [language, label, question, subset]: [&str; 4]) -> String {
    format!("{group}/{language}/{label}/{question}/{subset}")
}

/// What a figure is read from.
pub fn question_phrase(question: &str) -> String {
    match question {
        "preference" => "both questions".to_owned(),
        "residual" => "what both questions share".to_owned(),
        other => format!("question “{}”", format::words(other)),
    }
}

pub fn subset_phrase(subset: &str) -> String {
    match subset.strip_prefix("coherent") {
        Some(percent) => format!("scenarios coherent in {percent} % of runs"),
        None if subset == "all" => "all scenarios".to_owned(),
        None => format!("{subset} scenarios"),
    }
}

fn add<'a>(names: &mut Vec<&'a str>, name: &'a str) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// Families with what the table has of them; routed checkpoints; runs of other conditions.
fn checkpoints<'a>(
    settings: &'a Settings,
    labels: &[&'a str],
) -> (Vec<Family<'a>>, Vec<Checkpoint<'a>>, Vec<Checkpoint<'a>>) {
    let mut families: Vec<Family<'a>> = Vec::new();
    let mut checkpoints: Vec<Checkpoint<'a>> = Vec::new();
    for family in &settings.families {
        let mut stages = Vec::new();
        for stage in family.stages.iter().filter(|s| labels.contains(&s.model.as_str())) {
            stages.push((stage.name.as_str(), stage.model.as_str()));
            checkpoints.push(Checkpoint {
                label: &stage.model,
                family: Some(families.len()),
                stage: Some(&stage.name),
            });
        }
        if !stages.is_empty() {
            families.push(Family {
                name: &family.name,
                maker: family.maker.as_deref(),
                home: family.maker_country.as_deref(),
                stages,
            });
        }
    }
    let mut others = Vec::new();
    for &label in labels {
        if checkpoints.iter().any(|c| c.label == label) {
            continue;
        }
        // A name may hold an @ of its own: only one whose front is a checkpoint too is another condition.
        let front = label.rsplit_once('@').map(|(front, _)| front).filter(|front| labels.contains(front));
        let of = front.and_then(|front| checkpoints.iter().find(|c| c.label == front));
        let (family, stage) = of.map_or((None, None), |c| (c.family, c.stage));
        let checkpoint = Checkpoint { label, family, stage };
        if front.is_some() { others.push(checkpoint) } else { checkpoints.push(checkpoint) }
    }
    (families, checkpoints, others)
}
