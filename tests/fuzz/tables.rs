//! Tables of items: CSV, plain and gzipped, JSON lines, Parquet; and what is made of such a table.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tiltmeter::stats::items::{COLUMNS, NAMES};
use tiltmeter::stats::{Recipes, Settings, Table, analyze_with, read_table};

use super::folder::{joined, known, parts, with_files};
use super::told;

fn read(dir: &Path) -> Result<Table, String> {
    read_table(&dir.join("items")).map_err(told)
}

pub fn table(bytes: &[u8]) -> Result<(), String> {
    with_files(&[("items", bytes)], |dir| {
        let table = read(dir)?;
        table.items().for_each(drop);
        Ok(())
    })
}

/// A table and the settings of its analysis.
pub fn analysis(bytes: &[u8]) -> Result<(), String> {
    let files = known(parts("items", bytes), &["items", "settings.toml"]);
    with_files(&files, |dir| {
        let path = dir.join("settings.toml");
        let settings = if path.exists() { Settings::read(&path).map_err(told)? } else { Settings::default() };
        let analysis = analyze_with(&read(dir)?, &settings, Recipes::Both).map_err(told)?;
        analysis.tidy(|_| Ok::<(), String>(()))
    })
}

const CSV: &str = include_str!("../fixtures/items/items.csv");

/// The head and the first rows, cells comma by comma.
fn rows(count: usize) -> Vec<Vec<&'static str>> {
    CSV.lines().take(count + 1).map(|line| line.split(',').collect()).collect()
}

fn csv(count: usize) -> Vec<u8> {
    let lines = rows(count).into_iter().map(|cells| cells.join(",") + "\n");
    lines.collect::<String>().into_bytes()
}

pub fn table_seeds() -> Vec<Vec<u8>> {
    let rows = rows(4);
    let object = |cells: &Vec<&str>| {
        let fields = COLUMNS.iter().zip(cells).enumerate().map(|(at, (column, cell))| match at < NAMES {
            true => format!("\"{column}\": \"{cell}\""),
            false => format!("\"{column}\": {cell}"),
        });
        format!("{{{}}}\n", fields.collect::<Vec<_>>().join(", "))
    };
    let jsonl: String = rows.iter().skip(1).map(object).collect();
    let mut gz = GzEncoder::new(Vec::new(), Compression::best());
    gz.write_all(&csv(3)).expect("memory");
    vec![
        csv(4),
        jsonl.into_bytes(),
        gz.finish().expect("memory"),
        b"\xef\xbb\xbf\"model\",language\r\n".to_vec(),
    ]
}

fn parquet(count: usize, compression: parquet::basic::Compression) -> Vec<u8> {
    let rows = rows(count);
    let field = |(at, name): (usize, &&str)| match at < NAMES {
        true => format!("required binary {name} (STRING);"),
        false => format!("required double {name};"),
    };
    let fields: String = COLUMNS.iter().enumerate().map(field).collect();
    let schema = Arc::new(parse_message_type(&format!("message items {{ {fields} }}")).expect("a schema"));
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut out = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut out, schema, properties).expect("memory");
    let mut group = writer.next_row_group().expect("memory");
    for at in 0..COLUMNS.len() {
        let mut chunk = group.next_column().expect("memory").expect("a column");
        let cells = rows.iter().skip(1).map(|cells| cells[at]);
        match at < NAMES {
            true => {
                let texts: Vec<ByteArray> = cells.map(ByteArray::from).collect();
                chunk.typed::<ByteArrayType>().write_batch(&texts, None, None).expect("memory");
            }
            false => {
                let numbers: Vec<f64> = cells.map(|cell| cell.parse().expect("a number")).collect();
                chunk.typed::<DoubleType>().write_batch(&numbers, None, None).expect("memory");
            }
        }
        chunk.close().expect("memory");
    }
    group.close().expect("memory");
    writer.close().expect("memory");
    out
}

pub fn parquet_seeds() -> Vec<Vec<u8>> {
    use parquet::basic::Compression::{SNAPPY, UNCOMPRESSED};
    vec![parquet(2, UNCOMPRESSED), parquet(3, SNAPPY)]
}

pub fn analysis_seeds() -> Vec<Vec<u8>> {
    let settings = br#"[[family]]
name = "alpha"
maker = "Alpha"
maker_country = "Norland"
base = { model = "alpha-base" }
chat = { model = "alpha-chat" }

[analysis]
target = "Norland"
baseline_language = "en"
condition = "main"
[analysis.coherence]
thresholds = [0.5, 0.6]
subset = 0.6
sweep = [6, 8]
[[analysis.type_contrast]]
name = "hard"
types = ["border"]
"#;
    // Two checkpoints' rows of one language, so that there is a shift.
    let mut both: Vec<u8> = csv(0);
    for model in ["alpha-base", "alpha-chat"] {
        let rows = CSV.lines().filter(|line| line.starts_with(&format!("{model},en,main,"))).take(24);
        rows.for_each(|row| both.extend_from_slice(format!("{row}\n").as_bytes()));
    }
    vec![both.clone(), joined([("items", &both[..]), ("settings.toml", &settings[..])]), csv(8)]
}
