//! Failures of the disk in words that say what to do, and small files that are whole or not there.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// `error` with a sentence of our own where the system's would leave people guessing.
pub(crate) fn worded(error: io::Error) -> io::Error {
    let words = match error.kind() {
        ErrorKind::NotADirectory => "a file stands where a folder is wanted",
        ErrorKind::AlreadyExists => "a file of that name is there already; nothing is overwritten",
        ErrorKind::FileTooLarge => {
            "would be larger than the limit on file sizes here (`ulimit -f`): raise the limit and start again"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "its disk is full: free some space and start again"
        }
        _ => return error,
    };
    io::Error::new(error.kind(), words)
}

/// Writes a file where none may be yet; one that cannot be written whole does not stay.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut made = File::create_new(path)?;
    made.write_all(bytes).inspect_err(|_| drop(fs::remove_file(path)))
}
