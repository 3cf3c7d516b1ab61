//! Finding and mapping the files that hold the weights.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::error::{CheckpointError, Result, shown};
use super::index::Index;
use super::instead;
use super::safetensors::{self, Entry};
use super::torch;
use crate::plain::{is_there, stand_in};
use crate::signals::Mapped;

/// What the weight files are written in. A folder that holds both is read as safetensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Safetensors,
    Torch,
}

const FORMATS: [Format; 2] = [Format::Safetensors, Format::Torch];

impl Format {
    /// The file that holds all weights where one does.
    pub fn single(self) -> &'static str {
        match self {
            Format::Safetensors => "model.safetensors",
            Format::Torch => "pytorch_model.bin",
        }
    }

    /// The file that says which shard holds what.
    fn index(self) -> &'static str {
        match self {
            Format::Safetensors => "model.safetensors.index.json",
            Format::Torch => "pytorch_model.bin.index.json",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Format::Safetensors => ".safetensors",
            Format::Torch => ".bin",
        }
    }

    /// `model-00001-of-00004.safetensors`, `pytorch_model-00001-of-00002.bin`
    pub fn is_shard(self, name: &str) -> bool {
        let digits = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
        let stem = self.single().strip_suffix(self.extension()).unwrap_or_default();
        name.strip_prefix(stem)
            .and_then(|rest| rest.strip_prefix('-')?.strip_suffix(self.extension()))
            .and_then(|numbers| numbers.split_once("-of-"))
            .is_some_and(|(part, parts)| digits(part) && digits(parts))
    }

    fn is_in(self, dir: &Path) -> bool {
        is_there(&dir.join(self.index())) || is_there(&dir.join(self.single()))
    }

    /// The tensors of one mapped file.
    fn read_header(self, file: &Path, bytes: &[u8]) -> Result<Vec<Entry>> {
        if let Some(why) = stand_in(bytes) {
            return Err(CheckpointError::file(file, why));
        }
        match self {
            Format::Safetensors => safetensors::read_header(file, bytes),
            Format::Torch => torch::read_header(file, bytes),
        }
    }
}

/// The tensors that a weight file's bytes claim, in the file's order, and where in it each lies; `name` stands for the file in errors
/// and says its format: `.bin` for torch's, anything else for safetensors.
///
/// # Errors
/// As [`Checkpoint::open`](super::Checkpoint::open) of such a file.
pub fn tensor_table(name: &Path, bytes: &[u8]) -> Result<Vec<(String, Range<usize>)>> {
    let is_torch = name.extension().is_some_and(|extension| extension == "bin");
    let format = if is_torch { Format::Torch } else { Format::Safetensors };
    let entries = format.read_header(name, bytes)?;
    Ok(entries.into_iter().map(|entry| (entry.name, entry.begin..entry.end)).collect())
}

/// A mapped weight file.
pub(super) struct WeightFile {
    /// Its name inside the checkpoint folder.
    pub name: String,
    pub path: PathBuf,
    /// Before the bytes, so that it goes first.
    _named: Mapped,
    pub map: Mmap,
}

/// Every tensor of every weight file: name to (file number, entry).
pub(super) struct WeightFiles {
    pub files: Vec<WeightFile>,
    pub tensors: BTreeMap<String, (usize, Entry)>,
    index: Option<(PathBuf, Index)>,
}

impl WeightFiles {
    /// Whether the folder holds whole weights under a name that is looked for.
    pub fn are_in(dir: &Path) -> bool {
        FORMATS.into_iter().any(|format| format.is_in(dir))
    }

    /// Maps the one weight file, or the shards that the index names; never any other file of the folder.
    pub fn open(dir: &Path) -> Result<WeightFiles> {
        let Some(format) = FORMATS.into_iter().find(|format| format.is_in(dir)) else {
            return Err(no_weights(dir));
        };
        let index_file = dir.join(format.index());
        let index = if is_there(&index_file) {
            let index = Index::read(&index_file)?;
            Some((index_file, index))
        } else {
            None
        };
        let names = match &index {
            Some((file, index)) => index.shards(format, dir, file)?,
            None => vec![format.single().to_owned()],
        };

        let mut files = Vec::with_capacity(names.len());
        let mut tensors = BTreeMap::<String, (usize, Entry)>::new();
        for name in names {
            let path = dir.join(&name);
            let map = map(&path)?;
            let named = Mapped::at(&path, &map);
            for entry in format.read_header(&path, &map)? {
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
            files.push(WeightFile { _named: named, name, path, map });
        }
        Ok(WeightFiles { files, tensors, index })
    }

    /// Whether the index, if there is one, lists this tensor.
    pub fn lists(&self, tensor: &str) -> bool {
        self.index.as_ref().is_none_or(|(_, index)| index.weight_map.contains_key(tensor))
    }

    /// Every tensor that the index lists is in the shard where the index says it is, or may be absent. The reverse, a
    /// tensor that the index does not list, is left to the caller of [`WeightFiles::lists`], who knows what may be
    /// ignored.
    pub fn check_index(&self, may_be_absent: impl Fn(&str) -> bool) -> Result<()> {
        let Some((index_file, index)) = &self.index else {
            return Ok(());
        };
        for (tensor, shard) in &index.weight_map {
            let fail = |why| Err(CheckpointError::tensor(index_file, tensor, why));
            match self.tensors.get(tensor) {
                None if may_be_absent(tensor) => {}
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
    let [first, second] = FORMATS;
    let stray = FORMATS.iter().find(|format| file_names(dir).any(|name| format.is_shard(&name)));
    let other = || instead::other_format(dir).or_else(|| instead::other_names(dir));
    let why = match stray {
        Some(format) => format!(
            "holds shards of the weights, but {}, which says what belongs to them, is missing",
            format.index()
        ),
        None => other().unwrap_or_else(|| {
            format!(
                "holds neither {} nor {}, nor the same as {}",
                first.single(),
                first.index(),
                second.single()
            )
        }),
    };
    CheckpointError::Folder { dir: dir.to_owned(), why }
}

pub(super) fn file_names(dir: &Path) -> impl Iterator<Item = String> {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_known_by_two_numbers_of_five_digits() {
        assert!(Format::Safetensors.is_shard("model-00001-of-00004.safetensors"));
        assert!(Format::Torch.is_shard("pytorch_model-00001-of-00002.bin"));
        for other in [
            "model.safetensors",
            "model-00001-of-00004.bin",
            "model-00001-of-4.safetensors",
            "model-1-of-00004.safetensors",
            "model-000001-of-000004.safetensors",
            "model-0000a-of-00004.safetensors",
            "model-00001-of-0000b.safetensors",
            "model-00001.safetensors",
            "pytorch_model-00001-of-00002.safetensors",
        ] {
            assert!(!Format::Safetensors.is_shard(other), "{other}");
        }
    }
}
