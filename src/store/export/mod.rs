//! Tables for other tools: items and single prompts as CSV, JSON lines or Parquet, the same bytes every time.

mod csv;
mod jsonl;
mod parquet;
mod table;

use std::io::Write;
use std::path::Path;

use ::parquet::errors::ParquetError;

use schemars::Schema;

use super::provenance::ABOUT;
use super::{ItemCounts, RunReader, StoreError, file};

use table::{Column, ITEMS, SCORES, Sink, Value, row_schema};

/// A table's file format, told by the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    /// Gzip with no time stamp and no name inside.
    CsvGz,
    Jsonl,
    Parquet,
}

impl Format {
    /// # Errors
    /// [`StoreError::UnknownEnding`].
    pub fn of(path: &Path) -> Result<Self, StoreError> {
        let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let endings = [
            (".csv", Self::Csv),
            (".csv.gz", Self::CsvGz),
            (".jsonl", Self::Jsonl),
            (".parquet", Self::Parquet),
        ];
        endings
            .into_iter()
            .find(|(ending, _)| name.len() > ending.len() && name.ends_with(ending))
            .map(|(_, format)| format)
            .ok_or_else(|| StoreError::UnknownEnding { path: path.to_path_buf() })
    }
}

/// Writes the run's complete items to `path`; says how many there were and how many still lack prompts.
///
/// # Errors
/// Whatever the run or the disk says; the file is then left as it was before.
pub fn export_items(run: &RunReader, path: &Path) -> Result<ItemCounts, StoreError> {
    write_table(run, path, ITEMS, |sink| {
        run.visit_items(|n, s| {
            let own = [
                Value::Float(s.diff_fwd),
                Value::Float(s.diff_rev),
                Value::Float(s.bias),
                Value::Float(s.compliance),
            ];
            sink.row(&table::row(n, &own)).map_err(Failure::Write)
        })
    })
}

/// Writes every scored prompt of the run to `path`, and says how many.
///
/// # Errors
/// As [`export_items`].
pub fn export_scores(run: &RunReader, path: &Path) -> Result<usize, StoreError> {
    write_table(run, path, SCORES, |sink| {
        run.visit_prompts(|n, s| {
            let own = [
                Value::Text(s.roles.name()),
                Value::Text(s.order.name()),
                Value::Count(s.n_tokens),
                Value::Float(s.log_odds),
                Value::Float(s.logprob_a),
                Value::Float(s.logprob_b),
                Value::Float(s.compliance),
                Value::Float(s.logsumexp),
                Value::Lists(&s.logits),
            ];
            sink.row(&table::row(n, &own)).map_err(Failure::Write)
        })
    })
}

/// The shape of a row of the item table as a JSON line.
pub fn item_row_schema() -> Schema {
    row_schema(ITEMS)
}

/// The shape of a scored prompt as a JSON line.
pub fn score_row_schema() -> Schema {
    row_schema(SCORES)
}

/// What a file says of itself: what was asked, and the program that scored it. Nothing that differs between runs of equal scores.
fn about(run: &RunReader) -> Result<Vec<(String, String)>, StoreError> {
    let mut kept = run.identity()?;
    kept.retain(|(key, _)| ABOUT.contains(&key.as_str()));
    kept.push(("written_by".to_owned(), concat!("tiltmeter ", env!("CARGO_PKG_VERSION")).to_owned()));
    Ok(kept)
}

/// Reading the run failed, or writing the table.
enum Failure {
    Read(StoreError),
    Write(ParquetError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Read(error)
    }
}

fn write_table<T>(
    run: &RunReader,
    path: &Path,
    columns: &'static [Column],
    fill: impl FnOnce(&mut dyn Sink) -> Result<T, Failure>,
) -> Result<T, StoreError> {
    let format = Format::of(path)?;
    let about = about(run)?;
    let mut filled = None;
    file::replace(path, |out| {
        let result = into_sink(out, format, columns, &about, fill);
        filled = Some(result.map_err(|failure| match failure {
            Failure::Read(error) => error,
            Failure::Write(error) => parquet_error(path, error),
        })?);
        Ok(())
    })?;
    // `replace` has called the closure and it has succeeded, or we would not be here.
    filled.ok_or_else(|| StoreError::io(path, std::io::ErrorKind::WriteZero.into()))
}

fn into_sink<T, W: Write + Send>(
    out: &mut W,
    format: Format,
    columns: &'static [Column],
    about: &[(String, String)],
    fill: impl FnOnce(&mut dyn Sink) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match format {
        Format::Csv => {
            let mut sink = csv::CsvSink::new(out, columns).map_err(Failure::Write)?;
            let filled = fill(&mut sink)?;
            sink.finish().map_err(Failure::Write)?;
            Ok(filled)
        }
        Format::CsvGz => {
            let gzip = flate2::GzBuilder::new().mtime(0).write(out, flate2::Compression::default());
            let mut sink = csv::CsvSink::new(gzip, columns).map_err(Failure::Write)?;
            let filled = fill(&mut sink)?;
            let gzip = sink.finish().map_err(Failure::Write)?;
            gzip.finish().map_err(|e| Failure::Write(e.into()))?;
            Ok(filled)
        }
        Format::Jsonl => {
            let mut sink = jsonl::JsonlSink::new(out, columns);
            fill(&mut sink)
        }
        Format::Parquet => {
            let mut sink = parquet::ParquetSink::new(out, columns, about).map_err(Failure::Write)?;
            let filled = fill(&mut sink)?;
            sink.finish().map_err(Failure::Write)?;
            Ok(filled)
        }
    }
}

/// A full disk hides inside the other crates' errors.
fn parquet_error(path: &Path, error: ParquetError) -> StoreError {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => StoreError::io(path, *io),
            Err(inner) => {
                StoreError::Parquet { path: path.to_path_buf(), source: ParquetError::External(inner) }
            }
        },
        source => StoreError::Parquet { path: path.to_path_buf(), source },
    }
}
