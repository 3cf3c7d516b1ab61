//! A study as tasks of lm-evaluation-harness: one per language, condition and form, so that another engine can be asked it.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::plain::{counted, grouped};
use crate::store::file;
use crate::study::{Condition, Prompt, PromptQuery, StageForm, Study};

use super::InterchangeError;
use super::answers::behind;
use super::check::{Asked, Engine};
use super::document::{Document, Task, beyond_the_harness, slug};
use super::reading::METRICS;

const UTILS: &str = include_str!("harness/utils.py");
const README: &str = include_str!("harness/README.md");

/// Which prompts of a study. Empty filters let everything through.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub forms: Vec<StageForm>,
    pub languages: Vec<String>,
    pub conditions: Vec<String>,
    pub countries: Vec<String>,
    pub scenarios: Vec<String>,
    pub prefill: Option<String>,
    /// Prompts of each task at most.
    pub limit: Option<usize>,
    pub seed: Option<u64>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Names and numbers of prompts.
    pub tasks: Vec<(String, usize)>,
}

/// A task with its prompts.
struct Part {
    task: Task,
    name: String,
    documents: Vec<Document>,
}

/// Writes the tasks into `dir`, which must be new or empty; `engine`: a checkpoint that both are to read alike.
///
/// # Errors
/// A condition that the harness has no form for, by name; whatever the disk says. What was written of a folder that cannot be
/// completed is taken away.
pub fn write_task(
    dir: &Path,
    study: &Study,
    selection: &Selection,
    engine: Option<&Engine>,
) -> Result<Written, InterchangeError> {
    let is_new = !dir.exists();
    refuse_filled(dir)?;
    // All is known to be writable before anything is written.
    let parts = parts(study, selection, engine)?;
    fs::create_dir_all(dir).map_err(|e| InterchangeError::io(dir, e))?;
    let written = parts.iter().try_for_each(|part| write_part(dir, study, part)).and_then(|()| {
        write(&dir.join("utils.py"), UTILS)?;
        write(&dir.join("README.md"), &readme(study, dir, &parts))
    });
    if let Err(error) = written {
        let made = file_names(&parts).into_iter().map(|name| dir.join(name));
        made.for_each(|path| drop(fs::remove_file(path)));
        if is_new {
            let _stays = fs::remove_dir(dir);
        }
        return Err(error);
    }
    Ok(Written { tasks: parts.into_iter().map(|part| (part.name, part.documents.len())).collect() })
}

fn refuse_filled(dir: &Path) -> Result<(), InterchangeError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(InterchangeError::Filled { path: dir.to_path_buf() }),
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(InterchangeError::io(dir, e)),
    }
}

fn parts(
    study: &Study,
    selection: &Selection,
    engine: Option<&Engine>,
) -> Result<Vec<Part>, InterchangeError> {
    let mut parts = Vec::new();
    for language in &selection.languages {
        study.check_language(language)?;
    }
    for name in &selection.conditions {
        let condition = study.condition(name)?;
        for language in &selection.languages {
            for form in &selection.forms {
                if condition.exists(language, *form) {
                    parts.push(part(study, selection, condition, language, *form, engine)?);
                }
            }
        }
    }
    parts.retain(|part| !part.documents.is_empty());
    if parts.is_empty() { Err(InterchangeError::Nothing) } else { Ok(parts) }
}

fn part(
    study: &Study,
    selection: &Selection,
    condition: &Condition,
    language: &str,
    form: StageForm,
    engine: Option<&Engine>,
) -> Result<Part, InterchangeError> {
    let query = PromptQuery {
        entities: selection.countries.clone(),
        scenarios: selection.scenarios.clone(),
        prefill: selection.prefill.clone(),
        ..PromptQuery::new(language, &condition.name, form)
    };
    let all = study.prompts(&query)?;
    let places = all.places(selection.limit, selection.seed);
    let prompts: Vec<Prompt> = places.into_iter().filter_map(|place| all.get(place)).collect();
    let answers = behind(study, condition, language)?;
    if let Some(engine) = engine {
        engine.check(&prompts, &Asked { study, condition, language, answers: &answers })?;
    }
    let document = |prompt| Document::new(prompt, form, study, &answers);
    let documents: Vec<Document> = prompts.into_iter().map(document).collect();
    for document in &documents {
        if let Some(what) = beyond_the_harness(document) {
            return Err(InterchangeError::Turns { condition: condition.name.clone(), what });
        }
        if form == StageForm::Base && document.text.ends_with(char::is_whitespace) {
            let (condition, id) = (condition.name.clone(), document.id.clone());
            return Err(InterchangeError::TrailingSpace { condition, id });
        }
    }
    let task = Task { condition: condition.name.clone(), language: language.to_owned(), form };
    Ok(Part { name: task.name(study), task, documents })
}

fn file_names(parts: &[Part]) -> Vec<String> {
    let of = |part: &Part| [format!("{}.yaml", part.name), format!("{}.jsonl", part.name)];
    parts.iter().flat_map(of).chain(["utils.py", "README.md"].map(str::to_owned)).collect()
}

fn write_part(dir: &Path, study: &Study, part: &Part) -> Result<(), InterchangeError> {
    let path = dir.join(format!("{}.jsonl", part.name));
    file::replace(&path, |out| {
        for document in &part.documents {
            let line = serde_json::to_writer(&mut *out, document).map_err(std::io::Error::from);
            line.and_then(|()| out.write_all(b"\n")).map_err(|e| crate::store::StoreError::io(&path, e))?;
        }
        Ok(())
    })?;
    write(&dir.join(format!("{}.yaml", part.name)), &yaml(study, part))
}

fn write(path: &Path, text: &str) -> Result<(), InterchangeError> {
    Ok(file::replace(path, |out| {
        out.write_all(text.as_bytes()).map_err(|e| crate::store::StoreError::io(path, e))
    })?)
}

/// Texts in YAML as in JSON, which is a part of it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The harness takes documents from our own reader: a path to a data file would be relative to where it is started.
fn yaml(study: &Study, part: &Part) -> String {
    let Part { task, name, documents } = part;
    let has =
        |field: fn(&Document) -> &Option<String>| documents.iter().any(|document| field(document).is_some());
    let mut yaml = format!(
        "task: {name}\ntag: {}\ncustom_dataset: !function utils.load\ndataset_kwargs:\n  file: {}\ntest_split: test\n\
         output_type: multiple_choice\ndoc_to_text: text\ndoc_to_target: target\ndoc_to_choice: !function utils.choices\n\
         process_results: !function utils.process_results\ntarget_delimiter: \"\"\nnum_fewshot: 0\n",
        tag(study, task.form),
        quoted(&format!("{name}.jsonl")),
    );
    if has(|document| &document.system) {
        yaml.push_str("description: system\n");
    }
    if has(|document| &document.prefill) {
        yaml.push_str("gen_prefix: prefill\n");
    }
    yaml.push_str("metric_list:\n");
    for metric in METRICS {
        yaml.push_str(&format!("  - metric: {metric}\n    aggregation: mean\n    higher_is_better: null\n"));
    }
    yaml.push_str(&format!(
        "metadata:\n  version: {}\n  study: {}\n  study_sha256: {}\n",
        quoted(study.version()),
        quoted(study.name()),
        quoted(study.hash())
    ));
    yaml
}

/// All tasks of a study that are asked in one way.
fn tag(study: &Study, form: StageForm) -> String {
    slug(&[study.name(), form.name()])
}

fn readme(study: &Study, dir: &Path, parts: &[Part]) -> String {
    let tasks: Vec<String> = parts
        .iter()
        .map(|part| format!("- `{}`: {}", part.name, counted(part.documents.len(), "prompt")))
        .collect();
    let forms = [StageForm::Base, StageForm::Chat].into_iter();
    let asked = forms.filter(|form| parts.iter().any(|part| part.task.form == *form));
    let commands: Vec<String> = asked
        .map(|form| {
            let chat = if form == StageForm::Chat { " --apply_chat_template" } else { "" };
            format!(
                "    lm_eval --model hf --model_args pretrained=CHECKPOINT,dtype=float32 --include_path {} \\\n        \
                 --tasks {}{chat} --log_samples --output_path results",
                dir.display(),
                tag(study, form)
            )
        })
        .collect();
    README
        .replace("{study}", study.name())
        .replace("{version}", study.version())
        .replace("{program}", env!("CARGO_PKG_VERSION"))
        .replace("{hash}", study.hash())
        .replace("{tasks}", &tasks.join("\n"))
        .replace("{commands}", &commands.join("\n"))
}

impl Written {
    /// `3 tasks of 53,088 prompts`
    pub fn sentence(&self) -> String {
        let prompts: usize = self.tasks.iter().map(|(_, prompts)| prompts).sum();
        format!("{} of {} prompts", counted(self.tasks.len(), "task"), grouped(prompts))
    }
}
