//! What an analysis holds, in the page's order: languages, families, checkpoints, entities, and how far each can be read.

use std::collections::HashMap;

use crate::stats::{Analysis, Choice, ChoiceShift, Clustered, Estimate, Firm, Quantiles, Settings};

use super::caution::Caution;
use super::checkpoints::{Checkpoint, Family, checkpoints, condition_of, label_of, part};
use super::format::{self, Decimals};
use super::input::ReportInput;
use super::reading::Reading;

/// The one thing compared and several of them: a study of countries speaks of countries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wording {
    pub one: &'static str,
    pub many: &'static str,
}

/// Whose estimates the page leads with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    pub lean: &'static str,
    pub shift: &'static str,
    pub language_shift: &'static str,
}

impl Groups {
    const CONFIRMATORY: Groups = Groups {
        lean: "confirmatory",
        shift: "confirmatory_shift",
        language_shift: "confirmatory_language_shift",
    };
    const PUBLISHED: Groups =
        Groups { lean: "favourability", shift: "shift", language_shift: "language_shift" };

    pub fn are_published(self) -> bool {
        self == Groups::PUBLISHED
    }
}

#[derive(Debug)]
pub struct Scope<'a> {
    pub analysis: &'a Analysis,
    /// Groups of the leans, shifts and language shifts that the page speaks of.
    pub groups: Groups,
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
    /// Smallest effect of interest, log-odds.
    pub smallest_effect: f64,
    /// Whether what was asked is the program’s own study.
    pub built_in: bool,
    /// Compliance by (language, label).
    compliances: HashMap<(&'a str, &'a str), &'a Quantiles>,
}

impl<'a> Scope<'a> {
    pub fn new(input: &ReportInput<'a>) -> Scope<'a> {
        let analysis = input.analysis;
        let groups = if input.published { Groups::PUBLISHED } else { Groups::CONFIRMATORY };
        let (mut questions, mut subsets) = (Vec::new(), Vec::new());
        let mut languages = Vec::new();
        for figure in analysis.of("confirmatory") {
            add(&mut questions, part(&figure.parts.question));
            add(&mut subsets, part(&figure.parts.subset));
            add(&mut languages, part(&figure.parts.language));
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
        let (families, checkpoints, others) = checkpoints(input.settings, analysis);
        let mut scope = Scope {
            analysis,
            groups,
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
            smallest_effect: analysis.settings["analysis"]["smallest_effect"].as_f64().unwrap_or(f64::NAN),
            built_in: input.provenance.as_ref().is_some_and(|provenance| provenance.built_in),
            compliances: HashMap::new(),
        };
        scope.order_entities();
        scope.wording = scope.wording_for(input.settings);
        scope.measure();
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
        let last: Vec<&str> =
            self.families.iter().filter_map(|f| f.stages.last()).map(|(_, label)| *label).collect();
        let mut sums: Vec<(&'a str, f64, usize)> = Vec::new();
        for figure in self.analysis.of(self.groups.lean).filter(|f| f.parts.routed == Some(true)) {
            let Some(reading) = Reading::of(figure) else { continue };
            let parts = &figure.parts;
            if part(&parts.question) != self.question || part(&parts.subset) != self.subset {
                continue;
            }
            let (label, entity) = (part(&parts.checkpoint), part(&parts.country));
            let counts = last.is_empty() || last.contains(&label);
            let at = sums.iter().position(|(name, ..)| *name == entity).unwrap_or_else(|| {
                sums.push((entity, 0.0, 0));
                sums.len() - 1
            });
            if let Some((_, sum, n)) = sums.get_mut(at).filter(|_| counts) {
                *sum += reading.value;
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
        for figure in self.analysis.of("compliance").filter(|f| part(&f.parts.question) == "both") {
            if let Estimate::Compliance(q) = &figure.estimate {
                self.compliances.insert((part(&figure.parts.language), label_of(figure)), q);
            }
        }
        let mut halves = Vec::new();
        for checkpoint in &self.checkpoints {
            for language in &self.languages {
                let found =
                    self.entities.iter().filter_map(|e| self.favourability(language, checkpoint.label, e));
                halves.extend(found.filter_map(|reading| reading.half()));
            }
        }
        self.decimals = Decimals::for_half_widths(halves);
    }

    pub fn favourability_id(&self, language: &str, label: &str, entity: &str) -> String {
        format!("{}/{language}/{label}/{entity}/{}/{}", self.groups.lean, self.question, self.subset)
    }

    pub fn shift_id(&self, language: &str, family: &str, entity: &str) -> String {
        format!("{}/{language}/{family}/{entity}/{}/{}", self.groups.shift, self.question, self.subset)
    }

    pub fn language_shift_id(&self, language: &str, label: &str, entity: &str) -> String {
        let baseline = self.baseline();
        format!(
            "{}/{language}-{baseline}/{label}/{entity}/{}/{}",
            self.groups.language_shift, self.question, self.subset
        )
    }

    /// Favourability at the page's question and subset.
    pub fn favourability(&self, language: &str, label: &str, entity: &str) -> Option<Reading> {
        self.reading(&self.favourability_id(language, label, entity))
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

    /// A family's shift of an entity; `family` is its name, or its label in another condition or between other stages.
    pub fn shift(&self, language: &str, family: &str, entity: &str) -> Option<Reading> {
        self.reading(&self.shift_id(language, family, entity))
    }

    /// The figure of that id, as the page speaks of it.
    pub fn reading(&self, id: &str) -> Option<Reading> {
        self.analysis.figure(id).and_then(Reading::of)
    }

    /// Whether a checkpoint's favourability is a lean: it differs from zero and is not too small to be of interest.
    pub fn leans(&self, language: &str, label: &str, entity: &str) -> bool {
        self.favourability(language, label, entity).is_some_and(|reading| reading.is_finding())
    }

    /// The condition that a checkpoint's figures are read from.
    pub fn condition_of(&self, label: &str) -> Option<&'a str> {
        condition_of(self.analysis, label)
    }

    /// Whether choices are means over single prompts, as a run keeps them; an item table has their means alone.
    pub fn has_single_prompts(&self) -> bool {
        self.analysis.of("letter_bias").next().is_some()
    }

    /// How often the checkpoint chooses the entity.
    pub fn choice(&self, language: &str, label: &str, entity: &str) -> Option<&'a Choice> {
        let id = format!("choice/{language}/{label}/{entity}/{}/{}", self.question, self.subset);
        match self.analysis.estimate(&id)? {
            Estimate::Choice(choice) => Some(choice),
            _ => None,
        }
    }

    pub fn choice_shift(&self, language: &str, family: &str, entity: &str) -> Option<&'a ChoiceShift> {
        let id = format!("choice_shift/{language}/{family}/{entity}/{}/{}", self.question, self.subset);
        match self.analysis.estimate(&id)? {
            Estimate::ChoiceShift(shift) => Some(shift),
            _ => None,
        }
    }

    /// What the three scales say together of a family's shift.
    pub fn firm(&self, language: &str, family: &str, entity: &str) -> Option<&'a Firm> {
        let id = format!("firm/{language}/{family}/{entity}/{}/{}", self.question, self.subset);
        match self.analysis.estimate(&id)? {
            Estimate::Firm(firm) => Some(firm),
            _ => None,
        }
    }

    /// What the p of a group were adjusted over, in words.
    pub fn adjusted_over(&self, group: &str) -> String {
        let adjusted = self.analysis.of(group).find_map(|figure| figure.adjusted.as_ref());
        adjusted.map_or_else(String::new, |adjusted| {
            let method = match adjusted.method {
                "holm" => "Holm",
                _ => "Benjamini–Hochberg",
            };
            let over = adjusted.over.replace("countries", self.wording.many);
            format!("Adjusted p: {method} over the {over} of a language.")
        })
    }

    pub fn compliance(&self, language: &str, label: &str) -> Option<&'a Quantiles> {
        self.compliances.get(&(language, label)).copied()
    }

    pub fn caution(&self, language: &str, label: &str) -> Caution {
        self.compliance_mean(language, label).map_or(Caution::None, Caution::of)
    }

    /// Mean compliance.
    pub fn compliance_mean(&self, language: &str, label: &str) -> Option<f64> {
        self.compliance(language, label).map(|q| q.mean)
    }

    /// The worse of a family's first and last stage: what lies between them does not touch the shift from one to the other.
    pub fn ends_caution(&self, family: &Family<'_>, language: &str) -> Caution {
        let ends = family.ends().into_iter().flatten();
        ends.map(|(_, label)| self.caution(language, label)).max().unwrap_or(Caution::None)
    }

    /// Languages in which the checkpoint was asked.
    pub fn languages_of(&self, label: &str) -> Vec<&'a str> {
        let asked = |language: &&&str| self.compliances.contains_key(&(**language, label));
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
        let question = match self.turned() {
            Some(question) => format!("{}, turned", question_phrase(question)),
            None => question_phrase(self.question),
        };
        format!("{question}, {}", subset_phrase(self.subset))
    }

    /// The effect that leans are held to, where the page's figures are those that are.
    pub fn tested_size(&self) -> Option<f64> {
        (!self.groups.are_published()).then_some(self.smallest_effect)
    }

    /// The negative question, where the preference is that one alone.
    fn turned(&self) -> Option<&str> {
        let questions = self.analysis.settings.get("analysis")?.get("questions")?;
        let negative = questions.get("negative")?.as_str()?;
        (self.question == "preference" && questions.get("positive")?.is_null()).then_some(negative)
    }
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
