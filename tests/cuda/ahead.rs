//! Promise: the next checkpoint of a sweep is copied to the GPU while this one computes.

use crate::common::run::{export, sweep, tiltmeter, write_all};
use crate::driver::{emulated, said, with};
use std::path::Path;

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

#[apply(test!)]
fn a_gpu_that_holds_one_checkpoint_takes_one_after_the_other() {
    let driver = emulated();
    let dir = tempfile::tempdir().expect("a folder");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/checkpoints");
    let stage =
        |name: &str| format!("{name} = {{ model = '{name}', checkpoint = '{}' }}", demo.join(name).display());
    let head = "[[family]]\nname = 'demo'\nmaker = 'none'\nmaker_country = 'China'";
    let roster = dir.path().join("roster.toml");
    std::fs::write(&roster, [head, &stage("base"), &stage("chat")].join("\n")).expect("written");
    let run = |name: &str, memory: Option<u64>| {
        let mut command = tiltmeter();
        command.args(["sweep", "--backend", "cuda", "--languages", "en", "--limit", "8"]);
        command.args(["--countries", "USA,China", "--scenarios", "border"]);
        command.arg("--roster").arg(&roster).arg("--run").arg(dir.path().join(name));
        with(&mut command, driver).env("EMU_CC", "80").env("TILTMETER_CUDA_KERNELS", "mma");
        command.envs(memory.map(|bytes| ("EMU_MEM", bytes.to_string())));
        let output = command.output().expect("starts");
        assert!(output.status.success(), "{memory:?}: {}", said(&output));
        said(&output)
    };
    // What the first checkpoint takes, in megabytes; the first line is that of the fingerprint.
    let text = run("roomy", None);
    let line = text.lines().filter(|line| line.starts_with("memory: ")).nth(1).expect("a plan of memory");
    let parts = line.split(" MB").filter_map(|part| part.rsplit(' ').next()?.parse::<f64>().ok());
    let taken: f64 = parts.take(4).sum();
    let text = run("narrow", Some((taken * 1.02 * 1e6) as u64));
    assert!(text.contains("read ahead into the memory of the host only"), "{text}");
    assert!(export(dir.path(), "narrow", ".csv") == export(dir.path(), "roomy", ".csv"), "other tables");
}
