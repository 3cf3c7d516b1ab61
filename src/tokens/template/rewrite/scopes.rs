//! Blocks that are a scope in Python's Jinja and none in the engine: what is set in them is not seen behind them.

use std::ops::Range;

use super::code::{Kind, tokens};
use super::marks;

/// The blocks that are open, innermost last.
#[derive(Default)]
pub(super) struct Scopes(Vec<Open>);

struct Open {
    block: Block,
    /// Where the text stands that begins its scope.
    scope: Option<Range<usize>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Block {
    Set,
    Filter,
    Autoescape,
    If,
    For,
    /// A loop behind its `else`; only that part lacks a scope.
    Else,
}

impl Scopes {
    /// Puts the tag's code behind `out`, with a scope begun behind it or ended before it; `is_block`: a `set` that has
    /// an end.
    pub fn push(&mut self, out: &mut String, word: &str, code: &str, is_block: bool) {
        let innermost = self.0.last().map(|open| open.block);
        let opened = match (word, innermost) {
            ("set", _) if is_block => Some(Block::Set),
            ("filter", _) => Some(Block::Filter),
            ("autoescape", _) => Some(Block::Autoescape),
            ("if", _) => Some(Block::If),
            ("for", _) => Some(Block::For),
            ("else", Some(Block::For)) => {
                self.0.pop();
                Some(Block::Else)
            }
            _ => None,
        };
        if let Some(block) = opened {
            let (first, inner, last) = marks(code);
            out.extend([first, inner]);
            let start = out.len();
            if !matches!(block, Block::If | Block::For) {
                out.push_str(" %}{% with ");
                if block == Block::Set {
                    out.push_str(&read(inner));
                }
            }
            let scope = start..out.len();
            self.0.push(Open { block, scope: (!scope.is_empty()).then_some(scope) });
            out.push_str(last);
            return;
        }
        match (word, innermost) {
            ("endset", Some(Block::Set))
            | ("endfilter", Some(Block::Filter))
            | ("endautoescape", Some(Block::Autoescape))
            | ("endfor", Some(Block::Else | Block::For))
            | ("endif", Some(Block::If)) => {
                let ended = self.0.pop();
                if ended.is_some_and(|open| open.scope.is_some()) {
                    let (first, inner, last) = marks(code);
                    out.push_str(&format!("{first} endwith %}}{{% {} {last}", inner.trim()));
                    return;
                }
            }
            ("break" | "continue", _) => self.leave(out),
            _ => {}
        }
        out.push_str(code);
    }

    /// The engine does not end the scopes that a loop is left from: they are taken back.
    fn leave(&mut self, out: &mut String) {
        for open in self.0.iter_mut().rev().take_while(|open| open.block != Block::For) {
            if let Some(scope) = open.scope.take() {
                out.replace_range(scope.clone(), &" ".repeat(scope.len()));
            }
        }
    }
}

/// Assignments that read the namespaces whose attributes are set: the engine hands to a macro only what it reads.
fn read(target: &str) -> String {
    let reads = namespaces(target).into_iter().enumerate();
    let reads: Vec<String> = reads.map(|(number, name)| format!("_namespace_{number} = {name}")).collect();
    match reads.is_empty() {
        true => String::new(),
        false => format!("{} ", reads.join(", ")),
    }
}

/// The namespaces in the target of a `set`, up to its value or filter.
pub(super) fn namespaces(target: &str) -> Vec<&str> {
    let all = tokens(target);
    let end = all.iter().position(|token| ["=", "|"].contains(&token.text)).unwrap_or(all.len());
    let pairs = all[..end].windows(2);
    pairs.filter(|pair| pair[0].kind == Kind::Word && pair[1].text == ".").map(|pair| pair[0].text).collect()
}
