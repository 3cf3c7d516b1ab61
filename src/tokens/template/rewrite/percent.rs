//! `a % b` as a call, since the engine's operator knows numbers only.

use super::PERCENT;
use super::code::{Kind, Token, is_keyword, tokens};

/// Each `left % right` as a function of both.
pub(super) fn calls(code: &str) -> String {
    let mut code = code.to_owned();
    // From the left, so that the result of the first is the left side of the next.
    while let Some(changed) = first(&code) {
        code = changed;
    }
    code
}

fn first(code: &str) -> Option<String> {
    let tokens = tokens(code);
    let at = tokens.iter().position(|token| token.kind == Kind::Operator && token.text == "%")?;
    let left = left_of(&tokens, at)?;
    let right = right_of(&tokens, at)?;
    let (start, sign, end) = (tokens[left].start, tokens[at], tokens[right].end());
    let operands = [&code[start..sign.start], &code[sign.end()..end]].map(str::trim);
    Some(format!("{}{PERCENT}({}, {}){}", &code[..start], operands[0], operands[1], &code[end..]))
}

/// The first token of what stands left of the operator: products and quotients belong to it.
fn left_of(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let depth = tokens[at].depth;
    let mut first = None;
    for (number, token) in tokens[..at].iter().enumerate().rev() {
        if token.depth < depth || (token.depth == depth && token.kind == Kind::Open && number + 1 == at) {
            break;
        }
        if token.depth > depth {
            continue;
        }
        let binary = number > 0 && tokens[number - 1].ends_operand();
        let stops = match token.kind {
            Kind::Operator => match token.text {
                "+" | "-" => binary,
                other => !["*", "/", "//", "**", "|", "."].contains(&other),
            },
            Kind::Word => is_keyword(token.text) && !is_attribute(tokens, number),
            _ => false,
        };
        if stops {
            break;
        }
        first = Some(number);
    }
    first
}

/// The last token of what stands right of it.
fn right_of(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let depth = tokens[at].depth;
    let mut last = None;
    for (number, token) in tokens.iter().enumerate().skip(at + 1) {
        if token.depth < depth {
            break;
        }
        if token.depth > depth {
            continue;
        }
        let before = &tokens[number - 1];
        let stops = match token.kind {
            Kind::Operator => match token.text {
                "+" | "-" => before.ends_operand(),
                other => !["**", "|", "."].contains(&other),
            },
            Kind::Word => {
                let part_of_test = token.text == "is" || (token.text == "not" && before.text == "is");
                is_keyword(token.text) && !part_of_test && !is_attribute(tokens, number)
            }
            _ => false,
        };
        if stops {
            break;
        }
        last = Some(number);
    }
    last
}

fn is_attribute(tokens: &[Token<'_>], number: usize) -> bool {
    number > 0 && tokens[number - 1].text == "."
}
