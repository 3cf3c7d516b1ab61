//! Promise: an export or a report that is killed at any moment leaves the file that was there, or the whole new one, and no other.
//! tests/faults/ does the same to sweeps and merges, for as long as one likes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::run::{sweep, tiltmeter, write_all};

/// Of each command.
const KILLS: u32 = 12;

fn command(dir: &Path, (name, args): (&str, &[&str])) -> Command {
    let mut command = tiltmeter();
    command.current_dir(dir).arg("-q").args(args).arg(Path::new("out").join(name));
    command
}

#[apply(test!)]
fn a_killed_export_or_report_leaves_the_old_file_or_the_new() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = sweep(dir, "run").args(["--limit", "16"]).output().expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let out = dir.join("out");
    fs::create_dir(&out).expect("a folder");
    let log = ["export", "--run", "run", "--study", "study", "--inspect"];
    for (number, of) in [
        ("scores.parquet", &["export", "--run", "run", "--scores"][..]),
        ("log.eval", &log),
        ("page.html", &["report", "--run", "run", "--output"]),
    ]
    .into_iter()
    .enumerate()
    {
        let path = out.join(of.0);
        let start = Instant::now();
        assert!(command(dir, of).status().expect("it starts").success());
        let within = start.elapsed();
        let whole = fs::read(&path).expect("a file");
        for kill in 0..KILLS {
            // Once over a file of the user's, once where there is none.
            let old = (kill % 2 == 0).then_some(b"what was there".as_slice());
            match old {
                Some(old) => fs::write(&path, old).expect("written"),
                None => fs::remove_file(&path).unwrap_or_default(),
            }
            let mut child = command(dir, of).stderr(Stdio::null()).spawn().expect("it starts");
            // Spread over the time that it takes, at other moments for each command.
            let after = within.mul_f64((f64::from(kill) + number as f64 / 3.0) / f64::from(KILLS));
            std::thread::sleep(after.max(Duration::from_millis(1)));
            child.kill().expect("it dies");
            child.wait().expect("it is dead");
            let there = fs::read(&path).ok();
            assert!(there.as_deref() == old || there.as_ref() == Some(&whole), "half of {}", of.0);
            let names =
                fs::read_dir(&out).expect("readable").map(|entry| entry.expect("an entry").file_name());
            assert!(
                names.into_iter().all(|name| name.to_string_lossy() == of.0),
                "an unfinished file stayed"
            );
        }
        fs::remove_file(&path).unwrap_or_default();
    }
}
