//! What a sweep sets out to do, recorded in the run before anything is loaded.

use std::collections::BTreeMap;

use crate::build;
use crate::store::{Cell, Family, Filters, Machine, PromptKey, RunStore, ShardRecord, Stage, SweepRecord};
use crate::study::PromptQuery;

use super::ask::{Part, parts};
use super::error::SweepError;
use super::split::{Share, own};
use super::{Request, Watch};

impl Request<'_> {
    /// What of the study and the roster is left out.
    pub fn filters(&self) -> Filters {
        let all = |asked: &[String], there: &[String]| there.iter().all(|name| asked.contains(name));
        Filters {
            models: self.models.clone(),
            languages: match all(&self.languages, self.study.languages()) {
                true => Vec::new(),
                false => self.languages.clone(),
            },
            conditions: self.conditions.clone(),
            countries: self.countries.clone(),
            scenarios: self.scenarios.clone(),
            limit: self.limit,
            seed: self.seed,
            shard: None,
        }
    }

    fn record(&self, shard: Option<ShardRecord>) -> SweepRecord {
        SweepRecord {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            build: build::COMMIT.map(str::to_owned),
            arguments: self.arguments.clone(),
            filters: Filters { shard, ..self.filters() },
            machine: Machine::this(),
        }
    }
}

/// Records the sweep and the prompts that it asks of every checkpoint. Checkpoints that are asked the same, because they
/// are of one form, are worked out together.
pub fn record(
    request: &Request<'_>,
    store: &mut RunStore,
    stages: &[(&Family, &Stage)],
    share: Option<&Share>,
    watch: &mut dyn Watch,
) -> Result<(), SweepError> {
    store.begin_sweep(&request.record(share.map(|share| share.record.clone())))?;
    let models: Vec<&str> = request.roster.stages().map(|(_, stage)| stage.model.as_str()).collect();
    store.forget_all_but(&models)?;
    let mut alike: BTreeMap<_, Vec<&Stage>> = BTreeMap::new();
    for (_, stage) in stages {
        // A shard has its own prompts of each.
        let own = share.map(|_| &stage.model);
        let kind = (stage.form.name(), stage.prefill.is_some(), request.routed(stage), own);
        alike.entry(kind).or_default().push(stage);
    }
    for stages in alike.into_values() {
        let Some(first) = stages.first() else { continue };
        let parts = parts(request, first, own(share, first), &mut |_| ())?;
        let mut keys: Vec<PromptKey> = Vec::new();
        for part in &parts {
            for range in part.chunks() {
                if watch.stop() {
                    return Err(SweepError::Stopped);
                }
                keys.extend(store.keys(&part.prompts(range))?);
            }
        }
        let models: Vec<&str> = stages.iter().map(|stage| stage.model.as_str()).collect();
        store.ask(&models, &cells(request, first, &parts)?, &keys)?;
    }
    Ok(())
}

/// Every language in which one of the conditions asked exists, whether it is asked in that language or not.
fn cells(request: &Request<'_>, stage: &Stage, parts: &[Part<'_>]) -> Result<Vec<Cell>, SweepError> {
    let mut cells = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for part in parts {
        let condition = part.condition;
        if seen.contains(&condition.name.as_str()) {
            continue;
        }
        seen.push(&condition.name);
        for language in request.study.languages() {
            if !condition.exists(language, stage.form) {
                continue;
            }
            let prompts = request.study.prompts(&PromptQuery {
                prefill: stage.prefill.clone(),
                ..PromptQuery::new(language, &condition.name, stage.form)
            })?;
            cells.push(Cell {
                language: language.clone(),
                condition: condition.name.clone(),
                whole: prompts.len() as u64,
            });
        }
    }
    Ok(cells)
}
