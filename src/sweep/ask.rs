//! Which prompts a checkpoint is asked: all languages and conditions together, as tokens.

use sha2::{Digest, Sha256};

use crate::scoring::{ChoiceSet, ScoreItem};
use crate::store::Stage;
use crate::study::{Choices, Condition, Prompt, PromptQuery, Study};

use super::error::{PromptError, SweepError};
use super::model::Model;
use super::{Request, Watch};

/// Prompts whose texts are held at a time: texts are many times larger than their tokens.
const CHUNK: usize = 4096;

/// A chunk of prompts on its way to the plan.
pub struct Chunk<'a> {
    pub prompts: &'a [Prompt],
    /// Token ids of each prompt.
    pub items: Vec<ScoreItem>,
}

/// Everything the request asks of `model`, chunk by chunk; the choice sets that the items point to are returned.
///
/// What does not exist for the stage (a condition without its form, a prefill that the roster lacks) is noted and left out.
pub fn ask<M: Model>(
    request: &Request<'_>,
    stage: &Stage,
    model: &M,
    watch: &mut dyn Watch,
    mut take: impl FnMut(Chunk<'_>, &[ChoiceSet]) -> Result<(), SweepError>,
) -> Result<Vec<ChoiceSet>, SweepError> {
    let mut choice_sets: Vec<ChoiceSet> = Vec::new();
    let conditions = request.conditions.iter().map(String::as_str).chain(routed(request, stage, watch));
    for condition in conditions {
        let condition = request.study.condition(condition)?;
        if condition.needs_prefill(stage.form) && stage.prefill.is_none() {
            watch.note(&format!(
                "{}: condition `{}` skipped, the roster gives this checkpoint no prefill",
                stage.model, condition.name
            ));
            continue;
        }
        let (here, elsewhere): (Vec<&String>, Vec<&String>) =
            request.languages.iter().partition(|language| condition.exists(language, stage.form));
        if !elsewhere.is_empty() {
            let elsewhere: Vec<&str> = elsewhere.into_iter().map(String::as_str).collect();
            watch.note(&format!(
                "{}: condition `{}` skipped in {}, where it does not exist for {} checkpoints",
                stage.model,
                condition.name,
                elsewhere.join(", "),
                stage.form.name()
            ));
        }
        for language in here {
            let spellings = spellings(request.study, condition, language);
            let choices = choice_set(model, stage, language, spellings, &mut choice_sets)?;
            let mut prompts = request.study.prompts(&query(request, stage, condition, language))?;
            let mut left = request.limit.unwrap_or(usize::MAX);
            let mut first = true;
            loop {
                let chunk: Vec<Prompt> = prompts.by_ref().take(left.min(CHUNK)).collect();
                if chunk.is_empty() {
                    break;
                }
                left -= chunk.len();
                if let (true, Some(prompt)) = (first, chunk.first()) {
                    warn_of_oddities(stage, model, prompt, spellings, watch)?;
                    first = false;
                }
                let items = items(stage, model, &chunk, choices)?;
                take(Chunk { prompts: &chunk, items }, &choice_sets)?;
            }
        }
    }
    Ok(choice_sets)
}

/// The condition in which the roster's analysis reads this checkpoint, where it would not be asked otherwise.
fn routed<'a>(request: &Request<'a>, stage: &Stage, watch: &mut dyn Watch) -> Option<&'a str> {
    let name = request.routed(stage)?;
    let known = request.study.condition(name).is_ok();
    watch.note(&match known {
        true => format!(
            "{}: condition `{name}` is asked too, the roster routes this checkpoint to it",
            stage.model
        ),
        false => format!(
            "{}: the roster routes this checkpoint to `{name}`, no condition of the study",
            stage.model
        ),
    });
    known.then_some(name)
}

/// Over the ids as little-endian u32.
pub fn prompt_sha256(tokens: &[u32]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for id in tokens {
        digest.update(id.to_le_bytes());
    }
    digest.finalize().into()
}

fn query(request: &Request<'_>, stage: &Stage, condition: &Condition, language: &str) -> PromptQuery {
    PromptQuery {
        entities: request.countries.clone(),
        scenarios: request.scenarios.clone(),
        prefill: stage.prefill.clone(),
        ..PromptQuery::new(language, &condition.name, stage.form)
    }
}

/// The answers belong to the question, so they are in its language.
fn spellings<'s>(study: &'s Study, condition: &Condition, language: &str) -> &'s Choices {
    study.answers(condition.question_language.as_deref().unwrap_or(language))
}

fn choice_set<M: Model>(
    model: &M,
    stage: &Stage,
    language: &str,
    spellings: &Choices,
    sets: &mut Vec<ChoiceSet>,
) -> Result<usize, SweepError> {
    let tokens = model.answers(spellings).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    let vocab = model.vocab();
    if let Some(token) = tokens.iter().flatten().find(|id| **id as usize >= vocab) {
        let language = language.to_owned();
        let error = PromptError::Answer { language, token: *token, vocab };
        return Err(SweepError::checkpoint(&stage.model, error));
    }
    let set = ChoiceSet::Tokens(tokens);
    Ok(match sets.iter().position(|known| *known == set) {
        Some(index) => index,
        None => {
            sets.push(set);
            sets.len() - 1
        }
    })
}

fn warn_of_oddities<M: Model>(
    stage: &Stage,
    model: &M,
    prompt: &Prompt,
    spellings: &Choices,
    watch: &mut dyn Watch,
) -> Result<(), SweepError> {
    let found = model.oddities(prompt, spellings).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    for oddity in found {
        watch.note(&format!(
            "{}: condition `{}` in `{}`: {oddity}",
            stage.model, prompt.condition, prompt.language
        ));
    }
    Ok(())
}

fn items<M: Model>(
    stage: &Stage,
    model: &M,
    prompts: &[Prompt],
    choices: usize,
) -> Result<Vec<ScoreItem>, SweepError> {
    let (context, vocab) = (model.context(), model.vocab());
    let encoded = model.encode(prompts).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    let check = |prompt: &Prompt, tokens: &[u32]| {
        let id = || prompt.id.clone();
        if tokens.is_empty() {
            return Err(PromptError::Empty { id: id() });
        }
        if tokens.len() > context {
            return Err(PromptError::TooLong { id: id(), tokens: tokens.len(), context });
        }
        match tokens.iter().find(|token| **token as usize >= vocab) {
            Some(token) => Err(PromptError::Token { id: id(), token: *token, vocab }),
            None => Ok(()),
        }
    };
    for (prompt, tokens) in prompts.iter().zip(&encoded) {
        check(prompt, tokens).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    }
    Ok(encoded.into_iter().map(|tokens| ScoreItem { tokens, choices }).collect())
}
