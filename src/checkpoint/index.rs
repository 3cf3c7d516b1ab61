//! The index of a checkpoint in several files: which shard holds which tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::error::{CheckpointError, Result, shown};
use super::files::{Format, file_names};
use super::json;
use crate::plain::{Object, is_there};

const LARGEST_INDEX: u64 = 64 << 20;
const MOST_SHARDS: usize = 10_000;

/// `model.safetensors.index.json` or `pytorch_model.bin.index.json`.
pub(super) struct Index {
    /// Tensor to shard.
    pub weight_map: BTreeMap<String, String>,
}

/// The file's object.
#[derive(serde::Deserialize)]
struct Fields {
    #[serde(rename = "metadata", default)]
    _metadata: IgnoredAny,
    #[serde(deserialize_with = "unique_names")]
    weight_map: BTreeMap<String, String>,
}

impl Index {
    pub fn read(file: &Path) -> Result<Index> {
        let bytes = json::read_bounded(file, LARGEST_INDEX)?;
        let Object(Fields { weight_map, .. }) = json::parse_file(file, &bytes)?;
        Ok(Index { weight_map })
    }

    /// The shards in order of name. Refuses names that lead out of the folder, and shards of the folder that the
    /// index does not name: which of the two is stale cannot be known.
    pub fn shards(&self, format: Format, dir: &Path, index_file: &Path) -> Result<Vec<String>> {
        let fail = |why: String| CheckpointError::file(index_file, why);
        let names: BTreeSet<&str> = self.weight_map.values().map(String::as_str).collect();
        if names.is_empty() {
            return Err(fail("lists no tensor".into()));
        }
        if names.len() > MOST_SHARDS {
            return Err(fail(format!("names more than {MOST_SHARDS} files")));
        }
        for name in &names {
            if !is_plain_name(name, format) {
                return Err(fail(format!(
                    "names the file \"{}\", expected a plain name of a {} file in the same folder",
                    shown(name),
                    format.extension()
                )));
            }
            if !is_there(&dir.join(name)) {
                return Err(fail(format!("names the shard {name}, which is missing")));
            }
        }
        let mut strays: Vec<String> = file_names(dir)
            .filter(|name| format.is_shard(name) || name == format.single())
            .filter(|name| !names.contains(name.as_str()))
            .collect();
        strays.sort();
        match strays.first() {
            Some(stray) => Err(fail(format!("does not name {stray}, which stands beside it"))),
            None => Ok(names.into_iter().map(str::to_owned).collect()),
        }
    }
}

fn is_plain_name(name: &str, format: Format) -> bool {
    name.len() <= 255
        && name.ends_with(format.extension())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_. +=@,".contains(&b))
}

/// A map from text to text in which no key stands twice.
fn unique_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = BTreeMap<String, String>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object of file names by tensor name")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut names = BTreeMap::new();
            while let Some((tensor, file)) = map.next_entry::<String, String>()? {
                if names.contains_key(&tensor) {
                    return Err(json::duplicate(&tensor));
                }
                names.insert(tensor, file);
            }
            Ok(names)
        }
    }
    deserializer.deserialize_map(Names)
}
