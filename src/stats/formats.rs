//! Item tables in other formats than CSV: JSON lines and Parquet, as `export` writes them.

use std::fs::File;
use std::io::{BufRead, Read};
use std::path::Path;

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};

use super::builder::TableBuilder;
use super::error::StatsError;
use super::items::{COLUMNS, ItemNames, ItemRef, ItemRow, NAMES};
use super::lines::LONGEST_RECORD;
use super::parquet_pages;
use super::table::Table;
use crate::plain::catch;

/// Reads an item table from JSON lines; `name` is what errors call it.
pub fn parse_jsonl(mut text: impl BufRead, name: &str) -> Result<Table, StatsError> {
    let mut builder = TableBuilder::new(name, "line");
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = text.by_ref().take(LONGEST_RECORD as u64 + 1).read_until(b'\n', &mut line);
        let problem = match read {
            Ok(0) => break,
            Ok(_) if line.len() > LONGEST_RECORD => Some("a line of more than a mebibyte".to_owned()),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = problem {
            return Err(builder.error(number, problem));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let row: ItemRow = serde_json::from_slice(&line)
            .map_err(|error| builder.error(number, crate::plain::said(&error.to_string())))?;
        builder.push(row.as_ref(), number)?;
    }
    builder.finish()
}

/// Reads an item table from a Parquet file.
pub fn read_parquet(path: &Path) -> Result<Table, StatsError> {
    let name = path.display().to_string();
    // The library panics where a file claims what cannot be.
    catch(|| read_caught(path, &name)).unwrap_or_else(|panic| Err(spoiled(&name, panic)))
}

fn spoiled(name: &str, problem: String) -> StatsError {
    StatsError::Row { table: name.to_owned(), place: "Parquet".to_owned(), problem }
}

fn read_caught(path: &Path, name: &str) -> Result<Table, StatsError> {
    let name = name.to_owned();
    let unreadable = |error: ParquetError| spoiled(&name, error.to_string());
    let io = |source| StatsError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let refused = |why| spoiled(&name, why);
    parquet_pages::check_footer(&mut file).map_err(io)?.map_err(refused)?;
    let reader = SerializedFileReader::new(file.try_clone().map_err(io)?).map_err(unreadable)?;
    // Before the pages, whose sizes are held against what Snappy can do.
    let columns = reader.metadata().row_groups().iter().flat_map(|group| group.columns());
    if let Some(packed) = columns.map(|column| column.compression()).find_map(not_unpacked) {
        let advice = "which this program does not unpack; write it uncompressed or with Snappy";
        return Err(refused(format!("it is compressed with {packed}, {advice}")));
    }
    parquet_pages::check_pages(&mut file, reader.metadata()).map_err(io)?.map_err(refused)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    for column in schema.columns() {
        let title = column.path().string();
        if !COLUMNS.contains(&title.as_str()) {
            return Err(StatsError::UnknownColumn { table: name, column: title });
        }
    }
    for column in COLUMNS {
        if !schema.columns().iter().any(|c| c.path().string() == column) {
            return Err(StatsError::MissingColumn { table: name, column });
        }
    }
    let mut builder = TableBuilder::new(&name, "row");
    for (number, row) in (1..).zip(reader.get_row_iter(None).map_err(unreadable)?) {
        let row = row.map_err(unreadable)?;
        let item = item(&row).map_err(|problem| builder.error(number, problem))?;
        builder.push(item, number)?;
    }
    builder.finish()
}

/// The name of a compression that cannot be read.
fn not_unpacked(compression: Compression) -> Option<&'static str> {
    match compression {
        Compression::UNCOMPRESSED | Compression::SNAPPY => None,
        Compression::GZIP(_) => Some("gzip"),
        Compression::BROTLI(_) => Some("Brotli"),
        Compression::ZSTD(_) => Some("Zstandard"),
        Compression::LZ4 | Compression::LZ4_RAW => Some("LZ4"),
        Compression::LZO => Some("LZO"),
    }
}

/// A number of any type; a whole one that f64 does not hold lies far beyond what a table may have.
fn number(field: &Field) -> Option<f64> {
    match field {
        Field::Double(number) => Some(*number),
        Field::Float(number) => Some(f64::from(*number)),
        Field::Byte(number) => Some(f64::from(*number)),
        Field::Short(number) => Some(f64::from(*number)),
        Field::Int(number) => Some(f64::from(*number)),
        Field::Long(number) => Some(*number as f64),
        Field::UByte(number) => Some(f64::from(*number)),
        Field::UShort(number) => Some(f64::from(*number)),
        Field::UInt(number) => Some(f64::from(*number)),
        Field::ULong(number) => Some(*number as f64),
        _ => None,
    }
}

fn item(row: &Row) -> Result<ItemRef<'_>, String> {
    let mut names = [""; NAMES];
    let mut numbers = [0.0; COLUMNS.len() - NAMES];
    for (title, field) in row.get_column_iter() {
        let Some(at) = COLUMNS.iter().position(|column| column == title) else { continue };
        match (field, at.checked_sub(NAMES)) {
            (Field::Str(text), None) => names[at] = text,
            (_, None) => return Err(format!("column `{title}` holds no text")),
            (field, Some(at)) => {
                numbers[at] = number(field).ok_or_else(|| format!("column `{title}` holds no number"))?;
            }
        }
    }
    let [model, language, condition, country_1, country_2, scenario, scenario_type, question] = names;
    let [diff_fwd, diff_rev, bias, compliance] = numbers;
    let names =
        ItemNames { model, language, condition, country_1, country_2, scenario, scenario_type, question };
    Ok(ItemRef { names, diff_fwd, diff_rev, bias, compliance })
}
