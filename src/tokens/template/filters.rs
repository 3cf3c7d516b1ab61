//! Filters as Python's Jinja has them, and how values are printed.

use minijinja::value::{Kwargs, Rest, ValueKind, from_args};
use minijinja::{Error, Output, State, Value, escape_formatter};
use unicode_categories::UnicodeCategories;

use super::json::python_float;
use super::methods::failed;
use super::strings;

/// A value in `{{ ... }}`: floats as Python writes them, the rest as the engine does.
pub(super) fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match float(value) {
        Some(number) => Ok(out.write_str(&python_float(number))?),
        None => escape_formatter(out, state, value),
    }
}

fn float(value: &Value) -> Option<f64> {
    let is_float = value.kind() == ValueKind::Number && !value.is_integer();
    is_float.then(|| f64::try_from(value.clone()).ok()).flatten()
}

/// A value as Python's `str` gives it.
pub(super) fn text_of(state: &State, value: &Value) -> Result<String, Error> {
    let text = match (value.as_str(), float(value)) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => python_float(number),
        (None, None) => value.to_string(),
    };
    state.consume_fuel(text.len() as u64 / 64)?;
    Ok(text)
}

pub(super) fn string(state: &State, value: &Value) -> Result<Value, Error> {
    match value.as_str() {
        Some(_) => Ok(value.clone()),
        None => text_of(state, value).map(Value::from),
    }
}

/// `e` and `escape`: the five characters as numbers or names, as Python's markupsafe writes them.
pub(super) fn escape(state: &State, value: &Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    let text = text_of(state, value)?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    Ok(Value::from_safe_string(out))
}

/// `truncate(length=255, killwords=false, end='...', leeway=5)`.
pub(super) fn truncate(
    state: &State,
    value: &Value,
    Rest(args): Rest<Value>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    type Args = (Option<usize>, Option<bool>, Option<String>, Option<usize>);
    let (length, killwords, end, leeway): Args = from_args(&args)?;
    let length = length.or(kwargs.get("length")?).unwrap_or(255);
    let killwords = killwords.or(kwargs.get("killwords")?).unwrap_or(false);
    let end = end.or(kwargs.get("end")?).unwrap_or_else(|| "...".to_owned());
    let leeway = leeway.or(kwargs.get("leeway")?).unwrap_or(5);
    kwargs.assert_all_used()?;
    let text = text_of(state, value)?;
    let keep =
        length.checked_sub(end.chars().count()).ok_or_else(|| failed("truncate: no room for its end"))?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text);
    }
    let cut = text.char_indices().nth(keep).map_or(text.len(), |(at, _)| at);
    let kept = &text[..cut];
    let kept = match kept.rfind(' ') {
        Some(at) if !killwords => &kept[..at],
        _ => kept,
    };
    Ok(format!("{kept}{end}"))
}

/// Runs of letters, digits and underscores.
pub(super) fn wordcount(state: &State, value: &Value) -> Result<usize, Error> {
    let text = text_of(state, value)?;
    let is_word = |c: char| c.is_alphanumeric() || c.is_number() || c == '_';
    Ok(text.split(|c| !is_word(c)).filter(|word| !word.is_empty()).count())
}

/// `center(width=80)`.
pub(super) fn center(state: &State, value: &Value, width: Option<i64>) -> Result<Value, Error> {
    let text = text_of(state, value)?;
    let centred = strings::method(state, &text, "center", &[Value::from(width.unwrap_or(80))])?;
    centred.ok_or_else(|| failed("center"))
}

/// `indent(width=4, first=false, blank=false)`; the width may be a text to put before the lines.
pub(super) fn indent(
    state: &State,
    value: &Value,
    Rest(args): Rest<Value>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let (width, first, blank): (Option<Value>, Option<Value>, Option<Value>) = from_args(&args)?;
    let width = width.or(kwargs.get("width")?).unwrap_or_else(|| Value::from(4));
    let first = first.or(kwargs.get("first")?).is_some_and(|first| first.is_true());
    let blank = blank.or(kwargs.get("blank")?).is_some_and(|blank| blank.is_true());
    kwargs.assert_all_used()?;
    let text = value.as_str().ok_or_else(|| failed(format!("indent: a {} is not a string", value.kind())))?;
    let before = match (width.as_str(), width.kind()) {
        (Some(before), _) => before.to_owned(),
        (None, ValueKind::Bool) => " ".repeat(usize::from(width.is_true())),
        (None, ValueKind::Number) if width.is_integer() => {
            let width = width.as_i64().map_or(usize::MAX, |width| usize::try_from(width).unwrap_or(0));
            if width > strings::WIDEST {
                return Err(failed(format!("indent: a width above {}", strings::WIDEST)));
            }
            " ".repeat(width)
        }
        (None, kind) => return Err(failed(format!("indent: a width that is a {kind}"))),
    };
    // With the line end that is put behind it, the last line counts also where it is empty.
    let lines = strings::lines(&format!("{text}\n"), false);
    let bytes = before.len().saturating_mul(lines.len()).saturating_add(text.len());
    state.consume_fuel(bytes as u64 / 64)?;
    let mut out = String::with_capacity(bytes);
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        if if number == 0 { first } else { blank || !line.is_empty() } {
            out.push_str(&before);
        }
        out.push_str(line);
    }
    Ok(if value.is_safe() { Value::from_safe_string(out) } else { Value::from(out) })
}

/// `default(value='', boolean=false)`.
pub(super) fn default(
    value: &Value,
    other: Option<Value>,
    boolean: Option<bool>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let other = other.or(kwargs.get("default_value")?).unwrap_or_else(|| Value::from(""));
    let boolean = boolean.or(kwargs.get("boolean")?).unwrap_or(false);
    kwargs.assert_all_used()?;
    Ok(match value.is_undefined() || (boolean && !value.is_true()) {
        true => other,
        false => value.clone(),
    })
}
