//! That every placeholder can be filled in with every entity that may stand there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::{Finding, Origin, list};
use super::super::expand::{Lacking, lacking, spell, written};
use super::super::kind::Kind;
use super::super::model::{EntitySet, Study};
use super::super::template::{Spelling, Template, Who};
use super::conditions::Uses;

pub fn check(study: &Study, uses: &Uses<'_>, findings: &mut Vec<Finding>) {
    for (set, language, texts) in uses.iter() {
        let Some(set) = study.entity_sets.get(set) else {
            continue;
        };
        let templates: Vec<&Template> = texts.map(|used| used.template).collect();
        if !names(set, language, findings) {
            continue;
        }
        forms(set, language, &templates, findings);
        classes(set, language, &templates, findings);
    }
}

/// Whether the set speaks the language at all; if not, that has been said once.
fn names(set: &EntitySet, language: &str, findings: &mut Vec<Finding>) -> bool {
    let without: Vec<_> = set.entities.iter().filter(|e| !e.spelled.contains_key(language)).collect();
    if without.len() == set.entities.len() {
        let file = Origin::file(set.origin.file.clone());
        let message = format!("no entity has names in {language} (`[entity.{language}]` is missing)");
        findings.push(Finding::error(&file, message));
        return false;
    }
    for entity in without {
        let message = format!("the entity has no names in {language} (`[entity.{language}]` is missing)");
        findings.push(Finding::error(&entity.origin, message));
    }
    true
}

/// A form that nobody has is a slip of the text that asks for it; one that some have, of the entities without it.
/// Either is told once, however many texts ask.
fn forms(set: &EntitySet, language: &str, templates: &[&Template], findings: &mut Vec<Finding>) {
    let mut asked: BTreeMap<&str, Vec<(&Template, String)>> = BTreeMap::new();
    for template in templates {
        let forms: BTreeMap<&str, Who> = template
            .mentions()
            .filter_map(|(who, spelling)| match spelling {
                Spelling::Form(form) => Some((form.as_str(), who)),
                Spelling::Agree(_) => None,
            })
            .collect();
        for (form, who) in forms {
            let written = written(who, &Spelling::Form(form.to_owned()));
            asked.entry(form).or_default().push((template, written));
        }
    }
    let spelled = || set.entities.iter().filter_map(|e| Some((e, e.spelled.get(language)?)));
    let known: BTreeSet<&str> = spelled().flat_map(|(_, s)| s.forms.keys().map(String::as_str)).collect();
    for (form, places) in &asked {
        let Some((first, written)) = places.first() else {
            continue;
        };
        let (origin, others) = (&first.origin, places.len() - 1);
        if !known.contains(form) {
            let known = list(known.iter().copied());
            let mut message = format!(
                "`{{{written}}}` asks for the form `{form}`, which no entity has in {language} (there is {known})"
            );
            if others > 0 {
                message.push_str(&format!("; texts that ask for it, too: {others}"));
            }
            findings.push(Finding::error(origin, message));
            continue;
        }
        let more = if others > 0 { format!(" and {others} more") } else { String::new() };
        for (entity, _) in spelled().filter(|(_, s)| !s.forms.contains_key(*form)) {
            let message = format!(
                "the entity has no form `{form}` in {language}, which is asked for by {} in {}:{}{more}",
                origin.place,
                origin.file,
                origin.line.unwrap_or(1)
            );
            findings.push(Finding::error(&entity.origin, message));
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
                    findings.push(Finding::warning(&template.origin, Kind::Class, message));
                }
            }
        }
    }
}

/// The usual names of classes: a set of entities need not fill all of them (no plural among the invented ones, say).
fn is_usual(class: &str) -> bool {
    matches!(class, "s" | "p" | "m" | "f" | "n" | "ms" | "fs" | "mp" | "fp" | "ns" | "np")
}
