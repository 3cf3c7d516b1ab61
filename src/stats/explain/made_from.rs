//! The figures that a figure is made from.

use super::super::figure::{Analysis, Figure};
use super::super::key::Parts;
use super::catalogue::{Entry, PartsOf};
use super::explanation::{MadeOf, Part};
use super::headline::headline;

pub fn made_from(analysis: &Analysis, figure: &Figure, entry: &Entry, runs: &[Part]) -> Vec<MadeOf> {
    let own = &figure.parts;
    let same = |part: &Option<String>, own: &Option<String>| own.is_none() || part == own;
    let selected = |p: &Parts| {
        let question = own.question.as_deref().or((own.group == "planned_contrast").then_some("preference"));
        let subset = own.subset.as_deref().unwrap_or("all");
        same(&p.country, &own.country)
            && question.is_none_or(|question| p.question.as_deref().is_none_or(|q| q == question))
            && p.subset.as_deref().is_none_or(|of| of == subset)
    };
    let of_run = |p: &Parts, run: &Part| {
        let names = [&run.checkpoint, &run.language, &run.condition].map(|name| Some(name.as_str()));
        names == [p.checkpoint.as_deref(), p.language.as_deref(), p.condition.as_deref()]
    };
    // An empirical null is made of every country of its null condition.
    let any_country = |p: &Parts| {
        let null = own.name.is_some() && p.condition == own.name;
        Parts { country: own.country.clone().filter(|_| null).or(p.country.clone()), ..p.clone() }
    };
    let is_part = |f: &&Figure| {
        let p = &f.parts;
        match entry.parts {
            PartsOf::Items => false,
            PartsOf::Runs(group) => {
                let of_null = own.group == "empirical_null";
                p.group == group
                    && runs.iter().any(|run| of_run(p, run))
                    && if of_null { selected(&any_country(p)) } else { selected(p) }
            }
            PartsOf::Same(groups) => {
                let shared = Parts { group: p.group, name: p.name.clone(), ..own.clone() };
                groups.contains(&p.group) && *p == shared && f.step_between == figure.step_between
            }
            PartsOf::Families(group) => {
                p.group == group
                    && same(&p.family, &own.family)
                    && same(&p.language, &own.language)
                    && !f.step_between
                    && (p.routed == Some(true) || own.family.is_some())
                    && selected(p)
            }
            PartsOf::Steps(group) => {
                p.group == group
                    && p.family == own.family
                    && (p.language == own.language || p.language == own.baseline_language)
                    && (p.routed, f.step_between) == (Some(true), false)
                    && selected(p)
            }
            PartsOf::Spoken(group) => {
                p.group == group
                    && (&p.language, &p.baseline_language) == (&own.language, &own.baseline_language)
                    && runs.iter().any(|run| of_run(p, run))
                    && selected(p)
            }
        }
    };
    let made = |f: &Figure| MadeOf { id: f.id.clone(), headline: headline(&f.estimate) };
    analysis.figures().iter().filter(is_part).map(made).collect()
}
