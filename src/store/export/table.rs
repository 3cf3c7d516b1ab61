//! The two tables' columns, and the one interface of all formats.

use parquet::errors::ParquetError;
use schemars::{Schema, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use crate::stats::items::{COLUMNS, ItemNames, NAMES};

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Count,
    Float,
    /// Lists of lists of f32.
    Lists,
}

#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// What it is measured in, with its sign; empty for names.
    pub unit: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
}

/// One field of a row.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    Text(&'a str),
    Count(u32),
    Float(f64),
    Lists(&'a [Vec<f32>]),
}

/// Where rows go. Values come in the columns' order and of the columns' kinds.
///
/// All failures travel as the Parquet crate's error, whose `External` holds an I/O error unchanged.
pub trait Sink {
    fn row(&mut self, values: &[Value<'_>]) -> Result<(), ParquetError>;
}

const fn column(kind: Kind, name: &'static str, unit: &'static str, about: &'static str) -> Column {
    Column { name, kind, unit, about }
}

const fn float(name: &'static str, unit: &'static str, about: &'static str) -> Column {
    column(Kind::Float, name, unit, about)
}

/// What an item's names are, in the order of [`COLUMNS`].
const OF_AN_ITEM: [&str; NAMES] = [
    "checkpoint's name in the run",
    "language of the prompts",
    "condition of the prompts",
    "one country of the pair",
    "the other country of the pair",
    "the narrative",
    "the narrative's kind, the cluster of every interval",
    "what is asked about the narrative",
];

/// An item's names, then `own`.
const fn after_names<const N: usize>(own: &[Column]) -> [Column; N] {
    assert!(NAMES + own.len() == N);
    let mut all = [column(Kind::Text, "", "", ""); N];
    let mut i = 0;
    while i < N {
        all[i] = if i < NAMES { column(Kind::Text, COLUMNS[i], "", OF_AN_ITEM[i]) } else { own[i - NAMES] };
        i += 1;
    }
    all
}

const TOWARDS: &str = "log-odds (natural), + favours country_1";
const SHARE: &str = "probability, 0 to 1";

pub const ITEMS: &[Column] = &after_names::<12>(&[
    float("diff_fwd", TOWARDS, "mean over both option orders, country_1 in the narrative's first role"),
    float("diff_rev", TOWARDS, "the same with the roles swapped"),
    float("bias", TOWARDS, "mean of diff_fwd and diff_rev"),
    float("compliance", SHARE, "mean over the item's prompts of the probability on the answers"),
]);

pub const SCORES: &[Column] = &after_names::<17>(&[
    column(Kind::Text, "roles", "", "fwd: country_1 has the narrative's first role; rev: the second"),
    column(Kind::Text, "order", "", "12: country_1 is the first option; 21: the second"),
    column(Kind::Count, "n_tokens", "tokens", "length of the prompt"),
    float("log_odds", "log-odds (natural), + favours the first option", "first answer against the second"),
    float("logprob_a", "natural logarithm", "of the first answer's probability"),
    float("logprob_b", "natural logarithm", "of the second answer's probability"),
    float("compliance", SHARE, "probability on the answers together"),
    float("logsumexp", "natural logarithm", "of the sum over the vocabulary of exp(logit)"),
    column(Kind::Lists, "logits", "logit", "of each token of each answer"),
]);

/// The JSON Schema of a row as a JSON line: every column, no other.
pub fn row_schema(columns: &[Column]) -> Schema {
    let properties: Map<String, Json> = columns
        .iter()
        .map(|column| {
            let mut shape = match column.kind {
                Kind::Text => json!({"type": "string"}),
                Kind::Count => json!({"type": "integer", "minimum": 0}),
                Kind::Float => json!({"type": "number"}),
                Kind::Lists => {
                    json!({"type": "array", "items": {"type": "array", "items": {"type": "number"}}})
                }
            };
            let about = [column.about, column.unit].join(if column.unit.is_empty() { "" } else { "; " });
            shape["description"] = json!(about);
            (column.name.to_owned(), shape)
        })
        .collect();
    let required: Vec<&str> = columns.iter().map(|column| column.name).collect();
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The fields of a row: an item's names, then `own`.
pub fn row<'a>(names: ItemNames<'a>, own: &[Value<'a>]) -> Vec<Value<'a>> {
    names.in_order().map(Value::Text).into_iter().chain(own.iter().copied()).collect()
}

/// As JSON; floats in the shortest form that reads back to the same bits.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Text(text) => text.serialize(serializer),
            Value::Count(n) => n.serialize(serializer),
            Value::Float(x) => x.serialize(serializer),
            Value::Lists(lists) => lists.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_says_of_each_column_what_it_is_and_in_what_unit() {
        let schema = row_schema(SCORES);
        let about = |name: &str| schema.as_value()["properties"][name]["description"].clone();
        assert_eq!(about("model"), "checkpoint's name in the run");
        assert_eq!(about("logits"), "of each token of each answer; logit");
    }
}
