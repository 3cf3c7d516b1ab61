//! Items of `tiltmeter score`: one JSON object a line, checked before anything is computed.

use super::answers::{Asked, Choices, Read};
use super::faults::{Fault, Faults};
use super::line::Line;
use super::{ChoiceSet, ScoreItem};
use crate::plain::{counted, shown};
use crate::study::Message;
use crate::tokens::{ChatTemplate, PromptInput, PromptTokenizer, Rendered, Segment, TokensError};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, Read as _};
use std::path::Path;

/// Bytes of a line; the ids of a prompt as long as any model's context take a tenth.
const LONGEST_LINE: usize = 16 << 20;
/// Bytes of a prompt's text: what a tokenizer can be given within a gigabyte.
const LONGEST_TEXT: usize = 4 << 20;
/// Bytes of text per token that no prompt reaches; a text that is longer than the model's context allows is refused
/// before it is encoded.
const LONGEST_TOKEN: usize = 128;
/// Bad lines after which no more are read.
const MOST_FAULTS: usize = 10_000;

/// All items of a file, ready to score; index = order in the file.
#[derive(Debug, Default)]
pub struct Items {
    /// As given: a string or a number.
    pub ids: Vec<Value>,
    pub items: Vec<ScoreItem>,
    pub choice_sets: Vec<ChoiceSet>,
    /// Bytes of each item's continuations, in the shape of its choices; `None` where they were given as ids.
    pub bytes: Vec<Option<Vec<Vec<usize>>>>,
    /// What is odd about the lines, as sentences that name them.
    pub notes: Vec<String>,
}

/// What is wrong with the input.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    #[error("cannot read {file}: {source}")]
    Read { file: String, source: std::io::Error },
    /// `unread`: what follows the last of them was not looked at.
    #[error(
        "{file} has {}{}:\n{list}", counted(*.count, "bad line"),
        if *.unread { ", and what follows was not read" } else { "" }
    )]
    Bad { file: String, count: usize, list: String, unread: bool },
    /// The checkpoint's tokenizer or template serves no line.
    #[error("{0}")]
    Checkpoint(TokensError),
    /// The same, found out at a line.
    #[error("{fault} (at line {line} of {file})")]
    CheckpointAt { fault: Box<TokensError>, line: usize, file: String },
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
    /// Choices are scored as a whole.
    pub continuations: bool,
}

impl Reader<'_> {
    /// Reads every line of `input`; all faults are collected and reported together, with their line numbers.
    pub fn read(&self, mut input: impl BufRead, file: &str) -> Result<Items, LinesError> {
        let mut items = Items::default();
        let mut sets: HashMap<ChoiceSet, usize> = HashMap::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let (mut faults, mut notes) = (Faults::default(), Faults::default());
        let mut choices = Choices {
            tokenizer: self.tokenizer,
            vocab: self.vocab,
            context: self.context,
            continuations: self.continuations,
            known: HashMap::new(),
        };
        let mut unread = false;
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let most = LONGEST_LINE as u64 + 1;
            let length = input
                .by_ref()
                .take(most)
                .read_until(b'\n', &mut line)
                .map_err(|source| LinesError::Read { file: file.into(), source })?;
            if length == 0 {
                break;
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            } else if line.len() > LONGEST_LINE {
                faults.add(number, format!("longer than {LONGEST_LINE} bytes"));
                unread = true;
                break;
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let read = self.line(&line, &mut choices).and_then(|(id, read)| {
                match seen.insert(id.to_string(), number) {
                    Some(first) => {
                        Err(format!("id {} was already used in line {first}", shown(&id.to_string())).into())
                    }
                    None => Ok((id, read)),
                }
            });
            match read {
                Ok((id, Read { tokens, set, bytes, notes: odd })) => {
                    let choices = *sets.entry(set).or_insert_with_key(|set| {
                        items.choice_sets.push(set.clone());
                        items.choice_sets.len() - 1
                    });
                    items.ids.push(id);
                    items.items.push(ScoreItem { tokens, choices });
                    items.bytes.push(bytes);
                    odd.into_iter().for_each(|note| notes.add(number, note));
                }
                Err(Fault::Line(fault)) => faults.add(number, fault),
                Err(Fault::Closed(fault)) => return Err(LinesError::Checkpoint(fault)),
                Err(Fault::Broken(fault)) => {
                    let (fault, file) = (Box::new(fault), file.into());
                    return Err(LinesError::CheckpointAt { fault, line: number, file });
                }
            }
            if faults.count == MOST_FAULTS {
                unread = true;
                break;
            }
        }
        if faults.count > 0 {
            let (count, list) = (faults.count, faults.list());
            return Err(LinesError::Bad { file: file.into(), count, list, unread });
        }
        if items.items.is_empty() {
            return Err(LinesError::Empty { file: file.into() });
        }
        items.notes = notes.texts();
        Ok(items)
    }

    fn line(&self, bytes: &[u8], choices: &mut Choices<'_>) -> Result<(Value, Read), Fault> {
        let line = Line::parse(bytes)?;
        let id = match line.id {
            None | Some(Value::Null) => return Err("no id".into()),
            Some(Value::String(s)) if s.is_empty() => return Err("the id is empty".into()),
            Some(id) => id,
        };
        if line.prefill.is_some() && line.messages.is_none() {
            return Err("prefill goes with messages only".into());
        }
        let rendered;
        let (tokens, text) = match (line.tokens, &line.prompt, line.messages) {
            (Some(tokens), None, None) => (tokens, None),
            (None, Some(prompt), None) => {
                check_text("the prompt", prompt.len(), self.context)?;
                (self.tokenizer()?.encode_plain(prompt)?, Some(PromptInput::Plain(prompt)))
            }
            (None, None, Some(messages)) => {
                let tokens;
                (rendered, tokens) = self.chat(&messages, line.prefill.as_deref())?;
                (tokens, Some(PromptInput::Rendered(&rendered)))
            }
            (None, None, None) => return Err("none of tokens, prompt and messages is given".into()),
            _ => return Err("more than one of tokens, prompt and messages is given".into()),
        };
        self.check_prompt(&tokens, choices)?;
        let asked = Asked { tokens, text };
        let read = match (line.choices, line.choice_tokens) {
            (Some(strings), None) => choices.spelled(asked, strings)?,
            (None, Some(ids)) => choices.given(asked, ids)?,
            (None, None) => return Err("neither choices nor choice_tokens is given".into()),
            _ => return Err("both choices and choice_tokens are given".into()),
        };
        Ok((id, read))
    }

    fn tokenizer(&self) -> Result<&PromptTokenizer, Fault> {
        self.tokenizer.as_ref().map_err(|error| Fault::Closed(error.clone()))
    }

    fn template(&self) -> Result<&ChatTemplate, Fault> {
        self.template.as_ref().map_err(|error| Fault::Closed(error.clone()))
    }

    /// A conversation as the template writes it, and its ids.
    fn chat(&self, messages: &[Message], prefill: Option<&str>) -> Result<(Rendered, Vec<u32>), Fault> {
        if messages.is_empty() {
            return Err("messages is empty".into());
        }
        let said: usize = messages.iter().map(|message| message.content.len()).sum();
        check_text("the conversation", said + prefill.map_or(0, str::len), self.context)?;
        let (tokenizer, template) = (self.tokenizer()?, self.template()?);
        let rendered = template.render(messages, prefill)?;
        let length = rendered.segments().iter().map(|segment| match segment {
            Segment::Text(text) => text.len(),
            Segment::Id(_) => 1,
        });
        let file = template.file().display();
        check_text(&format!("what {file} makes of the messages"), length.sum(), self.context)?;
        let tokens = tokenizer.encode_rendered(&rendered)?;
        match tokens.is_empty() {
            true => Err(format!("{file} makes no tokens of the messages").into()),
            false => Ok((rendered, tokens)),
        }
    }

    fn check_prompt(&self, tokens: &[u32], choices: &Choices<'_>) -> Result<(), String> {
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
        choices.check_ids(tokens)
    }
}

/// Whether a text of so many bytes could fit a context of so many tokens, before it is encoded.
pub(super) fn check_text(what: &str, bytes: usize, context: usize) -> Result<(), String> {
    let most = LONGEST_TEXT.min(context.saturating_mul(LONGEST_TOKEN));
    match bytes > most {
        true => Err(format!(
            "{what} has {bytes} bytes, more than the {most} that are accepted for the model's context of {context} tokens"
        )),
        false => Ok(()),
    }
}
