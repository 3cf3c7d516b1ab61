//! Functions and small objects that templates know from Python's Jinja, and those that `rewrite` calls.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::{Kwargs, Object, Rest, Tuple, Value, ValueKind, from_args};
use minijinja::{Environment, Error, State};

use super::conversions::{Conversions, conversions};
use super::methods::{failed, refuse_unbounded_format};
use super::{filters, rewrite};

pub(super) fn add(env: &mut Environment<'_>) {
    env.add_function("cycler", cycler);
    env.add_function("joiner", |separator: Option<String>| {
        Value::from_object(Joiner {
            separator: separator.unwrap_or_else(|| ", ".to_owned()),
            calls: AtomicUsize::new(0),
        })
    });
    let known = |name: &str| env.globals().find(|(known, _)| *known == name).map(|(_, value)| value);
    if let Some(namespace) = known("namespace") {
        env.add_function("namespace", move |state: &mut State, given: Option<Value>, more: Kwargs| {
            namespace.call(state, &[merged(given, &more)?])
        });
    }
    env.add_function("dict", |given: Option<Value>, more: Kwargs| merged(given, &more));
    env.add_filter(FORMATTER, minijinja::filters::format);
    env.add_filter("format", format);
    env.add_function(rewrite::PERCENT, percent);
    env.add_function(rewrite::ITEMS, |value: Value| match value.is_none() {
        true => Err(failed("a loop goes over none")),
        false => Ok(value),
    });
    env.add_function(rewrite::VARIADIC, |called: Value, names: Vec<String>| {
        Value::from_object(Variadic { called, names })
    });
    env.add_global(rewrite::MISSING, Value::from_object(Missing));
    env.add_test(rewrite::IS_MISSING, |value: &Value| value.downcast_object_ref::<Missing>().is_some());
}

/// What Python's `dict(given, **more)` makes: of a dictionary or of pairs.
fn merged(given: Option<Value>, more: &Kwargs) -> Result<Value, Error> {
    let mut pairs = Vec::new();
    if let Some(given) = given.filter(|given| !given.is_undefined()) {
        for item in given.try_iter()? {
            pairs.push(match given.kind() {
                ValueKind::Map => (item.clone(), given.get_item(&item)?),
                _ => match &item.try_iter()?.collect::<Vec<Value>>()[..] {
                    [key, value] => (key.clone(), value.clone()),
                    _ => return Err(failed("dict: an item is no pair")),
                },
            });
        }
    }
    for name in more.args() {
        pairs.push((Value::from(name), more.get(name)?));
    }
    Ok(Value::from_pairs(pairs))
}

/// The formatter itself, by a name that no template can write.
const FORMATTER: &str = "format ";

/// `text | format(..)`: `%` with a tuple or a dictionary.
fn format(state: &mut State, text: Value, given: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let text = filters::string(state, &text)?;
    let named = merged(None, &named)?;
    match (named.is_true(), given.is_empty()) {
        (true, true) => percent(state, text, named),
        (true, false) => Err(failed("format: values both by place and by name")),
        (false, _) => percent(state, text, Value::from(Tuple::from(given.0))),
    }
}

/// `left % right`: a text with its values, or a remainder with the divisor's sign.
fn percent(state: &mut State, left: Value, right: Value) -> Result<Value, Error> {
    if let Some(text) = left.as_str() {
        // Lists and dictionaries go in as texts.
        let plain = |value: Value| match value.kind() {
            ValueKind::Number | ValueKind::String | ValueKind::Bool => Ok(value),
            _ => filters::text_of(state, &value).map(Value::from),
        };
        let Conversions { text, wanted, is_named, places, names } = conversions(text);
        let text = text.as_str();
        let args = if is_named {
            let mut named = pairs(&right)?;
            for (name, made) in names {
                let value = named.iter().find(|(known, _)| known == name).map(|(_, value)| made.of(value));
                named.extend(value.transpose()?.map(|value| (made.name(name), value)));
            }
            let named = named.into_iter().map(|(name, value)| Ok((name, plain(value)?)));
            vec![Value::from(Kwargs::from_iter(named.collect::<Result<Vec<_>, Error>>()?))]
        } else {
            let given = match right.kind() {
                _ if right.is_tuple() => right.try_iter()?.collect(),
                // A dictionary need not be asked for anything.
                ValueKind::Map if wanted == 0 => Vec::new(),
                _ => vec![right],
            };
            let as_asked = |(at, value): (usize, Value)| match places.iter().find(|(place, _)| *place == at) {
                Some((_, made)) => plain(made.of(&value)?),
                None => plain(value),
            };
            given.into_iter().enumerate().map(as_asked).collect::<Result<Vec<_>, Error>>()?
        };
        refuse_unbounded_format(text, &args)?;
        if wanted < args.len() && !is_named {
            return Err(failed("not all arguments converted during string formatting"));
        }
        // What is escaped already escapes what goes in.
        let format =
            if left.is_safe() { Value::from_safe_string(text.to_owned()) } else { Value::from(text) };
        return state.apply_filter(FORMATTER, &[&[format], &args[..]].concat());
    }
    let whole = |value: &Value| match value.kind() {
        ValueKind::Bool => Some(i128::from(value.is_true())),
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok(),
        _ => None,
    };
    if let (Some(a), Some(b)) = (whole(&left), whole(&right)) {
        let rest = a.checked_rem(b).ok_or_else(|| failed("modulo by zero"))?;
        let rest = if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest };
        return Ok(Value::from(rest));
    }
    let number = |value: &Value| match value.kind() {
        ValueKind::Bool => Ok(f64::from(u8::from(value.is_true()))),
        ValueKind::Number => f64::try_from(value.clone()),
        kind => Err(failed(format!("% of a {kind}"))),
    };
    let (a, b) = (number(&left)?, number(&right)?);
    if b == 0.0 {
        return Err(failed("modulo by zero"));
    }
    Ok(Value::from(match a % b {
        0.0 => 0.0_f64.copysign(b),
        rest if (rest < 0.0) != (b < 0.0) => rest + b,
        rest => rest,
    }))
}

fn pairs(map: &Value) -> Result<Vec<(String, Value)>, Error> {
    if map.kind() != ValueKind::Map {
        return Err(failed("format requires a mapping"));
    }
    map.try_iter()?.map(|key| Ok((key.to_string(), map.get_item(&key)?))).collect()
}

/// Stands for an argument that was not given.
#[derive(Debug)]
struct Missing;

impl Object for Missing {}

/// A macro that takes more arguments than it names.
#[derive(Debug)]
struct Variadic {
    called: Value,
    names: Vec<String>,
}

impl Object for Variadic {
    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (Rest(mut given), kwargs): (Rest<Value>, Kwargs) = from_args(args)?;
        let more = given.split_off(given.len().min(self.names.len()));
        let mut named = Vec::new();
        let mut rest = Vec::new();
        for name in kwargs.args() {
            let value: Value = kwargs.get(name)?;
            match name == "caller" || self.names.iter().any(|known| known == name) {
                true => named.push((name.to_owned(), value)),
                false => rest.push((name.to_owned(), value)),
            }
        }
        named.push(("varargs".to_owned(), Value::from(Tuple::from(more))));
        named.push(("kwargs".to_owned(), Value::from_pairs(rest)));
        given.push(Value::from(Kwargs::from_iter(named)));
        self.called.call(state, &given)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.called, f)
    }
}

fn cycler(Rest(items): Rest<Value>) -> Result<Value, Error> {
    match items.is_empty() {
        true => Err(failed("cycler: at least one item has to be provided")),
        false => Ok(Value::from_object(Cycler { items, at: AtomicUsize::new(0) })),
    }
}

/// Gives its items in turn.
#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

impl Cycler {
    fn item(&self, at: usize) -> Value {
        self.items[at % self.items.len()].clone()
    }
}

impl Object for Cycler {
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        (key == "current").then(|| self.item(self.at.load(Ordering::Relaxed)))
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let () = from_args(args)?;
        match method {
            "next" => Ok(self.item(self.at.fetch_add(1, Ordering::Relaxed))),
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(failed(format!("a cycler has no method {method}"))),
        }
    }
}

/// Empty at first, then the separator.
#[derive(Debug)]
struct Joiner {
    separator: String,
    calls: AtomicUsize,
}

impl Object for Joiner {
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let () = from_args(args)?;
        Ok(match self.calls.fetch_add(1, Ordering::Relaxed) {
            0 => Value::from(""),
            _ => Value::from(self.separator.as_str()),
        })
    }
}
