//! The two tables' columns, and the one interface of all formats.

use parquet::errors::ParquetError;
use serde::{Serialize, Serializer};

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

const fn text(name: &'static str) -> Column {
    let kind = Kind::Text;
    Column { name, kind }
}

const fn float(name: &'static str) -> Column {
    let kind = Kind::Float;
    Column { name, kind }
}

/// An item's names, then `own`.
const fn after_names<const N: usize>(own: &[Column]) -> [Column; N] {
    assert!(NAMES + own.len() == N);
    let mut all = [text(""); N];
    let mut i = 0;
    while i < N {
        all[i] = if i < NAMES { text(COLUMNS[i]) } else { own[i - NAMES] };
        i += 1;
    }
    all
}

pub const ITEMS: &[Column] =
    &after_names::<12>(&[float("diff_fwd"), float("diff_rev"), float("bias"), float("compliance")]);

pub const SCORES: &[Column] = &after_names::<17>(&[
    text("roles"),
    text("order"),
    Column { name: "n_tokens", kind: Kind::Count },
    float("log_odds"),
    float("logprob_a"),
    float("logprob_b"),
    float("compliance"),
    float("logsumexp"),
    Column { name: "logits", kind: Kind::Lists },
]);

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
