//! Promise: a choice of several tokens is scored as a whole, by one pass that shares what it can and whose bits do not
//! depend on how it is cut; where whole scoring is not asked for, such a choice is refused rather than read by its end.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::checkpoint::Checkpoint;
use tiltmeter::decoder::Decoder;
use tiltmeter::scoring::{ChoiceSet, Engine, Plan, ScoreItem, ScoreOptions};

use crate::common::continuations::{items, same_bits};
use crate::common::{FAMILIES, TinyConfig, write_tiny_checkpoint};
use crate::score::score;

/// Each token by a pass of its own over everything before it.
fn one_by_one(dir: &Path, prompt: &[u32], continuation: &[u32]) -> f64 {
    let checkpoint = Checkpoint::open(dir).expect("opens");
    let engine = Engine::new(Decoder::new(&Cpu, &checkpoint.spec, &checkpoint).expect("uploads"));
    let mut sum = 0.0;
    for at in 0..continuation.len() {
        let items = [ScoreItem { tokens: [prompt, &continuation[..at]].concat(), choices: 0 }];
        // The other answer is there for the form.
        let sets = [ChoiceSet::Tokens(vec![vec![continuation[at]], vec![0]])];
        engine
            .score(&Plan::new(&items, &sets, false), &ScoreOptions::default(), |batch, _| {
                sum += f64::from(batch[0].1.logits[0][0]) - batch[0].1.logsumexp;
                Ok::<_, Infallible>(())
            })
            .expect("scores");
    }
    sum
}

#[apply(test!)]
fn a_continuation_is_the_product_of_its_tokens_however_it_is_computed() {
    for (family, seed) in FAMILIES.into_iter().zip(50..) {
        let dir = tempfile::tempdir().expect("a folder");
        write_tiny_checkpoint(dir.path(), &TinyConfig::new(family), seed);
        let want = same_bits(&Cpu, dir.path());
        let (items, sets) = items();
        for (item, score) in items.iter().zip(&want) {
            let ChoiceSet::Continuations(choices) = &sets[item.choices] else {
                assert!(score.continuations.is_empty());
                continue;
            };
            for (ids, got) in choices.iter().flatten().zip(score.continuations.iter().flatten()) {
                assert_eq!(one_by_one(dir.path(), &item.tokens, ids), *got, "{family:?} {ids:?}");
            }
        }
    }
}

#[apply(test!)]
fn what_the_continuations_share_is_computed_once() {
    let items = [ScoreItem { tokens: vec![1, 2, 3], choices: 0 }];
    let sets = [ChoiceSet::Continuations(vec![vec![vec![4, 5, 6]], vec![vec![4, 5, 7], vec![8]]])];
    let plan = Plan::new(&items, &sets, true);
    // The prompt, 4 and 5: last tokens are asked for and not computed.
    assert_eq!((plan.tree_tokens(), plan.naive_tokens()), (5, 5 + 5 + 3));
}

fn lines(lines: &[Value]) -> Vec<String> {
    lines.iter().map(Value::to_string).collect()
}

#[apply(test!)]
fn a_choice_of_several_tokens_is_refused_with_advice_and_scored_with_the_flag() {
    let prompt = "The officers talked.\nAnswer:";
    let line = |choices: Value| json!({"id": 1, "prompt": prompt, "choices": choices});
    for choices in [json!([[" Japonais"], [" A"]]), json!([["A"], ["(B)"]]), json!([["é€"], ["B"]])] {
        let (code, said, output) = score(&lines(&[line(choices.clone())]), &[]);
        assert!(code == 1 && output.is_none(), "{choices}: {said}");
        assert!(said.contains("line 1: the choice ") && said.contains("`--continuations`"), "{said}");
        let (code, said, output) = score(&lines(&[line(choices)]), &["--continuations"]);
        assert_eq!(code, 0, "{said}");
        let v: Value = serde_json::from_str(&output.expect("scores")).expect("JSON");
        for (choice, logprob) in v["continuations"]
            .as_array()
            .expect("a list")
            .iter()
            .zip(v["choice_logprobs"].as_array().expect("a list"))
        {
            let (sum, n) = (&choice[0]["logprob"], choice[0]["tokens"].as_array().expect("ids").len());
            assert_eq!(sum, logprob);
            let sum = sum.as_f64().expect("a number");
            assert!((choice[0]["mean"].as_f64().expect("a number") - sum / n as f64).abs() < 1e-12);
            assert!(choice[0]["per_byte"].as_f64().expect("a number") >= sum);
        }
    }
    // A bracket or a line break that the prompt may have written already is no part of what is read.
    let (code, said, _) = score(&lines(&[line(json!([["A", "(A", "\nA"], ["B", "(B", "\nB"]]))]), &[]);
    assert_eq!(code, 0, "{said}");
}

#[apply(test!)]
fn ids_are_continuations_too_and_top_is_not_for_them() {
    let line = json!({"id": 1, "tokens": [5, 6, 7], "choice_tokens": [[8, 9], [10]]});
    let (code, said, output) = score(&lines(std::slice::from_ref(&line)), &["--continuations"]);
    assert_eq!(code, 0, "{said}");
    let v: Value = serde_json::from_str(&output.expect("scores")).expect("JSON");
    assert_eq!(v["continuations"][0][0]["tokens"], json!([8, 9]));
    assert!(v["continuations"][0][0].get("per_byte").is_none() && v["n_tokens"] == 3, "{v}");
    assert_eq!(score(&lines(&[line]), &["--continuations", "--top", "2"]).0, 2);
    for (ids, message) in [
        (json!([[8, 9], [8, 9]]), "stand for choice 1 and for choice 2"),
        (json!([[8], []]), "a choice has no tokens"),
        (json!([[8], [4_000_000]]), "outside the model's vocabulary"),
        (json!([[8], vec![9; 3000]]), "more than the model's context"),
    ] {
        let line = json!({"id": 1, "tokens": [5], "choice_tokens": ids});
        let (code, said, _) = score(&lines(&[line]), &["--continuations"]);
        assert!(code == 1 && said.contains(message), "{said}");
    }
}

#[apply(test!)]
fn a_letter_that_is_read_elsewhere_is_said() {
    let line = |id: u32, prompt: &str| json!({"id": id, "prompt": prompt, "choices": [["A"], ["B"]]});
    let same = "Who acted better?\n(A) Japan\n(B) France\nAnswer: ";
    let (code, said, _) = score(&lines(&[line(1, same), line(2, same), line(3, "Answer: (")]), &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("note: lines 1 to 2: \"A\" merges with the end of the prompt"), "{said}");
    assert!(!said.contains("line 3"), "{said}");
    let chat = json!({"id": 4, "messages": [{"role": "user", "content": "Who?"}], "prefill": "Answer: ",
                      "choices": [["A"], ["B"]]});
    let (_, said, _) = score(&lines(&[chat]), &[]);
    assert!(said.contains("note: line 1: \"A\" merges"), "{said}");
}

/// Written by `tests/fixtures/continuations/make.py` with transformers.
#[apply(test!)]
fn sums_are_those_of_transformers_with_the_harness_s_conventions() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/continuations/expected.json");
    let text = std::fs::read_to_string(path).expect("the expectations");
    let items: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let line = |(id, item): (usize, &Value)| {
        let choices: Vec<Value> =
            item["choices"].as_array().expect("a list").iter().map(|c| json!([c])).collect();
        json!({"id": id, "prompt": item["prompt"], "choices": choices})
    };
    let asked: Vec<Value> = items.iter().enumerate().map(line).collect();
    let (code, said, output) = score(&lines(&asked), &["--continuations"]);
    assert_eq!(code, 0, "{said}");
    for (line, item) in output.expect("scores").lines().zip(&items) {
        let got: Value = serde_json::from_str(line).expect("JSON");
        for (got, want) in got["continuations"]
            .as_array()
            .expect("a list")
            .iter()
            .zip(item["expected"].as_array().expect("a list"))
        {
            assert_eq!(got[0]["tokens"], want["tokens"], "{item}");
            let off =
                got[0]["logprob"].as_f64().expect("a number") - want["logprob"].as_f64().expect("a number");
            assert!(off.abs() < 1e-3, "{off} in {item}");
        }
    }
}
