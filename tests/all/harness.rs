//! Promise: a test that cannot run here counts as ignored in the summary line, with its reason, and no test is left out.

use std::path::Path;
use std::process::Command;

/// Set for the process that runs `sample`, and nothing else.
pub const SAMPLE: &str = "TILTMETER_TEST_SAMPLE";

mod sample {
    use crate::common::{skip, skip_part};

    #[apply(test!)]
    fn passes() {}

    #[apply(test!)]
    fn fails() {
        let (moon, sun) = (1, 2);
        assert_eq!(moon, sun, "they differ");
    }

    #[apply(test!)]
    fn cannot_run() {
        skip("no moon here");
    }

    #[apply(test!)]
    fn runs_in_part() {
        skip_part("no sun here");
    }
}

#[apply(test!)]
fn what_cannot_run_counts_as_ignored_with_its_reason() {
    let this = std::env::current_exe().expect("this test's own program");
    let done = Command::new(this).arg("--test-threads=2").env(SAMPLE, "1").output().expect("it starts");
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(!done.status.success(), "{text}");
    for says in [
        "1 passed; 1 failed; 2 ignored",
        "ignored (no moon here)",
        "ignored (in part: no sun here)",
        "tests/all/harness.rs",
        "they differ",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

/// Under this harness the standard attribute would leave a function out without a word.
#[apply(test!)]
fn no_test_has_the_standard_attribute() {
    fn look(dir: &Path, seen: &mut usize) {
        for entry in std::fs::read_dir(dir).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                look(&path, seen);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("readable");
                let wrong = text.lines().position(|line| line.trim_start().starts_with("#[test]"));
                assert_eq!(wrong, None, "{} (line from 0): use #[apply(test!)]", path.display());
                *seen += text.matches("#[apply(test!)]\n").count();
            }
        }
    }
    let mut seen = 0;
    for folder in ["all", "cuda", "wgpu"] {
        look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder), &mut seen);
    }
    assert!(seen > 300, "{seen} tests");
}
