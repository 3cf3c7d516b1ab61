//! Promise: no file of the user's is replaced, a place that cannot be used is told as what it is, and names do nothing to a
//! terminal.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use crate::common::run::{sweep, tiltmeter, write_all};
use crate::common::skip;

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

fn run(command: &mut Command) -> (Option<i32>, String) {
    let done = command.output().expect("the program starts");
    (done.status.code(), said(&done))
}

/// Names and contents of a folder's files.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .expect("readable")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("readable")))
        .collect();
    files.sort();
    files
}

#[apply(test!)]
fn a_sweep_makes_no_run_among_other_files() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let before = contents(dir);
    // The folder of the user's own roster.toml, under whatever name.
    for place in ["", "."] {
        let (code, said) = run(sweep(dir, place).args(["--limit", "4"]));
        assert_eq!(code, Some(1));
        assert!(said.contains("which is not a run's: choose a new or empty --run folder"), "{said}");
        assert_eq!(contents(dir), before);
    }
}

#[apply(test!)]
fn a_file_that_is_called_as_a_runs_lock_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let run_in = |lock: &str| {
        let place = dir.join("run");
        fs::create_dir(&place).expect("a folder");
        fs::write(place.join("lock"), lock).expect("written");
        let (code, told) = run(sweep(dir, "run").args(["--limit", "4"]));
        let kept = fs::read_to_string(place.join("lock")).expect("there");
        fs::remove_dir_all(&place).expect("removed");
        (code, told, kept)
    };
    let (code, told, kept) = run_in("of my own");
    assert_eq!((code, kept.as_str()), (Some(1), "of my own"), "{told}");
    assert!(told.contains("holds lock, which is not a run's"), "{told}");
    // As a sweep leaves it that was killed before it had a database.
    for left in ["", "process 12 since 2026-01-01T00:00:00Z"] {
        assert_eq!(run_in(left).0, Some(0));
    }
}

#[apply(test!)]
fn what_a_killed_process_left_unfinished_is_no_hindrance() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let place = dir.join("run");
    fs::create_dir(&place).expect("a folder");
    let [now, then] = [".tiltmeter-aB3xYz.part", ".tiltmeter-4711-0.part"].map(|name| place.join(name));
    for (path, hours) in [(&now, 0), (&then, 2)] {
        let file = fs::File::create(path).expect("it is made");
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).expect("it is set");
    }
    let (code, told) = run(sweep(dir, "run").args(["--limit", "4"]));
    assert_eq!(code, Some(0), "{told}");
    // Another machine may still be writing to the new one.
    assert!(now.exists() && (then.exists() != cfg!(unix)));
}

#[apply(test!)]
fn a_file_in_the_place_of_a_folder_is_told_as_that() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("file");
    fs::write(&file, "mine").expect("written");
    let place = file.display().to_string();
    for arguments in [
        ["demo", "--output", &place].as_slice(),
        &["status", "--run", &place],
        &["analyze", "--run", &place],
        &["study", "new", &place],
        &["study", "export", "geopolitics", &format!("{place}/study")],
        &["roster", "new", &format!("{place}/roster.toml")],
    ] {
        let (code, told) = run(tiltmeter().args(arguments));
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(": a file stands where a folder is wanted"), "{told}");
    }
    let (code, told) = run(tiltmeter().args(["roster", "new", &place]));
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("is there already; nothing is overwritten"), "{told}");
    assert_eq!(contents(dir.path()), [(place, b"mine".to_vec())]);
}

#[apply(test!)]
fn the_runs_copy_of_the_roster_is_not_replaced_once_another_hand_changed_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let (code, told) = run(sweep(dir, "run").args(["--limit", "4", "--models", "tiny-base"]));
    assert_eq!(code, Some(0), "{told}");
    let copy = dir.join("run/roster.toml");
    let edited = fs::read_to_string(&copy).expect("a copy").replace("China", "Japan");
    fs::write(&copy, &edited).expect("written");
    let (code, told) = run(sweep(dir, "run").args(["--limit", "4"]));
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("roster.toml was changed since the run kept its roster there"), "{told}");
    assert_eq!(fs::read_to_string(&copy).expect("there"), edited);
    // Moved away, the run goes on.
    fs::rename(&copy, dir.join("mine.toml")).expect("moved");
    let (code, told) = run(sweep(dir, "run").args(["--limit", "4"]));
    assert_eq!(code, Some(0), "{told}");
}

#[apply(test!)]
fn a_folder_may_be_called_like_a_uri() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    for name in ["file:x", "file:y?mode=memory"] {
        // As it is typed: a path of its own would hide the name's beginning.
        let mut command = tiltmeter();
        command.current_dir(dir).args([
            "sweep",
            "--roster",
            "roster.toml",
            "--study",
            "study",
            "--limit",
            "4",
        ]);
        let (code, told) = run(command.args(["--run", name]));
        assert_eq!(code, Some(0), "{told}");
        assert!(dir.join(name).join("run.sqlite").is_file());
        let mut command = tiltmeter();
        let (code, told) = run(command.current_dir(dir).args(["status", "--run", name]));
        assert_eq!(code, Some(0), "{told}");
    }
    assert!(!dir.join("x").exists() && !dir.join("run.sqlite").exists());
}

#[apply(test!)]
fn a_demo_replaces_nothing_but_what_a_demo_left() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    fs::write(dir.join("roster.toml"), "mine").expect("written");
    let (code, told) = run(tiltmeter().args(["demo", "--out"]).arg(dir));
    assert_eq!(code, Some(1));
    assert!(told.contains("the folder is not empty") && told.contains("nothing is overwritten"), "{told}");
    assert_eq!(contents(dir).len(), 1);
}

/// The program without a superuser's rights, where the tests run with them. Where that cannot be, the test counts as ignored.
#[cfg(unix)]
fn as_nobody() -> Command {
    use std::os::unix::process::CommandExt;
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|done| done.stdout == b"0\n");
    let nobody = || {
        let mut command = tiltmeter();
        if is_root {
            command.uid(65534).gid(65534);
        }
        command
    };
    if !nobody().arg("--version").output().is_ok_and(|done| done.status.success()) {
        skip("the program cannot be run as another user here");
    }
    nobody()
}

#[cfg(unix)]
#[apply(test!)]
fn what_may_not_be_read_or_written_is_told_as_that() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("allowed");
    };
    allow(dir.path(), 0o755);
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).expect("a folder");
    allow(&closed, 0o000);
    let mut command = as_nobody();
    let (code, told) = run(command.args(["status", "--run"]).arg(&closed));
    assert_eq!(code, Some(1));
    assert!(told.contains("ermission denied") && !told.contains("holds no run"), "{told}");
    let (code, told) = run(as_nobody().args(["inspect", "--model"]).arg(&closed));
    allow(&closed, 0o755);
    assert_eq!(code, Some(1));
    assert!(told.contains("ermission denied") && !told.contains("holds no config"), "{told}");

    // The demo says it before it computes, and prints what it measures.
    let read_only = dir.path().join("read-only");
    fs::create_dir(&read_only).expect("a folder");
    allow(&read_only, 0o555);
    let mut command = as_nobody();
    let mut demo = command
        .current_dir(&read_only)
        .args(["demo", "--backend", "cpu"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(demo.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let told: Vec<String> = lines.by_ref().take_while(|line| !line.contains(": loading")).collect();
    assert!(told[0].starts_with("note: no page will be written: tiltmeter-demo.html"), "{told:?}");
    // It computes all the same; what it prints then is the other test's.
    let sent = Command::new("kill").args(["-INT", &demo.id().to_string()]).status();
    assert!(sent.expect("kill starts").success());
    lines.for_each(drop);
    assert_eq!(demo.wait().expect("it ends").code(), Some(130));
}

#[apply(test!)]
fn names_with_terminal_escapes_are_shown_and_not_sent() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let roster = fs::read_to_string(dir.join("roster.toml")).expect("a roster");
    let evil = "\\u001B]0;owned\\u0007\\u001B[31mtiny-base\\u009B2J";
    fs::write(dir.join("roster.toml"), roster.replace("\"tiny-base\"", &format!("\"{evil}\"")))
        .expect("written");
    let swept = sweep(dir, "run").args(["--limit", "8"]).output().expect("the program starts");
    let status = tiltmeter().args(["status", "--run"]).arg(dir.join("run")).output().expect("starts");
    let analysed = tiltmeter().args(["analyze", "--run"]).arg(dir.join("run")).output().expect("starts");
    let missing = tiltmeter().args(["status", "--run", "\u{1b}[31mred"]).output().expect("starts");
    let unknown = tiltmeter().args(["\u{1b}[31mred"]).output().expect("starts");
    let mut shown = 0;
    for done in [swept, status, analysed, missing, unknown] {
        for text in [&done.stdout, &done.stderr] {
            let text = String::from_utf8_lossy(text);
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{text}");
            shown += usize::from(text.contains("\\u001b[31m"));
        }
    }
    assert!(shown >= 4, "only {shown} of them show the name");
}

#[apply(test!)]
fn the_version_names_its_commit_and_date_where_they_are_known() {
    let done = tiltmeter().arg("--version").output().expect("the program starts");
    let whole = String::from_utf8_lossy(&done.stdout).into_owned();
    let text = whole.lines().next().unwrap_or_default().to_owned();
    for line in ["built for ", "cpu ", "wgpu ", "cuda ", "run store ", "JSON "] {
        assert!(whole.contains(&format!("\n{line}")), "{whole}");
    }
    let brief = tiltmeter().arg("-V").output().expect("the program starts");
    assert_eq!(String::from_utf8_lossy(&brief.stdout).trim(), text);
    let plain = concat!("tiltmeter ", env!("CARGO_PKG_VERSION"));
    let rest = text.trim().strip_prefix(plain).expect("the version");
    let in_git = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "ls-files", "--error-unmatch", "build.rs"])
        .output()
        .is_ok_and(|done| done.status.success());
    if !in_git {
        skip("the sources are no repository of git");
    }
    let (commit, date) = rest.trim().trim_matches(['(', ')']).split_once(' ').expect("commit and date");
    let hash = commit.trim_end_matches('+');
    assert!(hash.len() == 12 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{text}");
    assert!(date.len() == 10 && date.split('-').count() == 3, "{text}");
}
