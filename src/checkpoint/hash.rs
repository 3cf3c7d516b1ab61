//! Which weights these are: SHA-256 of every weight file.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::open::hex;

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

/// One SHA-256 over the weight files' names and hashes: equal for equal weights in equal files, wherever they lie.
pub fn fingerprint(weights: &[FileHash]) -> String {
    let mut digest = Sha256::new();
    for hash in weights {
        digest.update(format!("{} {}\n", hash.file, hash.sha256));
    }
    hex(&digest.finalize())
}

/// The name of the blob that `path` links to, if it is a SHA-256 (small files are named by a shorter hash).
pub(super) fn blob_name(path: &Path) -> Option<String> {
    let blob = path.canonicalize().ok()?;
    let name = blob.file_name()?.to_str()?;
    let is_hash = name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (is_hash && blob.parent()?.file_name()? == "blobs").then(|| name.to_owned())
}
