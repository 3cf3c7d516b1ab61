//! Tokens on top of a vocabulary: which there are, in the order in which the reference gives them ids.

use std::collections::{BTreeMap, HashSet};

use tokenizers::AddedToken;

use super::class::{Class, Rules};
use super::special::TokenizerConfig;

/// Tokens to add, and the ids that the folder's files give to some of them.
#[derive(Debug, Default)]
pub(crate) struct AddedTokens {
    pub tokens: Vec<AddedToken>,
    pub declared: BTreeMap<u32, AddedToken>,
}

impl AddedTokens {
    /// `file` are tokenizer.json's own, `present` those that the tokenizer has already, `pieces` those that
    /// tokenizer.model marks. The reference adds first what has an id, by id, then special tokens by name, then the
    /// rest. An error is about tokenizer_config.json.
    pub(crate) fn plan(
        config: &TokenizerConfig,
        class: &Class,
        file: impl IntoIterator<Item = (u32, AddedToken)>,
        present: &HashSet<String>,
        pieces: Vec<AddedToken>,
    ) -> Result<Self, String> {
        let mut declared: BTreeMap<u32, AddedToken> = config.added_tokens()?.into_iter().collect();
        if !config.lists_added_tokens() {
            declared.extend(file);
        }
        let special = config.special_tokens(class.default_tokens());
        for token in declared.values_mut() {
            token.special |= special.iter().any(|known| known.content == token.content);
        }
        let mut known: HashSet<&str> = present.iter().map(String::as_str).collect();
        known.extend(declared.values().map(|token| token.content.as_str()));
        let mut tokens: Vec<AddedToken> = declared.values().cloned().collect();
        let special = match class.rules {
            Rules::Python { missing: true } => Vec::new(),
            _ => special,
        };
        for token in special.into_iter().chain(pieces) {
            if !known.contains(&*token.content) && !tokens.contains(&token) {
                tokens.push(token);
            }
        }
        Ok(Self { tokens, declared })
    }

    /// Tokens whose id in the files is not the one that the reference gives them, in words.
    pub(crate) fn renumbered(&self, id: impl Fn(&str) -> Option<u32>) -> Option<String> {
        let moved = |(declared, token): (&u32, &AddedToken)| {
            let given = id(&token.content)?;
            (given != *declared).then(|| format!("{:?} is {given}, not {declared}", token.content))
        };
        let moved: Vec<String> = self.declared.iter().filter_map(moved).collect();
        match &moved[..] {
            [] => None,
            [first, rest @ ..] => {
                let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
                Some(format!("numbered as the reference does, not as its files say: {first}{more}"))
            }
        }
    }
}
