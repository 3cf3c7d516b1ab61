//! JSON counted while it is read: a file of some megabytes can hold millions of small values, each of which takes a
//! hundred bytes and more of memory.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How many values, and how many bytes of text in them, may still be read.
pub(crate) struct Budget {
    most_values: usize,
    values: usize,
    most_text: usize,
    text: usize,
}

impl Budget {
    pub(crate) fn new(values: usize, text: usize) -> Self {
        Self { most_values: values, values, most_text: text, text }
    }

    /// Reads one value, with all that it holds.
    pub(crate) fn keep(&mut self) -> Keep<'_> {
        Keep(self)
    }

    fn spend<E: Error>(&mut self, text: usize) -> Result<(), E> {
        let most = |most: usize, what: &str| {
            E::custom(format!("holds more than {most} {what}, which is more than it can need"))
        };
        self.values = self.values.checked_sub(1).ok_or_else(|| most(self.most_values, "values"))?;
        self.text = self.text.checked_sub(text).ok_or_else(|| most(self.most_text, "bytes of text"))?;
        Ok(())
    }
}

pub(crate) struct Keep<'b>(&'b mut Budget);

impl<'de> DeserializeSeed<'de> for Keep<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Keep<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.0.spend(0).map(|()| Value::Null)
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<Value, E> {
        self.0.spend(0).map(|()| v.into())
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<Value, E> {
        self.0.spend(0).map(|()| v.into())
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<Value, E> {
        self.0.spend(0).map(|()| v.into())
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<Value, E> {
        self.0.spend(0)?;
        Number::from_f64(v).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<Value, E> {
        self.0.spend(v.len()).map(|()| v.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        self.0.spend(0)?;
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(Keep(self.0))? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.0.spend(0)?;
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            self.0.spend(key.len())?;
            let value = map.next_value_seed(Keep(self.0))?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// What is wrong with an entry of a long list or object, if anything is: its key and its value are given.
pub(crate) type Check = fn(Option<&str>, &Value) -> Option<String>;

/// A list or an object of very many small entries: looked at one by one, and not kept.
pub(crate) struct Entries {
    pub most: usize,
    pub check: Check,
}

impl Entries {
    /// More than an entry of a vocabulary or of a list of merges has.
    const VALUES: usize = 8;

    fn look<E: Error>(&self, number: usize, key: Option<&str>, value: &Value) -> Result<(), E> {
        if number > self.most {
            return Err(E::custom(format!("holds more than {} entries", self.most)));
        }
        (self.check)(key, value).map_or(Ok(()), |wrong| Err(E::custom(wrong)))
    }
}

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list or an object")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(value) = seq.next_element_seed(Budget::new(Self::VALUES, usize::MAX).keep())? {
            number += 1;
            self.look(number, None, &value)?;
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Budget::new(Self::VALUES, usize::MAX).keep())?;
            number += 1;
            self.look(number, Some(&key), &value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, values: usize, text: usize) -> Result<Value, serde_json::Error> {
        let mut budget = Budget::new(values, text);
        budget.keep().deserialize(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn every_kind_of_value_is_counted() {
        for (json, values) in [
            ("null", 1),
            ("true", 1),
            ("-1", 1),
            ("1", 1),
            ("1.5", 1),
            ("\"a\"", 1),
            ("[null, [0]]", 4),
            // Names of fields are counted as well.
            ("{\"a\": {}, \"b\": 1}", 5),
        ] {
            let expected: Value = serde_json::from_str(json).unwrap();
            assert_eq!(read(json, values, 10).unwrap(), expected);
            let error = read(json, values - 1, 10).unwrap_err().to_string();
            assert!(error.contains(&format!("holds more than {} values", values - 1)), "{json}: {error}");
        }
        let texts = r#"{"ab": ["c", "é"]}"#;
        assert!(read(texts, 10, 5).is_ok());
        let error = read(texts, 10, 4).unwrap_err().to_string();
        assert!(error.contains("holds more than 4 bytes of text"), "{error}");
    }

    #[test]
    fn entries_are_counted_and_looked_at() {
        let wrong: Check = |key, value| (*value == 0).then(|| format!("{key:?} is zero"));
        let look = |json: &str, most: usize| {
            let read =
                Entries { most, check: wrong }.deserialize(&mut serde_json::Deserializer::from_str(json));
            read.map_err(|error: serde_json::Error| error.to_string())
        };
        for two in ["[1, 2]", r#"{"a": 1, "b": [2, 3, "x"]}"#] {
            assert_eq!(look(two, 2), Ok(()));
            assert!(look(two, 1).unwrap_err().contains("holds more than 1 entries"));
        }
        assert!(look("[1, 0]", 2).unwrap_err().contains("None is zero"));
        assert!(look(r#"{"a": 1, "b": 0}"#, 2).unwrap_err().contains("Some(\"b\") is zero"));
        assert!(look("[[1, 2, 3, 4, 5, 6, 7, 8]]", 2).unwrap_err().contains("more than 8 values"));
    }
}
