//! The fields of config.json: typed getters that name the field in every error and remember what was asked for,
//! so that a field which nobody asked for can be refused.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

use super::error::{CheckpointError, Result, shown, shown_value};

/// No width, row count or context of a decoder comes near; keeps every product of two sizes inside 64 bits.
const LARGEST_SIZE: usize = 1 << 28;

/// One object of a config file. A `null` is the same as an absent field to every getter but [`Fields::raw`].
pub(super) struct Fields<'a> {
    file: &'a Path,
    /// `""`, or the path to this object: `"rope_scaling."`.
    prefix: String,
    map: &'a Map<String, Value>,
    asked: BTreeSet<String>,
    most_layers: usize,
}

impl<'a> Fields<'a> {
    /// `most_layers`: as many layers as the weight files could possibly fill.
    pub fn new(file: &'a Path, map: &'a Map<String, Value>, most_layers: usize) -> Self {
        Fields { file, prefix: String::new(), map, asked: BTreeSet::new(), most_layers }
    }

    /// The error "`key` `why`".
    pub fn error(&self, key: &str, why: impl Into<String>) -> CheckpointError {
        CheckpointError::Field {
            file: self.file.to_owned(),
            field: format!("{}{}", self.prefix, shown(key)),
            why: why.into(),
        }
    }

    /// The value as it stands, `null` included.
    pub fn raw(&mut self, key: &str) -> Option<&'a Value> {
        self.asked.insert(key.to_owned());
        self.map.get(key)
    }

    fn value(&mut self, key: &str) -> Option<&'a Value> {
        self.raw(key).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.error(key, format!("is {}, expected {expected}", shown_value(value)))),
        }
    }

    fn required<T>(&self, key: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| {
            self.error(key, "is missing, and this program does not guess what changes the arithmetic")
        })
    }

    /// A count from 1 to `LARGEST_SIZE`.
    pub fn size_or_none(&mut self, key: &str) -> Result<Option<usize>> {
        self.typed(key, &format!("a whole number from 1 to {LARGEST_SIZE}"), |value| {
            let size = usize::try_from(value.as_u64()?).ok()?;
            (1..=LARGEST_SIZE).contains(&size).then_some(size)
        })
    }

    /// A count that may be 0.
    pub fn count_or_none(&mut self, key: &str) -> Result<Option<u64>> {
        self.typed(key, "a whole number", Value::as_u64)
    }

    pub fn size(&mut self, key: &str) -> Result<usize> {
        let size = self.size_or_none(key)?;
        self.required(key, size)
    }

    /// A size, or what its absence means; without such a meaning it must be there.
    pub fn size_or(&mut self, key: &str, absent: Option<usize>) -> Result<usize> {
        let size = self.size_or_none(key)?.or(absent);
        self.required(key, size)
    }

    /// The number of layers, held against the tensors that are really there before anything is sized by it.
    pub fn layers(&mut self, key: &str) -> Result<usize> {
        let layers = self.size(key)?;
        if layers > self.most_layers {
            return Err(self.error(
                key,
                format!("is {layers}, but the weight files hold only {} tensors", self.most_layers),
            ));
        }
        Ok(layers)
    }

    /// A number greater than 0, finite also as f32.
    pub fn positive_or_none(&mut self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a positive number", |value| {
            let number = value.as_f64()?;
            (number > 0.0 && (number as f32) > 0.0 && (number as f32).is_finite()).then_some(number)
        })
    }

    /// Any number that is finite, which JSON's all are.
    pub fn number_or_none(&mut self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a number", Value::as_f64)
    }

    pub fn positive(&mut self, key: &str) -> Result<f64> {
        let number = self.positive_or_none(key)?;
        self.required(key, number)
    }

    pub fn flag_or_none(&mut self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub fn flag(&mut self, key: &str) -> Result<bool> {
        let flag = self.flag_or_none(key)?;
        self.required(key, flag)
    }

    pub fn word_or_none(&mut self, key: &str) -> Result<Option<&'a str>> {
        self.typed(key, "a text", Value::as_str)
    }

    pub fn word(&mut self, key: &str) -> Result<&'a str> {
        let word = self.word_or_none(key)?;
        self.required(key, word)
    }

    pub fn list_or_none(&mut self, key: &str) -> Result<Option<&'a Vec<Value>>> {
        self.typed(key, "a list", Value::as_array)
    }

    /// The object under `key`, with getters of its own; call its [`Fields::finish`] too.
    pub fn object_or_none(&mut self, key: &str) -> Result<Option<Fields<'a>>> {
        let map = self.typed(key, "an object", Value::as_object)?;
        Ok(map.map(|map| Fields {
            file: self.file,
            prefix: format!("{}{key}.", self.prefix),
            map,
            asked: BTreeSet::new(),
            most_layers: self.most_layers,
        }))
    }

    /// `key` must hold exactly `value`.
    pub fn must_be(&mut self, key: &str, value: impl Into<Value>) -> Result<()> {
        let present = self.value(key);
        self.required(key, present)?;
        self.may_only_be(key, value)
    }

    /// `key` may be absent, but if it is there it must hold `value`. Numbers are compared as numbers: 1 is 1.0.
    pub fn may_only_be(&mut self, key: &str, value: impl Into<Value>) -> Result<()> {
        let expected = value.into();
        match self.value(key) {
            None => Ok(()),
            Some(found) if *found == expected => Ok(()),
            Some(found) if found.is_number() && found.as_f64() == expected.as_f64() => Ok(()),
            Some(found) => {
                Err(self
                    .error(key, format!("is {}, but only {expected} is supported here", shown_value(found))))
            }
        }
    }

    /// `key` must be absent or `null`.
    pub fn must_be_absent(&mut self, key: &str, why: &str) -> Result<()> {
        match self.value(key) {
            None => Ok(()),
            Some(_) => Err(self.error(key, format!("is set: {why}"))),
        }
    }

    /// Known fields without effect on inference.
    pub fn inert(&mut self, known: impl Fn(&str) -> bool) {
        let known = self.map.keys().filter(|key| known(key)).cloned();
        self.asked.extend(known);
    }

    /// Refuses the first field that nobody asked for.
    pub fn finish(self) -> Result<()> {
        match self.map.keys().find(|key| !self.asked.contains(*key)) {
            None => Ok(()),
            Some(key) => Err(self.error(
                key,
                "is a field that this program does not know for this family; it may change the arithmetic",
            )),
        }
    }
}
