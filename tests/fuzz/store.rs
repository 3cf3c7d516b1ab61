//! What is kept: a run's database from elsewhere, damaged as a file, or sound as one with anything at all in its rows.

use std::path::Path;
use std::sync::LazyLock;

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use tiltmeter::stats::Settings;
use tiltmeter::store::{
    self, DATABASE, ROSTER, RunReader, RunsProgress, StoreError, find_runs, visit_joined,
};

use super::folder::with_files;
use super::{root, told};

const ROSTER_TEXT: &[u8] =
    b"[[family]]\nname = \"planted\"\nbase = { model = \"planted-base\", checkpoint = \"base\" }\n";

/// Everything that a command reads of a run, and for some, since it takes long, a merge of it.
fn read(dir: &Path, merged: bool) -> Result<(), String> {
    let reader = RunReader::open(dir).map_err(told)?;
    reader.identity().map_err(told)?;
    reader.questions().map_err(told)?;
    reader.completeness().map_err(told)?.sentences();
    let models: Vec<String> =
        reader.checkpoints().map_err(told)?.into_iter().map(|checkpoint| checkpoint.record.model).collect();
    reader.sweeps().map_err(told)?;
    if let Some((path, text)) = reader.roster().map_err(told)? {
        drop(Settings::parse(&text, &path.display().to_string()));
    }
    reader.visit_items(|names, _| reader.prompts_of(&names).map(drop)).map_err(told)?;
    reader.visit_prompts(|_, _| Ok::<(), StoreError>(())).map_err(told)?;
    if let [first, .., last] | [first @ last] = &models[..] {
        visit_joined([&reader, &reader], [first, last], |_, _, _, _| ()).map_err(told)?;
    }
    drop(reader);
    if merged {
        let merged = dir.join("merged");
        store::merge::merge(&[dir.to_path_buf()], &merged, |_| ()).map_err(told)?;
        RunReader::open(&merged).and_then(|reader| reader.items()).map_err(told)?;
        find_runs(dir).map_err(told)?;
        RunsProgress::of(&[dir.to_path_buf()]).map_err(told)?;
    }
    Ok(())
}

pub fn store(bytes: &[u8]) -> Result<(), String> {
    with_files(&[(DATABASE, bytes), (ROSTER, ROSTER_TEXT)], |dir| read(dir, bytes.last() == Some(&0)))
}

pub fn store_seeds() -> Vec<Vec<u8>> {
    vec![SOUND.newer.clone(), SOUND.older.clone()]
}

/// A few rows of a run, in the smallest pages.
struct Sound {
    /// As version 0.1.0 wrote it.
    older: Vec<u8>,
    newer: Vec<u8>,
    /// The newer one, whose tables take anything.
    lax: Vec<u8>,
}

const FEW: &str = "DELETE FROM score WHERE item > 2 OR checkpoint > 1; DELETE FROM item WHERE id > 2;";

const SWEEP: &str = r#"
INSERT INTO sweep VALUES (1, '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z', 'finished', '0.2.0', NULL, '[]',
  '{"models":["planted-base"],"shard":{"index":1,"count":2,"split":"ab","prompts":8,"of":16}}', '{}');
INSERT INTO cell SELECT (SELECT min(id) FROM word), language, condition, 8 FROM item LIMIT 1;
INSERT INTO asked SELECT (SELECT min(id) FROM word), id, 15 FROM item;
"#;

const SMALL: &str = "PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM;";

static SOUND: LazyLock<Sound> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a folder");
    let bytes = |dir: &Path| std::fs::read(dir.join(DATABASE)).expect("it was written");
    let open = |dir: &Path| Connection::open(dir.join(DATABASE)).expect("a database");
    let [old, new, lax] = ["old", "new", "lax"].map(|name| dir.path().join(name));
    for dir in [&old, &lax] {
        std::fs::create_dir(dir).expect("a folder");
    }
    std::fs::copy(root().join("tests/fixtures/run-0.1.0").join(DATABASE), old.join(DATABASE))
        .expect("a fixture");
    open(&old).execute_batch(&format!("{FEW}{SMALL}")).expect("a run");
    store::merge::merge(std::slice::from_ref(&old), &new, |_| ()).expect("a run");
    open(&new).execute_batch(&format!("{SWEEP}{SMALL}")).expect("a run");
    loosened(&open(&new), &lax.join(DATABASE));
    Sound { older: bytes(&old), newer: bytes(&new), lax: bytes(&lax) }
});

/// The database with every rule of its tables left out but their keys.
fn loosened(from: &Connection, to: &Path) {
    let mut tables =
        from.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").expect("tables");
    let tables: Vec<(String, String)> = tables
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(|rows| rows.collect())
        .expect("their names");
    let rules = [
        "NOT NULL",
        "STRICT, WITHOUT ROWID",
        "STRICT",
        "CHECK (slot BETWEEN 0 AND 3)",
        "CHECK (slots BETWEEN 0 AND 15)",
    ];
    from.execute("ATTACH ?1 AS lax", [to.to_string_lossy()]).expect("a second file");
    for (name, sql) in &tables {
        let sql = rules.iter().fold(sql.clone(), |sql, rule| sql.replace(rule, ""));
        let sql = sql.replacen("CREATE TABLE ", "CREATE TABLE lax.", 1);
        from.execute_batch(&format!("{sql}; INSERT INTO lax.{name} SELECT * FROM main.{name};"))
            .expect("a copy");
    }
    let number =
        |pragma: &str| from.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).expect("a number");
    for pragma in ["application_id", "user_version"] {
        from.pragma_update(Some("lax"), pragma, number(pragma)).expect("the same number");
    }
}

/// Inputs name them by number: new ones go to the end.
const COLUMNS: [&str; 53] = [
    "run.key",
    "run.value",
    "checkpoint.id",
    "checkpoint.model",
    "checkpoint.family",
    "checkpoint.stage",
    "checkpoint.form",
    "checkpoint.source",
    "checkpoint.weights_sha256",
    "checkpoint.template_date",
    "checkpoint.prefill",
    "checkpoint.parameters",
    "checkpoint.arithmetic",
    "answers.id",
    "answers.checkpoint",
    "answers.tokens",
    "session.checkpoint",
    "session.started",
    "session.pack_tokens",
    "session.prompts",
    "session.naive_tokens",
    "session.load_seconds",
    "session.complete",
    "session.sweep",
    "session.scored",
    "session.ended",
    "word.text",
    "word.id",
    "item.id",
    "item.language",
    "item.condition",
    "item.country_1",
    "item.scenario",
    "item.question",
    "score.checkpoint",
    "score.item",
    "score.slot",
    "score.prompt_sha256",
    "score.n_tokens",
    "score.answers",
    "score.logits",
    "score.logsumexp",
    "score.logprob_a",
    "score.log_odds",
    "score.compliance",
    "sweep.started",
    "sweep.ended",
    "sweep.outcome",
    "sweep.arguments",
    "sweep.filters",
    "sweep.machine",
    "cell.whole",
    "asked.slots",
];

/// Changes of rows, five bytes and a value each: what is done, column, row, kind of the value, its length.
pub fn rows(bytes: &[u8]) -> Result<(), String> {
    with_files(&[(DATABASE, &SOUND.lax), (ROSTER, ROSTER_TEXT)], |dir| {
        let db = Connection::open(dir.join(DATABASE)).map_err(told)?;
        db.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; BEGIN").map_err(told)?;
        let mut rest = bytes;
        while let Some((&[what, column, row, kind, length], behind)) = rest.split_first_chunk::<5>() {
            let (payload, behind) = behind.split_at(usize::from(length).min(behind.len()));
            rest = behind;
            let (table, column) =
                COLUMNS[usize::from(column) % COLUMNS.len()].split_once('.').unwrap_or_default();
            let value = value(kind, payload);
            let nth = format!("rowid = (SELECT rowid FROM {table} LIMIT 1 OFFSET {row})");
            let _refused = match what % 4 {
                0 => db.execute(&format!("DELETE FROM {table} WHERE {nth}"), []),
                1 => db.execute(&format!("INSERT INTO {table} ({column}) VALUES (?1)"), params![value]),
                2 => db.execute(&format!("UPDATE {table} SET {column} = ?1"), params![value]),
                _ => db.execute(&format!("UPDATE {table} SET {column} = ?1 WHERE {nth}"), params![value]),
            };
        }
        db.execute_batch("COMMIT").map_err(told)?;
        drop(db);
        read(dir, bytes.len().is_multiple_of(4))
    })
}

fn value(kind: u8, payload: &[u8]) -> Value {
    let mut eight = [0; 8];
    let length = payload.len().min(8);
    eight[..length].copy_from_slice(&payload[..length]);
    match kind % 5 {
        0 => Value::Null,
        1 => Value::Integer(i64::from_le_bytes(eight)),
        2 => Value::Real(f64::from_le_bytes(eight)),
        3 => Value::Text(String::from_utf8_lossy(payload).into_owned()),
        _ => Value::Blob(payload.to_vec()),
    }
}

fn change(what: u8, column: &str, row: u8, kind: u8, payload: &[u8]) -> Vec<u8> {
    let column = COLUMNS.iter().position(|known| *known == column).unwrap_or_default() as u8;
    let payload = &payload[..payload.len().min(255)];
    [&[what, column, row, kind, payload.len() as u8], payload].concat()
}

pub fn rows_seeds() -> Vec<Vec<u8>> {
    let shard = br#"{"shard":{"index":2,"count":3,"split":"cd","prompts":9,"of":27},"limit":5,"seed":1}"#;
    vec![
        Vec::new(),
        change(3, "sweep.filters", 0, 3, shard),
        change(3, "score.logits", 1, 4, &[0; 16]),
        change(3, "answers.tokens", 0, 3, b"[[70,261],[71,262,5]]"),
        change(2, "score.log_odds", 0, 2, &f64::MAX.to_le_bytes()),
        change(1, "run.key", 0, 3, b"questions"),
        change(3, "cell.whole", 0, 1, &i64::MAX.to_le_bytes()),
        change(0, "word.text", 3, 0, b""),
        change(3, "sweep.machine", 0, 3, b"{\"host\":\"x\"}"),
        change(3, "checkpoint.arithmetic", 0, 3, b"{}"),
    ]
}
