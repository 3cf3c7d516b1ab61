//! Names in the settings that a study or a roster does not have, or that nobody can tell apart: told before anything is
//! computed.

use std::collections::BTreeSet;

use super::settings::Settings;
use crate::plain::{alike, nearest};

/// The names that a sweep's item table can come to have.
#[derive(Debug, Clone, Default)]
pub struct Nameable<'a> {
    pub conditions: BTreeSet<&'a str>,
    pub languages: BTreeSet<&'a str>,
    pub types: BTreeSet<&'a str>,
    pub entities: BTreeSet<&'a str>,
    pub questions: BTreeSet<&'a str>,
}

impl Settings {
    /// A sentence for each name that nothing is called, with the nearest one that something is, and for each two names that
    /// read alike.
    pub fn misnamed(&self, names: &Nameable<'_>) -> Vec<String> {
        let mut found = self.alike();
        let Some(analysis) = &self.analysis else { return found };
        let stages = self.families.iter().flat_map(|family| &family.stages);
        let checkpoints: BTreeSet<&str> = stages.map(|stage| stage.model.as_str()).collect();
        let mut look = |place: &str, kind: &str, name: &str, known: &BTreeSet<&str>, whose: &str| {
            if !known.contains(name) {
                found.push(format!(
                    "{}: {place} names the {kind} `{name}`, which {whose} does not have{}",
                    self.name,
                    nearest(name, known.iter().copied())
                ));
            }
        };
        let (roster, study) = ("the roster", "the study");
        let variants = analysis.coherence.variant.iter();
        let variants = variants.map(|v| (format!("analysis.coherence.variant `{}`", v.name), &v.route));
        for (place, route) in [("analysis.route".to_owned(), &analysis.route)].into_iter().chain(variants) {
            for (model, condition) in route {
                look(&place, "checkpoint", model, &checkpoints, roster);
                look(&place, "condition", condition, &names.conditions, study);
            }
        }
        if let Some(target) = &analysis.target {
            look("analysis.target", "entity", target, &names.entities, study);
        }
        if let Some(questions) = &analysis.questions {
            for question in [&questions.positive, &questions.negative].into_iter().flatten() {
                look("analysis.questions", "question", question, &names.questions, study);
            }
        }
        if let Some(condition) = &analysis.condition {
            look("analysis.condition", "condition", condition, &names.conditions, study);
        }
        if let Some(language) = &analysis.baseline_language {
            look("analysis.baseline_language", "language", language, &names.languages, study);
        }
        for comparison in &analysis.comparison {
            let place = format!("analysis.comparison `{}`", comparison.name);
            for condition in [&comparison.condition, &comparison.baseline] {
                look(&place, "condition", condition, &names.conditions, study);
            }
            for language in [&comparison.language, &comparison.baseline_language].into_iter().flatten() {
                look(&place, "language", language, &names.languages, study);
            }
        }
        for contrast in &analysis.type_contrast {
            let place = format!("analysis.type_contrast `{}`", contrast.name);
            for name in &contrast.types {
                look(&place, "scenario type", name, &names.types, study);
            }
        }
        found
    }

    /// A sentence for each two names of families or checkpoints that are different and read alike.
    fn alike(&self) -> Vec<String> {
        let families = self.families.iter().map(|family| family.name.as_str());
        let models = self.families.iter().flat_map(|family| &family.stages).map(|stage| stage.model.as_str());
        [("families", alike(families)), ("checkpoints", alike(models))]
            .into_iter()
            .flat_map(|(kind, pairs)| pairs.into_iter().map(move |pair| (kind, pair)))
            .map(|(kind, (one, other))| format!("{}: the {kind} {}", self.name, read_alike(one, other)))
            .collect()
    }
}

/// Two names that [`alike`] gave, in words.
pub(super) fn read_alike(one: &str, other: &str) -> String {
    format!("{one:?} and {other:?} differ only in a blank at an end or in how letters are composed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_route_comparison_or_contrast_is_looked_up() {
        let settings = Settings::parse(
            "[analysis]\ncondition = 'main'\nbaseline_language = 'en'\ntarget = 'Chna'\n\
             questions = { positive = 'justifed', negative = 'unjustified' }\n\
             [analysis.route]\n'tiny-chta' = 'prefil'\n'tiny-chat' = 'main'\n\
             [[analysis.coherence.variant]]\nname = 'v'\nroute = { 'tiny_base' = 'main' }\n\
             [[analysis.comparison]]\nname = 'c'\ncondition = 'mian'\nbaseline = 'main'\nlanguage = 'de'\n\
             [[analysis.type_contrast]]\nname = 't'\ntypes = ['bordr', 'trade']\n\
             [[family]]\nname = 'tiny'\nbase = { model = 'tiny-base' }\nchat = { model = 'tiny-chat' }\n",
            "r.toml",
        )
        .expect("settings");
        let names = Nameable {
            conditions: ["main", "prefill"].into(),
            languages: ["en", "fr"].into(),
            types: ["border", "trade"].into(),
            entities: ["China", "Japan"].into(),
            questions: ["justified", "unjustified"].into(),
        };
        let found = settings.misnamed(&names);
        let expected = [
            "r.toml: analysis.route names the checkpoint `tiny-chta`, which the roster does not have, perhaps `tiny-chat` is meant",
            "r.toml: analysis.route names the condition `prefil`, which the study does not have, perhaps `prefill` is meant",
            "r.toml: analysis.coherence.variant `v` names the checkpoint `tiny_base`, which the roster does not have, perhaps `tiny-base` is meant",
            "r.toml: analysis.target names the entity `Chna`, which the study does not have, perhaps `China` is meant",
            "r.toml: analysis.questions names the question `justifed`, which the study does not have, perhaps `justified` is meant",
            "r.toml: analysis.comparison `c` names the condition `mian`, which the study does not have, perhaps `main` is meant",
            "r.toml: analysis.comparison `c` names the language `de`, which the study does not have",
            "r.toml: analysis.type_contrast `t` names the scenario type `bordr`, which the study does not have, perhaps `border` is meant",
        ];
        assert_eq!(found, expected);
        assert!(settings.misnamed(&Nameable::default()).len() > expected.len());
    }

    #[test]
    fn names_that_read_alike_are_told() {
        let family = |name: &str, model: &str| {
            format!("[[family]]\nname = '{name}'\nbase = {{ model = '{model}' }}\n")
        };
        let roster = [family("x", "mod\u{e8}le"), family("x ", "mode\u{300}le"), family("y", "m")].concat();
        let found = Settings::parse(&roster, "r.toml").expect("settings").misnamed(&Nameable::default());
        assert_eq!(
            found,
            [
                "r.toml: the families \"x\" and \"x \" differ only in a blank at an end or in how letters are composed",
                "r.toml: the checkpoints \"mod\u{e8}le\" and \"mode\\u{300}le\" differ only in a blank at an end or in how letters are composed",
            ]
        );
    }
}
