//! `a % b` as a call, since the engine's operator knows numbers only.

use super::PERCENT;
use super::code::{Kind, Token, is_keyword, tokens};

/// Each `left % right` as a function of both.
pub(super) fn calls(code: &str) -> String {
    let tokens = tokens(code);
    let Places { begin, end } = Places::of(&tokens);
    let mut out = String::with_capacity(code.len());
    let mut at = 0;
    let mut is_call = false;
    for (number, token) in tokens.iter().enumerate() {
        let is_sign = begin[number].is_none();
        if !is_call && !is_sign {
            out.push_str(&code[at..token.start]);
        }
        for _ in 0..begin[number].unwrap_or(0) {
            out.push_str(PERCENT);
            out.push('(');
        }
        out.push_str(if is_sign { ", " } else { token.text });
        out.extend(std::iter::repeat_n(')', end[number].map_or(0, |_| 1)));
        (at, is_call) = (token.end(), is_sign);
    }
    out.push_str(&code[at..]);
    out
}

/// Where the calls stand, by token.
struct Places {
    /// How many begin there; `None` for a sign that becomes a comma.
    begin: Vec<Option<usize>>,
    /// The first token of the one that ends there.
    end: Vec<Option<usize>>,
}

impl Places {
    /// From the left, since the result of the first is the left side of the next. An operator without operands, and what
    /// follows it, is left for the engine to complain about.
    fn of(tokens: &[Token<'_>]) -> Places {
        let partners = partners(tokens);
        let mut places = Places { begin: vec![Some(0); tokens.len()], end: vec![None; tokens.len()] };
        for at in 0..tokens.len() {
            if tokens[at].kind != Kind::Operator || tokens[at].text != "%" {
                continue;
            }
            let left = left_of(tokens, &partners, &places.end, at);
            let right = right_of(tokens, &partners, at);
            let (Some(left), Some(right)) = (left, right) else { break };
            places.begin[left] = places.begin[left].map(|calls| calls + 1);
            places.begin[at] = None;
            places.end[right] = Some(left);
        }
        places
    }
}

/// For each bracket the one that it belongs to.
fn partners(tokens: &[Token<'_>]) -> Vec<Option<usize>> {
    let mut partners = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (number, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => open.push(number),
            Kind::Close => {
                if let Some(first) = open.pop() {
                    partners[first] = Some(number);
                    partners[number] = Some(first);
                }
            }
            _ => {}
        }
    }
    partners
}

/// The first token of what stands left of the operator: products and quotients belong to it. A call that is made already, as
/// `calls` has it by its last token, is one operand.
fn left_of(
    tokens: &[Token<'_>],
    partners: &[Option<usize>],
    calls: &[Option<usize>],
    at: usize,
) -> Option<usize> {
    let depth = tokens[at].depth;
    let mut first = None;
    let mut next = at.checked_sub(1);
    while let Some(number) = next {
        let token = &tokens[number];
        next = number.checked_sub(1);
        if token.depth < depth {
            break;
        }
        if token.depth > depth {
            continue;
        }
        if let Some(begin) = calls[number] {
            first = Some(begin);
            next = begin.checked_sub(1);
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
        if token.kind == Kind::Close {
            next = partners[number].or(next);
        }
    }
    first
}

/// The last token of what stands right of it.
fn right_of(tokens: &[Token<'_>], partners: &[Option<usize>], at: usize) -> Option<usize> {
    let depth = tokens[at].depth;
    let mut last = None;
    let mut next = at + 1;
    while let Some(token) = tokens.get(next) {
        let number = next;
        next += 1;
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
        if token.kind == Kind::Open {
            next = partners[number].unwrap_or(next);
        }
    }
    last
}

fn is_attribute(tokens: &[Token<'_>], number: usize) -> bool {
    number > 0 && tokens[number - 1].text == "."
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same one operator at a time, which is plain but takes as long as the square of the code.
    fn one_by_one(code: &str) -> String {
        let mut code = code.to_owned();
        loop {
            let tokens = tokens(&code);
            let (partners, none) = (vec![None; tokens.len()], vec![None; tokens.len()]);
            let sign = tokens.iter().position(|token| token.kind == Kind::Operator && token.text == "%");
            let Some(at) = sign else { return code };
            let sides = left_of(&tokens, &partners, &none, at).zip(right_of(&tokens, &partners, at));
            let Some((left, right)) = sides else { return code };
            let (start, sign, end) = (tokens[left].start, tokens[at], tokens[right].end());
            let operands = [&code[start..sign.start], &code[sign.end()..end]].map(str::trim);
            let call = format!("{PERCENT}({}, {})", operands[0], operands[1]);
            code = format!("{}{call}{}", &code[..start], &code[end..]);
        }
    }

    proptest::proptest! {
        #[test]
        fn all_at_once_is_as_one_by_one(parts in proptest::collection::vec(0usize..18, 0..24)) {
            const PARTS: [&str; 18] = [
                "a", "2.5", "'%s'", " % ", "%", " + ", " - ", "-", " * ", " ** ", "|f", ".b", "(", ")", " is ", " not ", ", ", " if ",
            ];
            let mut code = String::new();
            let mut open = 0;
            for part in parts.iter().map(|part| PARTS[*part]) {
                match part {
                    "(" => open += 1,
                    // Code whose brackets do not match is the engine's to refuse.
                    ")" if open == 0 => continue,
                    ")" => open -= 1,
                    _ => {}
                }
                code += part;
            }
            code += &")".repeat(open);
            proptest::prop_assert_eq!(calls(&code), one_by_one(&code));
        }
    }
}
