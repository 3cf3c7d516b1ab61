//! A condition whose answers are read as a whole: a sweep says what `score --continuations` says.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::run::{export, tiltmeter, write_all};

const ANSWERS: [[&str; 3]; 2] = [["A", "(A)", "\n(A)"], ["B", "(B)", "\n(B)"]];

#[apply(test!)]
fn a_sweep_reads_whole_answers_as_score_does_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    write_with_whole_answers(dir);
    let run = |more: &[&str]| {
        let mut command = tiltmeter();
        command
            .args(["sweep", "--conditions", "main,whole", "--languages", "en"])
            .args(["--roster".as_ref(), dir.join("roster.toml").as_os_str()])
            .args(["--study".as_ref(), dir.join("study").as_os_str()])
            .args(["--run".as_ref(), dir.join("run").as_os_str()]);
        let done = command.args(more).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    run(&["--limit", "7"]);
    let said = run(&["--limit", "24", "--pack-tokens", "64"]);
    assert!(said.contains("14 more were scored before"), "{said}");

    let (_, scores) = export(dir, "run", ".jsonl");
    let scores = String::from_utf8(scores).unwrap();
    let scores: Vec<Value> = scores.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(scores.len(), 2 * 2 * 24);

    let own = scored(dir, 5).unwrap();
    assert_eq!(own.len(), 5);
    for own in own {
        let id = own["id"].as_str().unwrap();
        let text = |score: &Value, key: &str| score[key].as_str().unwrap().to_owned();
        let same = |score: &&Value| {
            let name = |key| text(score, key);
            let pair = format!("{}-{}", name("country_1"), name("country_2"));
            let place = [name("language"), name("condition"), pair, name("scenario"), name("question")];
            let own = [place.join("/"), name("roles"), name("order")].join("/");
            name("model") == "tiny-base" && own == id
        };
        let stored: Vec<&Value> = scores.iter().filter(same).collect();
        assert_eq!(stored.len(), 1, "{id}");
        assert_eq!(stored[0]["log_odds"], own["log_odds"], "{id}");
        assert_eq!(stored[0]["compliance"], own["compliance"], "{id}");
        assert_eq!(stored[0]["logsumexp"], 0.0);
    }
}

#[apply(test!)]
fn a_whole_answer_has_to_fit_into_the_context_behind_its_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    write_with_whole_answers(dir);
    let lines = scored(dir, 1).unwrap();
    let answers =
        lines[0]["continuations"].as_array().unwrap().iter().flat_map(|list| list.as_array().unwrap());
    let texts = ANSWERS.iter().flatten();
    for (answer, text) in answers.clone().zip(texts) {
        let number = |key: &str| answer[key].as_f64().unwrap();
        let tokens = answer["tokens"].as_array().unwrap().len();
        for (key, length) in [("per_byte", text.len()), ("mean", tokens)] {
            assert!((number(key) - number("logprob") / length as f64).abs() < 1e-9, "{answer}");
        }
    }
    let longest = answers.map(|answer| answer["tokens"].as_array().unwrap().len()).max().unwrap();
    assert!(longest > 1);
    // The last token is asked for and not read.
    let need = lines[0]["n_tokens"].as_u64().unwrap() as usize + longest - 1;
    for (context, fits) in [(need, true), (need - 1, false)] {
        let file = dir.join("checkpoints/base/config.json");
        let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        config["max_position_embeddings"] = context.into();
        fs::write(&file, config.to_string()).unwrap();
        let swept = tiltmeter()
            .args([
                "sweep",
                "--conditions",
                "whole",
                "--languages",
                "en",
                "--models",
                "tiny-base",
                "--limit",
                "1",
            ])
            .args(["--roster".as_ref(), dir.join("roster.toml").as_os_str()])
            .args(["--study".as_ref(), dir.join("study").as_os_str()])
            .args(["--run".as_ref(), dir.join(format!("run-{context}")).as_os_str()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&swept.stderr);
        let told = format!("has {need} tokens, more than the model's context of {context}");
        assert_eq!((swept.status.success(), said.contains(&told)), (fits, !fits), "{said}");
        let scored = scored(dir, 1);
        assert_eq!(scored.is_ok(), fits, "{scored:?}");
        assert!(scored.err().is_none_or(|said| said.contains("more than the model's context of")));
    }
}

/// All that a sweep needs, with a condition `whole`.
fn write_with_whole_answers(dir: &Path) {
    write_all(dir);
    let file = dir.join("study/conditions.toml");
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str("[[condition]]\nname = \"whole\"\nextends = \"main\"\n");
    text.push_str(&format!("whole_answers = {}\n", serde_json::to_string(&ANSWERS).unwrap()));
    fs::write(&file, text).unwrap();
}

/// What `score` makes of the first prompts of that condition, or says.
fn scored(dir: &Path, limit: usize) -> Result<Vec<Value>, String> {
    let prompts = tiltmeter()
        .args(["prompts", "--stage", "base", "--condition", "whole", "--limit", &limit.to_string()])
        .args(["--study".as_ref(), dir.join("study").as_os_str()])
        .output()
        .unwrap();
    let prompts = String::from_utf8(prompts.stdout).unwrap();
    let mut items = String::new();
    for line in prompts.lines() {
        let prompt: Value = serde_json::from_str(line).unwrap();
        let item = json!({"id": prompt["id"], "prompt": prompt["text"], "choices": ANSWERS});
        items.push_str(&format!("{item}\n"));
    }
    let input = dir.join("items.jsonl");
    fs::write(&input, items).unwrap();
    let done = tiltmeter()
        .args(["score", "--continuations", "--output", "-"])
        .args(["--model".as_ref(), dir.join("checkpoints/base").as_os_str()])
        .args(["--input".as_ref(), input.as_os_str()])
        .output()
        .unwrap();
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned());
    }
    let out = String::from_utf8(done.stdout).unwrap();
    Ok(out.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}
