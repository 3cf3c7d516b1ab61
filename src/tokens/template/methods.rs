//! Where templates expect Python's ways: methods of strings, lists and dictionaries, and a few filters and tests.

use minijinja::value::{Kwargs, Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

use super::strings;

/// What Python takes for a space when it strips: Unicode's white space and four control characters.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `trim`, the filter: both ends, white space or the given characters.
pub(super) fn trim(text: &Value, chars: Option<String>) -> String {
    let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
    match chars {
        Some(chars) => text.trim_matches(|c| chars.contains(c)).to_owned(),
        None => text.trim_matches(is_space).to_owned(),
    }
}

/// `int`, the filter: towards zero; what is no number becomes the default.
pub(super) fn int(value: &Value, default: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let whole = match value.as_str() {
        Some(text) => text.trim_matches(is_space).parse::<i64>().ok(),
        None => value.as_i64().filter(|_| value.is_integer()),
    };
    if let Some(whole) = whole {
        return Ok(Value::from(whole));
    }
    let number = to_float(value).filter(|number| number.abs() < i64::MAX as f64);
    Ok(match number {
        Some(number) => Value::from(number.trunc() as i64),
        None => given(default, kwargs)?.unwrap_or_else(|| Value::from(0)),
    })
}

/// `float`, the filter: what is no number becomes the default.
pub(super) fn float(value: &Value, default: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    Ok(match to_float(value) {
        Some(number) => Value::from(number),
        None => given(default, kwargs)?.unwrap_or_else(|| Value::from(0.0)),
    })
}

fn to_float(value: &Value) -> Option<f64> {
    match value.kind() {
        ValueKind::String => value.as_str()?.trim_matches(is_space).parse().ok(),
        ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        _ => None,
    }
}

/// A default given by place or by name.
fn given(default: Option<Value>, kwargs: Kwargs) -> Result<Option<Value>, Error> {
    let named = kwargs.get::<Option<Value>>("default")?;
    kwargs.assert_all_used()?;
    Ok(default.or(named))
}

/// `iterable`, the test: everything that a loop takes, nothing included that stands for no value.
pub(super) fn is_iterable(value: &Value) -> bool {
    use ValueKind::{Iterable, Map, Seq, String, Undefined};
    matches!(value.kind(), Iterable | Map | Seq | String | Undefined)
}

/// `sequence`, the test: everything with a length and items, which in Python are strings and dictionaries too.
pub(super) fn is_sequence(value: &Value) -> bool {
    use ValueKind::{Map, Seq, String, Undefined};
    matches!(value.kind(), Map | Seq | String | Undefined)
}

/// `callable`, the test: functions and macros.
pub(super) fn is_callable(value: &Value) -> bool {
    value.kind() == ValueKind::Plain
}

/// Called for every method that the template engine does not know.
pub(super) fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match (value.kind(), value.as_str()) {
        (ValueKind::String, Some(text)) => match string_method(state, text, method, args)? {
            Some(result) => Ok(result),
            None => pycompat::unknown_method_callback(state, value, method, args),
        },
        (ValueKind::Map, _) if method == "copy" => {
            let () = from_args(args)?;
            Ok(value.clone())
        }
        (ValueKind::Seq, _) if method == "index" => {
            let (what,): (&Value,) = from_args(args)?;
            let at = value.try_iter()?.position(|item| item == *what);
            at.map(Value::from).ok_or_else(|| failed("index: the value is not in the list"))
        }
        _ => pycompat::unknown_method_callback(state, value, method, args),
    }
}

/// The methods that the compatibility crate lacks, or whose memory it does not bound. `None`: not one of them.
fn string_method(state: &State, text: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "strip" | "lstrip" | "rstrip" => {
            let (chars,): (Option<&str>,) = from_args(args)?;
            let gone = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
            Value::from(match method {
                "strip" => text.trim_matches(gone),
                "lstrip" => text.trim_start_matches(gone),
                _ => text.trim_end_matches(gone),
            })
        }
        "title" => {
            let () = from_args(args)?;
            Value::from(title(text))
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "partition" | "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            if separator.is_empty() {
                return Err(failed("empty separator"));
            }
            let parts = match method {
                "partition" => text.split_once(separator),
                _ => text.rsplit_once(separator),
            };
            match (parts, method) {
                (Some((head, tail)), _) => tuple([head, separator, tail]),
                (None, "partition") => tuple([text, "", ""]),
                (None, _) => tuple(["", "", text]),
            }
        }
        "rsplit" => {
            let (separator, most): (Option<&str>, Option<i64>) = from_args(args)?;
            Value::from(rsplit(text, separator, most)?)
        }
        // Python takes strings only; anything else could unfold without bound while it is printed.
        "join" => {
            let (items,): (&Value,) = from_args(args)?;
            if let Some(item) = items.try_iter()?.find(|item| item.as_str().is_none()) {
                return Err(failed(format!("join: a {} is not a string", item.kind())));
            }
            return Ok(None);
        }
        "format" => {
            refuse_unbounded_format(text, args)?;
            return Ok(None);
        }
        _ => return strings::method(state, text, method, args),
    }))
}

/// A width of a billion, or a list that holds itself many times over, would fill the memory.
pub(super) fn refuse_unbounded_format(text: &str, args: &[Value]) -> Result<(), Error> {
    const WIDEST: u64 = 4096;
    let mut number: u64 = 0;
    for c in text.chars() {
        number = match c.to_digit(10) {
            Some(digit) => number.saturating_mul(10).saturating_add(digit.into()),
            None => 0,
        };
        if number > WIDEST {
            return Err(failed(format!("format: a width above {WIDEST}")));
        }
    }
    match args.iter().find(|arg| {
        matches!(arg.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) && !arg.is_kwargs()
    }) {
        Some(arg) => Err(failed(format!("format: a {} as argument", arg.kind()))),
        None => Ok(()),
    }
}

/// Every letter that does not follow a letter in upper case, the others in lower case.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match inside {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
        inside = c.is_alphabetic();
    }
    out
}

fn rsplit(text: &str, separator: Option<&str>, most: Option<i64>) -> Result<Vec<String>, Error> {
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    match separator {
        Some("") => return Err(failed("empty separator")),
        Some(separator) => parts.extend(text.rsplitn(most.saturating_add(1), separator).map(str::to_owned)),
        None => {
            let mut rest = text.trim_end_matches(is_space);
            while !rest.is_empty() {
                let cut = match parts.len() < most {
                    true => rest.rfind(is_space),
                    false => None,
                };
                let Some(cut) = cut else {
                    parts.push(rest.to_owned());
                    break;
                };
                let word = rest[cut..].trim_start_matches(is_space);
                parts.push(word.to_owned());
                rest = rest[..cut].trim_end_matches(is_space);
            }
        }
    }
    parts.reverse();
    Ok(parts)
}

fn tuple(parts: [&str; 3]) -> Value {
    Value::from(Tuple::from(parts.map(Value::from)))
}

pub(super) fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}
