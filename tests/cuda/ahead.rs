//! Promise: the next checkpoint of a sweep is copied to the GPU while this one computes.

use crate::common::run::{sweep, write_all};
use crate::driver::{emulated, said, with};

#[apply(test!)]
fn the_next_checkpoint_comes_while_this_one_computes() {
    let driver = emulated();
    let dir = tempfile::tempdir().expect("a folder");
    write_all(dir.path());
    let log = dir.path().join("log");
    let mut command = sweep(dir.path(), "run");
    command.args(["--backend", "cuda", "--pack-tokens", "64", "--limit", "6", "--languages", "en"]);
    with(&mut command, driver).env("EMU_CC", "80").env("TILTMETER_CUDA_KERNELS", "mma").env("EMU_LOG", &log);
    let output = command.output().expect("starts");
    let text = said(&output);
    assert!(output.status.success() && text.contains("taken unchecked"), "{text}");
    let log = std::fs::read_to_string(log).expect("a log");
    let events: Vec<&str> = log.lines().collect();
    let places =
        |what: &str| -> Vec<usize> { (0..events.len()).filter(|&i| events[i].starts_with(what)).collect() };
    // Weights are packed before a checkpoint's first pass: that of the fingerprint, of this one, of the next one.
    let (packs, passes) = (places("launch pack"), places("launch embed"));
    let turns: Vec<usize> = passes
        .iter()
        .copied()
        .filter(|&pass| {
            let before = passes.iter().rev().find(|&&p| p < pass).copied().unwrap_or(0);
            packs.iter().any(|&pack| before < pack && pack < pass)
        })
        .collect();
    let [.., this, next] = turns[..] else { panic!("turns begin at {turns:?}") };
    let last_pass = passes.iter().rev().find(|&&pass| pass < next).copied().expect("a pass");
    let end = packs.iter().find(|&&pack| pack > last_pass).copied().expect("it is packed");
    let copied = |from: usize, to: usize| -> usize {
        let copies =
            events[from..to].iter().filter(|e| e.starts_with("copy htod") && e.ends_with("stream 2"));
        copies.filter_map(|e| e.split(' ').nth(2)?.parse::<usize>().ok()).sum()
    };
    // The first one comes before its own turn begins; both are of one size.
    let before = passes.iter().rev().find(|&&pass| pass < this).copied().unwrap_or(0);
    let (first, ahead, own) = (copied(before, this), copied(this, last_pass), copied(end, next));
    assert!(ahead * 4 > first, "{ahead} bytes came before the last pass, of the first one's {first}");
    assert!(own * 2 < first, "{own} bytes came in its own turn");
}
