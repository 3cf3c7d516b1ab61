//! Methods of strings that fill, cut and compare, as Python has them.

use minijinja::value::{Kwargs, from_args};
use minijinja::{Error, State, Value};

use super::methods::failed;

/// No honest template fills a text to more.
pub(super) const WIDEST: usize = 4096;

/// `None`: not one of them.
pub(super) fn method(
    state: &State,
    text: &str,
    method: &str,
    args: &[Value],
) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "zfill" => {
            let (width,): (i64,) = from_args(args)?;
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
            let missing = missing(state, text, width)?;
            Value::from(format!("{sign}{}{digits}", "0".repeat(missing)))
        }
        "center" | "ljust" | "rjust" => {
            let (width, fill): (i64, Option<char>) = from_args(args)?;
            let missing = missing(state, text, width)?;
            let left = match method {
                // Python's own rule for what cannot be halved.
                "center" => missing / 2 + (missing & width as usize & 1),
                "ljust" => 0,
                _ => missing,
            };
            let fill = |count: usize| String::from(fill.unwrap_or(' ')).repeat(count);
            Value::from(format!("{}{text}{}", fill(left), fill(missing - left)))
        }
        "splitlines" => {
            let (keep, kwargs): (Option<bool>, Kwargs) = from_args(args)?;
            let named = kwargs.get::<Option<bool>>("keepends")?;
            kwargs.assert_all_used()?;
            state.consume_fuel(text.len() as u64 / 8)?;
            Value::from(lines(text, keep.or(named).unwrap_or(false)))
        }
        "swapcase" => {
            let () = from_args(args)?;
            let swap = |c: char| match c.is_uppercase() {
                true => c.to_lowercase().collect::<String>(),
                false => c.to_uppercase().collect(),
            };
            Value::from(text.chars().map(swap).collect::<String>())
        }
        "find" | "rfind" | "index" | "rindex" | "count" => {
            let (what, start, end): (&str, Option<i64>, Option<i64>) = from_args(args)?;
            let found = slice(text, start, end);
            let place = found.and_then(|(from, slice)| {
                let at = if method.starts_with('r') { slice.rfind(what) } else { slice.find(what) };
                at.map(|at| from + slice[..at].chars().count())
            });
            match (method, place) {
                ("count", _) => Value::from(found.map_or(0, |(_, slice)| slice.matches(what).count())),
                (_, Some(at)) => Value::from(at),
                ("index" | "rindex", None) => return Err(failed("substring not found")),
                (_, None) => Value::from(-1),
            }
        }
        "startswith" | "endswith" => {
            let (what, start, end): (&Value, Option<i64>, Option<i64>) = from_args(args)?;
            let slice = slice(text, start, end);
            let is = |affix: &Value| {
                let affix = affix
                    .as_str()
                    .ok_or_else(|| failed(format!("{method}: no text, nor a tuple of them")))?;
                Ok::<_, Error>(slice.is_some_and(|(_, slice)| match method {
                    "startswith" => slice.starts_with(affix),
                    _ => slice.ends_with(affix),
                }))
            };
            let affixes = if what.is_tuple() { what.try_iter()?.collect() } else { vec![what.clone()] };
            Value::from(affixes.iter().try_fold(false, |any, affix| Ok::<_, Error>(any || is(affix)?))?)
        }
        "split" if args.last().is_some_and(Value::is_kwargs) => {
            let (separator, most, kwargs): (Option<Value>, Option<i64>, Kwargs) = from_args(args)?;
            let separator = separator.or(kwargs.get("sep")?).unwrap_or_else(|| Value::from(()));
            let most = most.or(kwargs.get("maxsplit")?).unwrap_or(-1);
            kwargs.assert_all_used()?;
            return split(state, text, separator, most).map(Some);
        }
        _ => return Ok(None),
    }))
}

fn split(state: &State, text: &str, separator: Value, most: i64) -> Result<Value, Error> {
    state.consume_fuel(text.len() as u64 / 8)?;
    let most = usize::try_from(most).map_or(usize::MAX, |most| most.saturating_add(1));
    match separator.as_str() {
        Some("") => Err(failed("empty separator")),
        Some(separator) => Ok(Value::from_iter(text.splitn(most, separator).map(str::to_owned))),
        None if most == usize::MAX => Ok(Value::from_iter(text.split_whitespace().map(str::to_owned))),
        None => Err(failed("split: a number of splits wants a separator here")),
    }
}

/// How many characters `text` lacks to that width.
fn missing(state: &State, text: &str, width: i64) -> Result<usize, Error> {
    let width = usize::try_from(width).unwrap_or(0);
    if width > WIDEST {
        return Err(failed(format!("a width above {WIDEST}")));
    }
    state.consume_fuel(width as u64 / 16)?;
    Ok(width.saturating_sub(text.chars().count()))
}

/// What Python's `text[start:end]` gives, and how many characters stand before it. `None` where it begins behind its end:
/// not even an empty text is found there.
fn slice(text: &str, start: Option<i64>, end: Option<i64>) -> Option<(usize, &str)> {
    let count = text.chars().count();
    let place = |at: i64| match usize::try_from(at) {
        Ok(at) => at,
        Err(_) => count.saturating_sub(at.unsigned_abs().try_into().unwrap_or(usize::MAX)),
    };
    let (start, end) = (start.map_or(0, place), end.map_or(count, place).min(count));
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    (start <= end).then(|| (start, &text[byte(start)..byte(end)]))
}

/// Where Python ends a line, and how many bytes that takes.
fn line_end(rest: &str) -> Option<usize> {
    let first = rest.chars().next()?;
    match first {
        '\r' if rest.starts_with("\r\n") => Some(2),
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
            Some(first.len_utf8())
        }
        _ => None,
    }
}

pub(super) fn lines(text: &str, keep_ends: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        match line_end(&text[at..]) {
            Some(length) => {
                let end = if keep_ends { at + length } else { at };
                lines.push(text[start..end].to_owned());
                at += length;
                start = at;
            }
            None => at += c.len_utf8(),
        }
    }
    if start < text.len() {
        lines.push(text[start..].to_owned());
    }
    lines
}
