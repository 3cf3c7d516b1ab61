//! Assigned values kept finite.
//!
//! The engine counts the work that a template does and the bytes it makes, but a list is shared, not copied, when it is
//! put into another: `[x, x]` assigned to `x` sixty times over costs nothing, and printing or comparing it never ends.
//! A namespace that holds itself is worse: printing it recurses until the stack is gone. Both need an assignment, so
//! every assigned value is copied here, down to its leaves and within limits.

use minijinja::value::{Rest, Tuple, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

/// Values in values in values ...
const MOST_NESTED: usize = 64;
/// All values that an assigned one holds, each as often as it appears.
const MOST_VALUES: usize = 100_000;
/// Copied values that one unit of fuel pays for.
const VALUES_PER_FUEL: usize = 8;

/// The filter for `{% set name = value %}`.
pub(super) fn variable(state: &State, value: &Value) -> Result<Value, Error> {
    match is_namespace(value) {
        true => Ok(value.clone()),
        false => attribute(state, value, Rest(Vec::new())),
    }
}

/// The filter for `{% set namespace.name = value %}`, which is given the namespace to no end but that it is read.
pub(super) fn attribute(state: &State, value: &Value, _: Rest<Value>) -> Result<Value, Error> {
    let mut copied = 0;
    let copy = copy(value, 0, &mut copied);
    state.consume_fuel((copied / VALUES_PER_FUEL) as u64)?;
    copy
}

fn copy(value: &Value, depth: usize, copied: &mut usize) -> Result<Value, Error> {
    *copied += 1;
    if *copied > MOST_VALUES {
        return Err(refused(format!("more than {MOST_VALUES} values")));
    }
    if depth > MOST_NESTED {
        return Err(refused(format!("values nested more than {MOST_NESTED} deep")));
    }
    let Some(object) = value.as_object() else {
        return Ok(value.clone());
    };
    let mut copies = |values: &mut dyn Iterator<Item = Value>| {
        values.map(|item| copy(&item, depth + 1, copied)).collect::<Result<Vec<Value>, Error>>()
    };
    Ok(match value.kind() {
        ValueKind::Seq if value.is_tuple() => Value::from(Tuple::from(copies(&mut value.try_iter()?)?)),
        ValueKind::Seq | ValueKind::Iterable => Value::from(copies(&mut value.try_iter()?)?),
        ValueKind::Map if is_namespace(value) => {
            return Err(refused("a namespace inside another value"));
        }
        ValueKind::Map if is_dictionary(object.type_name()) => {
            let keys = copies(&mut value.try_iter()?)?;
            let values = keys
                .iter()
                .map(|key| copy(&value.get_item(key)?, depth + 1, copied))
                .collect::<Result<Vec<Value>, Error>>()?;
            Value::from_pairs(keys.into_iter().zip(values))
        }
        // Loops, macros, functions: they hold nothing of the template's making.
        _ => value.clone(),
    })
}

fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

/// Whether it is made of keys and values, and not one of the engine's own objects that merely answer like it.
fn is_dictionary(type_name: &str) -> bool {
    let outer = type_name.split('<').next().unwrap_or(type_name);
    ["Map", "MergeDict", "KwargsValues"].iter().any(|name| outer.ends_with(name))
}

fn refused(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("a variable is set to {what}"))
}

#[cfg(test)]
mod tests {
    use minijinja::{Environment, State, Value};

    #[test]
    fn a_copy_is_paid_for_by_the_values_that_it_holds() {
        let mut env = Environment::new();
        env.set_fuel(Some(10_000));
        env.add_function("paid", |state: &mut State, value: Value| {
            let consumed = || state.fuel_levels().map(|(consumed, _)| consumed);
            let before = consumed();
            super::variable(state, &value)
                .map(|_| consumed().zip(before).map(|(after, before)| after - before))
        });
        env.add_global("list", (0..4000).collect::<Vec<i32>>());
        // A unit for eight of 4,001 values and of two.
        assert_eq!(env.render_str("{{ paid(list) }} {{ paid([1]) }}", ()).unwrap(), "500 0");
    }
}
