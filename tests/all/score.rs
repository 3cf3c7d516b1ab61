//! Promise: `tiltmeter score` gives the same bytes however it computes, and refuses bad lines before it does.

use assert_cmd::Command;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/checkpoints/chat")
}

/// Runs `score` on these lines; exit code, standard error, and the output file's text if there is one.
pub(crate) fn score(lines: &[String], more: &[&str]) -> (i32, String, Option<String>) {
    score_with(&model(), lines, more)
}

fn score_with(model: &Path, lines: &[String], more: &[&str]) -> (i32, String, Option<String>) {
    let dir = tempfile::tempdir().expect("a folder");
    let (input, output) = (dir.path().join("items.jsonl"), dir.path().join("scores.jsonl"));
    std::fs::write(&input, lines.join("\n")).expect("written");
    let done = Command::cargo_bin("tiltmeter")
        .expect("built")
        .args(["score", "--model"])
        .arg(model)
        .arg("--input")
        .arg(&input)
        .arg("--output")
        .arg(&output)
        .args(more)
        .output()
        .expect("runs");
    let left = std::fs::read_dir(dir.path()).expect("readable").count();
    let text = std::fs::read_to_string(&output).ok();
    assert_eq!(left, 1 + usize::from(text.is_some()), "no temporary file is left behind");
    (done.status.code().unwrap_or(-1), String::from_utf8_lossy(&done.stderr).into_owned(), text)
}

/// Prompts of all three kinds with shared and nested prefixes.
fn items() -> Vec<String> {
    let choices = json!([["A", " A"], ["B", " B"]]);
    let mut lines = Vec::new();
    for i in 0..24 {
        let text =
            format!("The incident was long ago. {} (A) Japan (B) France", "Nobody was hurt. ".repeat(i % 7));
        lines.push(match i % 3 {
            0 => json!({"id": format!("p{i}"), "prompt": text, "choices": choices}),
            1 => json!({"id": i, "messages": [{"role": "user", "content": text}], "prefill": "(", "choices": choices}),
            _ => {
                let tokens: Vec<u32> = (0..(3 + i * 11) as u32).map(|t| 100 + t / 9).collect();
                json!({"id": format!("t{i}"), "tokens": tokens, "choice_tokens": [[65], [66, 67], [68]]})
            }
        });
    }
    lines.iter().map(Value::to_string).collect()
}

#[apply(test!)]
fn the_bytes_are_the_same_for_every_pack_size_and_order_and_without_sharing() {
    let lines = items();
    let (code, said, want) = score(&lines, &["--top", "3", "--pack-tokens", "64"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("computed ") && said.contains(" tokens in "), "{said}");
    let want = want.expect("scores");
    assert_eq!(want.lines().count(), lines.len());
    for more in [vec!["--pack-tokens", "512"], vec!["--pack-tokens", "8192"], vec!["--no-sharing"]] {
        let (_, _, got) = score(&lines, &[&["--top", "3"], more.as_slice()].concat());
        assert!(got.as_deref() == Some(&want), "{more:?}");
    }
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|i| (i * 17) % lines.len());
    let shuffled: Vec<String> = order.iter().map(|&i| lines[i].clone()).collect();
    let (_, _, got) = score(&shuffled, &["--top", "3"]);
    let rows: Vec<&str> = want.lines().collect();
    let expected: Vec<&str> = order.iter().map(|&i| rows[i]).collect();
    assert!(got.expect("scores").lines().eq(expected), "order of the items");
}

#[apply(test!)]
fn a_score_has_the_fields_and_they_agree_with_each_other() {
    let (_, _, text) = score(&items(), &["--top", "2"]);
    for line in text.expect("scores").lines() {
        let v: Value = serde_json::from_str(line).expect("JSON");
        let logprobs: Vec<f64> = serde_json::from_value(v["choice_logprobs"].clone()).expect("numbers");
        // The shortest text of an f32 reads back as that f32.
        let logits: Vec<Vec<f32>> = serde_json::from_value(v["logits"].clone()).expect("numbers");
        let lse = v["logsumexp"].as_f64().expect("number");
        let mass = |l: &[f32]| l.iter().map(|x| (f64::from(*x) - lse).exp()).sum::<f64>();
        for (l, p) in logits.iter().zip(&logprobs) {
            assert!((mass(l).ln() - p).abs() < 1e-9);
        }
        let odds = v["log_odds"].as_f64().expect("number");
        assert!((odds - (logprobs[0] - logprobs[1])).abs() < 1e-9);
        let compliance = v["compliance"].as_f64().expect("number");
        assert!((compliance - mass(&logits.concat())).abs() < 1e-9);
        let top = |place: usize, key: &str| v["top"][place][key].as_f64().expect("number");
        for place in 0..2 {
            // Its logit is the shortest text of an f32.
            let logit = f64::from(top(place, "logit") as f32);
            assert!((logit - lse - top(place, "logprob")).abs() < 1e-9);
        }
        assert!(top(0, "logprob") >= top(1, "logprob"));
        assert!(v["n_tokens"].as_u64().expect("number") > 0);
    }
}

#[apply(test!)]
fn bad_lines_are_named_by_number_and_nothing_is_written() {
    let good = json!({"id": "x", "tokens": [1, 2], "choice_tokens": [[3], [4]]}).to_string();
    let cases: [(&str, Value); 17] = [
        ("the id is empty", json!({"id": "", "tokens": [1], "choice_tokens": [[3], [4]]})),
        ("no id", json!({"tokens": [1], "choice_tokens": [[3], [4]]})),
        ("already used", json!({"id": "x", "tokens": [1], "choice_tokens": [[3], [4]]})),
        ("unknown field", json!({"id": "y", "tokens": [1], "choice_tokens": [[3], [4]], "extra": 1})),
        ("more than one of", json!({"id": "y", "tokens": [1], "prompt": "a", "choice_tokens": [[3], [4]]})),
        ("none of", json!({"id": "y", "choice_tokens": [[3], [4]]})),
        ("no tokens", json!({"id": "y", "tokens": [], "choice_tokens": [[3], [4]]})),
        (
            "outside the model's vocabulary",
            json!({"id": "y", "tokens": [99_999_999], "choice_tokens": [[3], [4]]}),
        ),
        (
            "outside the model's vocabulary",
            json!({"id": "y", "tokens": [1], "choice_tokens": [[3], [4_000_000]]}),
        ),
        ("fewer than two choices", json!({"id": "y", "tokens": [1], "choice_tokens": [[3]]})),
        ("choice 2 is empty", json!({"id": "y", "tokens": [1], "choice_tokens": [[3], []]})),
        ("empty spelling", json!({"id": "y", "tokens": [1], "choices": [["A"], [""]]})),
        (
            "stands for choice 1 and for choice 2",
            json!({"id": "y", "tokens": [1], "choice_tokens": [[3], [3]]}),
        ),
        (
            "stands for choice 1 and for choice 2",
            json!({"id": "y", "tokens": [1], "choices": [["A"], ["A"]]}),
        ),
        (
            "more than the model's context",
            json!({"id": "y", "tokens": vec![1; 70_000], "choice_tokens": [[3], [4]]}),
        ),
        (
            "prefill goes with messages",
            json!({"id": "y", "prompt": "a", "prefill": "(", "choice_tokens": [[3], [4]]}),
        ),
        ("neither choices nor choice_tokens", json!({"id": "y", "prompt": "a"})),
    ];
    for (message, line) in cases {
        let (code, said, output) = score(&[good.clone(), line.to_string()], &[]);
        assert_eq!(code, 1, "{line}");
        assert!(said.contains("line 2:") && said.contains(message), "{line}: {said}");
        assert!(output.is_none(), "{line}");
    }
    let (code, said, output) = score(&[good, "{\"id\": ".into(), "[1]".into()], &[]);
    assert_eq!(code, 1);
    assert!(said.contains("line 2: not valid JSON") && said.contains("line 3:"), "{said}");
    assert!(output.is_none());
}

#[apply(test!)]
fn scores_never_replace_their_items() {
    let dir = tempfile::tempdir().expect("a folder");
    let input = dir.path().join("items.jsonl");
    std::fs::write(&input, items().join("\n")).expect("written");
    let refused = |output: &str| {
        let mut command = Command::cargo_bin("tiltmeter").expect("built");
        command.current_dir(dir.path()).args([
            "score",
            "--input",
            "items.jsonl",
            "--output",
            output,
            "--model",
        ]);
        let done = command.arg(model()).assert().code(1);
        String::from_utf8_lossy(&done.get_output().stderr).into_owned()
    };
    std::fs::hard_link(&input, dir.path().join("link.jsonl")).expect("linked");
    for output in ["items.jsonl", "./items.jsonl", "link.jsonl"] {
        let said = refused(output);
        assert!(said.contains("--input and --output are one file"), "{output}: {said}");
    }
    assert_eq!(std::fs::read_to_string(&input).expect("readable"), items().join("\n"));
    let said = refused("nowhere/scores.jsonl");
    assert!(said.contains("there is no folder nowhere") && !said.contains("device"), "{said}");
}

#[apply(test!)]
fn a_bad_line_is_told_by_field_and_in_few_words() {
    let choices = json!([[3], [4]]);
    let long = "x".repeat(1_000_000);
    let line =
        |id: Value, tokens: Value| json!({"id": id, "tokens": tokens, "choice_tokens": choices}).to_string();
    let twice = line(json!(long), json!([1]));
    let cases: [(&str, String); 22] = [
        ("found a list", "[1,[1,5],null,null,null,null,[[3],[4]]]".into()),
        ("expected an object with `id`, a prompt and choices, found 5", "5".into()),
        ("`tokens` must be a list of token ids, not -1", line(json!(1), json!([-1]))),
        ("`tokens` must be a list of token ids, not 4294967296", line(json!(1), json!([1u64 << 32]))),
        ("`tokens` must be a list of token ids, not \"1\"", line(json!(1), json!(["1"]))),
        ("`tokens` must be a list of token ids, not \"abc\"", line(json!(1), json!("abc"))),
        ("`id` must be a text or a number, not a list", line(json!([1]), json!([1]))),
        ("`id` must be a text or a number, not an object", line(json!({"a": long}), json!([1]))),
        ("`id` must be a text or a number, not true", line(json!(true), json!([1]))),
        ("lose digits", line(json!(5), json!([1])).replace(":5", ":123456789012345678901234567890")),
        (
            "`choice_tokens` must be a list of lists of token ids, not 3",
            json!({"id": 1, "tokens": [1], "choice_tokens": [3, 4]}).to_string(),
        ),
        (
            "`choices` must be a list of lists of texts, not \"A\"",
            json!({"id": 1, "tokens": [1], "choices": ["A", "B"]}).to_string(),
        ),
        (
            "`prefill` must be a text, not 5",
            json!({"id": 1, "messages": [], "prefill": 5, "choice_tokens": choices}).to_string(),
        ),
        (
            "`messages` must be a list of objects with `role` and `content`: `content` must be a text, not a list",
            json!({"id": 1, "messages": [{"role": "user", "content": [1]}], "choice_tokens": choices})
                .to_string(),
        ),
        (
            "`messages` must be a list of objects with `role` and `content`, not a list",
            json!({"id": 1, "messages": [["user", "hi"]], "choice_tokens": choices}).to_string(),
        ),
        ("`id` stands there twice", r#"{"id": 1, "id": 2}"#.into()),
        ("byte-order mark", format!("\u{feff}{}", line(json!(1), json!([1])))),
        ("was already used in line 1", format!("{twice}\n{twice}")),
        (
            "the prompt has 600000 bytes, more than the 262144",
            json!({"id": 1, "prompt": "a ".repeat(300_000), "choice_tokens": choices}).to_string(),
        ),
        (
            "the conversation has 600000 bytes",
            json!({"id": 1, "messages": [{"role": "user", "content": "a ".repeat(300_000)}],
                   "choice_tokens": choices})
            .to_string(),
        ),
        (
            "choices has 10001 texts",
            json!({"id": 1, "tokens": [1], "choices": [["A"], vec!["B"; 10_000]]}).to_string(),
        ),
        ("longer than 16777216 bytes", " ".repeat((16 << 20) + 1)),
    ];
    for (message, line) in cases {
        let (code, said, output) = score(&[line], &[]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(message), "{message}: {said}");
        assert!(said.len() < 1000 && output.is_none(), "{said}");
    }
    // A whole number that 64 bits hold comes back as it is.
    let (_, _, output) = score(&[line(json!(u64::MAX), json!([1]))], &[]);
    assert!(output.expect("scores").starts_with(&format!("{{\"id\":{}", u64::MAX)));
    let (_, said, _) = score(&vec!["x".to_owned(); 20_000], &[]);
    assert!(
        said.contains("has 10,000 bad lines, and what follows was not read:\n  lines 1 to 10000: "),
        "{said}"
    );
}

/// The demo's checkpoint with some of its files replaced.
fn spoiled(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(model()).expect("a folder") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), dir.path().join(entry.file_name())).expect("a copy");
    }
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    dir
}

#[apply(test!)]
fn a_fault_of_the_checkpoint_is_told_once() {
    let chats: Vec<String> = (0..25)
        .map(|id| {
            let messages = json!([{"role": "user", "content": format!("question {id}")}]);
            json!({"id": id, "messages": messages, "choices": [["A"], ["B"]]}).to_string()
        })
        .collect();
    let error = |files: &[(&str, &str)]| {
        let dir = spoiled(files);
        let (code, said, output) = score_with(dir.path(), &chats, &[]);
        assert!(code == 1 && output.is_none(), "{said}");
        said
    };
    let raised = error(&[("chat_template.jinja", "{{ raise_exception('never') }}")]);
    assert!(
        raised.contains("has 25 bad lines:\n  lines 1 to 25: ") && raised.lines().count() == 2,
        "{raised}"
    );
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    for (file, text, message) in [
        ("tokenizer.json", "{}", "`model` is missing"),
        ("chat_template.jinja", "{% if %}", "does not compile"),
        ("chat_template.jinja", endless, "never ends"),
        ("chat_template.jinja", "hello", "ignores what the messages say"),
    ] {
        let said = error(&[(file, text)]);
        assert!(said.contains(file) && said.contains(message), "{said}");
        assert!(said.lines().count() == 1 && !said.contains("bad line"), "{said}");
    }
    let late = format!(
        "{{{{ messages[0].content }}}}{{% if messages[0].content == 'question 3' %}}{endless}{{% endif %}}"
    );
    let said = error(&[("chat_template.jinja", &late)]);
    assert!(said.contains("never ends") && said.contains("(at line 4 of "), "{said}");
    let said = error(&[("chat_template.jinja", "{{ bos_token }}{{ bos_token }}{{ messages[0].content }}")]);
    assert!(!said.contains("take it out of the text"), "{said}");
}

#[apply(test!)]
fn a_place_that_cannot_be_written_is_refused_before_the_work() {
    let dir = tempfile::tempdir().expect("a folder");
    let input = dir.path().join("items.jsonl");
    std::fs::write(&input, items().join("\n")).expect("written");
    let here = dir.path().display();
    let long = "x".repeat(300);
    for output in
        [format!("{here}/none/out"), format!("{here}"), format!("{here}/out/"), format!("{here}/{long}")]
    {
        let done = Command::cargo_bin("tiltmeter")
            .expect("built")
            .args(["score", "--output", &output, "--model"])
            .arg(model())
            .arg("--input")
            .arg(&input)
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error: ") && said.contains(&output), "{said}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 1, "nothing is left behind");
}

#[apply(test!)]
fn standard_input_and_output_stand_for_a_dash() {
    let lines = items().join("\n");
    let run = Command::cargo_bin("tiltmeter")
        .expect("built")
        .args(["score", "--input", "-", "--output", "-", "--model"])
        .arg(model())
        .write_stdin(lines.clone())
        .assert()
        .success();
    let (_, _, file) = score(&lines.lines().map(str::to_owned).collect::<Vec<_>>(), &[]);
    assert_eq!(Some(String::from_utf8_lossy(&run.get_output().stdout).into_owned()), file);
}

#[apply(test!)]
fn a_prompt_may_fill_the_context_and_name_every_row_of_the_vocabulary() {
    let config = std::fs::read_to_string(model().join("config.json")).expect("readable");
    let config: Value = serde_json::from_str(&config).expect("JSON");
    let size = |key: &str| config[key].as_u64().expect("a size") as usize;
    let (context, vocab) = (size("max_position_embeddings"), size("vocab_size"));
    for (tokens, choice, refusal) in [
        (vec![1; context], 3, ""),
        (vec![1; context + 1], 3, "more than the model's context"),
        (vec![vocab - 1], vocab - 2, ""),
        (vec![vocab], 3, "outside the model's vocabulary"),
        (vec![1], vocab, "outside the model's vocabulary"),
    ] {
        let line = json!({"id": 1, "tokens": tokens, "choice_tokens": [[choice], [4]]});
        let (code, said, _) = score(&[line.to_string()], &[]);
        assert_eq!(code != 0, !refusal.is_empty(), "{said}");
        assert!(said.contains(refusal), "{said}");
    }
}
