use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::super::items::{COLUMNS, NAMES, read_table};

/// A row of columns, each of a type (`binary`, `double`, `float`, `int32`, `int64`): names are their columns', numbers 0.5 or 1.
fn write(path: &Path, columns: &[(&str, &str)]) {
    let field = |(name, kind): &(&str, &str)| match *kind {
        "binary" => format!("required binary {name} (STRING);"),
        kind => format!("required {kind} {name};"),
    };
    let fields: String = columns.iter().map(field).collect();
    let schema = parse_message_type(&format!("message items {{ {fields} }}")).expect("a schema");
    let file = std::fs::File::create(path).expect("a file");
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), properties).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    for (name, kind) in columns {
        let mut column = group.next_column().expect("a column").expect("the next");
        let written = match *kind {
            "binary" => column.typed::<ByteArrayType>().write_batch(&[(*name).into()], None, None),
            "double" => column.typed::<DoubleType>().write_batch(&[0.5], None, None),
            "float" => column.typed::<FloatType>().write_batch(&[0.5], None, None),
            "int64" => column.typed::<Int64Type>().write_batch(&[1], None, None),
            _ => column.typed::<Int32Type>().write_batch(&[1], None, None),
        };
        assert_eq!(written.expect("written"), 1);
        column.close().expect("closed");
    }
    group.close().expect("closed");
    writer.close().expect("closed");
}

#[test]
fn tables_in_parquet_are_refused_by_column() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("t.parquet");
    let kind = |column: &str| match COLUMNS[..NAMES].contains(&column) {
        true => "binary",
        false => "double",
    };
    let whole: Vec<(&str, &str)> = COLUMNS.iter().rev().map(|column| (*column, kind(column))).collect();
    let read = |columns: &[(&str, &str)]| {
        write(&path, columns);
        read_table(&path).map_err(|error| error.to_string())
    };
    let as_kind = |column: &str, kind: &'static str| -> Vec<(&str, &str)> {
        whole.iter().map(|(name, own)| (*name, if *name == column { kind } else { own })).collect()
    };
    for table in [read(&whole), read(&as_kind("bias", "float"))] {
        let table = table.expect("a table");
        let (item, _) = table.items().next().expect("a row");
        assert_eq!(item.names.in_order(), COLUMNS[..NAMES]);
        assert_eq!([item.diff_fwd, item.diff_rev, item.bias, item.compliance], [0.5; 4]);
    }
    let refused = |columns: &[(&str, &str)]| read(columns).expect_err("no table");
    for column in COLUMNS {
        let rest: Vec<(&str, &str)> = whole.iter().filter(|(name, _)| *name != column).copied().collect();
        let error = refused(&rest);
        assert!(error.contains(&format!("column `{column}` is missing")), "{error}");
    }
    let more = refused(&[&whole[..], &[("more", "double")]].concat());
    assert!(more.contains("unknown column `more`"), "{more}");
    for kind in ["int32", "int64"] {
        let table = read(&as_kind("bias", kind)).expect("whole numbers are numbers");
        assert_eq!(table.items().next().expect("a row").0.bias, 1.0, "{kind}");
    }
    let error = refused(&as_kind("bias", "binary"));
    assert!(error.ends_with("row 1: column `bias` holds no number"), "{error}");
    let error = refused(&as_kind("question", "int32"));
    assert!(error.ends_with("row 1: column `question` holds no text"), "{error}");
}

/// The writer packs no better than the reader unpacks: what the footer calls the compression is changed in its bytes.
#[test]
fn a_compression_that_is_not_unpacked_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("t.parquet");
    let kind = |column: &str| if COLUMNS[..NAMES].contains(&column) { "binary" } else { "double" };
    write(&path, &COLUMNS.map(|column| (column, kind(column))));
    let whole = std::fs::read(&path).expect("the file");
    // A column's path, and its compression, a number in zigzag.
    let (stored, name) = (&b"bias\x15\x00"[..], "bias".len());
    let at = whole.windows(stored.len()).position(|bytes| bytes == stored).expect("a column's footer");
    for (code, called) in [(2, "gzip"), (4, "Brotli"), (6, "Zstandard"), (7, "LZ4")] {
        let mut bytes = whole.clone();
        bytes[at + name + 1] = 2 * code;
        std::fs::write(&path, bytes).expect("written");
        let error = read_table(&path).expect_err("packed").to_string();
        let said = format!(
            "it is compressed with {called}, which this program does not unpack; write it uncompressed"
        );
        assert!(error.contains("t.parquet") && error.contains(&said), "{error}");
    }
}
