//! Finding and mapping the files that hold the weights.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::error::{CheckpointError, Result, shown};
use super::json;
use super::safetensors::{self, Entry};

pub(super) const SINGLE: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";
const LARGEST_INDEX: u64 = 64 << 20;
const MOST_SHARDS: usize = 10_000;

/// A mapped weight file.
pub(super) struct WeightFile {
    /// Its name inside the checkpoint folder.
    pub name: String,
    pub path: PathBuf,
    pub map: Mmap,
}

/// Every tensor of every weight file: name to (file number, entry).
pub(super) struct WeightFiles {
    pub files: Vec<WeightFile>,
    pub tensors: BTreeMap<String, (usize, Entry)>,
    index: Option<(PathBuf, Index)>,
}

impl WeightFiles {
    /// Maps `model.safetensors`, or the shards that the index names; never any other file of the folder.
    pub fn open(dir: &Path) -> Result<WeightFiles> {
        let index_file = dir.join(INDEX);
        let index = if index_file.exists() {
            let index = Index::read(&index_file)?;
            Some((index_file, index))
        } else {
            None
        };
        let names = match &index {
            Some((file, index)) => index.shards(dir, file)?,
            None if dir.join(SINGLE).exists() => vec![SINGLE.to_owned()],
            None => return Err(no_weights(dir)),
        };

        let mut files = Vec::with_capacity(names.len());
        let mut tensors = BTreeMap::<String, (usize, Entry)>::new();
        for name in names {
            let path = dir.join(&name);
            let map = map(&path)?;
            for entry in safetensors::read_header(&path, &map)? {
                if let Some((first, _)) = tensors.get(&entry.name) {
                    let first: &WeightFile = &files[*first];
                    return Err(CheckpointError::tensor(
                        &path,
                        &entry.name,
                        format!("is also in {}", first.name),
                    ));
                }
                tensors.insert(entry.name.clone(), (files.len(), entry));
            }
            files.push(WeightFile { name, path, map });
        }
        let found = WeightFiles { files, tensors, index };
        found.check_index()?;
        Ok(found)
    }

    /// Whether the index, if there is one, lists this tensor.
    pub fn lists(&self, tensor: &str) -> bool {
        self.index.as_ref().is_none_or(|(_, index)| index.weight_map.contains_key(tensor))
    }

    /// Every tensor that the index lists is in the shard where the index says it is. The reverse, a tensor that the
    /// index does not list, is left to the caller of [`WeightFiles::lists`], who knows what may be ignored.
    fn check_index(&self) -> Result<()> {
        let Some((index_file, index)) = &self.index else {
            return Ok(());
        };
        for (tensor, shard) in &index.weight_map {
            let fail = |why| Err(CheckpointError::tensor(index_file, tensor, why));
            match self.tensors.get(tensor) {
                None => {
                    return fail(format!("is listed in {}, but is not there", shown(shard)));
                }
                Some((file, _)) if self.files[*file].name != *shard => {
                    return fail(format!(
                        "is listed in {}, but is in {}",
                        shown(shard),
                        shown(&self.files[*file].name)
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    pub fn path(&self, file: usize) -> &Path {
        &self.files[file].path
    }

    pub fn bytes(&self, file: usize, begin: usize, end: usize) -> &[u8] {
        &self.files[file].map[begin..end]
    }
}

/// Maps a regular, non-empty file for reading.
fn map(path: &Path) -> Result<Mmap> {
    let io = |source| CheckpointError::io(path, source);
    // Asked before opening: opening a named pipe would wait for a writer.
    let meta = std::fs::metadata(path).map_err(io)?;
    if !meta.is_file() {
        return Err(CheckpointError::file(path, "is not a regular file"));
    }
    if meta.len() == 0 {
        return Err(CheckpointError::file(path, "is empty"));
    }
    let file = File::open(path).map_err(io)?;
    // SAFETY: the mapping is read-only and private to this process. If another process cuts the file short while it
    // is mapped, reading beyond the new end kills this process; no bytes are ever interpreted as anything but numbers.
    unsafe { Mmap::map(&file) }.map_err(io)
}

fn no_weights(dir: &Path) -> CheckpointError {
    let why = if has_file_like(dir, is_shard_name) {
        format!("holds shards of the weights, but {INDEX}, which says what belongs to them, is missing")
    } else if has_file_like(dir, |name| {
        name.starts_with("pytorch_model") && (name.ends_with(".bin") || name.ends_with(".json"))
    }) {
        format!("holds its weights as pytorch_model.bin only; this program reads {SINGLE}")
    } else {
        format!("holds neither {SINGLE} nor {INDEX}")
    };
    CheckpointError::Folder { dir: dir.to_owned(), why }
}

fn has_file_like(dir: &Path, wanted: impl Fn(&str) -> bool) -> bool {
    file_names(dir).any(|name| wanted(&name))
}

fn file_names(dir: &Path) -> impl Iterator<Item = String> {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

/// `model-00001-of-00004.safetensors`
fn is_shard_name(name: &str) -> bool {
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    name.strip_prefix("model-")
        .and_then(|rest| rest.strip_suffix(".safetensors"))
        .and_then(|numbers| numbers.split_once("-of-"))
        .is_some_and(|(part, parts)| digits(part) && digits(parts))
}

/// `model.safetensors.index.json`: which shard holds which tensor.
#[derive(serde::Deserialize)]
struct Index {
    #[serde(rename = "metadata", default)]
    _metadata: IgnoredAny,
    #[serde(deserialize_with = "unique_names")]
    weight_map: BTreeMap<String, String>,
}

impl Index {
    fn read(file: &Path) -> Result<Index> {
        let bytes = json::read_bounded(file, LARGEST_INDEX)?;
        json::parse(file, &bytes)
    }

    /// The shards in order of name. Refuses names that lead out of the folder, and shards of the folder that the
    /// index does not name: which of the two is stale cannot be known.
    fn shards(&self, dir: &Path, index_file: &Path) -> Result<Vec<String>> {
        let fail = |why: String| CheckpointError::file(index_file, why);
        let names: BTreeSet<&str> = self.weight_map.values().map(String::as_str).collect();
        if names.is_empty() {
            return Err(fail("lists no tensor".into()));
        }
        if names.len() > MOST_SHARDS {
            return Err(fail(format!("names more than {MOST_SHARDS} files")));
        }
        for name in &names {
            if !is_plain_name(name) {
                return Err(fail(format!(
                    "names the file \"{}\", expected a plain name of a .safetensors file in the same folder",
                    shown(name)
                )));
            }
            if !dir.join(name).exists() {
                return Err(fail(format!("names the shard {name}, which is missing")));
            }
        }
        let mut strays: Vec<String> = file_names(dir)
            .filter(|name| is_shard_name(name) || name == SINGLE)
            .filter(|name| !names.contains(name.as_str()))
            .collect();
        strays.sort();
        match strays.first() {
            Some(stray) => Err(fail(format!("does not name {stray}, which stands beside it"))),
            None => Ok(names.into_iter().map(str::to_owned).collect()),
        }
    }
}

fn is_plain_name(name: &str) -> bool {
    name.len() <= 255
        && name.ends_with(".safetensors")
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
