//! Checkpoints and families as the page names them.

use crate::stats::{Analysis, Figure, Parts, Settings};

/// A checkpoint as the study reads it (routed), or in another condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<'a> {
    /// As ids name it: `model`, or `model@condition`.
    pub label: &'a str,
    /// The checkpoint's own name, and the condition where it is not the routed one.
    pub model: &'a str,
    pub condition: Option<&'a str>,
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

impl<'a> Family<'a> {
    /// First and last stage, where there are two: (stage, label) each.
    pub fn ends(&self) -> Option<[(&'a str, &'a str); 2]> {
        match self.stages.as_slice() {
            [first, .., last] => Some([*first, *last]),
            _ => None,
        }
    }
}

/// A part of a figure's name; empty where the figure has none.
pub fn part(part: &Option<String>) -> &str {
    part.as_deref().unwrap_or("")
}

/// The condition that a checkpoint's figures are read from.
pub fn condition_of<'a>(analysis: &'a Analysis, model: &str) -> Option<&'a str> {
    let read = |parts: &&Parts| parts.routed == Some(true) && part(&parts.checkpoint) == model;
    analysis.of("compliance").map(|figure| &figure.parts).find(read)?.condition.as_deref()
}

/// The label in the id of a run's figure: what stands behind its group and language.
pub fn label_of(figure: &Figure) -> &str {
    let model = part(&figure.parts.checkpoint);
    if figure.parts.routed != Some(false) {
        return model;
    }
    // `group/language/model@condition/...`: the parts say how long each is.
    let from = figure.parts.group.len() + part(&figure.parts.language).len() + 2;
    let length = model.len() + 1 + part(&figure.parts.condition).len();
    figure.id.get(from..from + length).unwrap_or(model)
}

/// Families with what the table has of them; routed checkpoints; runs of other conditions.
pub fn checkpoints<'a>(
    settings: &'a Settings,
    analysis: &'a Analysis,
) -> (Vec<Family<'a>>, Vec<Checkpoint<'a>>, Vec<Checkpoint<'a>>) {
    // (label, model, other condition), each once, in the analysis' order.
    let mut runs: Vec<(&str, &str, Option<&str>)> = Vec::new();
    for figure in analysis.of("confirmatory") {
        let condition = figure.parts.condition.as_deref().filter(|_| figure.parts.routed == Some(false));
        let run = (label_of(figure), part(&figure.parts.checkpoint), condition);
        if !runs.contains(&run) {
            runs.push(run);
        }
    }
    let routed = |model: &str| runs.iter().any(|(_, m, condition)| *m == model && condition.is_none());
    let mut families: Vec<Family<'a>> = Vec::new();
    let mut checkpoints: Vec<Checkpoint<'a>> = Vec::new();
    for family in &settings.families {
        let mut stages = Vec::new();
        for stage in family.stages.iter().filter(|s| routed(&s.model)) {
            stages.push((stage.name.as_str(), stage.model.as_str()));
            checkpoints.push(Checkpoint {
                label: &stage.model,
                model: &stage.model,
                condition: None,
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
    for (label, model, condition) in runs {
        let of = checkpoints.iter().find(|c| c.model == model);
        if condition.is_none() && of.is_some() {
            continue;
        }
        let (family, stage) = of.map_or((None, None), |c| (c.family, c.stage));
        let checkpoint = Checkpoint { label, model, condition, family, stage };
        if condition.is_some() { others.push(checkpoint) } else { checkpoints.push(checkpoint) }
    }
    (families, checkpoints, others)
}
