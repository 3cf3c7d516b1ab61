//! The small files of a checkpoint folder, read within limits.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeSeed;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::budget::Budget;
use super::error::{Result, TokensError};
use crate::plain;

/// The largest published tokenizer.json has 33 MB. What it may hold is counted too, see `sanity`.
pub(crate) const TOKENIZER_LIMIT: u64 = 48 << 20;
/// Configurations: a few kilobytes in practice, a megabyte with thousands of added tokens.
pub(crate) const CONFIG_LIMIT: u64 = 16 << 20;
/// Values of a configuration; thousands of added tokens with seven fields each have 50,000.
const MOST_CONFIG_VALUES: usize = 200_000;
/// Tokens on top of a vocabulary; published tokenizers have some 6,000 at most.
pub(crate) const MOST_ADDED_TOKENS: usize = 20_000;

/// A file's bytes, or `None` if there is no such file.
pub(crate) fn read_optional(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let unreadable =
        |error: std::io::Error| TokensError::Unreadable { path: path.to_owned(), reason: error.to_string() };
    if let Some(why) = plain::dangling(path) {
        return Err(malformed(path, why));
    }
    // Asked before opening: opening a named pipe would wait for a writer.
    let size = match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => meta.len(),
        Ok(_) => return Err(malformed(path, "is not a regular file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let too_large = |size| TokensError::TooLarge { path: path.to_owned(), size, limit };
    if size > limit {
        return Err(too_large(size));
    }
    // The size is only a hint: a file may grow while it is read.
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(Some(bytes))
}

/// A configuration as JSON fields, or `None` if there is no such file.
pub(crate) fn read_fields(path: &Path) -> Result<Option<Map<String, Value>>> {
    let Some(bytes) = read_optional(path, CONFIG_LIMIT)? else {
        return Ok(None);
    };
    let mut budget = Budget::new(MOST_CONFIG_VALUES, CONFIG_LIMIT as usize);
    match parse_json(path, &bytes, budget.keep())? {
        Value::Object(fields) => Ok(Some(fields)),
        _ => Err(malformed(path, "is not a JSON object")),
    }
}

/// `bytes` as JSON, read by `seed`.
pub(crate) fn parse_json<'a, S: DeserializeSeed<'a>>(
    path: &Path,
    bytes: &'a [u8],
    seed: S,
) -> Result<S::Value> {
    if let Some(why) = plain::not_json(bytes) {
        return Err(malformed(path, why));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = seed.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    read.map_err(|error| {
        malformed(path, format!("not the JSON that is expected here: {}", plain::said(&error.to_string())))
    })
}

pub(crate) fn malformed(path: impl Into<PathBuf>, reason: impl Into<String>) -> TokensError {
    TokensError::Malformed { path: path.into(), reason: reason.into() }
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_up_to_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        assert_eq!(read_optional(&file, 3).unwrap(), None);
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(read_optional(&file, 3).unwrap().unwrap(), b"abc");
        let error = read_optional(&file, 2).unwrap_err();
        assert!(matches!(error, TokensError::TooLarge { size: 3, limit: 2, .. }), "{error}");
        // What cannot be asked for is not taken for absent.
        #[cfg(unix)]
        assert!(matches!(read_optional(&file.join("y"), 3), Err(TokensError::Unreadable { .. })));
    }
}
