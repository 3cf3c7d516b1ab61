//! Promise: the benchmarks run as documented and print ratios that hang together. No time is compared with another.

use assert_cmd::Command;
use serde_json::Value;

fn bench(args: &[&str]) -> Value {
    let done = Command::cargo_bin("tiltmeter").expect("built").arg("bench").args(args).arg("--json").output();
    let done = done.expect("runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("JSON")
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} of {value}"))
}

#[apply(test!)]
fn random_weights_of_a_real_size_go_through_the_study() {
    let args = [
        "study",
        "--shape",
        "mistral-7b",
        "--layers",
        "1",
        "--backend",
        "cpu",
        "--prompts",
        "4",
        "--repeat",
        "1",
    ];
    let report = bench(&args);
    assert_eq!(report["checkpoint"], "mistral-7b, 1 of 32 layers");
    // One layer and both embeddings.
    assert_eq!(report["parameters"], 218_112_000u64 + 2 * 32_768 * 4_096 + 4_096);
    assert!(number(&report, "tree_tokens") < number(&report, "naive_tokens"));
    let sharing = &report["sharing"];
    let share = number(sharing, "gflop_per_second") / number(&report, "peak_gflop_per_second");
    assert!((share / number(sharing, "share_of_peak") - 1.0).abs() < 1e-9);
}

#[apply(test!)]
fn kernels_are_timed_at_a_familys_sizes_each_size_once() {
    let report =
        bench(&["kernels", "--backend", "cpu", "--shapes", "mistral-7b,llama3.1-8b", "--rows", "64"]);
    let kernels = report["kernels"].as_array().expect("kernels");
    let mut names: Vec<(&str, &str)> = kernels
        .iter()
        .map(|k| (k["kernel"].as_str().expect("a name"), k["size"].as_str().expect("a size")))
        .collect();
    for kernel in ["embed", "norm", "linear", "linear, add", "gate", "rope", "attention", "log-sum-exp"] {
        assert!(names.iter().any(|(name, _)| *name == kernel), "{kernel}");
    }
    // The layers of both are equal; their vocabularies are not.
    assert_eq!(names.iter().filter(|(name, _)| *name == "gate").count(), 1);
    assert_eq!(names.iter().filter(|(name, _)| *name == "log-sum-exp").count(), 2);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), kernels.len());
    for kernel in kernels {
        let peak = match kernel["unit"].as_str() {
            Some("GFLOP/s") => number(&report, "peak_gflop_per_second"),
            Some("GB/s") => number(&report, "peak_gb_per_second"),
            unit => panic!("{unit:?}"),
        };
        assert!(
            (number(kernel, "rate") / peak / number(kernel, "share_of_peak") - 1.0).abs() < 1e-9,
            "{kernel}"
        );
    }
}

#[apply(test!)]
fn a_shape_that_is_not_known_is_refused_with_those_that_are() {
    let refused =
        Command::cargo_bin("tiltmeter").expect("built").args(["bench", "study", "--shape", "gpt-5"]).output();
    let refused = refused.expect("runs");
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("gpt-5") && said.contains("gemma4-e4b"), "{said}");
}
