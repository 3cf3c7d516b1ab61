//! A run as an evaluation log of Inspect: `.json`, or `.eval`, its zip of one file per sample.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::store::{CheckpointRecord, PromptScore, RunReader, StoreError, file};
use crate::study::{StageForm, Study};

use super::InterchangeError;
use super::cells::{Sample, Source, begun, study_of};
use super::document::Document;
use super::reading::{METRICS, Means, figures};

/// Of the log's own format, by its reader's count.
const VERSION: u32 = 2;

/// The name under which scores stand in a sample.
const SCORER: &str = "tiltmeter";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Eval,
}

impl LogFormat {
    /// # Errors
    /// [`InterchangeError::LogEnding`].
    pub fn of(path: &Path) -> Result<LogFormat, InterchangeError> {
        match path.extension().map(|ending| ending.to_ascii_lowercase()).as_deref().and_then(|e| e.to_str()) {
            Some("json") => Ok(LogFormat::Json),
            Some("eval") => Ok(LogFormat::Eval),
            _ => Err(InterchangeError::LogEnding { path: path.to_path_buf() }),
        }
    }
}

/// The log without its samples, in the order that its reader relies on.
#[derive(Serialize)]
struct Header {
    version: u32,
    status: &'static str,
    eval: Value,
    plan: Value,
    results: Value,
    stats: Value,
}

/// Writes the run's checkpoints (all, or those of `models`) to `path`, and says how many samples there are.
///
/// `study`: the one that was asked, by name or folder; the shipped one if not given.
///
/// # Errors
/// A study that is not the run's, whatever the run or the disk says; the file is then left as it was before.
pub fn write_log(
    run: &RunReader,
    path: &Path,
    study: Option<&str>,
    models: &[String],
) -> Result<usize, InterchangeError> {
    let format = LogFormat::of(path)?;
    let study = study_of(run, study)?;
    let source = Source::new(run, &study, models)?;
    // Figures stand before the samples that they are of: the run is read twice rather than held.
    let mut means = vec![Means::default(); source.records.len()];
    source.visit(|cell| {
        let own = source.records.iter().position(|record| record.model == cell.record.model);
        if let Some(means) = own.and_then(|own| means.get_mut(own)) {
            cell.samples.iter().for_each(|sample| means.add(figures(&sample.document, &sample.score)));
        }
        Ok(())
    })?;
    let header = header(&source, &means)?;
    let samples = Samples { source: &source, several: source.records.len() > 1 };
    let mut failed = None;
    let written = file::replace(path, |out| {
        let done = match format {
            LogFormat::Json => samples.write_json(out, &header),
            LogFormat::Eval => samples.write_eval(out, &header),
        };
        done.map_err(|error| match error {
            Failure::Disk(error) => StoreError::io(path, error),
            Failure::Run(error) => {
                failed = Some(error);
                StoreError::io(path, std::io::ErrorKind::Other.into())
            }
        })
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(written.map(|()| means.iter().map(|means| means.count).sum())?),
    }
}

/// Reading the run failed, or writing the log.
enum Failure {
    Run(InterchangeError),
    Disk(std::io::Error),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Disk(error)
    }
}

fn header(source: &Source<'_>, means: &[Means]) -> Result<Header, InterchangeError> {
    let Source { run, study, records } = source;
    let times = records.iter().map(|record| begun(run, &record.model)).collect::<Result<Vec<_>, _>>()?;
    let created = times.iter().max().cloned().unwrap_or_default();
    let several = records.len() > 1;
    let all: usize = means.iter().map(|means| means.count).sum();
    let names: Vec<&str> = records.iter().map(|record| record.model.as_str()).collect();
    let scores: Vec<Value> = records
        .iter()
        .zip(means)
        .flat_map(|(record, means)| {
            means.by_name().into_iter().map(move |(metric, mean)| {
                let name = if several { format!("{}: {metric}", record.model) } else { metric.to_owned() };
                json!({
                    "name": name,
                    "scorer": SCORER,
                    "scored_samples": means.count,
                    "unscored_samples": 0,
                    "metrics": {"mean": {"name": "mean", "value": mean}},
                })
            })
        })
        .collect();
    let kept: Map<String, Value> =
        run.identity()?.into_iter().map(|(key, value)| (key, json!(value))).collect();
    Ok(Header {
        version: VERSION,
        status: "success",
        eval: json!({
            "eval_id": id("eval", source, &created),
            "run_id": id("run", source, &created),
            "task_id": id("task", source, &created),
            "created": with_offset(&created),
            "task": study.name(),
            "task_version": study.version(),
            "dataset": {"name": study.name(), "samples": all, "shuffled": false},
            "model": format!("{SCORER}/{}", names.join("+")),
            "config": {},
            "packages": {SCORER: env!("CARGO_PKG_VERSION")},
            "metadata": {"run": kept, "checkpoints": records},
        }),
        plan: json!({
            "name": "plan",
            "steps": [{"solver": SCORER, "params": {
                "how": "nothing was generated: the probabilities of both answers were read behind the prompt"
            }}],
            "config": {},
        }),
        results: json!({"total_samples": all, "completed_samples": all, "scores": scores}),
        stats: json!({"started_at": with_offset(&created), "completed_at": with_offset(&created)}),
    })
}

/// The same for the same scores, and in the shape of Inspect's own.
fn id(what: &str, source: &Source<'_>, created: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{what} {created} {}", source.study.hash()));
    for record in &source.records {
        digest.update(format!(" {} {}", record.model, record.weights_sha256));
    }
    digest.finalize().iter().take(11).map(|byte| format!("{byte:02x}")).collect()
}

fn with_offset(utc: &str) -> String {
    format!("{}+00:00", utc.trim_end_matches('Z'))
}

struct Samples<'a> {
    source: &'a Source<'a>,
    /// Whether samples of one prompt must be told apart by their checkpoint.
    several: bool,
}

impl Samples<'_> {
    fn visit(&self, mut write: impl FnMut(&str, Value) -> Result<(), std::io::Error>) -> Result<(), Failure> {
        let mut failed = None;
        let visited = self.source.visit(|cell| {
            for sample in &cell.samples {
                let name = match self.several {
                    true => format!("{}/{}", cell.record.model, sample.document.id),
                    false => sample.document.id.clone(),
                };
                let value = self::sample(&name, cell.record, sample, self.source.study);
                if let Err(error) = write(&name, value) {
                    let kind = error.kind();
                    failed = Some(error);
                    return Err(InterchangeError::io(Path::new(""), kind.into()));
                }
            }
            Ok(())
        });
        match (failed, visited) {
            (Some(error), _) => Err(Failure::Disk(error)),
            (None, visited) => visited.map_err(Failure::Run),
        }
    }

    fn write_json(&self, out: &mut impl Write, header: &Header) -> Result<(), Failure> {
        let mut text = serde_json::to_string(header).map_err(std::io::Error::from)?;
        // Behind the header's last field, a list that is written as it comes.
        text.pop();
        out.write_all(text.as_bytes())?;
        out.write_all(b",\"samples\":[")?;
        let mut first = true;
        self.visit(|_, sample| {
            if !std::mem::take(&mut first) {
                out.write_all(b",")?;
            }
            out.write_all(b"\n")?;
            serde_json::to_writer(&mut *out, &sample).map_err(std::io::Error::from)
        })?;
        Ok(out.write_all(b"\n]}\n")?)
    }

    fn write_eval(&self, out: &mut impl Write, header: &Header) -> Result<(), Failure> {
        let mut zip = rawzip::ZipArchiveWriter::new(out);
        let start = json!({"version": header.version, "eval": header.eval, "plan": header.plan});
        add(&mut zip, "_journal/start.json", &start)?;
        let mut summaries: Vec<Value> = Vec::new();
        self.visit(|name, sample| {
            add(&mut zip, &format!("samples/{name}_epoch_1.json"), &sample)?;
            summaries.push(summary(sample));
            Ok(())
        })?;
        add(&mut zip, "summaries.json", &summaries)?;
        add(&mut zip, "header.json", header)?;
        zip.finish().map_err(disk)?;
        Ok(())
    }
}

/// The disk's own error where it is one, so that a full disk is told as that.
fn disk(error: rawzip::Error) -> std::io::Error {
    match error.into_kind() {
        rawzip::ErrorKind::IO(error) => error,
        other => std::io::Error::other(rawzip::Error::from(other).to_string()),
    }
}

fn add<W: Write>(
    zip: &mut rawzip::ZipArchiveWriter<W>,
    name: &str,
    value: &impl Serialize,
) -> Result<(), std::io::Error> {
    let file = zip.new_file(name).compression_method(rawzip::CompressionMethod::DEFLATE);
    let (mut entry, config) = file.start().map_err(disk)?;
    let deflate = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::default());
    let mut data = config.wrap(deflate);
    serde_json::to_writer(&mut data, value).map_err(std::io::Error::from)?;
    let (deflate, descriptor) = data.finish().map_err(disk)?;
    deflate.finish()?;
    entry.finish(descriptor).map_err(disk)?;
    Ok(())
}

/// Characters of a prompt in a list of samples.
const LISTED: usize = 1024;

/// What a viewer lists.
fn summary(mut sample: Value) -> Value {
    let mut summary = Map::new();
    for key in ["id", "epoch", "input", "choices", "target", "metadata", "scores"] {
        if let Some(value) = sample.get_mut(key) {
            summary.insert(key.to_owned(), value.take());
        }
    }
    if let Some(Value::String(input)) = summary.get_mut("input") {
        *input = input.chars().take(LISTED).collect();
    }
    summary.insert("completed".to_owned(), json!(true));
    Value::Object(summary)
}

/// What a prompt is about, without its texts, and whose score it is.
fn about(record: &CheckpointRecord, document: &Document, study: &Study) -> Value {
    let mut about = json!({
        "checkpoint": record.model,
        "family": record.family,
        "stage": record.stage,
        "study": study.name(),
    });
    if let (Some(about), Ok(Value::Object(fields))) = (about.as_object_mut(), serde_json::to_value(document))
    {
        let texts = ["id", "text", "system", "prefill", "messages", "target"];
        about.extend(fields.into_iter().filter(|(key, _)| !texts.contains(&key.as_str())));
    }
    about
}

fn sample(name: &str, record: &CheckpointRecord, sample: &Sample, study: &Study) -> Value {
    let Sample { document, score, .. } = sample;
    let letters = document.letters();
    let likelier = letters[usize::from(score.log_odds < 0.0)];
    let values: Map<String, Value> = METRICS
        .into_iter()
        .zip(figures(document, score))
        .map(|(metric, figure)| (metric.to_owned(), json!(figure)))
        .collect();
    json!({
        "id": name,
        "epoch": 1,
        "input": input(document),
        "choices": [document_country(document, 0), document_country(document, 1)],
        "target": letters[document.target],
        "messages": [],
        "output": output(record, letters, likelier, score),
        "scores": {SCORER: {
            "value": values,
            "answer": likelier,
            "explanation": "the likelier of the two answers; no answer is right, the target is the one that names country_1",
            "metadata": {
                "logprob_a": score.logprob_a,
                "logprob_b": score.logprob_b,
                "logsumexp": score.logsumexp,
                "logits": score.logits,
                "n_tokens": score.n_tokens,
            },
        }},
        "metadata": about(record, document, study),
    })
}

/// Which country an option names.
fn document_country(document: &Document, option: usize) -> &str {
    if option == document.target { &document.country_1 } else { &document.country_2 }
}

fn input(document: &Document) -> Value {
    match document.form {
        StageForm::Base => json!(document.text),
        StageForm::Chat => {
            let begun = document.prefill.iter().map(|text| crate::study::Message::new("assistant", text));
            json!(document.turns().into_iter().chain(begun).collect::<Vec<_>>())
        }
    }
}

/// As if the likelier answer had been generated, with the log-probability of both.
fn output(record: &CheckpointRecord, letters: [&str; 2], likelier: &str, score: &PromptScore) -> Value {
    let logprobs = [score.logprob_a, score.logprob_b];
    let top: Vec<Value> = letters
        .iter()
        .zip(logprobs)
        .map(|(letter, logprob)| json!({"token": letter, "logprob": logprob, "bytes": null}))
        .collect();
    let own = logprobs[usize::from(score.log_odds < 0.0)];
    json!({
        "model": record.model,
        "choices": [{
            "message": {"role": "assistant", "content": likelier, "source": "generate", "model": record.model},
            "stop_reason": "unknown",
            "logprobs": {"content": [
                {"token": likelier, "logprob": own, "bytes": null, "top_logprobs": top}
            ]},
        }],
        "completion": likelier,
    })
}
