//! A disk without room, wherever that shows, is told as one, with what is true of the command.

use std::path::Path;
use std::process::{Command, Output};

use crate::common::run::{export, sweep, tiltmeter, write_all};
use crate::common::skip;

/// Runs `command` with `dir/small` as a disk of `size` that nobody else sees and that is gone afterwards. Where the
/// system lets nobody mount, the test counts as ignored.
fn on_small_disk(dir: &Path, size: &str, command: &Command) -> Output {
    let within = |script: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--map-root-user", "--mount", "sh", "-c"]).arg(script).arg(dir.join("small"));
        shell
    };
    let mount = format!("mount -t tmpfs -o size={size} none \"$0\"");
    std::fs::create_dir_all(dir.join("small")).expect("a folder");
    if !within(&mount).output().is_ok_and(|done| done.status.success()) {
        skip("no disk can be mounted here");
    }
    let mut shell = within(&format!("{mount} && exec \"$@\""));
    shell.arg(command.get_program()).args(command.get_args());
    shell.output().expect("the program starts")
}

fn said(done: &Output) -> String {
    assert_eq!(done.status.code(), Some(1));
    String::from_utf8_lossy(&done.stderr).into_owned()
}

#[apply(test!)]
fn a_sweep_says_so_from_its_very_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    // The database, its log and the log's index are each the first to find no room.
    for size in ["4k", "8k", "32k", "48k", "64k", "80k", "96k", "128k"] {
        let done = on_small_disk(dir, size, &sweep(dir, "small/run"));
        let said = said(&done);
        assert!(said.contains("the disk of") && said.contains("is full"), "{size}: {said}");
    }
    let done = on_small_disk(dir, "128k", &sweep(dir, "small"));
    assert!(said(&done).contains("what the run holds is kept"));
}

#[apply(test!)]
fn other_commands_promise_no_scores() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = sweep(dir, "run").output().expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut command = tiltmeter();
    command.arg("export").arg("--run").arg(dir.join("run")).arg("--scores").arg(dir.join("small/scores.csv"));
    let done = on_small_disk(dir, "8k", &command);
    let said = said(&done);
    assert!(said.contains("scores.csv is full, so it was not written") && !said.contains("kept"), "{said}");
    export(dir, "run", ".csv");
}
