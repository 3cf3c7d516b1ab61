//! What can be wrong with an item table or with the settings of an analysis.

use std::path::PathBuf;

/// Each message is one sentence: the file or the setting, what is wrong, and what to do where that is not plain.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    #[error("{}: cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },

    #[error(
        "{table} is {format}, and item tables are read from .csv, .csv.gz, .jsonl and .parquet: `tiltmeter export` writes all four"
    )]
    Format { table: String, format: &'static str },

    #[error("{table}: column `{column}` is missing; an item table has the columns {}", super::items::COLUMNS.join(","))]
    MissingColumn { table: String, column: &'static str },

    #[error("{table}: unknown column `{column}`; an item table has the columns {}", super::items::COLUMNS.join(","))]
    UnknownColumn { table: String, column: String },

    #[error("{table}: column `{column}` stands twice")]
    RepeatedColumn { table: String, column: String },

    #[error("{table}: {place}: {problem}")]
    Row { table: String, place: String, problem: String },

    #[error("{table}: no rows")]
    Empty { table: String },

    #[error("{table}: more than {limit} {what}; that is not an item table this program can analyze")]
    TooMany { table: String, limit: usize, what: &'static str },

    #[error("{settings}: {problem}")]
    Settings { settings: String, problem: String },

    #[error("{settings}: {setting} names the {kind} `{name}`, which the item table does not have{known}")]
    UnknownName { settings: String, setting: String, kind: &'static str, name: String, known: String },

    #[error(
        "{settings}: {setting} reads the checkpoint `{model}` in condition `{condition}`, of which the item table has no rows"
    )]
    NoRows { settings: String, setting: String, model: String, condition: String },

    #[error(
        "figure `{id}` stands twice: two of the table's or the settings' names run together; rename one of them"
    )]
    RepeatedFigure { id: String },
}
