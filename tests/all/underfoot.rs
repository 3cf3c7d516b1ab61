//! Promise: signals, files that change and limits of the system end a command with a sentence, and lose nothing.

#![cfg(unix)]

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::run::{export, sweep, tiltmeter, write_all};
use tiltmeter::store::RunReader;

/// Scored prompts of `dir/run`, as far as it is there.
fn scored(dir: &Path) -> u64 {
    RunReader::open(&dir.join("run")).and_then(|run| run.completeness()).map_or(0, |found| found.scored)
}

/// A sweep that has stored some scores of its own.
fn begun(dir: &Path, arguments: &[&str]) -> Child {
    let before = scored(dir);
    let mut child = sweep(dir, "run")
        .args(["--backend", "cpu"])
        .args(arguments)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let start = Instant::now();
    while scored(dir) == before {
        assert!(start.elapsed() < Duration::from_secs(120), "nothing was scored");
        assert!(child.try_wait().expect("ours").is_none(), "it ended before anything was scored");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

const SMALL: [&str; 2] = ["--pack-tokens", "16"];

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.expect("kill starts").success());
}

fn said(done: &Output) -> String {
    assert_eq!(done.status.signal(), None, "it was killed by a signal");
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// Rows of the table of scores, by their names: `model,language, ...,order`.
fn rows(dir: &Path, run: &str) -> Vec<String> {
    let (_, scores) = export(dir, run, ".csv");
    String::from_utf8_lossy(&scores).lines().map(str::to_owned).collect()
}

#[apply(test!)]
fn a_signal_ends_a_sweep_after_its_pack_and_the_command_that_is_printed_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let child = begun(dir, &SMALL);
        send(signal, &child);
        let done = child.wait_with_output().expect("it ends");
        let said = said(&done);
        assert_eq!(done.status.code(), Some(code), "{said}");
        let kept = scored(dir);
        assert!(kept > 0 && kept < 768, "{kept}");
        assert!(said.contains(&format!("stopped: {kept} of 768 prompts are scored and kept in")), "{said}");
        let command = said.lines().find(|line| line.trim().starts_with("tiltmeter sweep --roster"));
        assert!(command.is_some_and(|line| line.contains("--pack-tokens 16")), "{said}");
        let status = tiltmeter().args(["status", "--json", "--run"]).arg(dir.join("run")).output();
        let status: serde_json::Value =
            serde_json::from_slice(&status.expect("status").stdout).expect("JSON");
        let last = status["sweeps"].as_array().and_then(|sweeps| sweeps.last()).expect("a sweep");
        assert_eq!((status["scored"].as_u64(), last["outcome"].as_str()), (Some(kept), Some("interrupted")));
    }
    // Twice at once: nothing waits for anything.
    let child = begun(dir, &SMALL);
    send("-INT", &child);
    send("-INT", &child);
    assert_eq!(child.wait_with_output().expect("it ends").status.code(), Some(130));
    let end = sweep(dir, "run").output().expect("the program starts");
    let said = said(&end);
    assert!(end.status.success() && said.contains("next: tiltmeter report --run"), "{said}");
    assert!(said.contains("in all: ") && !said.contains("nothing reads"), "{said}");
    let whole = sweep(dir, "whole").arg("-v").output().expect("the program starts");
    assert!(String::from_utf8_lossy(&whole.stderr).contains("nothing reads the result of"));
    assert_eq!(rows(dir, "run"), rows(dir, "whole"));
}

#[apply(test!)]
fn weights_that_are_rewritten_under_a_sweep_are_noticed_before_anything_is_mixed() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let file = dir.join("checkpoints/base/model.safetensors");
    let bytes = fs::read(&file).expect("weights");
    let child = begun(dir, &[SMALL[0], SMALL[1], "--models", "tiny-base"]);
    // In place and of the same size, as a conversion that is run again does it.
    let mut weights = OpenOptions::new().write(true).open(&file).expect("opened");
    weights.seek(SeekFrom::End(-20_000)).expect("there");
    weights.write_all(&[0x3c; 20_000]).expect("written");
    drop(weights);
    let done = child.wait_with_output().expect("it ends");
    let said = said(&done);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("`tiny-base`") && said.contains("model.safetensors: was written to"), "{said}");
    let kept = rows(dir, "run");
    fs::write(&file, &bytes).expect("written");
    let whole = sweep(dir, "whole").output().expect("the program starts");
    assert!(whole.status.success());
    let whole = rows(dir, "whole");
    assert!(
        kept.len() > 1 && kept.iter().all(|row| whole.contains(row)),
        "a score of other weights was kept"
    );
}

#[apply(test!)]
fn weights_that_are_cut_short_under_a_sweep_are_a_sentence_and_no_crash() {
    for arguments in [["--pack-tokens", "16"].as_slice(), &["--pack-tokens", "4096", "--no-sharing"]] {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path();
        write_all(dir);
        let child = begun(dir, arguments);
        let file = dir.join("checkpoints/base/model.safetensors");
        OpenOptions::new().write(true).open(&file).and_then(|f| f.set_len(4096)).expect("cut");
        let done = child.wait_with_output().expect("it ends");
        let said = said(&done);
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(
            said.contains("model.safetensors was cut short, or its disk failed")
                || said.contains("has 4096 now"),
            "{said}"
        );
        assert!(scored(dir) > 0, "what was stored is kept");
    }
}

/// What `command` does where no file may be larger than so many blocks of a shell's, which are of 512 or 1024 bytes.
fn limited(blocks: u32, command: &Command) -> Output {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -f {blocks} && exec \"$@\"")).arg("sh");
    shell.arg(command.get_program()).args(command.get_args()).output().expect("the shell starts")
}

#[apply(test!)]
fn a_limit_on_file_sizes_is_a_sentence_and_leaves_no_unfinished_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = limited(200, &sweep(dir, "run"));
    let said_of_run = said(&done);
    assert_eq!(done.status.code(), Some(1), "{said_of_run}");
    assert!(said_of_run.contains("limit on file sizes") && said_of_run.contains("is kept"), "{said_of_run}");
    let done = sweep(dir, "run").output().expect("the program starts");
    assert!(done.status.success(), "{}", said(&done));

    let tables = dir.join("tables");
    fs::create_dir(&tables).expect("a folder");
    let command = |name: &str, arguments: &[&str]| {
        let mut command = tiltmeter();
        command.args(arguments).arg("--run").arg(dir.join("run"));
        command.arg(if arguments[0] == "report" { "--out" } else { "--scores" }).arg(tables.join(name));
        command
    };
    for (name, arguments) in
        [("scores.csv", ["export"].as_slice()), ("scores.parquet", &["export"]), ("page.html", &["report"])]
    {
        let done = limited(70, &command(name, arguments));
        let said = said(&done);
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains(name) && said.contains("limit on file sizes"), "{said}");
        assert_eq!(fs::read_dir(&tables).expect("readable").count(), 0, "a file stayed");
    }
}

#[apply(test!)]
fn what_a_limit_on_file_sizes_stopped_can_be_done_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    assert!(sweep(dir, "run").args(["--limit", "40"]).output().expect("the program starts").status.success());
    let made = dir.join("made");
    let place = made.display().to_string();
    let run = dir.join("run").display().to_string();
    for arguments in [
        ["merge", "--run", &place, &run].as_slice(),
        &["study", "export", "geopolitics", &place],
        &["study", "new", &place],
        &["roster", "new", &place],
    ] {
        let mut command = tiltmeter();
        command.args(arguments);
        let done = limited(1, &command);
        let said_of_it = said(&done);
        assert_eq!(done.status.code(), Some(1), "{said_of_it}");
        assert!(said_of_it.contains("limit on file sizes"), "{said_of_it}");
        assert!(!made.exists(), "{arguments:?} left something");
        let done = command.output().expect("the program starts");
        assert!(done.status.success(), "{}", said(&done));
        match made.is_dir() {
            true => fs::remove_dir_all(&made).expect("removed"),
            false => fs::remove_file(&made).expect("removed"),
        }
    }
}
