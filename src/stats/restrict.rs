//! A roster names more than a sweep has scored so far, or was asked to score: its settings are cut down to the table.

use std::collections::BTreeMap;

use super::settings::Settings;
use super::table::Table;

impl Settings {
    /// Leaves out every checkpoint, family, route, variant and comparison that the table has nothing of.
    /// Returns a sentence for each, for the person who started the analysis.
    pub fn restrict_to(&mut self, table: &Table) -> Vec<String> {
        self.partial = true;
        let mut notes = Vec::new();
        let routes = self.analysis.as_ref().map(|a| a.route.clone()).unwrap_or_default();
        let condition = self.analysis.as_ref().and_then(|a| a.condition.clone());
        let routed = |model: &str| {
            let name = routes.get(model).or(condition.as_ref()).map_or("main", String::as_str);
            // A bare roster over a table without `main` reads the first condition.
            table.conditions.id(name).or_else(|| condition.is_none().then_some(0))
        };
        let scored = |model: &str| {
            table.models.id(model).zip(routed(model)).is_some_and(|(model, condition)| table.has(model, condition))
        };
        for family in &mut self.families {
            let name = &family.name;
            family.stages.retain(|stage| {
                let kept = scored(&stage.model);
                if !kept {
                    notes.push(format!("family `{name}`: no rows of `{}` (stage `{}`)", stage.model, stage.name));
                }
                kept
            });
        }
        self.families.retain(|family| !family.stages.is_empty());

        let Some(analysis) = &mut self.analysis else { return notes };
        let has = |model: &str, condition: &str| {
            let (model, condition) = (table.models.id(model), table.conditions.id(condition));
            model.zip(condition).is_some_and(|(model, condition)| table.has(model, condition))
        };
        let keep_rows = |route: &mut BTreeMap<String, String>| route.retain(|model, condition| has(model, condition));
        keep_rows(&mut analysis.route);
        analysis.coherence.variant.iter_mut().for_each(|variant| keep_rows(&mut variant.route));
        analysis.coherence.variant.retain(|variant| !variant.route.is_empty());

        let known = |language: &Option<String>| language.as_ref().is_none_or(|l| table.languages.id(l).is_some());
        analysis.comparison.retain(|comparison| {
            let conditions = [&comparison.condition, &comparison.baseline];
            let kept = conditions.iter().all(|c| table.conditions.id(c).is_some())
                && known(&comparison.language)
                && known(&comparison.baseline_language);
            if !kept {
                notes.push(format!("comparison `{}`: no rows of one side", comparison.name));
            }
            kept
        });
        let mut forget = |setting: &str, name: &mut Option<String>, has: bool| {
            if !has && let Some(name) = name.take() {
                notes.push(format!("analysis.{setting} is `{name}`, of which there are no rows; a default stands in"));
            }
        };
        let has_country = analysis.target.as_ref().is_some_and(|c| table.countries.id(c).is_some());
        forget("target", &mut analysis.target, has_country);
        let has_language = known(&analysis.baseline_language);
        forget("baseline_language", &mut analysis.baseline_language, has_language);
        let has_condition = analysis.condition.as_ref().is_none_or(|c| table.conditions.id(c).is_some());
        forget("condition", &mut analysis.condition, has_condition);
        notes
    }
}
