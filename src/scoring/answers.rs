//! The choices of an input line: which ids they are, checked against the prompt that they stand behind.

use std::collections::HashMap;

use super::ChoiceSet;
use super::faults::Fault;
use super::lines::check_text;
use crate::plain::shown;
use crate::tokens::{
    Behind, ChoiceTokens, PromptInput, PromptTokenizer, Segment, TokensError, ends_in_answer,
};

/// Answer strings of a line.
const MOST_ANSWERS: usize = 10_000;
/// Bytes at the end of a prompt that decide how a choice behind it is spelled: many times the longest token that text has.
const TAIL: usize = 256;

/// A line's prompt, as far as text is known of it.
pub(super) struct Asked<'p> {
    pub tokens: Vec<u32>,
    /// `None` where ids were given.
    pub text: Option<PromptInput<'p>>,
}

/// What a line's choices come to.
#[derive(Debug)]
pub(super) struct Read {
    /// The ids of the prompt that the choices stand behind.
    pub tokens: Vec<u32>,
    pub set: ChoiceSet,
    /// Bytes of each continuation's text, where it was given as text.
    pub bytes: Option<Vec<Vec<usize>>>,
    /// What is odd about it, as sentences.
    pub notes: Vec<String>,
}

pub(super) struct Choices<'r> {
    pub tokenizer: &'r Result<PromptTokenizer, TokensError>,
    /// Rows of the embedding.
    pub vocab: usize,
    /// Longest sequence in tokens.
    pub context: usize,
    /// Choices are scored as a whole.
    pub continuations: bool,
    /// What was found out about choices behind a prompt that ends like this.
    pub known: HashMap<(String, Vec<Vec<String>>), Vec<String>>,
}

impl Choices<'_> {
    pub fn spelled(&mut self, asked: Asked<'_>, strings: Vec<Vec<String>>) -> Result<Read, Fault> {
        let count: usize = strings.iter().map(Vec::len).sum();
        if count > MOST_ANSWERS {
            return Err(format!("choices has {count} texts; {MOST_ANSWERS} are accepted").into());
        }
        if strings.iter().flatten().any(String::is_empty) {
            return Err("a choice has an empty spelling".into());
        }
        for s in strings.iter().flatten() {
            check_text("a choice", s.len(), self.context)?;
        }
        match self.continuations {
            true => self.whole(asked, &strings),
            false => self.last_tokens(asked, strings),
        }
    }

    /// From ids: next tokens, or with continuations one a choice.
    pub fn given(&self, asked: Asked<'_>, ids: Vec<Vec<u32>>) -> Result<Read, Fault> {
        let set = match self.continuations {
            true => {
                self.check_length(&asked.tokens, ids.iter())?;
                let choices = ids.into_iter().map(|one| vec![one]).collect();
                ChoiceSet::Continuations(self.continuation_choices(choices)?)
            }
            false => self.token_set(ids)?,
        };
        Ok(Read { tokens: asked.tokens, set, bytes: None, notes: Vec::new() })
    }

    fn tokenizer(&self) -> Result<&PromptTokenizer, Fault> {
        self.tokenizer.as_ref().map_err(|error| Fault::Closed(error.clone()))
    }

    /// Each string counts with its last token, encoded alone; it must be what the choice says.
    fn last_tokens(&mut self, asked: Asked<'_>, strings: Vec<Vec<String>>) -> Result<Read, Fault> {
        let tokenizer = self.tokenizer()?;
        let last = |s: &String| {
            let ids = tokenizer.encode_piece(s)?;
            let Some(&last) = ids.last() else {
                return Err(Fault::Line(format!("the choice \"{}\" has no tokens", shown(s))));
            };
            if !ends_in_answer(tokenizer, s, &ids) {
                return Err(Fault::Line(format!(
                    "the choice \"{}\" is {} tokens, {}, of which the last alone would be read: `--continuations` scores \
                     choices as a whole",
                    shown(s),
                    ids.len(),
                    shown(&tokenizer.spell(&ids))
                )));
            }
            Ok(last)
        };
        let ids: Result<Vec<Vec<u32>>, Fault> =
            strings.iter().map(|spellings| spellings.iter().map(last).collect()).collect();
        let set = self.token_set(ids?)?;
        let notes = self.oddities(&asked, strings)?;
        Ok(Read { tokens: asked.tokens, set, bytes: None, notes })
    }

    /// What a sweep would say about these choices behind this prompt.
    fn oddities(&mut self, asked: &Asked<'_>, strings: Vec<Vec<String>>) -> Result<Vec<String>, Fault> {
        let Some(text) = asked.text else { return Ok(Vec::new()) };
        let key = (end_of(text).to_owned(), strings);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let tokenizer = self.tokenizer()?;
        let found = ChoiceTokens::from_answers(tokenizer, &key.1)?.oddities(tokenizer, text)?;
        self.known.insert(key, found.clone());
        Ok(found)
    }

    /// Each string is encoded together with the prompt. The prompt's tokens that any of the choices merges with belong to
    /// the continuations, so that all of them stand behind the same ids.
    fn whole(&self, asked: Asked<'_>, strings: &[Vec<String>]) -> Result<Read, Fault> {
        let tokenizer = self.tokenizer()?;
        let Behind { prompt, merged, continuations: choices } = match asked.text {
            Some(text) => Behind::new(tokenizer, text, strings)?
                .ok_or("the choices merge with the whole prompt: there is nothing before them")?,
            None => {
                let encoded = |list: &Vec<String>| list.iter().map(|s| tokenizer.encode_piece(s)).collect();
                let continuations = strings.iter().map(encoded).collect::<Result<_, TokensError>>()?;
                Behind { prompt: asked.tokens, merged: Vec::new(), continuations }
            }
        };
        let mut notes = Vec::new();
        if !merged.is_empty() {
            notes.push(format!(
                "a choice merges with the end of the prompt: {} is read as a part of every choice",
                shown(&tokenizer.spell(&merged))
            ));
        }
        self.check_length(&prompt, choices.iter().flatten())?;
        let texts = choices.iter().flatten().cloned().zip(strings.iter().flatten());
        let lengths: HashMap<Vec<u32>, usize> = texts.map(|(ids, text)| (ids, text.len())).collect();
        let choices = self.continuation_choices(choices)?;
        let length = |ids: &Vec<u32>| lengths.get(ids).copied().unwrap_or_default();
        let bytes = choices.iter().map(|list| list.iter().map(length).collect()).collect();
        let set = ChoiceSet::Continuations(choices);
        Ok(Read { tokens: prompt, set, bytes: Some(bytes), notes })
    }

    fn check_length(
        &self,
        prompt: &[u32],
        mut continuations: impl Iterator<Item = impl AsRef<[u32]>>,
    ) -> Result<(), String> {
        // The last token is asked for and not read.
        let fed = |ids: usize| prompt.len() + ids.saturating_sub(1);
        match continuations.find(|ids| fed(ids.as_ref().len()) > self.context) {
            Some(ids) => Err(format!(
                "the prompt has {} tokens and a choice {}, more than the model's context of {}",
                prompt.len(),
                ids.as_ref().len(),
                self.context
            )),
            None => Ok(()),
        }
    }

    pub fn check_ids(&self, ids: &[u32]) -> Result<(), String> {
        match ids.iter().find(|&&id| id as usize >= self.vocab) {
            Some(id) => {
                Err(format!("token id {id} is outside the model's vocabulary of {} rows", self.vocab))
            }
            None => Ok(()),
        }
    }

    fn token_set(&self, choices: Vec<Vec<u32>>) -> Result<ChoiceSet, String> {
        choices.iter().try_for_each(|ids| self.check_ids(ids))?;
        Ok(ChoiceSet::Tokens(distinct(choices, |id| format!("token id {id} stands"))?))
    }

    fn continuation_choices(&self, choices: Vec<Vec<Vec<u32>>>) -> Result<Vec<Vec<Vec<u32>>>, String> {
        for ids in choices.iter().flatten() {
            if ids.is_empty() {
                return Err("a choice has no tokens".into());
            }
            self.check_ids(ids)?;
        }
        distinct(choices, |ids| format!("the tokens {ids:?} stand"))
    }
}

/// The last bytes of a prompt's text, or of what a template wrote behind its last id.
fn end_of(prompt: PromptInput<'_>) -> &str {
    let text = match prompt {
        PromptInput::Plain(text) => text,
        PromptInput::Rendered(rendered) => match rendered.segments().last() {
            Some(Segment::Text(text)) => text,
            _ => "",
        },
    };
    let start = (text.len().saturating_sub(TAIL)..).find(|&at| text.is_char_boundary(at));
    start.map_or("", |start| &text[start..])
}

/// Two or more choices of at least one thing each, and nothing in two of them; within a choice, what stands there twice is
/// taken once.
fn distinct<T: Clone + Eq + std::hash::Hash>(
    choices: Vec<Vec<T>>,
    name: impl Fn(&T) -> String,
) -> Result<Vec<Vec<T>>, String> {
    if choices.len() < 2 {
        return Err(format!("fewer than two choices ({})", choices.len()));
    }
    let mut owner: HashMap<T, usize> = HashMap::new();
    let mut sets = Vec::with_capacity(choices.len());
    for (i, choice) in choices.into_iter().enumerate() {
        if choice.is_empty() {
            return Err(format!("choice {} is empty", i + 1));
        }
        let mut set = Vec::new();
        for one in choice {
            match owner.insert(one.clone(), i) {
                Some(other) if other != i => {
                    let stands = name(&one);
                    return Err(format!("{stands} for choice {} and for choice {}", other + 1, i + 1));
                }
                Some(_) => {}
                None => set.push(one),
            }
        }
        sets.push(set);
    }
    Ok(sets)
}
