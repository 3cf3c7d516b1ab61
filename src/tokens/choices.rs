//! Answers to the tokens that stand for them, alone and in a prompt's context.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{Result, TokensError};
use super::tokenizer::{PromptInput, PromptTokenizer};

/// The token ids by which each choice is read off at the answer position.
///
/// An answer string counts with its *last* token when it is encoded alone, without special tokens: `"(A"` may be one
/// token or end in the token of `"A"`, and both spellings of the letter carry probability after some prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ChoiceTokens {
    choices: Vec<Choice>,
}

/// One choice: its spellings and the distinct tokens that they end in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Choice {
    pub spellings: Vec<Spelling>,
    /// In order of first appearance among the spellings.
    pub ids: Vec<u32>,
}

/// An answer string and its tokens when it stands alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Spelling {
    pub text: String,
    pub ids: Vec<u32>,
}

impl ChoiceTokens {
    /// From lists of answer strings, one list a choice.
    ///
    /// Fails on fewer than two choices, a choice without strings, a string that is empty or encodes to no tokens, and
    /// a token that would count for two choices.
    pub fn from_answers<S: AsRef<str>>(tokenizer: &PromptTokenizer, answers: &[Vec<S>]) -> Result<Self> {
        if answers.len() < 2 {
            return Err(TokensError::TooFewChoices(answers.len()));
        }
        let mut choices: Vec<Choice> = Vec::with_capacity(answers.len());
        // token id -> the choice and the string that brought it
        let mut owner: HashMap<u32, (usize, &str)> = HashMap::new();
        for (index, strings) in answers.iter().enumerate() {
            // People count from one.
            let choice = index + 1;
            if strings.is_empty() {
                return Err(TokensError::EmptyChoice { choice });
            }
            let mut spellings = Vec::with_capacity(strings.len());
            let mut ids = Vec::new();
            for answer in strings {
                let answer = answer.as_ref();
                if answer.is_empty() {
                    return Err(TokensError::EmptyAnswer { choice });
                }
                let encoded = tokenizer.encode_piece(answer)?;
                let Some(&last) = encoded.last() else {
                    return Err(TokensError::NoTokens { choice, answer: answer.to_owned() });
                };
                match owner.get(&last) {
                    Some(&(first_choice, first)) if first_choice != choice => {
                        return Err(TokensError::SharedToken {
                            id: last,
                            text: tokenizer.token_text(last).unwrap_or_default(),
                            first_choice,
                            first: first.to_owned(),
                            second_choice: choice,
                            second: answer.to_owned(),
                        });
                    }
                    Some(_) => {}
                    None => {
                        owner.insert(last, (choice, answer));
                        ids.push(last);
                    }
                }
                spellings.push(Spelling { text: answer.to_owned(), ids: encoded });
            }
            choices.push(Choice { spellings, ids });
        }
        Ok(Self { choices })
    }

    /// The choices, in the order given.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// The ids alone, one list a choice.
    pub fn ids(&self) -> Vec<Vec<u32>> {
        self.choices.iter().map(|choice| choice.ids.clone()).collect()
    }

    /// What becomes of each choice's first spelling when it follows a prompt.
    pub fn in_context(&self, tokenizer: &PromptTokenizer, prompt: PromptInput<'_>) -> Result<Vec<InContext>> {
        let alone = followed_by(tokenizer, prompt, "")?;
        self.choices
            .iter()
            .filter_map(|choice| Some((choice, choice.spellings.first()?)))
            .map(|(choice, spelling)| {
                let letter = spelling.text.clone();
                let together = followed_by(tokenizer, prompt, &letter)?;
                let shared = alone.iter().zip(&together).take_while(|(a, b)| a == b).count();
                let (kept, lost) = alone.split_at(shared);
                let answer = together[kept.len()..].to_vec();
                Ok(InContext {
                    letter,
                    listed: answer.first().is_some_and(|id| choice.ids.contains(id)),
                    answer_text: texts(tokenizer, &answer),
                    merged_text: texts(tokenizer, lost),
                    merged: lost.to_vec(),
                    answer,
                })
            })
            .collect()
    }

    /// What is odd about the choices behind this prompt, as sentences: a letter that merges with the prompt's end, or
    /// that follows it in a token that is not read off.
    pub fn oddities(&self, tokenizer: &PromptTokenizer, prompt: PromptInput<'_>) -> Result<Vec<String>> {
        let letters = self.in_context(tokenizer, prompt)?;
        Ok(letters.iter().filter(|letter| !letter.is_clean()).map(ToString::to_string).collect())
    }
}

/// A letter behind a prompt: `encode(prompt + letter)` compared with `encode(prompt)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct InContext {
    pub letter: String,
    /// The prompt's last tokens that do not survive the letter: they merge with it. Empty if all is well.
    pub merged: Vec<u32>,
    pub merged_text: Vec<String>,
    /// The tokens that stand in their place (or that follow the prompt) once the letter is there.
    pub answer: Vec<u32>,
    pub answer_text: Vec<String>,
    /// Whether the first of them is one of the tokens by which the choice is read off.
    pub listed: bool,
}

impl InContext {
    /// The letter follows the prompt as one token of its own, and that token is read off.
    pub fn is_clean(&self) -> bool {
        self.merged.is_empty() && self.answer.len() == 1 && self.listed
    }
}

impl fmt::Display for InContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { letter, .. } = self;
        if !self.merged.is_empty() {
            return write!(
                f,
                "{letter:?} merges with the end of the prompt: {:?} {:?} becomes {:?} {:?}",
                self.merged_text, self.merged, self.answer_text, self.answer
            );
        }
        let reading = match self.listed {
            true => "which is read off",
            false => "which is not among the tokens read off",
        };
        write!(
            f,
            "{letter:?} follows the prompt as {:?} {:?}, the first of {reading}",
            self.answer_text, self.answer
        )
    }
}

/// The ids of a prompt with `text` behind it. A tokenizer that closes a prompt with special tokens closes the longer text
/// with them as well: they are left out.
pub(crate) fn followed_by(
    tokenizer: &PromptTokenizer,
    prompt: PromptInput<'_>,
    text: &str,
) -> Result<Vec<u32>> {
    match prompt {
        PromptInput::Plain(plain) => {
            let mut ids = tokenizer.encode_plain(&format!("{plain}{text}"))?;
            ids.truncate(ids.len().saturating_sub(tokenizer.suffix().len()));
            Ok(ids)
        }
        PromptInput::Rendered(rendered) => tokenizer.encode_rendered(&rendered.followed_by(text)),
    }
}

/// Texts behind a prompt, each encoded together with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Behind {
    /// The ids that all of them stand behind.
    pub prompt: Vec<u32>,
    /// Ids of the prompt alone that some text merges with: what stands in their place belongs to every continuation.
    pub merged: Vec<u32>,
    /// In the shape of the texts.
    pub continuations: Vec<Vec<Vec<u32>>>,
}

impl Behind {
    /// `None` if some text merges with the whole prompt, so that nothing stands before it.
    pub fn new<S: AsRef<str>>(
        tokenizer: &PromptTokenizer,
        prompt: PromptInput<'_>,
        texts: &[Vec<S>],
    ) -> Result<Option<Self>> {
        let mut alone = followed_by(tokenizer, prompt, "")?;
        let together = |text: &S| followed_by(tokenizer, prompt, text.as_ref());
        let whole: Vec<Vec<Vec<u32>>> =
            texts.iter().map(|list| list.iter().map(together).collect()).collect::<Result<_>>()?;
        let shared = |ids: &Vec<u32>| alone.iter().zip(ids).take_while(|(a, b)| a == b).count();
        let context = whole.iter().flatten().map(shared).min().unwrap_or(0);
        if context == 0 {
            return Ok(None);
        }
        let merged = alone.split_off(context);
        let behind = |list: Vec<Vec<u32>>| list.into_iter().map(|ids| ids[context..].to_vec()).collect();
        Ok(Some(Self { prompt: alone, merged, continuations: whole.into_iter().map(behind).collect() }))
    }
}

/// Whether the last token of `answer`, whose tokens are `ids`, says it alone: what stands before has no letter or digit,
/// as in `(A`, which a prompt may have begun already.
pub(crate) fn ends_in_answer(tokenizer: &PromptTokenizer, answer: &str, ids: &[u32]) -> bool {
    let [_, .., last] = ids else { return true };
    let last = tokenizer.token_text(*last).unwrap_or_default();
    let last = last.trim();
    let before = answer.trim_end().strip_suffix(last).filter(|_| !last.is_empty());
    before.is_some_and(|before| !before.contains(char::is_alphanumeric))
}

fn texts(tokenizer: &PromptTokenizer, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|&id| tokenizer.token_text(id).unwrap_or_default()).collect()
}
