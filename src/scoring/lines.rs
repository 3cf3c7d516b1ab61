//! Items of `tiltmeter score`: one JSON object a line, checked before anything is computed.

use super::{ChoiceSet, ScoreItem};
use crate::study::Message;
use crate::tokens::{ChatTemplate, PromptTokenizer, TokensError};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

/// Faults quoted in full; the rest is counted.
const QUOTED_FAULTS: usize = 20;

/// An input line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<Value>,
    tokens: Option<Vec<u32>>,
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    prefill: Option<String>,
    choices: Option<Vec<Vec<String>>>,
    choice_tokens: Option<Vec<Vec<u32>>>,
}

/// All items of a file, ready to score; index = order in the file.
#[derive(Debug, Default)]
pub struct Items {
    /// As given: a string or a number.
    pub ids: Vec<Value>,
    pub items: Vec<ScoreItem>,
    pub choice_sets: Vec<ChoiceSet>,
}

/// What is wrong with the input.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    #[error("cannot read {file}: {source}")]
    Read { file: String, source: std::io::Error },
    #[error("{file} has {count} bad line{}:\n{list}", if *.count == 1 { "" } else { "s" })]
    Bad { file: String, count: usize, list: String },
    #[error("{file} holds no items")]
    Empty { file: String },
}

/// What the lines are read against.
pub struct Reader<'a> {
    /// Needed by lines with `prompt`, `messages` or `choices`; an error says why there is none.
    pub tokenizer: &'a Result<PromptTokenizer, TokensError>,
    /// Needed by lines with `messages`.
    pub template: &'a Result<ChatTemplate, TokensError>,
    /// Rows of the embedding.
    pub vocab: usize,
    /// Longest prompt in tokens.
    pub context: usize,
    pub model: &'a Path,
}

impl Reader<'_> {
    /// Reads every line of `input`; all faults are collected and reported together, with their line numbers.
    pub fn read(&self, input: impl BufRead, file: &str) -> Result<Items, LinesError> {
        let mut items = Items::default();
        let mut sets: HashMap<ChoiceSet, usize> = HashMap::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut faults: Vec<(usize, String)> = Vec::new();
        let mut count = 0;
        for (index, line) in input.split(b'\n').enumerate() {
            let number = index + 1;
            let line = line.map_err(|source| LinesError::Read { file: file.into(), source })?;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let read = self.line(&line).and_then(|(id, tokens, choices)| {
                match seen.insert(id.to_string(), number) {
                    Some(first) => Err(format!("id {id} was already used in line {first}")),
                    None => Ok((id, tokens, choices)),
                }
            });
            match read {
                Ok((id, tokens, choices)) => {
                    let choices = *sets.entry(choices).or_insert_with_key(|set| {
                        items.choice_sets.push(set.clone());
                        items.choice_sets.len() - 1
                    });
                    items.ids.push(id);
                    items.items.push(ScoreItem { tokens, choices });
                }
                Err(fault) => {
                    count += 1;
                    if faults.len() < QUOTED_FAULTS {
                        faults.push((number, fault));
                    }
                }
            }
        }
        if count > 0 {
            let mut list: Vec<String> = faults.iter().map(|(n, f)| format!("  line {n}: {f}")).collect();
            if count > faults.len() {
                list.push(format!("  and {} more", count - faults.len()));
            }
            return Err(LinesError::Bad { file: file.into(), count, list: list.join("\n") });
        }
        if items.items.is_empty() {
            return Err(LinesError::Empty { file: file.into() });
        }
        Ok(items)
    }

    fn line(&self, bytes: &[u8]) -> Result<(Value, Vec<u32>, ChoiceSet), String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_string())?;
        let line: Line = serde_json::from_str(text).map_err(|e| {
            // The position inside the line is what helps; serde's own line number is always 1.
            let said = e.to_string();
            let said = said.split(" at line ").next().unwrap_or(&said).to_string();
            if e.is_data() { said } else { format!("not valid JSON: {said} at column {}", e.column()) }
        })?;
        let id = match line.id {
            None | Some(Value::Null) => return Err("no id".into()),
            Some(Value::String(s)) if s.is_empty() => return Err("the id is empty".into()),
            Some(id @ (Value::String(_) | Value::Number(_))) => id,
            Some(other) => return Err(format!("id must be a string or a number, not {other}")),
        };
        if line.prefill.is_some() && line.messages.is_none() {
            return Err("prefill goes with messages only".into());
        }
        let tokens = match (line.tokens, line.prompt, line.messages) {
            (Some(tokens), None, None) => tokens,
            (None, Some(prompt), None) => {
                self.tokenizer()?.encode_plain(&prompt).map_err(|e| e.to_string())?
            }
            (None, None, Some(messages)) => self.chat(&messages, line.prefill.as_deref())?,
            (None, None, None) => return Err("none of tokens, prompt and messages is given".into()),
            _ => return Err("more than one of tokens, prompt and messages is given".into()),
        };
        self.check_prompt(&tokens)?;
        let choices = match (line.choices, line.choice_tokens) {
            (Some(strings), None) => self.spelled(&strings)?,
            (None, Some(ids)) => ids,
            (None, None) => return Err("neither choices nor choice_tokens is given".into()),
            _ => return Err("both choices and choice_tokens are given".into()),
        };
        Ok((id, tokens, self.choice_set(choices)?))
    }

    fn tokenizer(&self) -> Result<&PromptTokenizer, String> {
        self.tokenizer.as_ref().map_err(|e| e.to_string())
    }

    fn chat(&self, messages: &[Message], prefill: Option<&str>) -> Result<Vec<u32>, String> {
        if messages.is_empty() {
            return Err("messages is empty".into());
        }
        let template = self.template.as_ref().map_err(|e| e.to_string())?;
        let rendered = template.render(messages, prefill).map_err(|e| e.to_string())?;
        self.tokenizer()?.encode_rendered(&rendered).map_err(|e| e.to_string())
    }

    fn check_prompt(&self, tokens: &[u32]) -> Result<(), String> {
        if tokens.is_empty() {
            return Err("the prompt has no tokens".into());
        }
        if tokens.len() > self.context {
            return Err(format!(
                "the prompt has {} tokens, more than the model's context of {}",
                tokens.len(),
                self.context
            ));
        }
        self.check_ids(tokens)
    }

    fn check_ids(&self, ids: &[u32]) -> Result<(), String> {
        match ids.iter().find(|&&id| id as usize >= self.vocab) {
            Some(id) => {
                Err(format!("token id {id} is outside the model's vocabulary of {} rows", self.vocab))
            }
            None => Ok(()),
        }
    }

    /// Each string counts with its last token, encoded alone.
    fn spelled(&self, choices: &[Vec<String>]) -> Result<Vec<Vec<u32>>, String> {
        let tokenizer = self.tokenizer()?;
        let last = |s: &String| {
            if s.is_empty() {
                return Err("a choice has an empty spelling".to_string());
            }
            let ids = tokenizer.encode_piece(s).map_err(|e| e.to_string())?;
            ids.last().copied().ok_or_else(|| format!("the choice {s:?} has no tokens"))
        };
        choices.iter().map(|spellings| spellings.iter().map(last).collect()).collect()
    }

    fn choice_set(&self, choices: Vec<Vec<u32>>) -> Result<ChoiceSet, String> {
        if choices.len() < 2 {
            return Err(format!("fewer than two choices ({})", choices.len()));
        }
        let mut owner: HashMap<u32, usize> = HashMap::new();
        let mut set = Vec::with_capacity(choices.len());
        for (i, ids) in choices.into_iter().enumerate() {
            if ids.is_empty() {
                return Err(format!("choice {} is empty", i + 1));
            }
            self.check_ids(&ids)?;
            let mut distinct = Vec::new();
            for id in ids {
                match owner.insert(id, i) {
                    Some(other) if other != i => {
                        return Err(format!(
                            "token id {id} stands for choice {} and for choice {}",
                            other + 1,
                            i + 1
                        ));
                    }
                    Some(_) => {}
                    None => distinct.push(id),
                }
            }
            set.push(distinct);
        }
        Ok(ChoiceSet(set))
    }
}
