//! One JSON object a line, keys in the columns' order.

use std::io::{self, Write};

use parquet::errors::ParquetError;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::table::{Column, Sink, Value};

pub struct JsonlSink<W: Write> {
    out: W,
    columns: &'static [Column],
}

impl<W: Write> JsonlSink<W> {
    pub fn new(out: W, columns: &'static [Column]) -> Self {
        Self { out, columns }
    }
}

impl<W: Write> Sink for JsonlSink<W> {
    fn row(&mut self, values: &[Value<'_>]) -> Result<(), ParquetError> {
        let row = Row {
            columns: self.columns,
            values,
        };
        serde_json::to_writer(&mut self.out, &row).map_err(io::Error::from)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }
}

struct Row<'a> {
    columns: &'static [Column],
    values: &'a [Value<'a>],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len()))?;
        for (column, value) in self.columns.iter().zip(self.values) {
            map.serialize_entry(column.name, value)?;
        }
        map.end()
    }
}
