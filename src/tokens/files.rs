//! The small files of a checkpoint folder, read within limits.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::error::{Result, TokensError};

/// The largest published tokenizer.json is half as big; one that fills this limit parses into less than a gigabyte.
pub(crate) const TOKENIZER_LIMIT: u64 = 64 << 20;
/// Configurations: a few kilobytes in practice, a megabyte with thousands of added tokens.
pub(crate) const CONFIG_LIMIT: u64 = 16 << 20;

/// A file's bytes, or `None` if there is no such file.
pub(crate) fn read_optional(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let unreadable =
        |error: std::io::Error| TokensError::Unreadable { path: path.to_owned(), reason: error.to_string() };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let too_large = |size| TokensError::TooLarge { path: path.to_owned(), size, limit };
    let size = file.metadata().map_err(unreadable)?.len();
    if size > limit {
        return Err(too_large(size));
    }
    // The size is only a hint: a pipe has none, and a file may grow while it is read.
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(Some(bytes))
}

/// A JSON file as `T`, or `None` if there is no such file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path, limit: u64) -> Result<Option<T>> {
    read_optional(path, limit)?.map(|bytes| parse_json(path, &bytes)).transpose()
}

pub(crate) fn parse_json<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| TokensError::Malformed {
        path: path.to_owned(),
        reason: format!("not the JSON that is expected here: {error}"),
    })
}

pub(crate) fn malformed(path: impl Into<PathBuf>, reason: impl Into<String>) -> TokensError {
    TokensError::Malformed { path: path.into(), reason: reason.into() }
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
