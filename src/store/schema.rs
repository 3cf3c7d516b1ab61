//! The tables of a run, and opening them.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Raised with every change of the tables below.
pub const FORMAT: i64 = 3;

/// The oldest format that is read, and brought up to date when it is written to.
pub const OLDEST_FORMAT: i64 = 2;

/// Marks the file as ours (`tltm`).
const APPLICATION_ID: i64 = 0x746c_746d;

/// Format 2. Texts that repeat (languages, countries, scenarios ...) are numbered once in `word`; an `item` is one
/// (language, condition, pair, scenario, question) and is shared by all checkpoints; its up to four prompts are
/// the `slot`s 0..3 = 2 * (roles reversed) + (options reversed).
const TABLES: &str = "
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY,
  model TEXT NOT NULL UNIQUE,
  family TEXT NOT NULL,
  stage TEXT NOT NULL,
  form TEXT NOT NULL,
  source TEXT NOT NULL,
  revision TEXT,
  config_sha256 TEXT NOT NULL,
  weights_sha256 TEXT NOT NULL,
  tokenizer_sha256 TEXT NOT NULL,
  template_sha256 TEXT,
  template_date TEXT,
  prefill TEXT,
  dtype TEXT NOT NULL,
  parameters INTEGER NOT NULL,
  backend TEXT NOT NULL
) STRICT;
CREATE TABLE answers (
  id INTEGER PRIMARY KEY,
  checkpoint INTEGER NOT NULL REFERENCES checkpoint(id),
  tokens TEXT NOT NULL,
  UNIQUE (checkpoint, tokens)
) STRICT;
CREATE TABLE session (
  id INTEGER PRIMARY KEY,
  checkpoint INTEGER NOT NULL REFERENCES checkpoint(id),
  started TEXT NOT NULL,
  device TEXT NOT NULL,
  pack_tokens INTEGER NOT NULL,
  sharing INTEGER NOT NULL,
  prompts INTEGER NOT NULL,
  naive_tokens INTEGER NOT NULL,
  tree_tokens INTEGER NOT NULL,
  computed_tokens INTEGER NOT NULL,
  load_seconds REAL NOT NULL,
  compute_seconds REAL NOT NULL,
  complete INTEGER NOT NULL
) STRICT;
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE item (
  id INTEGER PRIMARY KEY,
  language INTEGER NOT NULL,
  condition INTEGER NOT NULL,
  country_1 INTEGER NOT NULL,
  country_2 INTEGER NOT NULL,
  scenario INTEGER NOT NULL,
  scenario_type INTEGER NOT NULL,
  question INTEGER NOT NULL,
  UNIQUE (language, condition, country_1, country_2, scenario, question)
) STRICT;
CREATE TABLE score (
  checkpoint INTEGER NOT NULL,
  item INTEGER NOT NULL,
  slot INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 3),
  prompt_sha256 BLOB NOT NULL,
  n_tokens INTEGER NOT NULL,
  answers INTEGER NOT NULL,
  logits BLOB NOT NULL,
  logsumexp REAL NOT NULL,
  logprob_a REAL NOT NULL,
  logprob_b REAL NOT NULL,
  log_odds REAL NOT NULL,
  compliance REAL NOT NULL,
  PRIMARY KEY (checkpoint, item, slot)
) STRICT, WITHOUT ROWID;
";

/// From format 2 to 3, for the columns of tables that were there.
///
/// `arithmetic`, `sweep`, `scored` and `ended` are null of what an older program did.
const NEW_COLUMNS: &str = "
ALTER TABLE checkpoint ADD COLUMN arithmetic TEXT;
ALTER TABLE session ADD COLUMN sweep INTEGER;
ALTER TABLE session ADD COLUMN scored INTEGER;
ALTER TABLE session ADD COLUMN ended TEXT;
";

/// The same for a reader, who may not change the file: views that stand before its tables.
const VIEWS: &str = "
CREATE TEMP VIEW checkpoint AS SELECT *, NULL AS arithmetic FROM main.checkpoint;
CREATE TEMP VIEW session AS SELECT *, NULL AS sweep, NULL AS scored, NULL AS ended FROM main.session;
";

/// New in format 3; a reader of format 2 has them as empty temporary tables. A `sweep` is one start of a sweep, with its arguments,
/// filters and machine in JSON. `cell` has how many prompts the study holds for a checkpoint in a language and condition,
/// `asked` which of them any sweep asked for: bit `1 << slot` of `slots`. Checkpoints are words here, since they are
/// asked before they are loaded.
const NEW_TABLES: &str = "
CREATE TABLE sweep (
  id INTEGER PRIMARY KEY,
  started TEXT NOT NULL,
  ended TEXT,
  outcome TEXT,
  program TEXT NOT NULL,
  build TEXT,
  arguments TEXT NOT NULL,
  filters TEXT NOT NULL,
  machine TEXT NOT NULL
) STRICT;
CREATE TABLE cell (
  model INTEGER NOT NULL,
  language INTEGER NOT NULL,
  condition INTEGER NOT NULL,
  whole INTEGER NOT NULL,
  PRIMARY KEY (model, language, condition)
) STRICT, WITHOUT ROWID;
CREATE TABLE asked (
  model INTEGER NOT NULL,
  item INTEGER NOT NULL,
  slots INTEGER NOT NULL CHECK (slots BETWEEN 0 AND 15),
  PRIMARY KEY (model, item)
) STRICT, WITHOUT ROWID;
";

/// How long a reader or writer waits for another one's lock.
const BUSY: Duration = Duration::from_secs(10);

/// Refuses what is there and no file: to open a named pipe would be to wait for ever.
fn check_file(path: &Path) -> Result<(), StoreError> {
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_file() => Err(StoreError::NotARun { path: path.to_path_buf() }),
        _ => Ok(()),
    }
}

/// Opens the database for writing; an absent or empty file becomes an empty run.
///
/// The write-ahead log with `synchronous = NORMAL` keeps every committed transaction through the death of the
/// process at any moment; a power cut may cost the last ones, never the file's consistency.
pub fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let (mut db, found) = connect(path)?;
    let fail = |e| StoreError::sqlite(path, e);
    if found.is_none_or(|found| found < FORMAT) {
        let change = db.transaction().map_err(fail)?;
        make(&change, found).and_then(|()| change.commit()).map_err(fail)?;
    }
    Ok(db)
}

/// The database alone, with its format if it has tables; [`make`] is still to be done.
pub fn connect(path: &Path) -> Result<(Connection, Option<i64>), StoreError> {
    check_file(path)?;
    let fail = |e| StoreError::sqlite(path, e);
    let db = Connection::open_with_flags(
        no_uri(path),
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|e| cannot_open(path, e))?;
    db.busy_timeout(BUSY).map_err(fail)?;
    // Asked before anything is written, so that another program's file stays as it is.
    let found = match is_fresh(&db).map_err(fail)? {
        true => None,
        false => Some(check_ours(&db, path)?),
    };
    db.pragma_update(None, "journal_mode", "WAL").map_err(fail)?;
    db.pragma_update(None, "synchronous", "NORMAL").map_err(fail)?;
    db.set_prepared_statement_cache_capacity(32);
    Ok((db, found))
}

/// Makes the tables of a database that has none, or brings those of the format `found` up to date, within a transaction.
pub fn make(change: &Connection, found: Option<i64>) -> Result<(), rusqlite::Error> {
    match found {
        None => change.execute_batch(TABLES)?,
        Some(found) if found < FORMAT => {}
        Some(_) => return Ok(()),
    }
    change.execute_batch(NEW_COLUMNS)?;
    change.execute_batch(NEW_TABLES)?;
    change.pragma_update(None, "application_id", APPLICATION_ID)?;
    change.pragma_update(None, "user_version", FORMAT)
}

/// Opens an existing database for reading only, also from a folder that cannot be written.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    check_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let plain = Connection::open_with_flags(no_uri(path), flags)
        .and_then(|db| db.busy_timeout(BUSY).and_then(|()| is_fresh(&db)).map(|fresh| (db, fresh)));
    let (db, fresh) = match plain {
        Ok(open) => open,
        Err(e) if needs_no_log(path, &e) => {
            // A closed run in a read-only folder: no log can be made beside it, and none is needed.
            let uri = immutable_uri(path);
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
                .and_then(|db| is_fresh(&db).map(|fresh| (db, fresh)))
                .map_err(|e| cannot_open(path, e))?
        }
        Err(e) => return Err(cannot_open(path, e)),
    };
    if fresh {
        let dir = path.parent().unwrap_or(path).to_path_buf();
        return Err(StoreError::NoRun { dir });
    }
    if check_ours(&db, path)? < FORMAT {
        let fail = |e| StoreError::sqlite(path, e);
        // In memory: a reader leaves no file behind.
        db.pragma_update(None, "temp_store", "MEMORY").map_err(fail)?;
        db.execute_batch(VIEWS).map_err(fail)?;
        db.execute_batch(&NEW_TABLES.replace("CREATE TABLE", "CREATE TEMP TABLE")).map_err(fail)?;
    }
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

/// SQLite takes a name that begins with `file:` for a URI, whose parts mean something; a folder may well be called so.
fn no_uri(path: &Path) -> Cow<'_, Path> {
    match path.as_os_str().as_encoded_bytes().starts_with(b"file:") {
        true => Cow::Owned(Path::new(".").join(path)),
        false => Cow::Borrowed(path),
    }
}

fn cannot_open(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::PermissionDenied) => {
            match std::fs::File::open(path) {
                Err(e) => StoreError::io(path, e),
                Ok(_) => StoreError::ReadOnly { path: path.to_path_buf() },
            }
        }
        _ => StoreError::sqlite(path, error),
    }
}

/// Whether `error` means that the log beside the database could not be made, while there is none to read.
fn needs_no_log(path: &Path, error: &rusqlite::Error) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly))
        && path.is_file()
        && !std::fs::metadata(log).is_ok_and(|m| m.len() > 0)
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// SQLite's integers are signed; no count here comes near the limit.
pub fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The reverse of [`signed`].
pub fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// No table yet and no version: a new file, or one whose first transaction never ended.
fn is_fresh(db: &Connection) -> Result<bool, rusqlite::Error> {
    let version: i64 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    Ok(version == 0 && tables == 0)
}

/// The file's format, which is one that is read.
fn check_ours(db: &Connection, path: &Path) -> Result<i64, StoreError> {
    let ask = |pragma| {
        db.pragma_query_value(None, pragma, |r| r.get::<_, i64>(0)).map_err(|e| StoreError::sqlite(path, e))
    };
    if ask("application_id")? != APPLICATION_ID {
        return Err(StoreError::NotARun { path: path.to_path_buf() });
    }
    let found = ask("user_version")?;
    if !(OLDEST_FORMAT..=FORMAT).contains(&found) {
        return Err(StoreError::Format {
            path: path.to_path_buf(),
            found,
            oldest: OLDEST_FORMAT,
            newest: FORMAT,
        });
    }
    check_tables(db, path)?;
    Ok(found)
}

/// Refuses what computes when it is read or written: a view of that name would do as well as a table, and never end.
fn check_tables(db: &Connection, path: &Path) -> Result<(), StoreError> {
    const COMPUTED: &str = "
        SELECT type || ' `' || name || '`' FROM sqlite_schema
         WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'
        UNION ALL
        SELECT 'computed column `' || s.name || '.' || c.name || '`'
          FROM sqlite_schema s JOIN pragma_table_xinfo(s.name) c WHERE s.type = 'table' AND c.hidden <> 0";
    let mut computed = db.prepare(COMPUTED).map_err(|e| StoreError::sqlite(path, e))?;
    let mut found = computed.query([]).map_err(|e| StoreError::sqlite(path, e))?;
    match found.next().map_err(|e| StoreError::sqlite(path, e))? {
        Some(row) => {
            let what: String = row.get(0).map_err(|e| StoreError::sqlite(path, e))?;
            let what = format!("a {}, which no run has", crate::plain::shown(&what));
            Err(StoreError::Damaged { path: path.to_path_buf(), what })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;
    use std::fs;

    /// A link, which SQLite does not follow there, keeps it from making the log's index, as a folder that cannot be written does.
    #[cfg(unix)]
    #[test]
    fn a_closed_run_is_read_without_a_log_and_a_run_with_one_is_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("50% of a run?#é");
        fs::create_dir(&folder).expect("a folder");
        let path = folder.join("run.sqlite");
        drop(open_writer(&path).expect("made"));
        std::os::unix::fs::symlink("nowhere", folder.join("run.sqlite-shm")).expect("a link");
        let read = || {
            let db = open_reader(&path)?;
            db.query_row("SELECT count(*) FROM score", [], |row| row.get::<_, i64>(0))
                .map_err(|e| StoreError::sqlite(&path, e))
        };
        assert_eq!(read().expect("readable"), 0);
        fs::write(folder.join("run.sqlite-wal"), "").expect("written");
        assert_eq!(read().expect("readable"), 0);
        // What is in it might be read as it was before.
        fs::write(folder.join("run.sqlite-wal"), "a log").expect("written");
        read().expect_err("refused");
    }

    #[test]
    fn only_a_log_that_cannot_be_made_is_done_without() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("run.sqlite");
        let needs = |code| needs_no_log(&path, &rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        assert!(!needs(ffi::SQLITE_CANTOPEN), "there is no file");
        fs::write(&path, "").expect("written");
        for (code, expected) in [
            (ffi::SQLITE_CANTOPEN, true),
            (ffi::SQLITE_READONLY, true),
            // Somebody writes to it at this moment.
            (ffi::SQLITE_BUSY, false),
            (ffi::SQLITE_IOERR, false),
        ] {
            assert_eq!(needs(code), expected, "{code}");
        }
    }
}
