//! Promise: what the processor's shards promise holds on a GPU: merged, they are one machine's tables, byte for byte.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::run::{export, tiltmeter, write_all};
use crate::device::{checked, open};
use tiltmeter::store::RunReader;

/// Two checkpoints, 48 prompts each.
fn sweep(dir: &Path, run: &str) -> Command {
    let mut command = tiltmeter();
    command.args(["-q", "sweep", "--backend", "wgpu", "--languages", "en", "--limit", "48", "--roster"]);
    command
        .arg(dir.join("roster.toml"))
        .arg("--study")
        .arg(dir.join("study"))
        .arg("--run")
        .arg(dir.join(run));
    command
}

fn done(command: &mut Command) {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Kills the sweep as soon as it has stored something, or not at all where it was quicker.
fn kill_in_the_middle(command: &mut Command, run: &Path) {
    let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
    let start = Instant::now();
    let scored = || {
        let checkpoints = RunReader::open(run).and_then(|reader| reader.checkpoints());
        checkpoints.is_ok_and(|all| all.iter().any(|checkpoint| checkpoint.prompts > 0))
    };
    while !scored()
        && child.try_wait().expect("a child").is_none()
        && start.elapsed() < Duration::from_secs(60)
    {
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ended_already = child.kill();
    child.wait().expect("it ends");
}

#[apply(test!)]
fn shards_on_a_gpu_merge_into_what_one_computes() {
    // Whether there is one.
    drop(open(checked()));
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    done(&mut sweep(dir, "whole"));
    let expected = [".csv", ".parquet"].map(|ending| export(dir, "whole", ending));
    for (count, packs) in [(3, ["48", "auto", "64"]), (7, ["auto", "300", "64"])] {
        let run = format!("split{count}");
        for index in 1..=count {
            let shard = |packs: &str| {
                let mut command = sweep(dir, &run);
                command.args(["--shard", &format!("{index}/{count}"), "--pack-tokens", packs]);
                command
            };
            if (count, index) == (3, 2) {
                kill_in_the_middle(&mut shard("16"), &dir.join("split3/shard-2-of-3"));
            }
            done(&mut shard(packs[index % 3]));
        }
        let merged = format!("{run}-merged");
        let mut merge = tiltmeter();
        merge.args(["-q", "merge", "--complete"]).arg(dir.join(&run)).arg("--run").arg(dir.join(&merged));
        done(&mut merge);
        for (ending, expected) in [".csv", ".parquet"].iter().zip(&expected) {
            assert!(export(dir, &merged, ending) == *expected, "{count} shards, {ending}");
        }
    }
}
