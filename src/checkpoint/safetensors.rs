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
use crate::plain::{counted, field};

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
        let size = counted(bytes.len(), "byte");
        return Err(fail(format!("has {size}, too few for a safetensors header")));
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
    if header.is_empty() {
        return Err(fail("claims a header of 0 bytes, in which no tensor can stand".into()));
    }
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
        if begin > end {
            return Err(fail(format!("claims bytes {begin}..{end}, which end before they begin")));
        }
        if end > length {
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
                "of shape {shape:?} in {:?} does not fit its {} of data",
                entry.dtype,
                counted(end - begin, "byte")
            )));
        }
        covered = end;
        entries.push(Entry { dtype: entry.dtype, shape, begin: start + begin, end: start + end, name });
    }
    if covered != length {
        return Err(CheckpointError::file(
            file,
            format!("has {} after its last tensor that no tensor claims", counted(length - covered, "byte")),
        ));
    }
    Ok(entries)
}

struct RawEntry {
    dtype: Dtype,
    shape: Shape,
    data_offsets: (usize, usize),
}

impl<'de> Deserialize<'de> for RawEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = RawEntry;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of `dtype`, `shape` and `data_offsets`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawEntry, A::Error> {
                let (mut dtype, mut shape, mut offsets) = (None, None, None);
                while let Some(name) = map.next_key::<String>()? {
                    let again = match &*name {
                        "dtype" => {
                            let what = "F32, F16, BF16 or another type of the format";
                            dtype.replace(field(&mut map, &name, what)?).is_some()
                        }
                        "shape" => {
                            let what = format!("a list of at most {MOST_DIMENSIONS} sizes");
                            shape.replace(field(&mut map, &name, &what)?).is_some()
                        }
                        "data_offsets" => {
                            offsets.replace(field(&mut map, &name, "a list of two positions")?).is_some()
                        }
                        _ => return Err(Error::custom(format!("`{}` is not a known field", shown(&name)))),
                    };
                    if again {
                        return Err(json::duplicate(&name));
                    }
                }
                let missing = |field: &str| Error::custom(format!("`{field}` is missing"));
                let Sizes([begin, end]) = offsets.ok_or_else(|| missing("data_offsets"))?;
                Ok(RawEntry {
                    dtype: dtype.ok_or_else(|| missing("dtype"))?,
                    shape: shape.ok_or_else(|| missing("shape"))?,
                    data_offsets: (begin, end),
                })
            }
        }
        deserializer.deserialize_any(Fields)
    }
}

/// At most `MOST_DIMENSIONS` sizes, so that a header cannot ask for a list of millions.
struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(List(MOST_DIMENSIONS)).map(Shape)
    }
}

/// Exactly `N` sizes.
struct Sizes<const N: usize>([usize; N]);

impl<'de, const N: usize> Deserialize<'de> for Sizes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = deserializer.deserialize_any(List(N))?;
        let wrong = |list: Vec<usize>| Error::invalid_length(list.len(), &"that many");
        list.try_into().map(Sizes).map_err(wrong)
    }
}

/// Reads a list of at most so many sizes.
struct List(usize);

impl<'de> Visitor<'de> for List {
    type Value = Vec<usize>;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a list of at most {} sizes", self.0)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<usize>, A::Error> {
        let mut sizes = Vec::new();
        while let Some(size) = seq.next_element()? {
            if sizes.len() == self.0 {
                return Err(Error::invalid_length(sizes.len() + 1, &self));
            }
            sizes.push(size);
        }
        Ok(sizes)
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
