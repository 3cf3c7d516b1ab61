//! Promise: the next checkpoint of a sweep is copied to the GPU while this one computes.

use crate::common::run::{export, sweep, tiltmeter, write_all};
use crate::driver::{emulated, said, with};
use std::fs::{File, OpenOptions, read_to_string};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The turn of a sweep's first checkpoint: the fingerprint's decoder comes before.
const FIRST: usize = 2;

/// How long a pass is held back at most.
const LONG: Duration = Duration::from_secs(90);

/// Where a run is by what its driver has logged.
#[derive(Default)]
struct Progress {
    /// Of each decoder: the event behind the last pass of the one before, and its own first pass once it is there.
    turns: Vec<[usize; 2]>,
    /// Passes of the last decoder.
    passes: usize,
    /// The event behind the last pass.
    behind: usize,
}

impl Progress {
    fn of(events: &[&str]) -> Progress {
        let mut at = Progress::default();
        let mut is_packing = false;
        for (i, event) in events.iter().enumerate() {
            if event.starts_with("launch pack") && !is_packing {
                at.turns.push([at.behind, i]);
                (is_packing, at.passes) = (true, 0);
            } else if event.starts_with("launch embed") {
                if let (0, Some([_, first])) = (at.passes, at.turns.last_mut()) {
                    *first = i;
                }
                (is_packing, at.passes, at.behind) = (false, at.passes + 1, i + 1);
            }
        }
        at
    }
}

/// Bytes that were copied up for loading.
fn copied(events: &[&str]) -> usize {
    let copies = events.iter().filter(|e| e.starts_with("copy htod") && e.ends_with("stream 2"));
    copies.filter_map(|e| e.split(' ').nth(2)?.parse::<usize>().ok()).sum()
}

/// Runs `command` and holds its third pass of the first checkpoint back until `enough` has happened. What it says, and the
/// driver's log.
fn held(dir: &Path, command: &mut Command, enough: impl Fn(&[&str], &Progress) -> bool) -> (String, String) {
    let [log, gate, text] = ["log", "gate", "said"].map(|name| dir.join(name));
    for file in [&log, &gate] {
        File::create(file).expect("made");
    }
    command.env("EMU_LOG", &log).env("EMU_GATE", &gate);
    command.stdout(Stdio::null()).stderr(File::create(&text).expect("made"));
    let mut child = command.spawn().expect("starts");
    let mut gate = OpenOptions::new().append(true).open(gate).expect("opens");
    let (mut begun, mut since) = (0, Instant::now());
    let status = loop {
        if let Some(status) = child.try_wait().expect("ours") {
            break status;
        }
        let text = read_to_string(&log).expect("a log");
        let events: Vec<&str> = text.lines().collect();
        let at = Progress::of(&events);
        let is_held = (at.turns.len(), at.passes) == (FIRST, 2) && !enough(&events, &at);
        // One pass more at a time.
        if !is_held && begun == events.iter().filter(|e| e.starts_with("launch embed")).count() {
            gate.write_all(b".").expect("written");
            (begun, since) = (begun + 1, Instant::now());
        }
        if is_held && since.elapsed() > LONG {
            child.kill().expect("it dies");
            panic!("nothing came while a pass was held back: {:#?}", &events[at.behind..]);
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let said = read_to_string(text).expect("what it said");
    assert!(status.success(), "{said}");
    (said, read_to_string(log).expect("a log"))
}

#[apply(test!)]
fn the_next_checkpoint_comes_while_this_one_computes() {
    let driver = emulated();
    let dir = tempfile::tempdir().expect("a folder");
    write_all(dir.path());
    let mut command = sweep(dir.path(), "run");
    command.args(["--backend", "cuda", "--pack-tokens", "64", "--limit", "6", "--languages", "en"]);
    with(&mut command, driver).env("EMU_CC", "80").env("TILTMETER_CUDA_KERNELS", "mma");
    // What comes for a turn stands behind the pass before. Both checkpoints are of one size.
    let size = |events: &[&str], at: &Progress| {
        let [from, to] = at.turns[FIRST - 1];
        copied(&events[from..to])
    };
    let enough = |events: &[&str], at: &Progress| copied(&events[at.behind..]) * 2 > size(events, at);
    let (text, log) = held(dir.path(), &mut command, enough);
    assert!(text.contains("taken unchecked"), "{text}");
    let events: Vec<&str> = log.lines().collect();
    let at = Progress::of(&events);
    let [.., [_, this], [last, next]] = at.turns[..] else { panic!("turns at {:?}", at.turns) };
    let (first, ahead, own) = (size(&events, &at), copied(&events[this..last]), copied(&events[last..next]));
    assert!(ahead * 2 > first, "{ahead} bytes came before the last pass, of the first one's {first}");
    assert!(own * 2 < first, "{own} bytes came in its own turn, of the first one's {first}");
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
        command.args(["sweep", "--backend", "cuda", "--languages", "en", "--limit", "24"]);
        command.args(["--countries", "USA,China", "--scenarios", "border", "--pack-tokens", "512"]);
        command.arg("--roster").arg(&roster).arg("--run").arg(dir.path().join(name));
        with(&mut command, driver).env("EMU_CC", "80").env("TILTMETER_CUDA_KERNELS", "mma");
        command.envs(memory.map(|bytes| ("EMU_MEM", bytes.to_string())));
        command
    };
    // What the largest decoder takes, in megabytes: the fingerprint's is not much larger than the checkpoints'.
    let output = run("roomy", None).output().expect("starts");
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    let lines = text.lines().filter(|line| line.starts_with("memory: "));
    let taken = lines.map(|line| -> f64 {
        let parts = line.split(" MB").filter_map(|part| part.rsplit(' ').next()?.parse::<f64>().ok());
        parts.take(4).sum()
    });
    let taken = taken.fold(0.0, f64::max);
    // Whether there is room is asked while the first one's buffers are there.
    let asked = |events: &[&str], at: &Progress| {
        events[at.behind..].iter().any(|e| e.starts_with("ask for free memory"))
    };
    let (text, _) = held(dir.path(), &mut run("narrow", Some((taken * 1.02 * 1e6) as u64)), asked);
    assert!(text.contains("read ahead into the memory of the host only"), "{text}");
    assert!(export(dir.path(), "narrow", ".csv") == export(dir.path(), "roomy", ".csv"), "other tables");
}
