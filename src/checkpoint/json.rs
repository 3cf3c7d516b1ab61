//! JSON read strictly: bounded size and depth, and no key twice in one object.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::{CheckpointError, Result, shown};
use crate::plain;

/// The bytes of a regular file of at most `limit` bytes.
pub(super) fn read_bounded(file: &Path, limit: u64) -> Result<Vec<u8>> {
    let io = |source| CheckpointError::io(file, source);
    // Asked before opening: opening a named pipe would wait for a writer.
    let meta = std::fs::metadata(file).map_err(io)?;
    if !meta.is_file() {
        return Err(CheckpointError::file(file, "is not a regular file"));
    }
    let mut bytes = Vec::new();
    let handle = File::open(file).map_err(io)?;
    handle.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        return Err(CheckpointError::file(
            file,
            format!("is larger than {limit} bytes, which is more than such a file can need"),
        ));
    }
    Ok(bytes)
}

/// [`parse`] of a whole file, which may be another one than its name says.
pub(super) fn parse_file<'a, T: Deserialize<'a>>(file: &Path, bytes: &'a [u8]) -> Result<T> {
    if let Some(why) = plain::not_json(bytes) {
        return Err(CheckpointError::file(file, why));
    }
    match plain::crowded(bytes, plain::JSON_SIGNS, plain::MOST_VALUES) {
        Some(why) => Err(CheckpointError::file(file, why)),
        None => parse(file, bytes),
    }
}

/// Parses `bytes`; nesting is bounded by serde_json's limit of 128 levels.
pub(super) fn parse<'a, T: Deserialize<'a>>(file: &Path, bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        CheckpointError::file(file, format!("is not valid: {}", plain::said(&error.to_string())))
    })
}

/// A JSON value in which no object holds a key twice.
pub(super) struct Strict(pub Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StrictValue.deserialize(deserializer).map(Strict)
    }
}

struct StrictValue;

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(StrictValue)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(StrictValue)?;
            if object.contains_key(&key) {
                return Err(duplicate(&key));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

pub(super) fn duplicate<E: Error>(key: &str) -> E {
    E::custom(format!("`{}` stands there twice", shown(key)))
}
