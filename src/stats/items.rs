//! The item table: one row per (model, language, condition, pair, scenario, question).

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::builder::TableBuilder;
use super::error::StatsError;
use super::formats::{parse_jsonl, read_parquet};
use super::lines::{Lines, Watched};
use super::table::Table;

/// The columns of an item table, in the order in which they are written; a table that is read may have any order.
pub const COLUMNS: [&str; 12] = [
    "model",
    "language",
    "condition",
    "country_1",
    "country_2",
    "scenario",
    "scenario_type",
    "question",
    "diff_fwd",
    "diff_rev",
    "bias",
    "compliance",
];

/// How many of [`COLUMNS`] are names; the rest are numbers.
pub const NAMES: usize = 8;

/// One item: the mean over two option orders and two role assignments (four prompts).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemRow {
    pub model: String,
    pub language: String,
    pub condition: String,
    pub country_1: String,
    pub country_2: String,
    pub scenario: String,
    pub scenario_type: String,
    pub question: String,
    /// Mean over the two option orders of the log-odds for `country_1`, with it in the narrative's first role.
    pub diff_fwd: f64,
    /// The same with the roles swapped.
    pub diff_rev: f64,
    /// Mean of the two; positive favours `country_1`.
    pub bias: f64,
    /// Mean over the four prompts of the probability on the choices.
    pub compliance: f64,
}

/// What tells an item from all others, and its scenario's type.
#[derive(Debug, Clone, Copy)]
pub struct ItemNames<'a> {
    pub model: &'a str,
    pub language: &'a str,
    pub condition: &'a str,
    pub country_1: &'a str,
    pub country_2: &'a str,
    pub scenario: &'a str,
    pub scenario_type: &'a str,
    pub question: &'a str,
}

impl<'a> ItemNames<'a> {
    /// In the order of [`COLUMNS`].
    pub fn in_order(&self) -> [&'a str; NAMES] {
        [
            self.model,
            self.language,
            self.condition,
            self.country_1,
            self.country_2,
            self.scenario,
            self.scenario_type,
            self.question,
        ]
    }
}

/// The same row as [`ItemRow`], borrowed: what the table's builder takes.
#[derive(Debug, Clone, Copy)]
pub struct ItemRef<'a> {
    pub names: ItemNames<'a>,
    pub diff_fwd: f64,
    pub diff_rev: f64,
    pub bias: f64,
    pub compliance: f64,
}

impl ItemRow {
    pub fn as_ref(&self) -> ItemRef<'_> {
        ItemRef {
            names: ItemNames {
                model: &self.model,
                language: &self.language,
                condition: &self.condition,
                country_1: &self.country_1,
                country_2: &self.country_2,
                scenario: &self.scenario,
                scenario_type: &self.scenario_type,
                question: &self.question,
            },
            diff_fwd: self.diff_fwd,
            diff_rev: self.diff_rev,
            bias: self.bias,
            compliance: self.compliance,
        }
    }
}

/// What some programs write before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads an item table from a CSV file, plain or gzipped, from JSON lines or from Parquet (told by its first bytes, not
/// its name); `-` is standard input, where Parquet cannot be read.
pub fn read_table(path: &Path) -> Result<Table, StatsError> {
    let read_error = |source| StatsError::Read { path: path.to_owned(), source };
    let standard = path == Path::new("-");
    let input: Box<dyn Read> = match standard {
        true => Box::new(std::io::stdin()),
        false => Box::new(File::open(path).map_err(read_error)?),
    };
    let mut file = BufReader::new(input);
    let name = if standard { "standard input".to_owned() } else { path.display().to_string() };
    if file.fill_buf().map_err(read_error)?.starts_with(BYTE_ORDER_MARK) {
        file.consume(BYTE_ORDER_MARK.len());
    }
    let start = file.fill_buf().map_err(read_error)?;
    let gzipped = start.starts_with(&[0x1f, 0x8b]);
    match start {
        [b'P', b'A', b'R', b'1', ..] if standard => {
            return Err(StatsError::Format {
                table: name,
                format: "Parquet, which is read from a file only",
            });
        }
        [b'P', b'A', b'R', b'1', ..] => return read_parquet(path),
        [b'{', ..] => return parse_jsonl(file, &name),
        [b'[', ..] => return Err(StatsError::Format { table: name, format: "a JSON list" }),
        _ => {}
    }
    if gzipped { parse_table(MultiGzDecoder::new(file), &name) } else { parse_table(file, &name) }
}

/// Reads an item table from CSV text; `name` is what errors call it.
pub fn parse_table(text: impl Read, name: &str) -> Result<Table, StatsError> {
    let lines = Rc::new(RefCell::new(Lines::default()));
    let text = Watched { inner: text, lines: Rc::clone(&lines) };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let columns = columns(reader.headers().map_err(|e| csv_error(&e, name, 1))?, name)?;

    let mut builder = TableBuilder::new(name, "line");
    let mut record = csv::StringRecord::new();
    loop {
        lines.borrow_mut().begin_record();
        let start = reader.position().byte();
        let read = reader.read_record(&mut record);
        // The reader's own count begins before the line break that it has not passed yet.
        let line = lines.borrow_mut().line_from(start);
        if !read.map_err(|e| csv_error(&e, name, line))? {
            return builder.finish();
        }
        let row = item(&record, &columns).map_err(|problem| builder.error(line, problem))?;
        builder.push(row, line)?;
    }
}

/// Where each of [`COLUMNS`] stands in the file.
fn columns(header: &csv::StringRecord, table: &str) -> Result<[usize; COLUMNS.len()], StatsError> {
    let mut found = [None; COLUMNS.len()];
    for (position, title) in header.iter().enumerate() {
        let Some(column) = COLUMNS.iter().position(|c| *c == title.trim()) else {
            let column = shortened(title);
            return Err(StatsError::UnknownColumn { table: table.to_owned(), column });
        };
        if found[column].replace(position).is_some() {
            return Err(StatsError::RepeatedColumn { table: table.to_owned(), column: title.to_owned() });
        }
    }
    let mut columns = [0; COLUMNS.len()];
    for ((position, found), column) in columns.iter_mut().zip(found).zip(COLUMNS) {
        *position = found.ok_or(StatsError::MissingColumn { table: table.to_owned(), column })?;
    }
    Ok(columns)
}

fn item<'a>(record: &'a csv::StringRecord, columns: &[usize; COLUMNS.len()]) -> Result<ItemRef<'a>, String> {
    if record.len() != COLUMNS.len() {
        return Err(format!("{} fields where the header has {}", record.len(), COLUMNS.len()));
    }
    let text = |column: usize| record.get(columns[column]).unwrap_or_default();
    let number = |column: usize| {
        let text = text(column).trim();
        text.parse::<f64>().map_err(|_| {
            format!("column `{}` holds `{}`, which is not a number", COLUMNS[column], shortened(text))
        })
    };
    Ok(ItemRef {
        names: ItemNames {
            model: text(0),
            language: text(1),
            condition: text(2),
            country_1: text(3),
            country_2: text(4),
            scenario: text(5),
            scenario_type: text(6),
            question: text(7),
        },
        diff_fwd: number(NAMES)?,
        diff_rev: number(NAMES + 1)?,
        bias: number(NAMES + 2)?,
        compliance: number(NAMES + 3)?,
    })
}

/// A piece of the file short enough for a message.
fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 {
        text.to_owned()
    } else {
        text.chars().take(40).chain("...".chars()).collect()
    }
}

fn csv_error(error: &csv::Error, table: &str, line: u64) -> StatsError {
    let problem = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "not UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    StatsError::Row { table: table.to_owned(), place: format!("line {line}"), problem }
}
