//! That every placeholder can be filled in with every entity that may stand there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::{Finding, list};
use super::super::expand::{Lacking, lacking, spell};
use super::super::model::{EntitySet, Study};
use super::super::template::{Spelling, Template};
use super::conditions::Uses;

/// Where a form is asked for: the first place and how many there are.
struct Asked {
    first: String,
    places: usize,
}

pub fn check(study: &Study, uses: &Uses<'_>, findings: &mut Vec<Finding>) {
    for (set, language, texts) in uses.iter() {
        let Some(set) = study.entity_sets.get(set) else {
            continue;
        };
        let templates: Vec<&Template> = texts.map(|used| used.template).collect();
        names(set, language, findings);
        forms(set, language, &templates, findings);
        classes(set, language, &templates, findings);
    }
}

fn names(set: &EntitySet, language: &str, findings: &mut Vec<Finding>) {
    for entity in &set.entities {
        if !entity.spelled.contains_key(language) {
            let message = format!("the entity has no names in {language} (`[entity.{language}]` is missing)");
            findings.push(Finding::error(&entity.origin, message));
        }
    }
}

/// Told once for each entity and form, at the entity, however many texts ask for it.
fn forms(set: &EntitySet, language: &str, templates: &[&Template], findings: &mut Vec<Finding>) {
    let mut asked: BTreeMap<&str, Asked> = BTreeMap::new();
    for template in templates {
        let forms: BTreeSet<&str> = template
            .mentions()
            .filter_map(|(_, spelling)| match spelling {
                Spelling::Form(form) => Some(form.as_str()),
                Spelling::Agree(_) => None,
            })
            .collect();
        for form in forms {
            let origin = &template.origin;
            let place = || format!("{} in {}:{}", origin.place, origin.file, origin.line.unwrap_or(1));
            let entry = asked.entry(form).or_insert_with(|| Asked { first: place(), places: 0 });
            entry.places += 1;
        }
    }
    for entity in &set.entities {
        let Some(spelled) = entity.spelled.get(language) else {
            continue;
        };
        for (form, asked) in &asked {
            if !spelled.forms.contains_key(*form) {
                let more = match asked.places {
                    1 => String::new(),
                    n => format!(" and {} more", n - 1),
                };
                let message = format!(
                    "the entity has no form `{form}` in {language}, which is asked for by {}{more}",
                    asked.first
                );
                findings.push(Finding::error(&entity.origin, message));
            }
        }
    }
}

fn classes(set: &EntitySet, language: &str, templates: &[&Template], findings: &mut Vec<Finding>) {
    let known: BTreeSet<&str> = set
        .entities
        .iter()
        .filter_map(|e| e.spelled.get(language))
        .flat_map(|s| s.agree.iter().map(String::as_str))
        .collect();
    for template in templates {
        for (who, spelling) in template.mentions() {
            let Spelling::Agree(alternatives) = spelling else {
                continue;
            };
            let without = set.entities.iter().find(|e| spell(e, language, spelling) == Err(Lacking::Class));
            if let Some(entity) = without {
                let message = lacking(Lacking::Class, entity, language, who, spelling);
                findings.push(Finding::error(&template.origin, message));
            }
            for (class, _) in alternatives {
                if !known.contains(class.as_str()) && !is_usual(class) {
                    let message = format!(
                        "no entity of the set `{}` has the class `{class}` in {language} (there is {})",
                        set.name,
                        list(known.iter().copied())
                    );
                    findings.push(Finding::warning(&template.origin, message));
                }
            }
        }
    }
}

/// The usual names of classes: a set of entities need not fill all of them (no plural among the invented ones, say).
fn is_usual(class: &str) -> bool {
    matches!(class, "s" | "p" | "m" | "f" | "n" | "ms" | "fs" | "mp" | "fp" | "ns" | "np")
}
