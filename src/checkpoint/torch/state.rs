//! The tensors of a state dict, by name.

use std::collections::HashSet;

use super::super::error::shown;
use super::objects::{Objects, Value};

/// Keys under which training loops keep the weights among other things.
const WRAPPERS: [&str; 2] = ["state_dict", "model"];

/// The root's tensors in its order: names and indices into the table of tensors.
pub(super) fn tensors<'a>(root: Value<'a>, objects: &Objects<'a>) -> Result<Vec<(&'a str, usize)>, String> {
    let Value::Dict(root) = root else {
        return Err(format!("it holds {}, expected a dictionary of tensors", root.kind()));
    };
    let state = unwrapped(root, objects)?.unwrap_or(root);
    let mut names = HashSet::new();
    let mut tensors = Vec::new();
    for &(key, value) in &objects.dicts[state].entries {
        let Value::Str(name) = key else {
            return Err(format!("a tensor's name is {}", key.kind()));
        };
        let Value::Tensor(tensor) = value else {
            return Err(format!("`{}` is {}, expected a tensor", shown(name), value.kind()));
        };
        if !names.insert(name) {
            return Err(format!("tensor {} stands there twice", shown(name)));
        }
        tensors.push((name, tensor));
    }
    if tensors.is_empty() {
        return Err("it holds no tensor".into());
    }
    Ok(tensors)
}

/// The dictionary under one of the [`WRAPPERS`], if there is one. Beside it only notes may stand: numbers and texts.
fn unwrapped<'a>(root: usize, objects: &Objects<'a>) -> Result<Option<usize>, String> {
    let entries = &objects.dicts[root].entries;
    let wrapper = |(at, entry): (usize, &(Value<'a>, Value<'a>))| match *entry {
        (Value::Str(name), Value::Dict(dict)) if WRAPPERS.contains(&name) => Some((at, dict)),
        _ => None,
    };
    let Some((at, inside)) = entries.iter().enumerate().find_map(wrapper) else {
        return Ok(None);
    };
    for &(key, value) in entries[..at].iter().chain(&entries[at + 1..]) {
        match (key, value) {
            (Value::Str(_), Value::Int(_) | Value::Str(_) | Value::Bool(_) | Value::None) => {}
            (Value::Str(name), other) => {
                return Err(format!("`{}` is {} beside the model's tensors", shown(name), other.kind()));
            }
            (key, _) => return Err(format!("a key is {}", key.kind())),
        }
    }
    Ok(Some(inside))
}
