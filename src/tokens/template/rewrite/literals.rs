//! Texts between quotes as Python reads them: an escape that it does not know stays as it is written.

use std::borrow::Cow;

use super::code::{Kind, tokens};

/// An escape that the engine refuses, for one that Python refuses or whose names are not known here.
const REFUSED: &str = r"\x";

/// The code with every escape in its texts spelled as the engine reads it.
pub(super) fn spelled(code: &str) -> Cow<'_, str> {
    if !code.contains('\\') {
        return Cow::Borrowed(code);
    }
    let mut out = String::with_capacity(code.len());
    let mut at = 0;
    for token in tokens(code) {
        if token.kind != Kind::Text {
            continue;
        }
        out.push_str(&code[at..token.start]);
        push(&mut out, token.text);
        at = token.end();
    }
    out.push_str(&code[at..]);
    Cow::Owned(out)
}

fn push(out: &mut String, text: &str) {
    let mut rest = text;
    // Line ends that Python leaves out go behind the text, so that lines keep their numbers.
    let mut lines = 0;
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        let Some(first) = escape.chars().next() else {
            out.push('\\');
            rest = escape;
            break;
        };
        rest = &escape[first.len_utf8()..];
        match first {
            '\n' => lines += 1,
            'a' => out.push_str(r"\x07"),
            'v' => out.push_str(r"\x0b"),
            '/' => out.push_str(r"\\/"),
            'N' => out.push_str(REFUSED),
            'U' => match escape.get(1..9).and_then(|digits| code_point(digits, 16)) {
                Some(c) => {
                    push_char(out, c);
                    rest = &escape[9..];
                }
                None => out.push_str(REFUSED),
            },
            // What a byte cannot hold: three octal digits are at most 511.
            '4'..='7' => match escape.get(..3).and_then(|digits| code_point(digits, 8)) {
                Some(c) => {
                    push_char(out, c);
                    rest = &escape[3..];
                }
                None => out.extend(['\\', first]),
            },
            // Python's Jinja escapes it by its number first, and then has two backslashes before that.
            first if !first.is_ascii() => {
                out.push_str(r"\\");
                out.push_str(&match u32::from(first) {
                    number @ ..0x100 => format!("x{number:02x}"),
                    number @ ..0x1_0000 => format!("u{number:04x}"),
                    number => format!("U{number:08x}"),
                });
            }
            first => out.extend(['\\', first]),
        }
    }
    out.push_str(rest);
    out.extend(std::iter::repeat_n('\n', lines));
}

fn code_point(digits: &str, radix: u32) -> Option<char> {
    let all = digits.chars().all(|digit| digit.is_digit(radix));
    all.then(|| u32::from_str_radix(digits, radix).ok()).flatten().and_then(char::from_u32)
}

fn push_char(out: &mut String, c: char) {
    if matches!(c, '\'' | '"' | '\\') {
        out.push('\\');
    }
    out.push(c);
}
