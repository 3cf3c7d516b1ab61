//! What a sweep is asked, and what is refused of it before anything is loaded.

use std::collections::HashSet;

use crate::store::{Family, Roster, Stage};
use crate::study::{PromptQuery, StageForm, Study};

use super::error::SweepError;
use super::shard::Shard;

/// The entity set by which a study says that it compares countries.
const COUNTRIES: &str = "countries";

/// What to ask, and how to compute it.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub roster: &'a Roster,
    pub study: &'a Study,
    /// Checkpoints by their names in tables; all if empty.
    pub models: Vec<String>,
    pub languages: Vec<String>,
    pub conditions: Vec<String>,
    /// Pairs among these only; all if empty.
    pub countries: Vec<String>,
    /// Scenario ids or types; all if empty.
    pub scenarios: Vec<String>,
    /// Prompts per checkpoint, language and condition at most.
    pub limit: Option<usize>,
    /// Takes them at random, spread evenly over pairs and scenario types, rather than from the first on.
    pub seed: Option<u64>,
    /// Only this one of several equal shares of all that.
    pub shard: Option<Shard>,
    /// Compute shared prefixes once.
    pub sharing: bool,
    /// The command line that asks, for the record; empty where there is none.
    pub arguments: Vec<String>,
}

impl<'a> Request<'a> {
    /// Everything a roster and a study hold: the condition `main`, all languages, all checkpoints.
    pub fn new(roster: &'a Roster, study: &'a Study) -> Self {
        Self {
            roster,
            study,
            models: Vec::new(),
            languages: study.languages().to_vec(),
            conditions: vec!["main".to_owned()],
            countries: Vec::new(),
            scenarios: Vec::new(),
            limit: None,
            seed: None,
            shard: None,
            sharing: true,
            arguments: Vec::new(),
        }
    }

    /// The condition that `stage` is asked beside those of the request: the one that the analysis reads it in, where the
    /// request has the condition that the others are read in.
    pub fn routed(&self, stage: &Stage) -> Option<&'a str> {
        let route = self.roster.route.get(&stage.model)?;
        let asked = |name: &str| self.conditions.iter().any(|condition| condition == name);
        (asked(&self.roster.condition) && !asked(route)).then_some(route.as_str())
    }

    /// Refuses names that the roster or the study lacks, before anything is loaded.
    pub fn check(&self) -> Result<Vec<(&'a Family, &'a Stage)>, SweepError> {
        let stages = self.roster.select(&self.models)?;
        self.check_makers(&stages)?;
        if self.languages.is_empty() || self.conditions.is_empty() {
            return Err(SweepError::NothingAsked("no language or no condition is named".into()));
        }
        let forms: HashSet<StageForm> = stages.iter().map(|(_, stage)| stage.form).collect();
        let has_prefill = |form: StageForm| stages.iter().any(|(_, s)| s.form == form && s.prefill.is_some());
        let (mut possible, mut lacks_prefill) = (false, None);
        for condition in &self.conditions {
            let condition = self.study.condition(condition)?;
            for language in &self.languages {
                if !self.study.languages().contains(language) {
                    // Asked only for the study's own words on it.
                    self.study.prompts(&PromptQuery::new(language, &condition.name, StageForm::Base))?;
                }
                for form in forms.iter().filter(|form| condition.exists(language, **form)) {
                    let prompts = self.study.prompts(&PromptQuery {
                        entities: self.countries.clone(),
                        scenarios: self.scenarios.clone(),
                        prefill: Some(String::new()),
                        ..PromptQuery::new(language, &condition.name, *form)
                    })?;
                    if prompts.len() > 0 && condition.needs_prefill(*form) && !has_prefill(*form) {
                        lacks_prefill = Some(&condition.name);
                    } else {
                        possible |= prompts.len() > 0;
                    }
                }
            }
        }
        match lacks_prefill {
            _ if possible => Ok(stages),
            Some(condition) => Err(SweepError::NothingAsked(format!(
                "condition `{condition}` is for checkpoints with a `prefill`, and the roster gives none of these one"
            ))),
            None => Err(SweepError::NothingAsked(
                "the conditions, languages, countries and scenarios asked for have nothing in common".into(),
            )),
        }
    }

    /// A maker's country that is misspelt would turn the sign of its family's shift. Of a study that compares something
    /// else than countries no maker's country is asked.
    fn check_makers(&self, stages: &[(&'a Family, &'a Stage)]) -> Result<(), SweepError> {
        let entities = || self.study.entity_sets().flat_map(|set| &set.entities).map(|e| e.id.as_str());
        let is_entity = |country: &str| entities().any(|id| id == country);
        let homes = || self.roster.families.iter().filter_map(|family| family.maker_country.as_deref());
        if self.study.entity_set(COUNTRIES).is_err() && !homes().any(is_entity) {
            return Ok(());
        }
        let unknown = stages.iter().find_map(|(family, _)| {
            family.maker_country.as_deref().filter(|home| !is_entity(home)).map(|home| (family, home))
        });
        let Some((family, country)) = unknown else { return Ok(()) };
        let known: Vec<&str> = match self.study.entity_set(COUNTRIES) {
            Ok(set) => set.entities.iter().map(|e| e.id.as_str()).collect(),
            Err(_) => entities().collect(),
        };
        Err(SweepError::MakerCountry {
            roster: self.roster.name.clone(),
            family: family.name.clone(),
            country: country.to_owned(),
            known: known.into_iter().map(str::to_owned).collect(),
        })
    }
}
