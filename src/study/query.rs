//! What is asked of a study: filters over languages, entities, pairs and scenarios, and what they let through.

use std::collections::{BTreeSet, HashMap};

use super::error::{Finding, StudyError};
use super::model::{Condition, EntitySet, Scenario, Study};
use super::prompt::StageForm;
use crate::plain::nearest;

/// Which prompts are wanted. Empty filters let everything through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptQuery {
    /// Language of the scenarios.
    pub language: String,
    pub condition: String,
    pub form: StageForm,
    /// Entity ids: a pair stays if both of its entities are listed.
    pub entities: Vec<String>,
    /// Pairs as `USA-France`, in either order.
    pub pairs: Vec<String>,
    /// Scenario ids or types.
    pub scenarios: Vec<String>,
    /// The checkpoint's own prefill, for conditions that ask for it.
    pub prefill: Option<String>,
}

impl PromptQuery {
    pub fn new(language: impl Into<String>, condition: impl Into<String>, form: StageForm) -> Self {
        Self {
            language: language.into(),
            condition: condition.into(),
            form,
            entities: Vec::new(),
            pairs: Vec::new(),
            scenarios: Vec::new(),
            prefill: None,
        }
    }
}

impl Study {
    pub(super) fn wanted_pairs(
        &self,
        set: &EntitySet,
        query: &PromptQuery,
    ) -> Result<Vec<(usize, usize)>, StudyError> {
        // A name is unknown only if no set has it: one filter may serve conditions with different entities.
        let known: BTreeSet<&str> = self.entity_ids().collect();
        for id in &query.entities {
            if !known.contains(id.as_str()) {
                return Err(self.unknown("entity", id, set.entities.iter().map(|e| e.id.as_str())));
            }
        }
        for pair in &query.pairs {
            if !self.entity_sets.values().any(|set| names_pair(set, pair)) {
                let known: Vec<String> = set.pairs.iter().filter_map(|&p| pair_name(set, p)).collect();
                return Err(self.unknown("pair", pair, known.iter().map(String::as_str)));
            }
        }
        let kept = |index: usize| {
            query.entities.is_empty()
                || set.entities.get(index).is_some_and(|e| query.entities.contains(&e.id))
        };
        let pairs = set.pairs.iter().copied().filter(|&(a, b)| {
            let listed = query.pairs.is_empty()
                || [(a, b), (b, a)]
                    .into_iter()
                    .filter_map(|p| pair_name(set, p))
                    .any(|name| query.pairs.contains(&name));
            listed && kept(a) && kept(b)
        });
        Ok(pairs.collect())
    }

    fn entity_ids(&self) -> impl Iterator<Item = &str> {
        self.entity_sets.values().flat_map(|set| set.entities.iter().map(|e| e.id.as_str()))
    }

    /// In the reference language's order, in the query's language.
    pub(super) fn wanted_scenarios(
        &self,
        condition: &Condition,
        query: &PromptQuery,
    ) -> Result<Vec<&Scenario>, StudyError> {
        for name in &query.scenarios {
            if !self.scenarios().iter().any(|s| s.id == *name || s.kind == *name) {
                let kinds: BTreeSet<&str> = self.scenarios().iter().map(|s| s.kind.as_str()).collect();
                let ids = self.scenarios().iter().map(|s| s.id.as_str());
                let hint = nearest(name, kinds.iter().copied().chain(ids));
                return match self.unknown("scenario or type", name, kinds) {
                    StudyError::Unknown { study, what, name, known, .. } => {
                        Err(StudyError::Unknown { study, what, name, hint, known })
                    }
                    other => Err(other),
                };
            }
        }
        let own: HashMap<&str, &Scenario> =
            self.scenarios_in(&query.language).iter().map(|s| (s.id.as_str(), s)).collect();
        let mut wanted = Vec::new();
        for scenario in self.scenarios() {
            let asked = query.scenarios.is_empty()
                || query.scenarios.iter().any(|n| *n == scenario.id || *n == scenario.kind);
            if scenario.set != condition.scenarios || !asked {
                continue;
            }
            let Some(own) = own.get(scenario.id.as_str()) else {
                let message = format!("the scenario is missing in language `{}`", query.language);
                return Err(malformed(vec![Finding::error(&scenario.text.origin, message)]));
            };
            wanted.push(*own);
        }
        if !self.scenarios().iter().any(|s| s.set == condition.scenarios) {
            let sets: BTreeSet<&str> = self.scenarios().iter().map(|s| s.set.as_str()).collect();
            return Err(self.unknown("scenario set", &condition.scenarios, sets));
        }
        Ok(wanted)
    }
}

fn pair_name(set: &EntitySet, (a, b): (usize, usize)) -> Option<String> {
    Some(format!("{}-{}", set.entities.get(a)?.id, set.entities.get(b)?.id))
}

fn names_pair(set: &EntitySet, name: &str) -> bool {
    set.pairs
        .iter()
        .any(|&(a, b)| [(a, b), (b, a)].into_iter().any(|p| pair_name(set, p).as_deref() == Some(name)))
}

pub(super) fn malformed(findings: Vec<Finding>) -> StudyError {
    StudyError::from_findings(findings).unwrap_or_else(|| StudyError::folder("", "unreadable"))
}
