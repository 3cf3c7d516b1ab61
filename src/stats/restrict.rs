//! A roster names more than a sweep has scored so far, or was asked to score: its settings are cut down to the table.

use std::collections::{BTreeMap, BTreeSet};

use super::settings::{AnalysisSettings, Questions, Settings};
use super::table::{Id, Table};
use crate::plain::nearest;

impl Settings {
    /// Leaves out every checkpoint, family, route, variant and comparison that the table has nothing of.
    /// Returns a sentence for each, for the person who started the analysis.
    pub fn restrict_to(&mut self, table: &Table) -> Vec<String> {
        self.partial = true;
        let mut notes = Vec::new();
        if let Some(analysis) = &mut self.analysis {
            analysis.forget_unknown_names(table, &mut notes);
            let stages = self.families.iter().flat_map(|family| &family.stages);
            let checkpoints = stages.map(|stage| stage.model.as_str()).collect();
            analysis.drop_empty_parts(table, &checkpoints, &mut notes);
        }
        let nothing = BTreeMap::new();
        let route = self.analysis.as_ref().map_or(&nothing, |a| &a.route);
        let usual = usual_condition(table, self.analysis.as_ref());
        let scored = |model: &str| {
            let condition = route.get(model).map_or(Some(usual), |name| table.conditions.id(name));
            table
                .models
                .id(model)
                .zip(condition)
                .is_some_and(|(model, condition)| table.has(model, condition))
        };
        for family in &mut self.families {
            let name = &family.name;
            family.stages.retain(|stage| {
                let kept = scored(&stage.model);
                if !kept {
                    notes.push(format!(
                        "family `{name}`: no rows of `{}` (stage `{}`)",
                        stage.model, stage.name
                    ));
                }
                kept
            });
        }
        self.families.retain(|family| !family.stages.is_empty());
        let mut homes = self.families.iter().filter_map(|family| family.maker_country.as_deref()).peekable();
        if homes.peek().is_some() && homes.all(|home| table.countries.id(home).is_none()) {
            notes.push("no maker is at home in what is compared: there is no maker direction".to_owned());
        }
        notes
    }

    /// Takes the polarity of the study's questions, given as +1 or -1, where the settings name none.
    pub fn adopt_polarity(&mut self, questions: &[(String, i8)], table: &Table) {
        let analysis = self.analysis.get_or_insert_with(AnalysisSettings::default);
        let first = |polarity: i8| {
            let asked = |name: &String| table.questions.id(name).is_some();
            questions
                .iter()
                .find(|(name, sign)| *sign == polarity && asked(name))
                .map(|(name, _)| name.clone())
        };
        let known = Questions { positive: first(1), negative: first(-1) };
        if analysis.questions.is_none() && (known.positive.is_some() || known.negative.is_some()) {
            analysis.questions = Some(known);
        }
    }
}

/// The condition that is read where no route says otherwise: the settings', else `main`, else the table's first.
pub fn usual_condition(table: &Table, analysis: Option<&AnalysisSettings>) -> Id {
    let named = analysis.and_then(|a| a.condition.as_deref()).unwrap_or("main");
    table.conditions.id(named).unwrap_or_default()
}

impl AnalysisSettings {
    fn forget_unknown_names(&mut self, table: &Table, notes: &mut Vec<String>) {
        let names = [
            ("target", &mut self.target, &table.countries),
            ("baseline_language", &mut self.baseline_language, &table.languages),
            ("condition", &mut self.condition, &table.conditions),
        ];
        for (setting, named, known) in names {
            if let Some(name) = named.take_if(|name| known.id(name).is_none()) {
                notes.push(format!(
                    "analysis.{setting} is `{name}`, of which there are no rows{}; a default stands in",
                    nearest(&name, known.iter())
                ));
            }
        }
    }

    /// `checkpoints`: those of the families, which may have no rows yet.
    fn drop_empty_parts(&mut self, table: &Table, checkpoints: &BTreeSet<&str>, notes: &mut Vec<String>) {
        let has = |model: &str, condition: &str| {
            let (model, condition) = (table.models.id(model), table.conditions.id(condition));
            model.zip(condition).is_some_and(|(model, condition)| table.has(model, condition))
        };
        let usual = table.conditions.name(usual_condition(table, Some(self)));
        // One that is in no family and has no rows is nobody's: a slip of the pen.
        let nobody =
            |model: &String| table.models.id(model).is_none() && !checkpoints.contains(model.as_str());
        let like = |model: &str| nearest(model, checkpoints.iter().copied().chain(table.models.iter()));
        for model in self.route.keys().filter(|model| nobody(model)) {
            notes.push(format!(
                "analysis.route names the checkpoint `{model}`, which no family has{}",
                like(model)
            ));
        }
        for variant in &self.coherence.variant {
            for model in variant.route.keys().filter(|model| nobody(model)) {
                notes.push(format!(
                    "analysis.coherence.variant `{}` names the checkpoint `{model}`, which no family has{}",
                    variant.name,
                    like(model)
                ));
            }
        }
        self.route.retain(|model, condition| {
            let kept = has(model, condition);
            // A checkpoint without any rows is reported with its family.
            if !kept && table.models.id(model).is_some() {
                let instead = match has(model, usual) {
                    true => format!("`{usual}` is shown in its place"),
                    false => "nothing is shown in its place".to_owned(),
                };
                notes.push(format!(
                    "no rows of `{model}` in condition `{condition}`, to which it is routed: {instead}"
                ));
            }
            kept
        });
        for variant in &mut self.coherence.variant {
            variant.route.retain(|model, condition| has(model, condition));
        }
        self.coherence.variant.retain(|variant| !variant.route.is_empty());

        self.comparison.retain(|comparison| {
            let conditions = [&comparison.condition, &comparison.baseline].map(Some);
            let languages = [comparison.language.as_ref(), comparison.baseline_language.as_ref()];
            let mut missing: Vec<String> = Vec::new();
            for (kind, named, known) in
                [("condition", conditions, &table.conditions), ("language", languages, &table.languages)]
            {
                for name in named.into_iter().flatten().filter(|name| known.id(name).is_none()) {
                    missing.push(format!("{kind} `{name}`{}", nearest(name, known.iter())));
                }
            }
            if !missing.is_empty() {
                notes.push(format!("comparison `{}`: no rows of {}", comparison.name, missing.join(" and ")));
            }
            missing.is_empty()
        });
    }
}
