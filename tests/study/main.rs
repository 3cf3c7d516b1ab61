//! The study, as data: what the default one asks, what the format can express, what the commands do.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tiltmeter::study::{Finding, PromptQuery, PromptText, StageForm, Study, StudyError, StudyFiles};

const FORMS: [StageForm; 2] = [StageForm::Base, StageForm::Chat];

fn tiltmeter(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_tiltmeter")).args(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = tiltmeter(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every text that a prompt shows.
fn texts(text: &PromptText) -> Vec<&str> {
    match text {
        PromptText::Plain(text) => vec![text],
        PromptText::Chat { messages, prefill } => {
            messages.iter().map(|m| m.content.as_str()).chain([prefill.as_str()]).collect()
        }
    }
}

// The default study.

#[test]
fn the_default_study_has_nothing_to_find() {
    let findings = Study::embedded().unwrap().validate();
    let findings: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn every_scenario_type_of_the_default_study_is_there() {
    let study = Study::embedded().unwrap();
    let main: Vec<_> = study.scenarios().iter().filter(|s| s.set == "main").collect();
    let kinds: HashSet<&str> = main.iter().map(|s| s.kind.as_str()).collect();
    assert_eq!((main.len(), kinds.len()), (79, 13));
    assert_eq!(study.languages(), ["en", "fr", "zh"]);
}

#[test]
fn main_asks_17_696_different_questions_in_every_language_and_form() {
    let study = Study::embedded().unwrap();
    for language in study.languages() {
        for form in FORMS {
            let prompts = study.prompts(&PromptQuery::new(language, "main", form)).unwrap();
            assert_eq!(prompts.len(), 17_696);
            let mut ids = HashSet::new();
            let mut shown = HashSet::new();
            for prompt in prompts {
                shown.insert(texts(&prompt.text).join("\u{0}"));
                ids.insert(prompt.id);
            }
            assert_eq!((ids.len(), shown.len()), (17_696, 17_696), "{language} {form:?}");
        }
    }
}

/// Every scenario, question and arrangement of four pairs that hold every entity: what differs between pairs is names.
#[test]
fn no_default_prompt_shows_a_brace_or_joins_badly() {
    let study = Study::embedded().unwrap();
    for condition in study.conditions() {
        let entities = &study.entity_set(&condition.entities).unwrap().entities;
        let pairs: Vec<String> =
            entities.chunks(2).map(|two| format!("{}-{}", two[0].id, two[1].id)).collect();
        for language in study.languages() {
            for form in FORMS.into_iter().filter(|f| condition.exists(language, *f)) {
                let mut query = PromptQuery::new(language, &condition.name, form);
                query.pairs = pairs.clone();
                query.prefill = Some("(".into());
                for prompt in study.prompts(&query).unwrap() {
                    for text in texts(&prompt.text) {
                        assert!(!text.contains(['{', '}']), "{}: {text}", prompt.id);
                        assert!(!text.contains("\n\n\n"), "{}: {text}", prompt.id);
                    }
                }
            }
        }
    }
}

#[test]
fn every_entity_stands_in_every_role_and_slot_equally_often() {
    let study = Study::embedded().unwrap();
    let query = PromptQuery::new("en", "control_options", StageForm::Base);
    let prompts: Vec<_> = study.prompts(&query).unwrap().collect();
    for name in ["the USA", "France", "Indonesia"] {
        let count = |label: &str| {
            let option = format!("\n({label}) {name}\n");
            prompts.iter().filter(|p| texts(&p.text)[0].contains(&option)).count()
        };
        assert_eq!(count("A"), count("B"), "{name}");
        assert!(count("A") > 0, "{name}");
    }
}

#[test]
fn filters_keep_what_they_name_and_refuse_what_nobody_knows() {
    let study = Study::embedded().unwrap();
    let mut query = PromptQuery::new("fr", "main", StageForm::Chat);
    query.entities = vec!["China".into(), "USA".into(), "Japan".into()];
    query.scenarios = vec!["cyber".into(), "trade_acts_1".into()];
    let cyber = study.scenarios().iter().filter(|s| s.kind == "cyber").count();
    assert_eq!(study.prompts(&query).unwrap().len(), 3 * (cyber + 1) * 2 * 4);
    query.pairs = vec!["Japan-USA".into()];
    let prompts: Vec<_> = study.prompts(&query).unwrap().collect();
    assert_eq!(prompts.len(), (cyber + 1) * 2 * 4);
    assert!(prompts.iter().all(|p| p.pair == ["USA", "Japan"]));
    for wrong in [
        PromptQuery { entities: vec!["Atlantis".into()], ..query.clone() },
        PromptQuery { pairs: vec!["USA-Atlantis".into()], ..query.clone() },
        PromptQuery { scenarios: vec!["chess".into()], ..query.clone() },
        PromptQuery { language: "de".into(), ..query.clone() },
        PromptQuery { condition: "mian".into(), ..query.clone() },
    ] {
        let error = study.prompts(&wrong).err().unwrap().to_string();
        let named = ["Atlantis", "chess", "`de`", "mian"].iter().any(|n| error.contains(n));
        assert!(named, "{error}");
    }
}

#[test]
fn a_condition_that_takes_the_checkpoints_prefill_asks_for_it() {
    let study = Study::embedded().unwrap();
    let mut query = PromptQuery::new("en", "prefill", StageForm::Chat);
    assert!(study.condition("prefill").unwrap().needs_prefill(StageForm::Chat));
    assert!(matches!(study.prompts(&query), Err(StudyError::NeedsPrefill { .. })));
    query.prefill = Some("\n".into());
    let prompt = study.prompts(&query).unwrap().next().unwrap();
    assert_eq!(*texts(&prompt.text).last().unwrap(), "\n");
    query.form = StageForm::Base;
    assert!(matches!(study.prompts(&query), Err(StudyError::NotAsked { .. })));
}

#[test]
fn questions_can_be_asked_in_another_language() {
    let study = Study::embedded().unwrap();
    let query = PromptQuery::new("zh", "question_en", StageForm::Chat);
    let prompt = study.prompts(&query).unwrap().next().unwrap();
    let text = texts(&prompt.text)[0];
    assert!(text.contains("美国") && text.contains("(A) the USA\n(B) France"), "{text}");
    let (en, zh) =
        (PromptQuery::new("en", "main", StageForm::Chat), PromptQuery::new("zh", "main", StageForm::Chat));
    let narrative = |query| {
        let prompt = study.prompts(query).unwrap().next().unwrap();
        texts(&prompt.text)[0].to_owned()
    };
    assert_ne!(narrative(&en), narrative(&zh));
}

// What the format can express.

fn study(files: &[(&str, &str)]) -> Result<Study, StudyError> {
    let files = files.iter().map(|(n, t)| ((*n).to_owned(), t.as_bytes().to_vec()));
    Study::from_files(files.collect::<StudyFiles>())
}

/// Examples that differ by question, trailing spaces, a tab, CRLF, no newline where none is written, literal braces.
#[test]
fn texts_come_out_byte_for_byte() {
    let study = study(&[
        (
            "study.toml",
            r#"
format = 1
name = "bytes"
version = "1"
languages = ["en"]
question = [{ id = "more", polarity = 1 }, { id = "less", polarity = -1 }]
answers = { choices = [["A"], ["B"]] }
"#,
        ),
        (
            "entities/towns.toml",
            r#"
pairs = "all"
[[entity]]
id = "Ulm"
en = { agree = ["s"], forms = { name = "Ulm", Name = "ULM" } }
[[entity]]
id = "The Hague"
en = { agree = ["p"], forms = { name = "the Hague ", Name = "The  Hague" } }
"#,
        ),
        (
            "texts/en.toml",
            r#"
question = { more = "Which is it?  ", less = "\tWhich is it not? " }
examples = { more = "Ex 1: {{x}}\r\nAnswer: (A)\n\n", less = "Ex 2:\n\n\nAnswer: (B)\n \n" }
options = "(A) {first} \n(B) {second} "
cue = "Answer: ("
"#,
        ),
        (
            "scenarios/en/walks.toml",
            r#"
type = "walks"
[[scenario]]
id = "walk"
role = "acts"
text = "  {A.Name} {A|s:walks|p:walk} by {B}.\n{A}, {B}! "
"#,
        ),
        (
            "conditions.toml",
            r#"
[[condition]]
name = "main"
entities = "towns"
base.text = "{examples}Text:{narrative}{question}\n{options}\n{cue}"
chat.messages = [{ role = "system", content = " " }, { role = "user", content = "{narrative}{options}" }]
chat.prefill = "\n{"
"#,
        ),
    ])
    .unwrap();
    let prompts = study.prompts(&PromptQuery::new("en", "main", StageForm::Base)).unwrap();
    let all: Vec<_> = prompts.collect();
    assert_eq!(all.len(), 8);
    let plain = |i: usize| texts(&all[i].text)[0];
    assert_eq!(all[0].id, "en/main/Ulm-The Hague/walk/more/fwd/12");
    assert_eq!(
        plain(0),
        "Ex 1: {x}\r\nAnswer: (A)\n\nText:  ULM walks by the Hague .\nUlm, the Hague ! Which is it?  \n\
         (A) Ulm \n(B) the Hague  \nAnswer: ("
    );
    assert_eq!(all[7].id, "en/main/Ulm-The Hague/walk/less/rev/21");
    assert_eq!(
        plain(7),
        "Ex 2:\n\n\nAnswer: (B)\n \nText:  The  Hague walk by Ulm.\nthe Hague , Ulm! \tWhich is it not? \n\
         (A) the Hague  \n(B) Ulm \nAnswer: ("
    );
    let ends: Vec<_> = all.iter().map(|p| p.id.rsplitn(4, '/').take(3).collect::<Vec<_>>()).collect();
    assert_eq!(
        ends[0..4],
        [["12", "fwd", "more"], ["21", "fwd", "more"], ["12", "rev", "more"], ["21", "rev", "more"]]
    );
    let chat = study.prompts(&PromptQuery::new("en", "main", StageForm::Chat)).unwrap().next().unwrap();
    assert_eq!(
        texts(&chat.text),
        [" ", "  ULM walks by the Hague .\nUlm, the Hague ! (A) Ulm \n(B) the Hague  ", "\n{"]
    );
}

#[test]
fn hostile_files_are_refused_quickly() {
    let deep = format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let doubling: String = (0..60).map(|i| format!("t{} = \"{{t{i}}}{{t{i}}}\"\n", i + 1)).collect();
    let base = StudyFiles::template_pair();
    for (name, text, part) in [
        ("texts/en.toml", deep.into_bytes(), "not readable as TOML"),
        ("texts/en.toml", vec![0xff, 0xfe], "not UTF-8"),
        ("texts/en.toml", format!("t0 = \"x\"\ncue = \"{{t60}}\"\noptions = \"\"\nquestion = \"\"\ninstruction = \"\"\nexamples = \"\"\n{doubling}").into_bytes(), "mebibyte"),
        ("texts/en.toml", format!("cue = \"{}\"", "x".repeat(100_000)).into_bytes(), "longer than 64 KiB"),
    ] {
        let files = base.iter().filter(|(n, _)| *n != name).map(|(n, b)| (n.to_owned(), b.to_vec()));
        let files: StudyFiles = files.chain([(name.to_owned(), text)]).collect();
        let error = match Study::from_files(files) {
            Ok(study) => {
                let query = PromptQuery::new("en", "main", StageForm::Base);
                study.validate();
                study.prompts(&query).err().unwrap()
            }
            Err(error) => error,
        };
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

// The commands.

#[test]
fn a_new_study_validates_and_gives_the_golden_prompts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine");
    let dir = path.to_str().unwrap();
    stdout(&["study", "new", dir]);
    assert_eq!(stdout(&["study", "validate", dir]), "");
    for (language, stage) in [("fr", "base"), ("en", "chat")] {
        let file =
            format!("{}/tests/fixtures/study-pair/{stage}.{language}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let args = ["prompts", "--study", dir, "--language", language, "--stage", stage, "--limit", "8"];
        let lines = stdout(&args);
        if std::env::var_os("TILTMETER_WRITE_GOLDEN").is_some() {
            fs::write(&file, &lines).unwrap();
        }
        assert_eq!(lines, fs::read_to_string(&file).unwrap(), "{file}");
    }
    let again = tiltmeter(&["study", "new", dir]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("not empty"));
}

#[test]
fn an_exported_study_is_the_same_study() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    let dir = path.to_str().unwrap();
    stdout(&["study", "export", "geopolitics", dir]);
    assert_eq!(Study::load(&path).unwrap().hash(), Study::embedded().unwrap().hash());
    assert_eq!(stdout(&["study", "show", dir]), stdout(&["study", "show", "default"]));
    fs::write(path.join(".hidden"), "x").unwrap();
    fs::write(path.join("README.md"), "x").unwrap();
    assert_eq!(Study::load(&path).unwrap().hash(), Study::embedded().unwrap().hash());
}

#[test]
fn validate_tells_errors_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    StudyFiles::template_pair().write(folder.path()).unwrap();
    let file = folder.path().join("scenarios/fr/staff.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("{B.de}", "{B.dela}", 1)).unwrap();
    let output = tiltmeter(&["study", "validate", dir]);
    assert_eq!(output.status.code(), Some(1));
    let findings = String::from_utf8(output.stdout).unwrap();
    assert!(
        findings.contains("error: entities/companies.toml:8: entity `Halden`: the entity has no form `dela`"),
        "{findings}"
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("2 errors, 0 warnings"));
    // What only some prompts need stops only those.
    let prompts =
        |language| tiltmeter(&["prompts", "--study", dir, "--stage", "base", "--language", language]);
    assert!(prompts("en").status.success());
    let failed = prompts("fr");
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("scenarios/fr/staff.toml"));
}

#[test]
fn prompts_are_json_lines_with_what_the_issue_names() {
    let lines = stdout(&[
        "prompts",
        "--language",
        "fr",
        "--stage",
        "chat",
        "--condition",
        "system_neutral",
        "--limit",
        "3",
    ]);
    let lines: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    let keys: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    let wanted =
        ["id", "pair", "scenario", "scenario_type", "question", "roles", "order", "messages", "prefill"];
    assert_eq!(keys, wanted);
    assert_eq!(lines[0]["messages"][0]["role"], "system");
    assert_eq!((&lines[2]["roles"], &lines[1]["order"]), (&"rev".into(), &"21".into()));
    let shown = stdout(&[
        "study",
        "show",
        "--prompt",
        "--stage",
        "chat",
        "--language",
        "fr",
        "--condition",
        "system_neutral",
    ]);
    assert!(shown.starts_with("[system]\n") && shown.contains("\n[user]\n"), "{shown}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tiltmeter"))
        .args(["prompts", "--stage", "base"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_study_that_is_not_there_is_named() {
    let output = tiltmeter(&["study", "show", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message, "error: `nowhere` is neither a study of this program (`geopolitics`) nor a folder\n");
    let output = tiltmeter(&["study", "validate", env!("CARGO_MANIFEST_DIR")]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn with_a_model_the_text_is_what_it_reads_and_its_ids_are_there() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/reference"));
    let Ok(entries) = fs::read_dir(folder) else {
        eprintln!("skipped: no reference checkpoints");
        return;
    };
    let mut tried = 0;
    for dir in entries.flatten().map(|e| e.path()).filter(|p| p.join("tokenizer.json").is_file()) {
        let chat = dir.join("chat_template.jinja").is_file();
        let stage = if chat { "chat" } else { "base" };
        let output =
            tiltmeter(&["prompts", "--stage", stage, "--limit", "2", "--model", dir.to_str().unwrap()]);
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(message.starts_with("error: "), "{message}");
            continue;
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert!(line["text"].as_str().unwrap().contains("the USA"), "{line}");
        assert!(line["tokens"].as_array().unwrap().len() > 50);
        tried += 1;
    }
    assert!(tried > 0);
}
