//! The files of a study: read from a folder or carried by the binary, hashed, written out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::StudyError;
use crate::plain;

include!(concat!(env!("OUT_DIR"), "/studies.rs"));

/// The largest single file, all files together, and how many a study may have. The default study has 50 and 200 KiB.
const MAX_FILE: u64 = 2 << 20;
const MAX_BYTES: usize = 16 << 20;
const MAX_FILES: usize = 4096;
/// `scenarios/<language>/<type>.toml` is the deepest.
const MAX_DEPTH: usize = 4;

/// Relative path (with `/`) to bytes, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StudyFiles(BTreeMap<String, Vec<u8>>);

impl StudyFiles {
    /// The default study, as it was when the program was built.
    pub(super) fn default_study() -> Self {
        Self::carried(DEFAULT)
    }

    /// The study that `study new` writes.
    pub fn template_pair() -> Self {
        Self::carried(TEMPLATE_PAIR)
    }

    fn carried(files: &[(&str, &[u8])]) -> Self {
        Self(files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect())
    }

    /// Reads a folder. Hidden files and documentation (`*.md`, `LICENSE*`) are no part of a study; anything else is.
    pub fn read(folder: &Path) -> Result<Self, StudyError> {
        let mut files = BTreeMap::new();
        read_folder(folder, "", 1, &mut files)?;
        Ok(Self(files))
    }

    /// Writes every file under `folder`, which must be new or empty.
    pub fn write(&self, folder: &Path) -> Result<(), StudyError> {
        refuse_filled(folder)?;
        let begun = !folder.exists();
        let written = self.0.iter().try_for_each(|(name, bytes)| {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(|e| StudyError::io(parent, e))?;
            }
            plain::write_new(&path, bytes).map_err(|e| StudyError::io(&path, e))
        });
        // Half a study would be taken for one, and be in the way of another try.
        if written.is_err() {
            self.take_back(folder, begun);
        }
        written
    }

    /// Removes what was written to a folder that held nothing, and the folder too if it was made.
    fn take_back(&self, folder: &Path, made: bool) {
        for name in self.0.keys() {
            let path = folder.join(name);
            let _ = fs::remove_file(&path);
            let inside = path.ancestors().skip(1).take_while(|parent| *parent != folder);
            inside.for_each(|parent| drop(fs::remove_dir(parent)));
        }
        if made {
            let _ = fs::remove_dir(folder);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(n, b)| (n.as_str(), b.as_slice()))
    }

    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// With CRLF as LF, and which files had any: a line break is a token, and an editor's choice of it says nothing.
    pub(super) fn with_line_feeds(self) -> (Self, Vec<String>) {
        let mut changed = Vec::new();
        let files = self.0.into_iter().map(|(name, bytes)| {
            if !bytes.windows(2).any(|two| two == b"\r\n") {
                return (name, bytes);
            }
            changed.push(name.clone());
            let mut rest = bytes.iter().copied().peekable();
            let mut kept = Vec::with_capacity(bytes.len());
            while let Some(byte) = rest.next() {
                if byte != b'\r' || rest.peek() != Some(&b'\n') {
                    kept.push(byte);
                }
            }
            (name, kept)
        });
        let files = Self(files.collect());
        (files, changed)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// SHA-256 in hex over the sorted files: for each, its path and its bytes, both preceded by their length (u64, little-endian).
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for (name, bytes) in &self.0 {
            for part in [name.as_bytes(), bytes.as_slice()] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

impl FromIterator<(String, Vec<u8>)> for StudyFiles {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}

fn refuse_filled(folder: &Path) -> Result<(), StudyError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(StudyError::folder(folder, "the folder is not empty; nothing is overwritten")),
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(StudyError::io(folder, e)),
    }
}

fn read_folder(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), StudyError> {
    let io = |e| StudyError::io(folder, e);
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            return Err(StudyError::folder(path, "the file's name is not UTF-8"));
        };
        if name.starts_with('.') {
            continue;
        }
        let relative = format!("{prefix}{name}");
        // Follows links; a pipe or a device is refused rather than opened.
        let kind = fs::metadata(&path).map_err(|e| StudyError::io(&path, e))?;
        if kind.is_dir() {
            if depth == MAX_DEPTH {
                return Err(StudyError::folder(path, "folders are nested too deeply for a study"));
            }
            read_folder(&path, &format!("{relative}/"), depth + 1, files)?;
        } else if !is_documentation(&name) {
            if !kind.is_file() {
                return Err(StudyError::folder(path, "not a regular file"));
            }
            if kind.len() > MAX_FILE {
                return Err(StudyError::folder(path, "larger than 2 MiB, too large for a study's file"));
            }
            if files.len() == MAX_FILES {
                return Err(StudyError::folder(folder, "more than 4,096 files, too many for a study"));
            }
            let bytes = fs::read(&path).map_err(|e| StudyError::io(&path, e))?;
            if files.values().map(Vec::len).sum::<usize>() + bytes.len() > MAX_BYTES {
                return Err(StudyError::folder(folder, "more than 16 MiB of files, too many for a study"));
            }
            files.insert(relative, bytes);
        }
    }
    Ok(())
}

fn is_documentation(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.ends_with(".md") || lower.starts_with("license")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_default_study_is_carried() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/study/default"));
        assert_eq!(StudyFiles::default_study(), StudyFiles::read(folder).unwrap());
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/study/templates/pair"));
        assert_eq!(StudyFiles::template_pair(), StudyFiles::read(folder).unwrap());
    }

    #[test]
    fn the_hash_sees_names_bytes_and_their_borders() {
        let hash = |files: &[(&str, &str)]| {
            files.iter().map(|(n, b)| ((*n).to_owned(), b.as_bytes().to_vec())).collect::<StudyFiles>().hash()
        };
        let one = hash(&[("a", "b"), ("c", "d")]);
        assert_eq!(one.len(), 64);
        assert_eq!(one, hash(&[("c", "d"), ("a", "b")]));
        for other in [hash(&[("a", "bc"), ("", "d")]), hash(&[("a", "b"), ("c", "e")]), hash(&[("a", "b")])] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_filled_folder_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let files: StudyFiles = [("x/y.toml".to_owned(), b"z".to_vec())].into_iter().collect();
        files.write(folder.path()).unwrap();
        assert_eq!(StudyFiles::read(folder.path()).unwrap(), files);
        let message = files.write(folder.path()).unwrap_err().to_string();
        assert!(message.contains("not empty"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn a_named_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("study.toml");
        crate::plain::named_pipe(&pipe);
        let message = StudyFiles::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains("study.toml") && message.contains("not a regular file"), "{message}");
    }
}
