//! Which weights these are: SHA-256 of every weight file.

use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::files::WeightFile;
use super::open::{Checkpoint, hex};

/// A weight file's SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHash {
    /// The file's name inside the checkpoint folder.
    pub file: String,
    /// 64 lower-case hex digits.
    pub sha256: String,
    pub origin: HashOrigin,
}

/// How a hash was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashOrigin {
    /// The file's bytes were read.
    Contents,
    /// The file is a blob of the Hugging Face cache, which names large files by their SHA-256; the name was taken.
    BlobName,
}

impl Checkpoint {
    /// SHA-256 of every weight file, in the order of their names. Reads every byte (15 GB take their time) except of
    /// files in the Hugging Face cache that carry their hash as their name.
    pub fn weight_hashes(&self) -> Vec<FileHash> {
        self.files.files.par_iter().map(hash).collect()
    }
}

/// One SHA-256 over the weight files' names and hashes: equal for equal weights in equal files, wherever they lie.
pub fn fingerprint(weights: &[FileHash]) -> String {
    let mut digest = Sha256::new();
    for hash in weights {
        digest.update(format!("{} {}\n", hash.file, hash.sha256));
    }
    hex(&digest.finalize())
}

fn hash(file: &WeightFile) -> FileHash {
    let (sha256, origin) = match blob_name(&file.path) {
        Some(name) => (name, HashOrigin::BlobName),
        None => (hex(&Sha256::digest(&file.map[..])), HashOrigin::Contents),
    };
    FileHash { file: file.name.clone(), sha256, origin }
}

/// The name of the blob that `path` links to, if it is a SHA-256 (small files are named by a shorter hash).
fn blob_name(path: &Path) -> Option<String> {
    let blob = path.canonicalize().ok()?;
    let name = blob.file_name()?.to_str()?;
    let is_hash = name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (is_hash && blob.parent()?.file_name()? == "blobs").then(|| name.to_owned())
}
