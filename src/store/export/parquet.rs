//! Parquet through the low-level writer: one column chunk at a time, Snappy, nothing that depends on the day.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::table::{Column, Kind, Sink, Value};

/// Rows that are gathered before they are written as one row group.
const GROUP: usize = 1 << 16;

pub struct ParquetSink<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<Gathered>,
    rows: usize,
}

/// A column's values since the last row group.
enum Gathered {
    Text(Vec<ByteArray>),
    Count(Vec<i32>),
    Float(Vec<f64>),
    Lists(Lists),
}

/// Nested lists as Parquet has them: values, and per value where it begins a list (repetition) and how much of
/// its path exists (definition).
#[derive(Default)]
struct Lists {
    values: Vec<f32>,
    repetition: Vec<i16>,
    definition: Vec<i16>,
}

impl Lists {
    fn push(&mut self, lists: &[Vec<f32>]) {
        if lists.is_empty() {
            self.level(0, 0);
        }
        for (outer, list) in lists.iter().enumerate() {
            let begins_at = if outer == 0 { 0 } else { 1 };
            if list.is_empty() {
                self.level(begins_at, 1);
            }
            for (inner, value) in list.iter().enumerate() {
                self.level(if inner == 0 { begins_at } else { 2 }, 2);
                self.values.push(*value);
            }
        }
    }

    fn level(&mut self, repetition: i16, definition: i16) {
        self.repetition.push(repetition);
        self.definition.push(definition);
    }
}

impl<W: Write + Send> ParquetSink<W> {
    /// `about` goes into the file's metadata, behind what each column is.
    pub fn new(out: W, columns: &'static [Column], about: &[(String, String)]) -> Result<Self, ParquetError> {
        let schema = Arc::new(parse_message_type(&message(columns))?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("tiltmeter version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(metadata(columns, about)))
            .build();
        Ok(Self {
            writer: SerializedFileWriter::new(out, schema, Arc::new(properties))?,
            columns: columns.iter().map(|c| Gathered::new(c.kind)).collect(),
            rows: 0,
        })
    }

    pub fn finish(mut self) -> Result<(), ParquetError> {
        self.flush()?;
        self.writer.close().map(drop)
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else {
                return Err(ParquetError::General("fewer columns than values".into()));
            };
            match column {
                Gathered::Text(values) => {
                    writer.typed::<ByteArrayType>().write_batch(values, None, None)?;
                    values.clear();
                }
                Gathered::Count(values) => {
                    writer.typed::<Int32Type>().write_batch(values, None, None)?;
                    values.clear();
                }
                Gathered::Float(values) => {
                    writer.typed::<DoubleType>().write_batch(values, None, None)?;
                    values.clear();
                }
                Gathered::Lists(lists) => {
                    writer.typed::<FloatType>().write_batch(
                        &lists.values,
                        Some(&lists.definition),
                        Some(&lists.repetition),
                    )?;
                    *lists = Lists::default();
                }
            }
            writer.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl<W: Write + Send> Sink for ParquetSink<W> {
    fn row(&mut self, values: &[Value<'_>]) -> Result<(), ParquetError> {
        for (column, value) in self.columns.iter_mut().zip(values) {
            match (column, value) {
                (Gathered::Text(column), Value::Text(text)) => column.push(ByteArray::from(*text)),
                (Gathered::Count(column), Value::Count(n)) => column.push(
                    i32::try_from(*n).map_err(|_| ParquetError::General(format!("{n} exceeds 32 bits")))?,
                ),
                (Gathered::Float(column), Value::Float(x)) => column.push(*x),
                (Gathered::Lists(column), Value::Lists(lists)) => column.push(lists),
                (_, value) => {
                    return Err(ParquetError::General(format!("{value:?} is not of its column's type")));
                }
            }
        }
        self.rows += 1;
        if self.rows == GROUP { self.flush() } else { Ok(()) }
    }
}

impl Gathered {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new()),
            Kind::Count => Self::Count(Vec::new()),
            Kind::Float => Self::Float(Vec::new()),
            Kind::Lists => Self::Lists(Lists::default()),
        }
    }
}

/// `column:NAME` for every column, with its unit; then `about`.
fn metadata(columns: &[Column], about: &[(String, String)]) -> Vec<KeyValue> {
    let of = |column: &Column| {
        let unit = if column.unit.is_empty() { String::new() } else { format!(" [{}]", column.unit) };
        KeyValue::new(format!("column:{}", column.name), format!("{}{unit}", column.about))
    };
    let about = about.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    columns.iter().map(of).chain(about).collect()
}

/// The schema in Parquet's own words.
fn message(columns: &[Column]) -> String {
    let fields: Vec<String> = columns
        .iter()
        .map(|Column { name, kind, .. }| match kind {
            Kind::Text => format!("required binary {name} (STRING);"),
            Kind::Count => format!("required int32 {name};"),
            Kind::Float => format!("required double {name};"),
            Kind::Lists => format!(
                "required group {name} (LIST) {{ repeated group list {{
                   required group element (LIST) {{ repeated group list {{ required float element; }} }}
                 }} }}"
            ),
        })
        .collect();
    format!("message tiltmeter {{ {} }}", fields.join(" "))
}
