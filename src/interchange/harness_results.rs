//! A run as lm-evaluation-harness writes its results: one folder per checkpoint, one file of figures, one of samples per task.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::build;
use crate::store::{CheckpointRecord, RunReader, StoreError, file};
use crate::study::{StageForm, Study};

use super::InterchangeError;
use super::cells::{Cell, Sample, Source, begun, study_of};
use super::document::Document;
use super::reading::{METRICS, Means, figures};

/// Everything that `results_*.json` says of one checkpoint's tasks, by task.
#[derive(Default)]
struct Results {
    results: BTreeMap<String, Value>,
    configs: BTreeMap<String, Value>,
    versions: BTreeMap<String, Value>,
    shots: BTreeMap<String, Value>,
    directions: BTreeMap<String, Value>,
    samples: BTreeMap<String, Value>,
    hashes: BTreeMap<String, Value>,
}

/// A line of `samples_*.jsonl`, in the harness's order of fields.
#[derive(Serialize)]
struct Line<'a> {
    doc_id: usize,
    doc: &'a Document,
    target: String,
    arguments: Map<String, Value>,
    resps: [Vec<[String; 2]>; 2],
    filtered_resps: [[String; 2]; 2],
    filter: &'static str,
    metrics: [&'static str; METRICS.len()],
    doc_hash: String,
    prompt_hash: String,
    target_hash: String,
    #[serde(flatten)]
    figures: Map<String, Value>,
}

/// Writes the results of the run's checkpoints (all, or those of `models`) under `dir`, and says how many samples there are.
///
/// `study`: the one that was asked, by name or folder; the shipped one if not given.
///
/// # Errors
/// A study that is not the run's, whatever the run or the disk says; files that were begun are not left.
pub fn write_results(
    run: &RunReader,
    dir: &Path,
    study: Option<&str>,
    models: &[String],
) -> Result<usize, InterchangeError> {
    let study = study_of(run, study)?;
    let source = Source::new(run, &study, models)?;
    let mut count = 0;
    for record in &source.records {
        let one = Source { run, study: &study, records: vec![record.clone()] };
        let begun = begun(run, &record.model)?;
        let folder = dir.join(sanitized(&record.model));
        std::fs::create_dir_all(&folder).map_err(|e| InterchangeError::io(&folder, e))?;
        let mut results = Results::default();
        one.visit(|cell| {
            count += cell.samples.len();
            let task = cell.task.name(&study);
            let path = folder.join(format!("samples_{task}_{}.jsonl", file_time(&begun)));
            let mut hashes = Sha256::new();
            let mut means = Means::default();
            file::replace(&path, |out| {
                let written = cell.samples.iter().try_for_each(|sample| {
                    means.add(figures(&sample.document, &sample.score));
                    write_line(out, sample, &mut hashes)
                });
                written.map_err(|e| StoreError::io(&path, e))
            })?;
            results.add(&study, task, &cell, &means, hex(hashes));
            Ok(())
        })?;
        let path = folder.join(format!("results_{}.json", file_time(&begun)));
        let document = results.document(&study, record, &begun);
        file::replace(&path, |out| {
            let written = serde_json::to_writer_pretty(&mut *out, &document).map_err(std::io::Error::from);
            written.and_then(|()| out.write_all(b"\n")).map_err(|e| StoreError::io(&path, e))
        })?;
    }
    Ok(count)
}

/// As the harness names folders.
fn sanitized(model: &str) -> String {
    let mut name = String::new();
    let mut replaced = false;
    for c in model.chars() {
        match "\"<>:/|\\?*[]".contains(c) {
            true if !replaced => name.push_str("__"),
            true => {}
            false => name.push(c),
        }
        replaced = "\"<>:/|\\?*[]".contains(c);
    }
    // A folder of its own, whatever a roster calls a checkpoint.
    if name.starts_with('.') { format!("_{name}") } else { name }
}

/// `2026-01-31T12:00:00Z` as file names have it, with the parts of a second that the harness's readers expect.
fn file_time(utc: &str) -> String {
    format!("{}.000000", utc.trim_end_matches('Z').replace(':', "-"))
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(text: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(text.as_bytes());
    hex(digest)
}

fn write_line<W: Write>(
    out: &mut BufWriter<W>,
    sample: &Sample,
    hashes: &mut Sha256,
) -> Result<(), std::io::Error> {
    let Sample { place, document, score } = sample;
    let prompt = shown(document);
    let target = document.target.to_string();
    let letters = document.letters();
    let arguments = letters
        .iter()
        .enumerate()
        .map(|(index, letter)| (format!("gen_args_{index}"), json!({"arg_0": prompt, "arg_1": letter})));
    let logprobs = [score.logprob_a, score.logprob_b];
    let answer =
        |own: usize| [logprobs[own].to_string(), greedy(logprobs[own], logprobs[1 - own]).to_owned()];
    // As Python's json.dumps with an indent of two, over which the harness hashes.
    let doc = serde_json::to_string_pretty(document).map_err(std::io::Error::from)?;
    let line = Line {
        doc_id: *place,
        doc: document,
        arguments: arguments.collect(),
        resps: [vec![answer(0)], vec![answer(1)]],
        filtered_resps: [answer(0), answer(1)],
        filter: "none",
        metrics: METRICS,
        doc_hash: sha256(&doc),
        prompt_hash: sha256(&prompt),
        target_hash: sha256(&target),
        target,
        figures: METRICS
            .iter()
            .map(|name| (*name).to_owned())
            .zip(figures(document, score).map(Value::from))
            .collect(),
    };
    for hash in [&line.doc_hash, &line.prompt_hash, &line.target_hash] {
        hashes.update(hash);
    }
    serde_json::to_writer(&mut *out, &line).map_err(std::io::Error::from)?;
    out.write_all(b"\n")
}

/// A chat as the harness keeps it for models that render it themselves: its turns, in JSON.
fn shown(document: &Document) -> String {
    if document.form == StageForm::Base {
        return document.text.clone();
    }
    let mut turns = document.turns();
    if let Some(prefill) = &document.prefill {
        turns.push(crate::study::Message::new("assistant", prefill));
    }
    json!(turns).to_string()
}

/// Whether an answer is the likeliest of all that may come next, as far as the two log-probabilities tell.
fn greedy(own: f64, other: f64) -> &'static str {
    match () {
        () if own > 0.5f64.ln() => "True",
        () if own < other => "False",
        () => "None",
    }
}

impl Results {
    fn add(&mut self, study: &Study, task: String, cell: &Cell<'_>, means: &Means, hash: String) {
        let mut figures = json!({"name": task, "alias": task, "sample_len": means.count});
        for (name, mean) in means.by_name() {
            figures[format!("{name},none")] = json!(mean);
            // Prompts of a scenario type say the same thing again: an error that takes them for independent is none.
            figures[format!("{name}_stderr,none")] = json!("N/A");
        }
        let metrics: Vec<Value> = METRICS
            .iter()
            .map(|name| json!({"metric": name, "aggregation": "mean", "higher_is_better": null}))
            .collect();
        let config = json!({
            "task": task,
            "dataset_path": study.name(),
            "test_split": "test",
            "doc_to_text": "text",
            "doc_to_target": "target",
            "doc_to_choice": "answers",
            "description": "",
            "target_delimiter": "",
            "fewshot_delimiter": "\n\n",
            "num_fewshot": 0,
            "metric_list": metrics,
            "output_type": "multiple_choice",
            "repeats": 1,
            "should_decontaminate": false,
            "metadata": {"version": study.version(), "study": study.name(), "study_sha256": study.hash()},
        });
        let directions: Map<String, Value> =
            METRICS.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
        self.results.insert(task.clone(), figures);
        self.configs.insert(task.clone(), config);
        self.versions.insert(task.clone(), json!(study.version()));
        self.shots.insert(task.clone(), json!(0));
        self.directions.insert(task.clone(), json!(directions));
        self.samples.insert(task.clone(), json!({"original": cell.whole, "effective": cell.samples.len()}));
        self.hashes.insert(task, json!(hash));
    }

    fn document(self, study: &Study, record: &CheckpointRecord, begun: &str) -> Value {
        let revision = record.revision.iter().map(|revision| format!(",revision={revision}"));
        let arguments = format!("pretrained={}{}", record.source, revision.collect::<String>());
        json!({
            "results": self.results,
            "group_subtasks": {},
            "configs": self.configs,
            "versions": self.versions,
            "n-shot": self.shots,
            "higher_is_better": self.directions,
            "n-samples": self.samples,
            "config": {
                "model": "tiltmeter",
                "model_args": arguments,
                "model_num_parameters": record.parameters,
                "model_dtype": record.dtype,
                "model_revision": record.revision.as_deref().unwrap_or("main"),
                "model_sha": record.revision.as_deref().unwrap_or(""),
                "batch_size": null,
                "batch_sizes": [],
                "device": record.backend,
                "use_cache": null,
                "limit": null,
                "bootstrap_iters": 0,
                "gen_kwargs": null,
                "random_seed": null,
                "numpy_seed": null,
                "torch_seed": null,
                "fewshot_seed": null,
            },
            "git_hash": build::COMMIT,
            "date": crate::plain::seconds(begun),
            "model_source": "tiltmeter",
            "model_name": record.model,
            "model_name_sanitized": sanitized(&record.model),
            "system_instruction": null,
            "system_instruction_sha": null,
            "fewshot_as_multiturn": record.form == StageForm::Chat,
            "chat_template": null,
            "chat_template_sha": record.template_sha256,
            "task_hashes": self.hashes,
            "tiltmeter": {
                "version": env!("CARGO_PKG_VERSION"),
                "study": {"name": study.name(), "version": study.version(), "sha256": study.hash()},
                "checkpoint": record,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_harness_s() {
        assert_eq!(sanitized("org/model:7b"), "org__model__7b");
        assert_eq!(sanitized("a/://b"), "a__b");
        assert_eq!(sanitized(".."), "_..");
        assert_eq!(file_time("2026-01-31T12:00:00Z"), "2026-01-31T12-00-00.000000");
    }

    #[test]
    fn the_likeliest_is_said_only_where_it_is_known() {
        assert_eq!(greedy(-0.1, -3.0), "True");
        assert_eq!(greedy(-3.0, -1.0), "False");
        assert_eq!(greedy(-1.0, -1.5), "None");
    }
}
