//! Promise: `tiltmeter inspect` says what was understood of a checkpoint, in a form that a person reads.

use assert_cmd::Command;
use serde_json::Value;

use tiltmeter::checkpoint::Dtype;

use crate::common::{RawTensor, TinyConfig, TinyFamily, write_config, write_tiny_checkpoint, write_weights};

fn inspect(model: &str, more: &[&str]) -> String {
    let mut command = Command::cargo_bin("tiltmeter").expect("built");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["inspect", "--model", model]).args(more);
    let output = command.assert().success();
    String::from_utf8(output.get_output().stdout.clone()).expect("UTF-8")
}

const CHAT: &str = "src/demo/checkpoints/chat";

/// To renew the snapshots: run the two commands and store what they print.
#[apply(test!)]
fn the_demo_s_checkpoints_read_as_they_did() {
    for (stage, stored) in [
        ("base", include_str!("../fixtures/inspect/base.txt")),
        ("chat", include_str!("../fixtures/inspect/chat.txt")),
    ] {
        let printed = inspect(&format!("src/demo/checkpoints/{stage}"), &[]);
        assert_eq!(printed, stored, "{stage} reads otherwise:\n{printed}");
        assert!(printed.lines().all(|line| line.chars().count() <= 110), "{printed}");
    }
}

#[apply(test!)]
fn a_prompt_and_messages_are_answered_with_the_likeliest_tokens() {
    let messages = r#"[{"role": "user", "content": "Who is right, A or B?"}]"#;
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("messages.json");
    std::fs::write(&file, messages).expect("written");
    let json = |more: &[&str]| -> Value {
        serde_json::from_str(&inspect(CHAT, &[&["--json", "--top", "3"], more].concat())).expect("JSON")
    };
    let inline = json(&["--messages", messages]);
    assert_eq!(json(&["--messages", file.to_str().expect("a plain path")]), inline);
    let answer = &inline["answer"];
    let top = answer["top"].as_array().expect("a list");
    let probability: Vec<f64> = top.iter().filter_map(|likely| likely["probability"].as_f64()).collect();
    assert!(probability.len() == 3 && probability.is_sorted_by(|a, b| a >= b), "{answer}");
    assert!(probability.iter().sum::<f64>() <= 1.0 + 1e-9, "{answer}");
    let plain = json(&["--prompt", "A or B?\\n("]);
    assert_ne!(plain["answer"]["tokens"], answer["tokens"]);
    let text = inspect(CHAT, &["--messages", messages, "--top", "3"]);
    assert!(text.contains("likeliest") && text.lines().count() > 10, "{text}");
}

#[apply(test!)]
fn norms_that_are_not_read_as_stored_are_said() {
    for (family, said) in [(TinyFamily::Gemma3, true), (TinyFamily::Qwen3, false)] {
        let dir = tempfile::tempdir().expect("a folder");
        write_tiny_checkpoint(dir.path(), &TinyConfig::new(family), 1);
        let text = inspect(dir.path().to_str().expect("a plain path"), &[]);
        assert_eq!(text.contains("stored less 1"), said, "{text}");
    }
}

#[apply(test!)]
fn weights_that_f16_does_not_hold_are_counted_when_asked_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = TinyConfig { dtype: Dtype::Bf16, ..TinyConfig::small() };
    let count = || -> (u64, u64) {
        let json = inspect(dir.path().to_str().expect("a plain path"), &["--weights", "--json"]);
        let bf16 = serde_json::from_str::<Value>(&json).expect("JSON")["weights"]["bf16"].clone();
        (bf16["weights"].as_u64().expect("a count"), bf16["lose_bits"].as_u64().expect("a count"))
    };
    let mut tensors = config.tensors(3);
    write_config(dir.path(), &config.config());
    write_weights(dir.path(), &tensors, 1);
    let (all, lost) = count();
    // Output embedding, q, k, v and o, gate, up and down.
    assert_eq!((all, lost), (5 * 4 + 2 * 4 * 4 + 2 * 2 * 4 + 3 * 6 * 4, 0));
    let down = tensors.iter_mut().find(|t| t.name.ends_with("down_proj.weight")).expect("a tensor");
    let tiny: Vec<f32> = (0..24).map(|i| if i < 3 { 1.0 } else { 1e-30 }).collect();
    *down = RawTensor::new(down.name.clone(), Dtype::Bf16, vec![4, 6], &tiny);
    write_weights(dir.path(), &tensors, 1);
    assert_eq!(count(), (all, 21));
    let text = inspect(dir.path().to_str().expect("a plain path"), &["--weights"]);
    assert!(text.contains(&format!("21 of {all} weights stored in bf16 lose bits on cuda")), "{text}");
}

#[apply(test!)]
fn what_cannot_be_asked_is_said() {
    let refused = |more: &[&str]| {
        let mut command = Command::cargo_bin("tiltmeter").expect("built");
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["inspect", "--model"]).args(more);
        String::from_utf8_lossy(&command.assert().failure().get_output().stderr).into_owned()
    };
    assert!(refused(&["src/demo/checkpoints/base", "--messages", "[]"]).contains("chat template"));
    assert!(refused(&[CHAT, "--messages", "[{]"]).contains("--messages is not a list"));
    assert!(refused(&[CHAT, "--messages", "no-such-file"]).contains("cannot read no-such-file"));
    assert!(refused(&["no-such-folder"]).contains("no-such-folder"));
}

/// Standard output or standard error that takes nothing more: a sentence, not a panic.
#[cfg(target_os = "linux")]
#[apply(test!)]
fn output_that_cannot_be_written_is_said_and_a_reader_that_is_gone_is_not() {
    use std::process::{Command, Stdio};
    let full = || std::fs::File::create("/dev/full").expect("a full disk");
    let commands: [&[&str]; 5] = [
        &["inspect", "--model", CHAT],
        &["inspect", "--json", "--model", CHAT],
        &["study", "list"],
        &["prompts", "--stage", "base"],
        &["doctor"],
    ];
    for args in commands {
        let command = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tiltmeter"));
            command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args).stderr(Stdio::piped());
            command
        };
        let done = command().stdout(full()).output().expect("it starts");
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("error: cannot write to standard output: "), "{args:?}: {said}");
        let mut gone = command().stdout(Stdio::piped()).spawn().expect("it starts");
        drop(gone.stdout.take());
        let done = gone.wait_with_output().expect("it ends");
        assert_eq!((done.status.code(), done.stderr.is_empty()), (Some(0), true), "{args:?}");
    }
    // Notes that nobody can be given do not stop the work.
    let mut plan = Command::new(env!("CARGO_BIN_EXE_tiltmeter"));
    plan.args(["sweep", "--dry-run", "--limit", "4"]).stderr(full());
    assert_eq!(
        plan.output().expect("it starts").status.code(),
        Some(1),
        "none of the seven families is here"
    );
}
