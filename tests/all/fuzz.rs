//! Promise: no reader of a stranger's bytes panics on what fuzzing has found so far, nor on the inputs that it starts from; and each
//! target is read to its end by at least one of these, so that it tries what it is there for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

#[path = "../fuzz/mod.rs"]
pub mod targets;

use targets::{GROWTHS, TARGETS};

fn found(name: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found").join(name);
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths.iter().map(|path| (path.display().to_string(), std::fs::read(path).expect("an input"))).collect()
}

#[apply(test!)]
fn what_a_target_starts_with_is_read_to_the_end() {
    let mut unread = Vec::new();
    for target in TARGETS {
        let seeds = (target.seeds)();
        let first = seeds.first().expect("a seed");
        unread.extend((target.read)(first).err().map(|said| format!("{}: {said}", target.name)));
        assert!(seeds.iter().all(|seed| seed.len() <= target.longest), "{} cuts a seed off", target.name);
    }
    assert!(unread.is_empty(), "{}", unread.join("\n"));
}

#[apply(test!)]
fn nothing_that_was_found_breaks_a_reader() {
    for target in TARGETS {
        let seeds = (target.seeds)().into_iter().enumerate().map(|(at, seed)| (format!("seed {at}"), seed));
        for (name, bytes) in seeds.chain(found(target.name)) {
            let said = catch_unwind(AssertUnwindSafe(|| (target.read)(&bytes)));
            let said = said.unwrap_or_else(|_| panic!("{}: {name} panics", target.name));
            if let Err(said) = said {
                assert!(!said.trim().is_empty(), "{}: nothing is said of {name}", target.name);
            }
        }
    }
}

/// How time grows with them is measured by `fuzz/`; here they are few of each.
#[apply(test!)]
fn repetition_breaks_no_reader() {
    for (name, what, make) in GROWTHS {
        let target = TARGETS.iter().find(|target| target.name == *name).expect("a target of that name");
        let said = catch_unwind(AssertUnwindSafe(|| (target.read)(&make(40))));
        assert!(said.is_ok(), "{name} panics on {what}");
    }
}

#[apply(test!)]
fn every_found_input_belongs_to_a_target() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found");
    for entry in std::fs::read_dir(dir).expect("the folder of found inputs") {
        let name = entry.expect("a readable folder").file_name();
        assert!(TARGETS.iter().any(|target| name == target.name), "{name:?} is no target");
    }
}
