//! The languages held against the reference: the same scenarios, roles and texts, and none left untranslated.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::{Finding, Origin, list};
use super::super::kind::Kind;
use super::super::model::{Scenario, ScenarioRole, Study, Text};
use super::super::template::Template;
use super::conditions::Uses;
use crate::plain::{counted, reading};

/// A text with fewer letters than this may well be the same in two languages.
const LETTERS: usize = 12;

pub fn check(study: &Study, uses: &Uses<'_>, findings: &mut Vec<Finding>) {
    let Some((reference, others)) = study.languages.split_first() else {
        return;
    };
    if study.scenarios_in(reference).is_empty() {
        let folder = Origin::file(format!("scenarios/{reference}"));
        findings.push(Finding::error(&folder, "the reference language has no scenarios"));
    }
    for language in others {
        scenarios(study, reference, language, findings);
        texts(study, uses, reference, language, findings);
    }
    texts_by_question(study, findings);
    repeated_narratives(study, findings);
    one_sided_types(study, findings);
    same_names(study, findings);
    few_types(study, findings);
    polarities(study, findings);
    pair_names(study, findings);
}

fn scenarios(study: &Study, reference: &str, language: &str, findings: &mut Vec<Finding>) {
    let by_id = |language| -> BTreeMap<&str, &Scenario> {
        study.scenarios_in(language).iter().map(|s| (s.id.as_str(), s)).collect()
    };
    let (theirs, own) = (by_id(reference), by_id(language));
    if own.is_empty() {
        let folder = Origin::file(format!("scenarios/{language}"));
        let message = format!("the language has no scenarios; `{reference}` has {}", theirs.len());
        findings.push(Finding::error(&folder, message));
        return;
    }
    let missing = missing_files(study, reference, language);
    for (kind, count) in &missing {
        let file = Origin::file(format!("scenarios/{language}/{kind}.toml"));
        let scenarios = counted(*count, "scenario");
        let message = format!("the file is missing; `{reference}` has it with {scenarios}");
        findings.push(Finding::error(&file, message));
    }
    for (id, scenario) in &theirs {
        let Some(translated) = own.get(id) else {
            if missing.contains_key(scenario.kind.as_str()) {
                continue; // said of the file
            }
            let file = Origin {
                file: format!("scenarios/{language}/{}.toml", scenario.kind),
                line: None,
                place: format!("scenario `{id}`"),
            };
            let message = format!("the scenario is missing; `{reference}` has it");
            findings.push(Finding::error(&file, message));
            continue;
        };
        let mut differs = |what: &str, here: &str, there: &str| {
            if here != there {
                let message = format!("the {what} is `{here}`, but `{there}` in `{reference}`");
                findings.push(Finding::error(&translated.text.origin, message));
            }
        };
        differs("role", translated.role.name(), scenario.role.name());
        differs("set", &translated.set, &scenario.set);
        differs("type", &translated.kind, &scenario.kind);
        if translated.free != scenario.free {
            let message = format!("`placeholders` differs from the file in `{reference}`");
            findings.push(Finding::error(&translated.text.origin, message));
        }
        if untranslated(&translated.text, &scenario.text) {
            let message = format!("the narrative is the one of `{reference}`, not translated");
            findings.push(Finding::error(&translated.text.origin, message));
        }
    }
    for (id, scenario) in &own {
        if !theirs.contains_key(id) {
            let message = format!("the reference language `{reference}` has no such scenario");
            findings.push(Finding::error(&scenario.text.origin, message));
        }
    }
}

/// Types of which a language has no scenario at all, and how many it should have.
fn missing_files<'s>(study: &'s Study, reference: &str, language: &str) -> BTreeMap<&'s str, usize> {
    let own: BTreeSet<&str> = study.scenarios_in(language).iter().map(|s| s.kind.as_str()).collect();
    let mut missing = BTreeMap::new();
    for scenario in study.scenarios_in(reference).iter().filter(|s| !own.contains(s.kind.as_str())) {
        *missing.entry(scenario.kind.as_str()).or_default() += 1;
    }
    missing
}

/// A text that no condition comes to in the language need not be there.
fn texts(study: &Study, uses: &Uses<'_>, reference: &str, language: &str, findings: &mut Vec<Finding>) {
    let empty = BTreeMap::new();
    let theirs = study.texts.get(reference).unwrap_or(&empty);
    let own = study.texts.get(language).unwrap_or(&empty);
    let file = Origin::file(format!("texts/{language}.toml"));
    if own.is_empty() && !theirs.is_empty() && uses.reaches_any(language) {
        let texts = counted(theirs.len(), "text");
        let message = format!("the file is missing or empty; `{reference}` has {texts}");
        findings.push(Finding::error(&file, message));
        return;
    }
    for (name, text) in theirs {
        match (own.get(name), text) {
            (None, _) if !uses.reaches(language, name) => {}
            (None, _) => {
                let message = format!("the text `{name}` is missing; `{reference}` has it");
                findings.push(Finding::error(&file, message));
            }
            (Some(Text::One(own)), Text::One(text)) => warn_untranslated(own, text, reference, findings),
            (Some(Text::ByQuestion(own, _)), Text::ByQuestion(text, _)) => {
                for (question, text) in text {
                    if let Some(own) = own.get(question) {
                        warn_untranslated(own, text, reference, findings);
                    }
                }
            }
            // One for all questions here, one for each there: odd, but it works.
            (Some(own), _) => {
                let origin = match own {
                    Text::One(template) => &template.origin,
                    Text::ByQuestion(_, origin) => origin,
                };
                let message =
                    format!("one of this language and `{reference}` has it by question, the other not");
                findings.push(Finding::warning(origin, Kind::Untranslated, message));
            }
        }
    }
    for (name, text) in own {
        if !theirs.contains_key(name) && !uses.reaches(language, name) {
            let origin = match text {
                Text::One(template) => &template.origin,
                Text::ByQuestion(_, origin) => origin,
            };
            let message = format!("the reference language `{reference}` has no text `{name}`");
            findings.push(Finding::error(origin, message));
        }
    }
}

fn warn_untranslated(own: &Template, reference: &Template, language: &str, findings: &mut Vec<Finding>) {
    if untranslated(own, reference) {
        let message = format!("the text is the one of `{language}`, not translated");
        findings.push(Finding::warning(&own.origin, Kind::Untranslated, message));
    }
}

fn untranslated(own: &Template, reference: &Template) -> bool {
    let text = own.literal_text();
    text.chars().filter(|c| c.is_alphabetic()).count() >= LETTERS && text == reference.literal_text()
}

/// A text by question has every question, no other, and not twice the same for questions of opposite polarity.
fn texts_by_question(study: &Study, findings: &mut Vec<Finding>) {
    for texts in study.texts.values() {
        for (name, text) in texts {
            let Text::ByQuestion(by_question, origin) = text else {
                continue;
            };
            for question in &study.questions {
                if !by_question.contains_key(&question.id) {
                    let message = format!("the text `{name}` has nothing for the question `{}`", question.id);
                    findings.push(Finding::error(origin, message));
                }
            }
            for (question, template) in by_question {
                let Some(polarity) = study.polarity(question) else {
                    let message = format!("study.toml has no question `{question}`");
                    findings.push(Finding::error(&template.origin, message));
                    continue;
                };
                let twin = by_question.iter().find(|(other, t)| {
                    t.pieces == template.pieces && study.polarity(other).is_some_and(|p| p != polarity)
                });
                if let Some((twin, _)) = twin
                    && question < twin
                {
                    let message = format!(
                        "the questions `{question}` and `{twin}`, of opposite polarity, have the same text"
                    );
                    findings.push(Finding::error(origin, message));
                }
            }
        }
    }
}

fn repeated_narratives(study: &Study, findings: &mut Vec<Finding>) {
    for language in &study.languages {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for scenario in study.scenarios_in(language).iter().filter(|s| !s.free) {
            let text = scenario.text.literal_text();
            if let Some(first) = seen.get(&text) {
                let message = format!("the narrative is that of `{first}` again");
                findings.push(Finding::error(&scenario.text.origin, message));
            } else {
                seen.insert(text, &scenario.id);
            }
        }
    }
}

/// In a type where the first-named entity only ever acts, role and order of naming are the same thing.
fn one_sided_types(study: &Study, findings: &mut Vec<Finding>) {
    let mut kinds: BTreeMap<&str, (BTreeSet<&str>, &Scenario)> = BTreeMap::new();
    for scenario in study.scenarios() {
        let entry = kinds.entry(&scenario.kind).or_insert_with(|| (BTreeSet::new(), scenario));
        entry.0.insert(scenario.role.name());
    }
    for (roles, scenario) in kinds.values() {
        let (acts, responds) = (ScenarioRole::Acts.name(), ScenarioRole::Responds.name());
        if roles.contains(acts) != roles.contains(responds) {
            let file = Origin::file(scenario.text.origin.file.clone());
            let message = format!(
                "the type has no scenario with the role `{}`, so that role and order of naming cannot be told apart",
                if roles.contains(acts) { responds } else { acts }
            );
            findings.push(Finding::warning(&file, Kind::OneSided, message));
        }
    }
}

/// Two entities that read alike cannot be told apart by anybody.
fn same_names(study: &Study, findings: &mut Vec<Finding>) {
    for set in study.entity_sets.values() {
        for language in &study.languages {
            let mut seen: BTreeMap<String, &str> = BTreeMap::new();
            for entity in &set.entities {
                let name = entity.spelled.get(language).and_then(|s| s.forms.get("name"));
                let Some(name) = name else { continue };
                if let Some(other) = seen.insert(reading(name), &entity.id) {
                    let message = format!("`{name}` is also the name of `{other}` in {language}");
                    findings.push(Finding::error(&entity.origin, message));
                }
            }
        }
    }
}

/// Types are the clusters of every interval.
const LEAST_TYPES: usize = 5;

fn few_types(study: &Study, findings: &mut Vec<Finding>) {
    let Some(set) = study.conditions.first().map(|condition| &condition.scenarios) else {
        return;
    };
    let types: BTreeSet<&str> =
        study.scenarios().iter().filter(|s| s.set == *set).map(|s| s.kind.as_str()).collect();
    if !types.is_empty() && types.len() < LEAST_TYPES {
        let file = Origin::file(format!("scenarios/{}", study.reference()));
        let message = format!(
            "the set `{set}` has {}; types are the clusters of every interval, which needs {LEAST_TYPES} or more",
            counted(types.len(), "type")
        );
        findings.push(Finding::warning(&file, Kind::FewTypes, message));
    }
}

/// A preference is told from a habit by two questions of opposite polarity.
fn polarities(study: &Study, findings: &mut Vec<Finding>) {
    let header = Origin::file("study.toml");
    let mut say = |message| findings.push(Finding::warning(&header, Kind::Polarity, message));
    for polarity in [1, -1] {
        let alike = || study.questions.iter().filter(|q| q.polarity == polarity).map(|q| q.id.as_str());
        if alike().count() > 1 {
            say(format!(
                "the questions {} have the same polarity ({polarity:+}); a figure is read from two of opposite polarity",
                list(alike())
            ));
        }
    }
    if let [one] = study.questions.as_slice() {
        say(format!(
            "`{}` is the only question; one of opposite polarity would tell a preference from a habit",
            one.id
        ));
    }
}

/// A pair is written `A-B`, in ids and on the command line.
fn pair_names(study: &Study, findings: &mut Vec<Finding>) {
    for set in study.entity_sets.values() {
        let id = |index: usize| set.entities.get(index).map_or("", |e| e.id.as_str());
        let mut seen: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for &pair in &set.pairs {
            let name = format!("{}-{}", id(pair.0), id(pair.1));
            if let Some(other) = seen.insert(name.clone(), pair) {
                let entity = set.entities.get(pair.0).map_or(&set.origin, |e| &e.origin);
                let message = format!(
                    "`{name}` is the pair of `{}` and `{}` and that of `{}` and `{}`: choose ids without `-`",
                    id(other.0),
                    id(other.1),
                    id(pair.0),
                    id(pair.1)
                );
                findings.push(Finding::error(entity, message));
            }
        }
        for entity in set.entities.iter().filter(|entity| entity.id.contains('-')) {
            let message = "the id holds a `-`, which stands between the two ids of a pair (`A-B`)";
            findings.push(Finding::warning(&entity.origin, Kind::PairIds, message));
        }
    }
}
