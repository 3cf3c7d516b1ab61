//! A text between its added tokens.
//!
//! Source: `added_vocabulary.rs` of github.com/huggingface/tokenizers, and `tokenize` and `_add_tokens` of
//! `tokenization_python.py` in github.com/huggingface/transformers for classes in Python.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use tokenizers::AddedToken;
use unicode_categories::UnicodeCategories;

use super::added::AddedTokens;
use super::sentencepiece::{Prefixes, SentencePiece};
use super::template::is_space;

/// Tokens that are found in a text before SentencePiece sees it.
pub(crate) struct Splitter {
    tokens: BTreeMap<u32, AddedToken>,
    ids: HashMap<String, u32>,
    /// Looked for one after the other, each in what the one before left.
    passes: Vec<Prefixes>,
    python: bool,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Token(u32),
    /// `first`: the whole begins with it.
    Text {
        text: String,
        first: bool,
    },
}

impl Splitter {
    /// As the tokenizers library splits: an id that the files give is not obeyed, new tokens are numbered on.
    pub(crate) fn reference(model: &SentencePiece, added: &AddedTokens) -> Result<Self, String> {
        let mut splitter = Self::new(false);
        for token in &added.tokens {
            let next = splitter.next_id(model.size())?;
            let id = splitter.id(&token.content).or_else(|| model.id(&token.content)).unwrap_or(next);
            splitter.add(id, token.clone());
        }
        let (normalized, raw): (Vec<_>, Vec<_>) =
            splitter.tokens.iter().partition(|(_, token)| token.normalized);
        let pass = |tokens: &[(&u32, &AddedToken)]| {
            Prefixes::new(tokens.iter().map(|(id, token)| (&*token.content, **id)))
        };
        splitter.passes = vec![pass(&raw), pass(&normalized)];
        Ok(splitter)
    }

    /// As the reference's classes in Python split: ids that the files give are obeyed, others follow.
    pub(crate) fn python(model: &SentencePiece, added: &AddedTokens) -> Result<Self, String> {
        let mut splitter = Self::new(true);
        for (id, token) in &added.declared {
            splitter.add(*id, token.clone());
        }
        for token in &added.tokens {
            if splitter.id(&token.content).is_none() {
                let id = model.id(&token.content).map_or_else(|| splitter.next_id(model.size()), Ok)?;
                splitter.add(id, token.clone());
            }
        }
        let all = splitter.tokens.iter().map(|(id, token)| (&*token.content, *id));
        splitter.passes = vec![Prefixes::new(all)];
        Ok(splitter)
    }

    fn new(python: bool) -> Self {
        Self { tokens: BTreeMap::new(), ids: HashMap::new(), passes: Vec::new(), python }
    }

    fn add(&mut self, id: u32, token: AddedToken) {
        if !token.content.is_empty() {
            self.ids.insert(token.content.clone(), id);
            self.tokens.insert(id, token);
        }
    }

    fn next_id(&self, pieces: usize) -> Result<u32, String> {
        let last = self.tokens.last_key_value().map_or(0, |(id, _)| *id as usize + 1);
        u32::try_from(last.max(pieces)).map_err(|_| "there are more added tokens than ids".to_owned())
    }

    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    pub(crate) fn token(&self, id: u32) -> Option<String> {
        Some(self.tokens.get(&id)?.content.clone())
    }

    /// How many of its tokens have ids from `size` on.
    pub(crate) fn beyond(&self, size: usize) -> usize {
        self.tokens.keys().filter(|id| **id as usize >= size).count()
    }

    pub(crate) fn split(&self, text: &str) -> Vec<Part> {
        let mut parts = vec![Part::Text { text: text.to_owned(), first: true }];
        for pass in &self.passes {
            let split = parts.into_iter().flat_map(|part| match part {
                Part::Text { text, first } => match self.python {
                    true => self.python_parts(&text, pass),
                    false => self.reference_parts(&text, first, pass),
                },
                token => vec![token],
            });
            parts = split.collect();
        }
        parts.retain(|part| !matches!(part, Part::Text { text, .. } if text.is_empty()));
        parts
    }

    /// Where tokens stand: of those that begin at a place the longest, then on behind it.
    fn matches(text: &str, tokens: &Prefixes) -> Vec<(Range<usize>, u32)> {
        let mut found = Vec::new();
        let mut free = 0;
        for (start, _) in text.char_indices() {
            if start < free {
                continue;
            }
            if let Some((length, id)) = tokens.matches(&text.as_bytes()[start..]).last() {
                free = start + length;
                found.push((start..free, id));
            }
        }
        found
    }

    fn reference_parts(&self, text: &str, first: bool, tokens: &Prefixes) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut done = 0;
        let between = |range: Range<usize>| Part::Text {
            first: first && range.start == 0,
            text: text[range].to_owned(),
        };
        for (Range { mut start, mut end }, id) in Self::matches(text, tokens) {
            let token = &self.tokens[&id];
            let (before, behind) = (&text[..start], &text[end..]);
            if token.single_word
                && (before.chars().next_back().is_some_and(is_word)
                    || behind.chars().next().is_some_and(is_word))
            {
                continue;
            }
            if token.lstrip {
                start = before.trim_end().len().max(done);
            }
            if token.rstrip {
                end = text.len() - behind.trim_start().len();
            }
            if done < start {
                parts.push(between(done..start));
            }
            parts.push(Part::Token(id));
            done = end;
        }
        if done < text.len() {
            parts.push(between(done..text.len()));
        }
        parts
    }

    /// A token that gives way to its neighbour is glued to it, even to another token, which is none from then on.
    fn python_parts(&self, text: &str, tokens: &Prefixes) -> Vec<Part> {
        let mut pieces = Vec::new();
        let mut done = 0;
        for (range, _) in Self::matches(text, tokens) {
            pieces.extend([done..range.start, range.clone()].map(|range| text[range].to_owned()));
            done = range.end;
        }
        pieces.push(text[done..].to_owned());
        pieces.retain(|piece| !piece.is_empty());
        for at in 0..pieces.len() {
            let Some(token) = self.id(&pieces[at]).and_then(|id| self.tokens.get(&id)) else {
                continue;
            };
            let (left, right) = (at.checked_sub(1), Some(at + 1).filter(|right| *right < pieces.len()));
            // Looked at before it takes spaces from there.
            let glued = (
                left.filter(|left| token.single_word && pieces[*left].ends_with(|c| c != ' ')),
                right.filter(|right| token.single_word && pieces[*right].starts_with(|c| c != ' ')),
            );
            if let Some(right) = right.filter(|_| token.rstrip) {
                pieces[right] = pieces[right].trim_start_matches(is_space).to_owned();
            }
            if let Some(left) = left.filter(|_| token.lstrip) {
                pieces[left] = pieces[left].trim_end_matches(is_space).to_owned();
            }
            if let (Some(left), _) = glued {
                let token = std::mem::take(&mut pieces[at]);
                pieces[left].push_str(&token);
            } else if let (None, Some(right)) = glued {
                let token = std::mem::take(&mut pieces[at]);
                pieces[right].insert_str(0, &token);
            }
        }
        let part = |text: String| match self.id(&text) {
            Some(id) => Part::Token(id),
            None => Part::Text { text, first: false },
        };
        pieces.into_iter().map(part).collect()
    }
}

/// `\w` of the tokenizers library's regular expressions.
fn is_word(c: char) -> bool {
    let joins = ['\u{200c}', '\u{200d}'].contains(&c);
    c.is_alphabetic() || c.is_mark() || c.is_number_decimal_digit() || c.is_punctuation_connector() || joins
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `<w>` as described, beside `<s>` that takes nothing.
    fn splitter(python: bool, describe: impl FnOnce(AddedToken) -> AddedToken) -> Splitter {
        let mut splitter = Splitter::new(python);
        splitter.add(5, AddedToken::from("<s>", true));
        splitter.add(7, describe(AddedToken::from("<w>", false)));
        let all = splitter.tokens.iter().map(|(id, token)| (&*token.content, *id));
        splitter.passes = vec![Prefixes::new(all)];
        splitter
    }

    /// Texts as they are, tokens as their ids.
    fn split(splitter: &Splitter, text: &str) -> Vec<String> {
        let shown = |part| match part {
            Part::Token(id) => id.to_string(),
            Part::Text { text, .. } => text,
        };
        splitter.split(text).into_iter().map(shown).collect()
    }

    /// `tokenize` of `tokenization_python.py`: a space, or nothing, lets a whole word stand, and what does not stand is
    /// glued to its left neighbour first. It looks beside the token before it takes spaces from there.
    #[test]
    fn a_whole_word_of_python_s_is_a_token_between_spaces() {
        let words = splitter(true, |token| token.single_word(true));
        assert_eq!(split(&words, "<w>"), ["7"]);
        assert_eq!(split(&words, "a <w> b"), ["a ", "7", " b"]);
        assert_eq!(split(&words, "a<w> b"), ["a<w>", " b"]);
        assert_eq!(split(&words, "a <w>b"), ["a ", "<w>b"]);
        assert_eq!(split(&words, "a<w>b"), ["a<w>", "b"]);
        assert_eq!(split(&words, "<s><w>"), ["<s><w>"]);
        let taking = splitter(true, |token| token.single_word(true).lstrip(true).rstrip(true));
        assert_eq!(split(&taking, "a <w> b"), ["a", "7", "b"]);
        assert_eq!(split(&taking, "a\t<w> b"), ["a<w>", "b"]);
        assert_eq!(split(&taking, "a <w>\tb"), ["a", "<w>b"]);
    }

    #[test]
    fn a_token_of_python_s_takes_the_spaces_beside_it() {
        let left = splitter(true, |token| token.lstrip(true));
        assert_eq!(split(&left, " a \u{1f}<w> b"), [" a", "7", " b"]);
        let right = splitter(true, |token| token.rstrip(true));
        assert_eq!(split(&right, " a <w>\u{1f} b"), [" a ", "7", "b"]);
        assert_eq!(split(&right, "<w> <s>"), ["7", "5"]);
    }

    /// `added_vocabulary.rs` of the tokenizers library: a word's character beside it lets no whole word stand.
    #[test]
    fn a_whole_word_of_the_library_s_has_no_letter_beside_it() {
        let words = splitter(false, |token| token.single_word(true));
        assert_eq!(split(&words, "a-<w>-b"), ["a-", "7", "-b"]);
        for beside in ["a", "國", "1", "_", "\u{301}", "\u{200d}"] {
            for text in [format!("{beside}<w>"), format!("<w>{beside}")] {
                assert_eq!(split(&words, &text), [text.as_str()]);
            }
        }
        let spaces = splitter(false, |token| token.lstrip(true).rstrip(true));
        assert_eq!(split(&spaces, " a  <w> \n<w> b "), [" a", "7", "7", "b "]);
        // Only what stands at the very beginning is the first text.
        let first: Vec<bool> = splitter(false, |token| token)
            .split("a<w>b")
            .iter()
            .filter_map(|part| match part {
                Part::Text { first, .. } => Some(*first),
                Part::Token(_) => None,
            })
            .collect();
        assert_eq!(first, [true, false]);
    }

    #[test]
    fn tokens_beyond_a_size_are_counted() {
        let two = splitter(false, |token| token);
        assert_eq!([5, 6, 7, 8].map(|size| two.beyond(size)), [2, 1, 1, 0]);
        assert_eq!((two.next_id(3), two.next_id(20)), (Ok(8), Ok(20)));
        assert_eq!((two.id("<w>"), two.token(7).as_deref(), two.token(6)), (Some(7), Some("<w>"), None));
    }
}
