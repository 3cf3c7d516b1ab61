//! Conditions: that what they name exists, and which texts each of them reaches.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::{Finding, Origin, list};
use super::super::expand::MAX_DEPTH;
use super::super::kind::Kind;
use super::super::model::{Condition, EntitySet, Layout, Prefill, Study, Text};
use super::super::prompt::StageForm;
use super::super::template::{Piece, Spelling, Template, Who};

/// Which texts the conditions come to.
#[derive(Default)]
pub struct Uses<'s> {
    /// Those that are read with one entity set in one language: (set, language) to texts by their origin.
    texts: BTreeMap<(&'s str, &'s str), BTreeMap<(&'s str, usize, &'s str), Used<'s>>>,
    /// Language and name of every text that some layout asks for.
    reached: BTreeSet<(&'s str, &'s str)>,
}

/// A text, and whether a sentence begins with it.
#[derive(Clone, Copy)]
pub struct Used<'s> {
    pub template: &'s Template,
    pub narrative: bool,
}

impl<'s> Uses<'s> {
    fn add(&mut self, set: &'s EntitySet, language: &'s str, template: &'s Template, narrative: bool) {
        let Origin { file, line, place } = &template.origin;
        let key = (file.as_str(), line.unwrap_or(0), place.as_str());
        let texts = self.texts.entry((&set.name, language)).or_default();
        texts.entry(key).or_insert(Used { template, narrative });
    }

    /// Whether some layout asks for the text in the language.
    pub fn reaches(&self, language: &str, name: &str) -> bool {
        self.reached.contains(&(language, name))
    }

    /// Whether some layout asks for any text in the language.
    pub fn reaches_any(&self, language: &str) -> bool {
        self.reached.iter().any(|(reached, _)| *reached == language)
    }

    /// Entity set, language and texts.
    pub fn iter(&self) -> impl Iterator<Item = (&'s str, &'s str, impl Iterator<Item = Used<'s>> + '_)> {
        self.texts.iter().map(|((set, language), texts)| (*set, *language, texts.values().copied()))
    }
}

pub fn check<'s>(study: &'s Study, findings: &mut Vec<Finding>) -> Uses<'s> {
    let mut uses = Uses::default();
    for condition in &study.conditions {
        one(study, condition, &mut uses, findings);
    }
    unused(study, &uses, findings);
    uses
}

fn one<'s>(study: &'s Study, condition: &'s Condition, uses: &mut Uses<'s>, findings: &mut Vec<Finding>) {
    let mut wrong = |message: String| findings.push(Finding::error(&condition.origin, message));
    let set = study.entity_sets.get(&condition.entities);
    if set.is_none() {
        let known = list(study.entity_sets.keys().map(String::as_str));
        wrong(format!("`entities` names `{}`; there is {known}", condition.entities));
    }
    let sets: BTreeSet<&str> = study.scenarios().iter().map(|s| s.set.as_str()).collect();
    if !sets.contains(condition.scenarios.as_str()) {
        wrong(format!("`scenarios` names `{}`; there is {}", condition.scenarios, list(sets)));
    }
    let named = condition.languages.iter().flatten().chain(&condition.question_language);
    for language in named.filter(|l| !study.languages.contains(l)) {
        wrong(format!("`{language}` is not among `languages` in study.toml"));
    }
    let forms = [StageForm::Base, StageForm::Chat];
    let exists = |form| study.languages.iter().any(|l| condition.exists(l, form));
    if !forms.into_iter().any(exists) {
        wrong("the condition exists for no language and stage".into());
    }
    let mut walk = Walk { study, set, hit: BTreeSet::new(), uses, findings };
    let mut switches: BTreeSet<&str> = BTreeSet::new();
    for form in forms {
        let Some(layout) = condition.layout(form) else {
            continue;
        };
        switches.extend(layout.omit.iter().chain(layout.replace.keys()).map(String::as_str));
        walk.prefill(condition, layout);
        for language in study.languages.iter().filter(|l| condition.exists(l, form)) {
            walk.layout(condition, layout, language);
        }
    }
    let Walk { hit, .. } = walk;
    for slot in switches.difference(&hit) {
        let message = format!("`{{{slot}}}` is omitted or replaced, but no layout of the condition uses it");
        findings.push(Finding::warning(&condition.origin, Kind::Unused, message));
    }
}

/// The texts on the way, and those that need not be walked again.
#[derive(Default)]
struct Trail<'s> {
    open: Vec<&'s str>,
    done: BTreeSet<&'s str>,
}

/// From layouts through their slots.
struct Walk<'s, 'w> {
    study: &'s Study,
    set: Option<&'s EntitySet>,
    /// Omitted or replaced slots that were met.
    hit: BTreeSet<&'s str>,
    uses: &'w mut Uses<'s>,
    findings: &'w mut Vec<Finding>,
}

impl<'s> Walk<'s, '_> {
    fn prefill(&mut self, condition: &Condition, layout: &Layout) {
        if let Prefill::Literal(text) = &layout.prefill
            && text.contains(['{', '}'])
        {
            let message = "`prefill` is literal text: braces in it are not filled in";
            self.findings.push(Finding::warning(&condition.origin, Kind::Prefill, message));
        }
    }

    fn layout(&mut self, condition: &'s Condition, layout: &'s Layout, language: &'s str) {
        let texts = condition.text_language(language);
        if !self.study.languages.iter().any(|l| l == texts) {
            return; // said already
        }
        let mut trail = Trail::default();
        for (_, template) in &layout.parts {
            self.text(template, texts, layout, &mut trail);
        }
        if condition.narrative_options && texts != language {
            self.options(layout, language, texts);
        }
        let mut trail = Trail::default();
        let narratives = self.study.scenarios_in(language);
        for scenario in narratives.iter().filter(|s| s.set == condition.scenarios) {
            if let Some(set) = self.set {
                self.uses.add(set, language, &scenario.text, true);
            }
            self.narrative(&scenario.text, language, layout, &mut trail);
        }
    }

    /// The names in the options are those of the narrative's language.
    fn options(&mut self, layout: &'s Layout, language: &'s str, texts: &'s str) {
        let Some(set) = self.set else { return };
        let reached = self.study.texts.get(texts).into_iter().flatten();
        let reached = reached.filter(|(name, _)| self.uses.reaches(texts, name));
        let reached = reached.flat_map(|(_, text)| match text {
            Text::One(template) => vec![template],
            Text::ByQuestion(by_question, _) => by_question.values().collect(),
        });
        let parts = layout.parts.iter().map(|(_, template)| template);
        let forms: BTreeSet<&str> = reached
            .chain(parts)
            .flat_map(Template::mentions)
            .filter_map(|(who, spelling)| match (who, spelling) {
                (Who::First | Who::Second, Spelling::Form(form)) => Some(form.as_str()),
                _ => None,
            })
            .collect();
        for entity in &set.entities {
            let Some(spelled) = entity.spelled.get(language) else { continue };
            for form in forms.iter().filter(|form| !spelled.forms.contains_key(**form)) {
                let message = format!(
                    "the entity has no form `{form}` in {language}, which options with the narrative's names ask for"
                );
                self.findings.push(Finding::error(&entity.origin, message));
            }
        }
    }

    fn narrative(
        &mut self,
        template: &'s Template,
        language: &'s str,
        layout: &'s Layout,
        trail: &mut Trail<'s>,
    ) {
        for piece in &template.pieces {
            match piece {
                Piece::Narrative => self
                    .findings
                    .push(Finding::error(&template.origin, "`{narrative}` cannot stand inside a narrative")),
                Piece::Slot(name) => self.slot(name, template, language, layout, trail),
                _ => {}
            }
        }
    }

    fn text(&mut self, template: &'s Template, language: &'s str, layout: &'s Layout, trail: &mut Trail<'s>) {
        if let Some(set) = self.set {
            self.uses.add(set, language, template, false);
        }
        for piece in &template.pieces {
            if let Piece::Slot(name) = piece {
                self.slot(name, template, language, layout, trail);
            }
        }
    }

    fn slot(
        &mut self,
        name: &'s str,
        user: &Template,
        language: &'s str,
        layout: &'s Layout,
        trail: &mut Trail<'s>,
    ) {
        if let Some(slot) = layout.omit.get(name) {
            self.hit.insert(slot);
            return;
        }
        let name = match layout.replace.get_key_value(name) {
            Some((slot, other)) => {
                self.hit.insert(slot);
                other.as_str()
            }
            None => name,
        };
        if trail.open.contains(&name) || trail.open.len() >= MAX_DEPTH {
            let path = trail.open.join(" > ");
            let message = format!("the text `{name}` uses itself or nests too deeply ({path} > {name})");
            self.findings.push(Finding::error(&user.origin, message));
            return;
        }
        self.uses.reached.insert((language, name));
        let texts = self.study.texts.get(language);
        let Some(text) = texts.and_then(|texts| texts.get(name)) else {
            let reference = self.study.reference();
            let theirs = self.study.texts.get(reference).is_some_and(|texts| texts.contains_key(name));
            if language != reference && (theirs || texts.is_none_or(BTreeMap::is_empty)) {
                return; // said of the file
            }
            let message = format!("`{{{name}}}` asks for a text that texts/{language}.toml does not have");
            self.findings.push(Finding::error(&user.origin, message));
            return;
        };
        if !trail.done.insert(name) {
            return;
        }
        trail.open.push(name);
        match text {
            Text::One(template) => self.text(template, language, layout, trail),
            Text::ByQuestion(by_question, _) => {
                for template in by_question.values() {
                    self.text(template, language, layout, trail);
                }
            }
        }
        trail.open.pop();
    }
}

fn unused(study: &Study, uses: &Uses<'_>, findings: &mut Vec<Finding>) {
    let reference = study.reference();
    let reached: BTreeSet<&str> = uses.reached.iter().map(|(_, name)| *name).collect();
    for (name, text) in study.texts.get(reference).into_iter().flatten() {
        if !reached.contains(name.as_str()) {
            let origin = match text {
                Text::One(template) => &template.origin,
                Text::ByQuestion(_, origin) => origin,
            };
            let message = format!("no condition uses the text `{name}`");
            findings.push(Finding::warning(origin, Kind::Unused, message));
        }
    }
    let sets: BTreeSet<&str> = study.conditions.iter().map(|c| c.scenarios.as_str()).collect();
    let mut said = BTreeSet::new();
    for scenario in study.scenarios() {
        if !sets.contains(scenario.set.as_str()) && said.insert(&scenario.text.origin.file) {
            let file = Origin::file(scenario.text.origin.file.clone());
            let message = format!("no condition uses the scenario set `{}`", scenario.set);
            findings.push(Finding::warning(&file, Kind::Unused, message));
        }
    }
    for set in study.entity_sets.values() {
        if !study.conditions.iter().any(|c| c.entities == set.name) {
            let file = Origin::file(set.origin.file.clone());
            findings.push(Finding::warning(&file, Kind::Unused, "no condition uses this set of entities"));
        }
    }
}
