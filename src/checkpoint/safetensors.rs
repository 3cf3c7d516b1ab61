//! The header of a safetensors file, read with every claim checked against the file's length.
//!
//! The `safetensors` crate's own reader keeps the last of two tensors of one name and reports a wrong size
//! without the tensor's name, so the table is read here; the crate supplies the element types.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use safetensors::Dtype;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::{CheckpointError, Result, shown};
use super::json;

const LONGEST_HEADER: u64 = 100_000_000;
const MOST_TENSORS: usize = 100_000;
const MOST_DIMENSIONS: usize = 8;

/// One tensor as the header describes it. `begin..end` are offsets into the whole file, inside its length.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub begin: usize,
    pub end: usize,
}

/// The tensors of a mapped file, in the order of their data; together they cover the data without hole or overlap.
pub(super) fn read_header(file: &Path, bytes: &[u8]) -> Result<Vec<Entry>> {
    let fail = |why: String| CheckpointError::file(file, why);
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(fail(format!("has {} bytes, too few for a safetensors header", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        return Err(fail(format!(
            "claims a header of {length} bytes, more than the format's limit of {LONGEST_HEADER}"
        )));
    }
    let Some((header, data)) = rest.split_at_checked(length as usize) else {
        return Err(fail(format!(
            "claims a header of {length} bytes but has only {} after the length: is it cut off?",
            rest.len()
        )));
    };
    let Table(raw) = json::parse(file, header)?;
    if raw.is_empty() {
        return Err(fail("holds no tensor".into()));
    }
    place(file, raw, 8 + header.len(), data.len())
}

/// Checks sizes and offsets; `start` is where the data of `length` bytes begins in the file.
fn place(file: &Path, mut raw: Vec<(String, RawEntry)>, start: usize, length: usize) -> Result<Vec<Entry>> {
    raw.sort_by(|(a, x), (b, y)| (x.data_offsets, a).cmp(&(y.data_offsets, b)));
    let mut covered = 0;
    let mut entries = Vec::with_capacity(raw.len());
    for (name, entry) in raw {
        let fail = |why: String| CheckpointError::tensor(file, &name, why);
        let (begin, end) = entry.data_offsets;
        if begin > end || end > length {
            return Err(fail(format!(
                "claims bytes {begin}..{end} of data that is {length} bytes long: is the file cut off?"
            )));
        }
        if begin != covered {
            let what = if begin < covered {
                "overlaps the tensor before it"
            } else {
                "leaves a hole after the tensor before it"
            };
            return Err(fail(format!("{what}: it begins at byte {begin} where {covered} was due")));
        }
        let Shape(shape) = entry.shape;
        let bits = shape
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(d))
            .and_then(|n| n.checked_mul(entry.dtype.bitsize()));
        if bits != (end - begin).checked_mul(8) {
            return Err(fail(format!(
                "of shape {shape:?} in {:?} does not fit its {} bytes of data",
                entry.dtype,
                end - begin
            )));
        }
        covered = end;
        entries.push(Entry { dtype: entry.dtype, shape, begin: start + begin, end: start + end, name });
    }
    if covered != length {
        return Err(CheckpointError::file(
            file,
            format!("has {} bytes after its last tensor that no tensor claims", length - covered),
        ));
    }
    Ok(entries)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    dtype: Dtype,
    shape: Shape,
    data_offsets: (usize, usize),
}

/// At most `MOST_DIMENSIONS` sizes, so that a header cannot ask for a list of millions.
struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;
        impl<'de> Visitor<'de> for Sizes {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "a list of at most {MOST_DIMENSIONS} sizes")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut sizes = Vec::new();
                while let Some(size) = seq.next_element()? {
                    if sizes.len() == MOST_DIMENSIONS {
                        return Err(Error::custom(format!("a shape has more than {MOST_DIMENSIONS} sizes")));
                    }
                    sizes.push(size);
                }
                Ok(Shape(sizes))
            }
        }
        deserializer.deserialize_seq(Sizes)
    }
}

/// The header's object: tensors by name, and `__metadata__`, which is checked to be text by text and dropped.
struct Table(Vec<(String, RawEntry)>);

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Table;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of tensors by name")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table, A::Error> {
                let mut entries = Vec::new();
                let mut names = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !names.insert(name.clone()) {
                        return Err(json::duplicate(&name));
                    }
                    if name == "__metadata__" {
                        map.next_value::<Metadata>()?;
                        continue;
                    }
                    if entries.len() == MOST_TENSORS {
                        return Err(Error::custom(format!("more than {MOST_TENSORS} tensors")));
                    }
                    let entry = map
                        .next_value::<RawEntry>()
                        .map_err(|error| Error::custom(format!("tensor {}: {error}", shown(&name))))?;
                    entries.push((name, entry));
                }
                Ok(Table(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

struct Metadata;

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Metadata;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of texts")
            }
            fn visit_unit<E>(self) -> Result<Metadata, E> {
                Ok(Metadata)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                while map.next_entry::<String, String>()?.is_some() {}
                Ok(Metadata)
            }
        }
        deserializer.deserialize_any(Texts)
    }
}
