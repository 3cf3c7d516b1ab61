//! Comma-separated values with a header; lists are JSON text.

use std::io::{self, Write};

use parquet::errors::ParquetError;

use super::table::{Column, Sink, Value};

pub struct CsvSink<W: Write> {
    writer: csv::Writer<W>,
    scratch: Vec<u8>,
}

impl<W: Write> CsvSink<W> {
    pub fn new(out: W, columns: &[Column]) -> Result<Self, ParquetError> {
        let mut writer = csv::Writer::from_writer(out);
        writer
            .write_record(columns.iter().map(|c| c.name))
            .map_err(external)?;
        Ok(Self {
            writer,
            scratch: Vec::new(),
        })
    }

    pub fn finish(self) -> Result<W, ParquetError> {
        self.writer.into_inner().map_err(|e| {
            let kind = e.error().kind();
            ParquetError::External(Box::new(io::Error::new(kind, e.to_string())))
        })
    }
}

impl<W: Write> Sink for CsvSink<W> {
    fn row(&mut self, values: &[Value<'_>]) -> Result<(), ParquetError> {
        for value in values {
            let field = match value {
                Value::Text(text) => text.as_bytes(),
                other => {
                    self.scratch.clear();
                    serde_json::to_writer(&mut self.scratch, other).map_err(io::Error::from)?;
                    &self.scratch
                }
            };
            self.writer.write_field(field).map_err(external)?;
        }
        self.writer
            .write_record(None::<&[u8]>)
            .map_err(external)
    }
}

fn external(error: csv::Error) -> ParquetError {
    let error = match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    };
    ParquetError::External(Box::new(error))
}
