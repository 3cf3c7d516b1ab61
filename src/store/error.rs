//! What can go wrong with a run folder, a roster or an export: one sentence each.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

use super::file;

#[derive(Debug, Error)]
pub enum StoreError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },

    #[error("{}: there is no folder {}: make it first, or write elsewhere", path.display(), folder.display())]
    NoFolder { path: PathBuf, folder: PathBuf },

    #[error("{} holds no run: `tiltmeter sweep --run {}` makes one", dir.display(), dir.display())]
    NoRun { dir: PathBuf },

    #[error(
        "{} holds shards, each a run of its own: `tiltmeter merge {} --run MERGED` makes one of them", dir.display(), dir.display()
    )]
    InShards { dir: PathBuf },

    #[error("{} is not a run of tiltmeter's: choose another --run folder", path.display())]
    NotARun { path: PathBuf },

    #[error(
        "{} has store format {found}, this program reads {oldest} to {newest}: {}",
        path.display(),
        if found > newest {
            "use the version of tiltmeter that made it, or a newer one"
        } else {
            "export its items with the version of tiltmeter that made it, and analyse those with `--items`"
        }
    )]
    Format { path: PathBuf, found: i64, oldest: i64, newest: i64 },

    #[error(
        "another sweep is writing to the run in {}{}: wait for it to end, or choose another --run folder",
        dir.display(), holder.as_ref().map(|who| format!(" ({who})")).unwrap_or_default()
    )]
    InUse { dir: PathBuf, holder: Option<String> },

    #[error("{} is locked by another program: close it and start again, nothing that was scored is lost", path.display())]
    Locked { path: PathBuf },

    #[error("the disk of {} is full, so it was not written: free some space and start again", path.display())]
    Full { path: PathBuf },

    #[error("the disk of {} is full: free some space and start again, what the run holds is kept", path.display())]
    RunFull { path: PathBuf },

    #[error(
        "{} would be larger than the limit on file sizes here (`ulimit -f`), so it was not written: raise the limit and start \
         again",
        path.display()
    )]
    TooLarge { path: PathBuf },

    #[error(
        "{} cannot grow beyond the limit on file sizes here (`ulimit -f`): raise the limit and start again, what the run holds \
         is kept",
        path.display()
    )]
    RunTooLarge { path: PathBuf },

    #[error(
        "{} holds {}, which is not a run's: choose a new or empty --run folder, nothing is overwritten", dir.display(),
        name.display()
    )]
    Filled { dir: PathBuf, name: PathBuf },

    #[error(
        "{} was changed since the run kept its roster there: move it away, or give it as --roster; nothing is overwritten",
        path.display()
    )]
    OtherHand { path: PathBuf },

    #[error(
        "the file system of {} keeps no locks, so that nobody can tell whether another sweep writes there: choose a --run \
         folder on a local disk",
        path.display()
    )]
    NoLocks { path: PathBuf },

    #[error("{} cannot be written (read-only file, folder or disk)", path.display())]
    ReadOnly { path: PathBuf },

    #[error(
        "{} could not be read or written, the disk or the connection to it failed ({reason}): see to it and start again, or copy \
         the run's folder to another disk; what was committed is in it",
        path.display()
    )]
    Disk { path: PathBuf, reason: String },

    #[error("{} is damaged ({what}): restore it from a copy, or start a new run in another --run folder", path.display())]
    Damaged { path: PathBuf, what: String },

    #[error("{}: {source}", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },

    #[error(
        "the run in {} was made with {field} {stored}, not {given}: results of both must not be mixed, start a new run in another --run folder",
        dir.display()
    )]
    OtherRun { dir: PathBuf, field: &'static str, stored: String, given: String },

    #[error(
        "checkpoint `{model}` was scored in {} with {field} {stored}, not {given}: results of both must not be mixed, start a new run in another --run folder",
        dir.display()
    )]
    OtherCheckpoint { dir: PathBuf, model: String, field: &'static str, stored: String, given: String },

    #[error(
        "prompt `{id}` of checkpoint `{model}` was scored in {} with other {what} than it has now: start a new run in another --run folder",
        dir.display()
    )]
    OtherPrompt { dir: PathBuf, model: String, id: String, what: &'static str },

    #[error(
        "checkpoint `{model}` gave prompt `{id}` a {field} of {value}: it is not a finite number and was not stored"
    )]
    NotFinite { model: String, id: String, field: &'static str, value: f64 },

    #[error("prompt `{id}` was given {given} logits where its answers have {expected} tokens")]
    LogitCount { id: String, given: usize, expected: usize },

    #[error("{} has no known ending: use .csv, .csv.gz, .jsonl or .parquet", path.display())]
    UnknownEnding { path: PathBuf },

    #[error("{}: {source}", path.display())]
    Parquet { path: PathBuf, source: parquet::errors::ParquetError },
}

impl StoreError {
    /// An I/O failure on `path`; a full or read-only disk gets its own sentence.
    pub fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::FileTooLarge => Self::TooLarge { path },
            _ => Self::Io { path, source: crate::plain::worded(source) },
        }
    }

    /// A failure of SQLite's on the database at `path`.
    pub fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::RunFull { path },
            Some(ErrorCode::SystemIoFailure) if file::is_at_size_limit(&path) => Self::RunTooLarge { path },
            // Making room for the log beside the database failed: SQLite does not say what for.
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if file::disk_is_full(&path) => {
                Self::RunFull { path }
            }
            Some(ErrorCode::SystemIoFailure) => Self::Disk { path, reason: source.to_string() },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::NotADatabase) => Self::NotARun { path },
            Some(ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { path, what: "SQLite finds its pages inconsistent".into() }
            }
            _ => match source {
                // A column of another type than the schema says, or a missing table: not written by us.
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..) => Self::Damaged { path, what: source.to_string() },
                source => Self::Sqlite { path, source },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::{Error, ffi, types::Type};

    #[test]
    fn what_sqlite_says_is_told_by_what_to_do() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("run.sqlite");
        let told =
            |code| StoreError::sqlite(&path, Error::SqliteFailure(ffi::Error::new(code), None)).to_string();
        for (code, part) in [
            (ffi::SQLITE_FULL, "free some space"),
            (ffi::SQLITE_IOERR, "could not be read or written"),
            (ffi::SQLITE_READONLY, "cannot be written (read-only"),
            (ffi::SQLITE_BUSY, "is locked by another program"),
            (ffi::SQLITE_LOCKED, "is locked by another program"),
            (ffi::SQLITE_NOTADB, "is not a run of tiltmeter's"),
            (ffi::SQLITE_CORRUPT, "is damaged (SQLite finds its pages inconsistent)"),
        ] {
            let told = told(code);
            assert!(told.contains(part) && told.contains("run.sqlite"), "{told}");
        }
        let of_a_column = Error::InvalidColumnType(0, "value".into(), Type::Null);
        assert!(matches!(StoreError::sqlite(&path, of_a_column), StoreError::Damaged { .. }));
        let other = StoreError::sqlite(&path, Error::QueryReturnedNoRows);
        assert!(matches!(other, StoreError::Sqlite { .. }), "{other}");
    }

    #[test]
    fn a_full_disk_a_limit_and_a_disk_for_reading_have_sentences_of_their_own() {
        for (kind, part) in [
            (io::ErrorKind::StorageFull, "so it was not written: free some space"),
            (io::ErrorKind::QuotaExceeded, "so it was not written: free some space"),
            (io::ErrorKind::ReadOnlyFilesystem, "cannot be written (read-only"),
            (io::ErrorKind::FileTooLarge, "so it was not written: raise the limit"),
        ] {
            let told = StoreError::io(Path::new("table.csv"), kind.into()).to_string();
            assert!(told.contains(part) && told.contains("table.csv"), "{told}");
        }
    }
}
