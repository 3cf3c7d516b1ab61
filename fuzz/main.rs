//! One program for all targets: the environment names the one that libFuzzer drives. Every input is read within bounds; what goes
//! beyond them ends the program, and libFuzzer keeps the input.

#![no_main]

#[path = "../tests/fuzz/mod.rs"]
mod targets;

mod bounds;
mod growth;

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use targets::{TARGETS, Target};

/// The target's name.
const TARGET: &str = "TILTMETER_FUZZ";
/// A folder that the target's seeds are written into.
const SEEDS: &str = "TILTMETER_FUZZ_SEEDS";
/// Measures how time grows with inputs, instead of fuzzing.
const GROWTH: &str = "TILTMETER_FUZZ_GROWTH";
/// Prints what is said of every input.
const SAY: &str = "TILTMETER_FUZZ_SAY";

static CHOSEN: OnceLock<(&Target, bool)> = OnceLock::new();

fn choose() -> (&'static Target, bool) {
    if std::env::var_os(GROWTH).is_some() {
        std::process::exit(i32::from(!growth::check()));
    }
    let name = std::env::var(TARGET).unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        let names: Vec<String> =
            TARGETS.iter().map(|target| format!("{} {}", target.name, target.longest)).collect();
        println!("{}", names.join("\n"));
        std::process::exit(if name.is_empty() { 0 } else { 2 });
    };
    if let Some(dir) = std::env::var_os(SEEDS).map(PathBuf::from) {
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(dir.join(format!("seed-{number:03}")), seed).expect("room for seeds");
        }
    }
    (target, std::env::var_os(SAY).is_some())
}

fuzz_target!(
    init: { CHOSEN.get_or_init(choose); },
    |bytes: &[u8]| {
        let (target, say) = CHOSEN.get_or_init(choose);
        let said = bounds::hold(bytes.len(), || (target.read)(bytes));
        if *say {
            println!("{}: {}", target.name, said.as_ref().err().map_or("read", String::as_str));
        }
        if let Err(said) = said {
            bounds::check_sentence(&said, bytes.len());
        }
    }
);
