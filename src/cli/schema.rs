//! `tiltmeter schema`: the shape of every JSON that the program prints, made from the types that print it.

use std::process::ExitCode;

use anyhow::{Result, bail};
use comfy_table::{Table, presets};
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::json;

use super::output::{print, print_json};
use super::{doctor, prompts, roster, status};
use crate::plain::nearest;
use crate::store::export::{item_row_schema, score_row_schema};
use crate::store::{FoundRun, RunsProgress};
use crate::{bench, inspect, interchange, licences, report, scoring, stats};

/// Print the JSON Schema of what a command prints as JSON; without a name, the list of them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which one, as the list names it
    name: Option<String>,
}

/// A kind of document: name, version, what prints it, its shape.
///
/// The version is raised when a field goes or changes its meaning; a new field leaves it.
struct Kind {
    name: &'static str,
    version: u32,
    printed_by: &'static str,
    shape: fn() -> Schema,
}

const KINDS: &[Kind] = &[
    kind("agreement", "compare --json", || nullable(of::<stats::Agreement>())),
    kind("analysis", "analyze --format json", || nullable(stats::document_schema())),
    kind("bench-kernels", "bench kernels --json", of::<bench::KernelReport>),
    kind("bench-model", "bench model --json", of::<Vec<bench::Model>>),
    kind("bench-study", "bench study --json", of::<bench::Report>),
    kind("doctor", "doctor --json", of::<doctor::Report>),
    kind("explanation", "explain --json", || nullable(of::<stats::Explanation>())),
    kind("inspect", "inspect --json", of::<inspect::Inspection>),
    kind("item", "export --items FILE.jsonl, a line", item_row_schema),
    kind("licences", "licences --json", of::<Vec<licences::Carried>>),
    kind("plan", "plan --output FILE.toml", of::<stats::Preregistration>),
    kind("prompt", "prompts, a line", of::<prompts::Line<'static>>),
    kind("prompt-score", "export --scores FILE.jsonl, a line", score_row_schema),
    kind("report", "report --format json", report::document_schema),
    kind("roster", "roster show --json", of::<Vec<roster::Listed<'static>>>),
    Kind { version: 2, ..kind("runs", "runs --json", of::<Vec<FoundRun>>) },
    kind("score", "score, a line", of::<scoring::output::ScoreLine<'static>>),
    kind("status", "status --json", of::<status::Status>),
    kind("status-several", "status --json, of several runs", of::<RunsProgress>),
    kind(
        "task-document",
        "study export --lm-eval DIR, a line of a task's documents",
        of::<interchange::Document>,
    ),
];

const fn kind(name: &'static str, printed_by: &'static str, shape: fn() -> Schema) -> Kind {
    Kind { name, version: 1, printed_by, shape }
}

/// As it is written, not as it would be read: what may be left out is not required.
fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// A number of an analysis that does not exist is written as null.
fn nullable(mut schema: Schema) -> Schema {
    let open = |schema: &mut Schema| {
        if schema.get("type").is_some_and(|kind| kind == "number") {
            schema.insert("type".to_owned(), json!(["number", "null"]));
        }
    };
    RecursiveTransform(open).transform(&mut schema);
    schema
}

pub fn run(args: Args) -> Result<ExitCode> {
    match args.name {
        None => print(list())?,
        Some(name) => match KINDS.iter().find(|kind| kind.name == name) {
            Some(kind) => print_json(&document(kind))?,
            None => bail!(
                "there is no schema `{name}`{}; tiltmeter schema lists them",
                nearest(&name, KINDS.iter().map(|kind| kind.name))
            ),
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn document(kind: &Kind) -> Schema {
    let mut schema = (kind.shape)();
    let id = format!("urn:tiltmeter:schema:{}:{}", kind.name, kind.version);
    schema.insert("$id".to_owned(), json!(id));
    schema.insert("title".to_owned(), json!(format!("tiltmeter {}", kind.printed_by)));
    schema
}

fn list() -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["schema", "version", "printed by"]);
    for kind in KINDS {
        table.add_row([kind.name, &kind.version.to_string(), &format!("tiltmeter {}", kind.printed_by)]);
    }
    format!("{}\n", table.trim_fmt())
}
