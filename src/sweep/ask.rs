//! Which prompts a checkpoint is asked: all languages and conditions together, as tokens.

use std::ops::Range;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::plain::counted;
use crate::scoring::{ChoiceSet, ScoreItem};
use crate::store::{Family, Stage};
use crate::study::{Choices, Condition, Prompt, PromptQuery, Prompts, Study};

use super::error::{PromptError, SweepError};
use super::speller::{Speller, Whole};
use super::{Request, Watch};

/// Prompts whose texts are held at a time: texts are many times larger than their tokens.
const CHUNK: usize = 4096;

/// A chunk of prompts on its way to the plan.
pub struct Chunk<'a> {
    pub prompts: &'a [Prompt],
    /// Token ids of each prompt.
    pub items: Vec<ScoreItem>,
    /// [`prompt_sha256`] of each.
    pub sha256: Vec<[u8; 32]>,
}

/// One condition in one language, as a checkpoint is asked it.
pub struct Part<'a> {
    pub condition: &'a Condition,
    pub language: &'a str,
    prompts: Prompts,
    /// Places of those that are asked.
    places: Vec<usize>,
}

impl Part<'_> {
    /// How many prompts are asked.
    pub fn asked(&self) -> usize {
        self.places.len()
    }

    /// The prompts `range` of those that are asked, made on all cores.
    pub fn prompts(&self, range: Range<usize>) -> Vec<Prompt> {
        range.into_par_iter().filter_map(|index| self.prompts.get(*self.places.get(index)?)).collect()
    }

    /// Ranges of prompts to be held at a time.
    pub fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let asked = self.asked();
        (0..asked).step_by(CHUNK).map(move |start| start..(start + CHUNK).min(asked))
    }
}

/// Everything the request asks of `stage`. What does not exist for it (a condition without its form, a prefill that the
/// roster lacks) is noted and left out. `own`: which of these prompts are asked, if not all.
pub fn parts<'a>(
    request: &Request<'a>,
    stage: &Stage,
    own: Option<&[bool]>,
    note: &mut dyn FnMut(&str),
) -> Result<Vec<Part<'a>>, SweepError> {
    let mut parts = Vec::new();
    let mut all = 0;
    let conditions = request.conditions.iter().map(String::as_str).chain(routed(request, stage, note));
    for condition in conditions {
        let condition = request.study.condition(condition)?;
        if condition.needs_prefill(stage.form) && stage.prefill.is_none() {
            note(&format!(
                "{}: condition `{}` skipped, the roster gives this checkpoint no prefill",
                stage.model, condition.name
            ));
            continue;
        }
        let languages = request.study.languages().iter().map(String::as_str);
        let (here, elsewhere): (Vec<&str>, Vec<&str>) = request
            .languages
            .iter()
            .filter_map(|name| languages.clone().find(|known| *known == name.as_str()))
            .partition(|language| condition.exists(language, stage.form));
        if !elsewhere.is_empty() {
            note(&format!(
                "{}: condition `{}` skipped in {}, where it does not exist for {} checkpoints",
                stage.model,
                condition.name,
                elsewhere.join(", "),
                stage.form.name()
            ));
        }
        for language in here {
            let prompts = request.study.prompts(&query(request, stage, condition, language))?;
            let mut places = prompts.places(request.limit, request.seed);
            let start = all;
            all += places.len();
            if let Some(own) = own {
                let mut own = own.iter().skip(start);
                places.retain(|_| own.next() == Some(&true));
            }
            parts.push(Part { condition, language, prompts, places });
        }
    }
    Ok(parts)
}

/// What `limit` takes where no seed is given, told by the first part of the sweep that it shortens; `None` if there is none.
pub fn first_prompts(
    request: &Request<'_>,
    stages: &[(&Family, &Stage)],
) -> Result<Option<String>, SweepError> {
    let (Some(limit), None) = (request.limit, request.seed) else { return Ok(None) };
    for (_, stage) in stages {
        let parts = parts(request, stage, None, &mut |_| ())?;
        let Some(part) = parts.iter().find(|part| part.asked() < part.prompts.len()) else { continue };
        let (pairs, types) = part.prompts.spread(&part.places);
        return Ok(Some(format!(
            "--limit {limit} takes the first prompts of each checkpoint, language and condition, which are about {} and {}; with \
             --seed S it takes items at random, spread evenly over pairs and types",
            counted(pairs, "pair"),
            counted(types, "scenario type")
        )));
    }
    Ok(None)
}

/// Turns `parts` into tokens, chunk by chunk; the choice sets that the items point to are returned.
pub fn ask<S: Speller>(
    request: &Request<'_>,
    stage: &Stage,
    speller: &S,
    parts: &[Part<'_>],
    watch: &mut dyn Watch,
    mut take: impl FnMut(Chunk<'_>, &[ChoiceSet]) -> Result<(), SweepError>,
) -> Result<Vec<ChoiceSet>, SweepError> {
    let mut choice_sets: Vec<ChoiceSet> = Vec::new();
    let all: usize = parts.iter().map(Part::asked).sum();
    let mut done = 0;
    for part in parts {
        let whole = part.condition.whole_answers.as_ref();
        let spellings = whole.unwrap_or_else(|| spellings(request.study, part.condition, part.language));
        let choices = match whole {
            Some(_) => None,
            None => Some(choice_set(speller, stage, part.language, spellings, &mut choice_sets)?),
        };
        for range in part.chunks() {
            if watch.stop() {
                return Err(SweepError::Stopped);
            }
            let prompts = part.prompts(range.clone());
            if let (0, Some(_), Some(prompt)) = (range.start, choices, prompts.first()) {
                warn_of_oddities(stage, speller, prompt, spellings, watch)?;
            }
            let items = match choices {
                Some(choices) => items(stage, speller, &prompts, choices)?,
                None => whole_items(stage, speller, &prompts, spellings, &mut choice_sets)?,
            };
            let sha256 = items.par_iter().map(|item| prompt_sha256(&item.tokens)).collect();
            take(Chunk { prompts: &prompts, items, sha256 }, &choice_sets)?;
            done += prompts.len();
            watch.spell(done, all);
        }
    }
    Ok(choice_sets)
}

/// The condition in which the roster's analysis reads this checkpoint, where it would not be asked otherwise.
fn routed<'a>(request: &Request<'a>, stage: &Stage, note: &mut dyn FnMut(&str)) -> Option<&'a str> {
    let name = request.routed(stage)?;
    let known = request.study.condition(name).is_ok();
    note(&match known {
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

fn choice_set<S: Speller>(
    speller: &S,
    stage: &Stage,
    language: &str,
    spellings: &Choices,
    sets: &mut Vec<ChoiceSet>,
) -> Result<usize, SweepError> {
    let tokens = speller.answers(spellings).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    let vocab = speller.vocab();
    if let Some(token) = tokens.iter().flatten().find(|id| **id as usize >= vocab) {
        let language = language.to_owned();
        let error = PromptError::Answer { language, token: *token, vocab };
        return Err(SweepError::checkpoint(&stage.model, error));
    }
    Ok(number(ChoiceSet::Tokens(tokens), sets))
}

/// Where `set` stands among `sets`, to which it is added if it is new.
fn number(set: ChoiceSet, sets: &mut Vec<ChoiceSet>) -> usize {
    match sets.iter().position(|known| *known == set) {
        Some(index) => index,
        None => {
            sets.push(set);
            sets.len() - 1
        }
    }
}

fn warn_of_oddities<S: Speller>(
    stage: &Stage,
    speller: &S,
    prompt: &Prompt,
    spellings: &Choices,
    watch: &mut dyn Watch,
) -> Result<(), SweepError> {
    let found = speller.oddities(prompt, spellings).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    for oddity in found {
        watch.note(&format!(
            "{}: condition `{}` in `{}`: {oddity}",
            stage.model, prompt.condition, prompt.language
        ));
    }
    Ok(())
}

fn items<S: Speller>(
    stage: &Stage,
    speller: &S,
    prompts: &[Prompt],
    choices: usize,
) -> Result<Vec<ScoreItem>, SweepError> {
    let encoded = speller.encode(prompts).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    for (prompt, tokens) in prompts.iter().zip(&encoded) {
        check(speller, prompt, tokens, 0).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    }
    Ok(encoded.into_iter().map(|tokens| ScoreItem { tokens, choices }).collect())
}

/// Prompts whose answers are read as a whole. How those are spelled may depend on the prompt's end, so that each prompt
/// may have a choice set of its own; mostly they share one.
fn whole_items<S: Speller>(
    stage: &Stage,
    speller: &S,
    prompts: &[Prompt],
    answers: &Choices,
    sets: &mut Vec<ChoiceSet>,
) -> Result<Vec<ScoreItem>, SweepError> {
    let fail = |error: PromptError| SweepError::checkpoint(&stage.model, error);
    let whole = speller.whole(prompts, answers).map_err(|e| SweepError::checkpoint(&stage.model, e))?;
    let mut items = Vec::with_capacity(prompts.len());
    for (prompt, Whole { tokens, answers }) in prompts.iter().zip(whole) {
        let spelled = || answers.iter().flatten();
        if spelled().any(Vec::is_empty) {
            return Err(fail(PromptError::NoAnswer { id: prompt.id.clone() }));
        }
        let longest = spelled().map(Vec::len).max().unwrap_or(1);
        check(speller, prompt, &tokens, longest - 1).map_err(fail)?;
        for ids in spelled() {
            check(speller, prompt, ids, 0).map_err(fail)?;
        }
        items.push(ScoreItem { tokens, choices: number(ChoiceSet::Continuations(answers), sets) });
    }
    Ok(items)
}

/// `more`: tokens that are read behind the prompt.
fn check<S: Speller>(speller: &S, prompt: &Prompt, tokens: &[u32], more: usize) -> Result<(), PromptError> {
    let (context, vocab) = (speller.context(), speller.vocab());
    let id = || prompt.id.clone();
    if tokens.is_empty() {
        return Err(PromptError::Empty { id: id() });
    }
    if tokens.len() + more > context {
        return Err(PromptError::TooLong { id: id(), tokens: tokens.len() + more, context });
    }
    match tokens.iter().find(|token| **token as usize >= vocab) {
        Some(token) => Err(PromptError::Token { id: id(), token: *token, vocab }),
        None => Ok(()),
    }
}
