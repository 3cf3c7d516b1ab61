//! The tidy table as Parquet: texts and doubles, each of which may be absent.

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use super::super::figure::Analysis;
use super::{TIDY_COLUMNS, TIDY_TEXTS, TidyRow};

/// Rows that are gathered before they are written as one row group.
const GROUP: usize = 1 << 16;

/// A column's values since the last row group, and for each row whether it has one.
struct Gathered<T> {
    values: Vec<T>,
    there: Vec<i16>,
}

impl<T> Default for Gathered<T> {
    fn default() -> Self {
        Gathered { values: Vec::new(), there: Vec::new() }
    }
}

impl<T> Gathered<T> {
    fn push(&mut self, value: Option<T>) {
        self.there.push(i16::from(value.is_some()));
        self.values.extend(value);
    }
}

impl Analysis {
    /// The tidy table as a Parquet file, the same bytes every time.
    pub fn write_parquet(&self, out: impl Write + Send) -> Result<(), ParquetError> {
        let field = |(at, name): (usize, &&str)| match at < TIDY_TEXTS {
            true => format!("optional binary {name} (STRING);"),
            false => format!("optional double {name};"),
        };
        let fields: Vec<String> = TIDY_COLUMNS.iter().enumerate().map(field).collect();
        let schema = Arc::new(parse_message_type(&format!("message tiltmeter {{ {} }}", fields.join(" ")))?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("tiltmeter version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
        let mut texts: Vec<Gathered<ByteArray>> = Vec::new();
        let mut numbers: Vec<Gathered<f64>> = Vec::new();
        texts.resize_with(TIDY_TEXTS, Gathered::default);
        numbers.resize_with(TIDY_COLUMNS.len() - TIDY_TEXTS, Gathered::default);
        let mut rows = 0;
        self.tidy(|row: &TidyRow<'_>| {
            texts.iter_mut().zip(row.texts).for_each(|(column, text)| column.push(text.map(ByteArray::from)));
            numbers.iter_mut().zip(row.numbers).for_each(|(column, number)| column.push(number));
            rows += 1;
            if rows == GROUP {
                rows = 0;
                flush(&mut writer, &mut texts, &mut numbers)?;
            }
            Ok::<(), ParquetError>(())
        })?;
        flush(&mut writer, &mut texts, &mut numbers)?;
        writer.close().map(drop)
    }
}

fn flush<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    texts: &mut [Gathered<ByteArray>],
    numbers: &mut [Gathered<f64>],
) -> Result<(), ParquetError> {
    if texts.iter().all(|column| column.there.is_empty()) {
        return Ok(());
    }
    let mut group = writer.next_row_group()?;
    let missing = || ParquetError::General("fewer columns than values".into());
    for column in texts {
        let mut chunk = group.next_column()?.ok_or_else(missing)?;
        chunk.typed::<ByteArrayType>().write_batch(&column.values, Some(&column.there), None)?;
        chunk.close()?;
        *column = Gathered::default();
    }
    for column in numbers {
        let mut chunk = group.next_column()?.ok_or_else(missing)?;
        chunk.typed::<DoubleType>().write_batch(&column.values, Some(&column.there), None)?;
        chunk.close()?;
        *column = Gathered::default();
    }
    group.close().map(drop)
}
