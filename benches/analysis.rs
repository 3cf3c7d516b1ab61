//! What a large study costs once it is scored: fourteen checkpoints, three languages, seven conditions, 5.2 million prompts.
//!
//!     cargo build --release
//!     cargo run --release --manifest-path benches/Cargo.toml --example analysis [PROGRAM] [CHECKPOINTS]
//!
//! Draws the scores by the program's own `stats::simulate`, keeps them as a run, lets PROGRAM (target/release/tiltmeter) export,
//! analyse and report it, and prints wall time and peak memory of each. Fails where one of those that have a bound passes it.
//! Takes 2 GB of the temporary folder and some minutes, most of them to write the run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use tiltmeter::scoring::ChoiceSet;
use tiltmeter::stats::simulate::{Design, preferences};
use tiltmeter::store::{CheckpointRecord, Progress, RunIdentity, RunStore, ScoreRow, SessionRecord};
use tiltmeter::study::{OptionOrder, Prompt, PromptQuery, Roles, StageForm, Study};

const LANGUAGES: [&str; 3] = ["en", "fr", "zh"];
const CONDITIONS: [&str; 7] =
    ["main", "hedge_off", "phrasing_alt1", "phrasing_alt2", "phrasing_alt3", "fewshot_off", "system_neutral"];
const HOMES: [&str; 7] = ["France", "USA", "USA", "China", "China", "China", "China"];
/// Seconds of wall time and megabytes of memory that `analyze` and `report` may take on two cores.
const BOUND: (f64, u64) = (10.0, 1000);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let program = PathBuf::from(arguments.next().unwrap_or_else(|| "target/release/tiltmeter".to_owned()));
    let checkpoints: usize = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(14);
    let program = program.canonicalize().expect("the program: cargo build --release, or name it");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path();
    std::fs::write(dir.join("settings.toml"), settings(checkpoints)).expect("written");
    let start = Instant::now();
    let prompts = write_run(&dir.join("run"), checkpoints);
    println!("{checkpoints} checkpoints, {prompts} prompts, drawn and kept in {:.0} s\n", start.elapsed().as_secs_f64());

    println!("| command | wall, s | processor, s | peak memory, MB |\n|---|--:|--:|--:|");
    let mut passed = true;
    let settings = ["--settings", "settings.toml"];
    for (line, bound) in [
        (&["export", "--run", "run", "--items", "items.csv"][..], false),
        (&["export", "--run", "run", "--items", "items.parquet"][..], false),
        (&["analyze", "--items", "items.csv"][..], true),
        (&["analyze", "--items", "items.parquet"][..], true),
        (&["analyze", "--items", "items.csv", "--analysis", "both", "--format", "json", "--output", "a.json"][..], true),
        (&["report", "--items", "items.csv", "--output", "items.html"][..], true),
        (&["analyze", "--run", "run"][..], true),
        (&["report", "--run", "run", "--output", "run.html"][..], true),
    ] {
        let mut arguments = line.to_vec();
        if line[0] != "export" {
            arguments.extend(settings);
        }
        let [wall, processor, memory] = measure(&program, dir, &arguments);
        println!("| `{}` | {wall:.1} | {processor:.1} | {memory:.0} |", line.join(" "));
        passed &= !bound || (wall < BOUND.0 && memory < BOUND.1 as f64);
    }
    let size = |name: &str| std::fs::metadata(dir.join(name)).map_or(0, |m| m.len()) as f64 / 1e6;
    println!(
        "\nrun {:.0} MB, items.csv {:.0} MB, items.parquet {:.0} MB, page {:.1} MB",
        size("run/run.sqlite"),
        size("items.csv"),
        size("items.parquet"),
        size("items.html")
    );
    if let Some(keep) = std::env::var_os("KEEP") {
        for name in ["items.html", "items.csv", "settings.toml"] {
            std::fs::copy(dir.join(name), Path::new(&keep).join(name)).expect("kept");
        }
    }
    assert!(passed, "more than {} s or {} MB", BOUND.0, BOUND.1);
}

fn stage(at: usize) -> (String, &'static str) {
    let stage = if at % 2 == 0 { "base" } else { "chat" };
    (format!("family{}-{stage}", at / 2 + 1), stage)
}

fn settings(checkpoints: usize) -> String {
    let mut text = "[analysis]\ntarget = 'China'\nbaseline_language = 'en'\n".to_owned();
    for family in 0..checkpoints.div_ceil(2) {
        let home = HOMES[family % HOMES.len()];
        text.push_str(&format!("[[family]]\nname = 'family{}'\nmaker_country = '{home}'\n", family + 1));
        for at in (2 * family..2 * family + 2).filter(|at| *at < checkpoints) {
            let (model, stage) = stage(at);
            text.push_str(&format!("{stage} = {{ model = '{model}' }}\n"));
        }
    }
    text
}

/// The study's own prompts; every language in every condition, whether or not the study translates it.
fn prompts(study: &Study, language: &str, condition: &str) -> Vec<Prompt> {
    let query = PromptQuery::new(language, "main", StageForm::Chat);
    let named = |mut prompt: Prompt| {
        prompt.condition = condition.to_owned();
        prompt
    };
    study.prompts(&query).expect("prompts").map(named).collect()
}

fn write_run(dir: &Path, checkpoints: usize) -> usize {
    let study = Study::open("default").expect("the study");
    let asked = prompts(&study, "en", "main");
    let mut scenarios: Vec<_> =
        asked.iter().map(|p| (p.scenario_type.as_str(), p.scenario.as_str())).collect();
    scenarios.sort_unstable();
    scenarios.dedup();
    let places: HashMap<&str, usize> = scenarios.iter().enumerate().map(|(at, (_, s))| (*s, at)).collect();
    let sizes = scenarios.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len).collect();
    let design = Design { sizes, ..Design::published() };
    let identity = RunIdentity {
        program: env!("CARGO_PKG_VERSION").into(),
        study_name: study.name().into(),
        study_version: study.version().into(),
        study_sha256: study.hash().into(),
        questions: vec![("justified".into(), 1), ("unjustified".into(), -1)],
    };
    let mut store = RunStore::open_or_create(dir, &identity).expect("a run");
    let mut count = 0;
    for at in 0..checkpoints {
        let (model, stage) = stage(at);
        let record = record(model, stage);
        let checkpoint = store.checkpoint(&record).expect("registered");
        let answers = store.answers(checkpoint, &ChoiceSet::Tokens(vec![vec![1], vec![2]])).expect("registered");
        let session = store.begin_session(checkpoint, &session()).expect("begun");
        for (l, language) in LANGUAGES.iter().enumerate() {
            for (c, condition) in CONDITIONS.iter().enumerate() {
                let prompts = prompts(&study, language, condition);
                let seed = (at * 100 + l * 10 + c) as u64;
                let drawn = preferences(&design, seed);
                let scale = if stage == "base" { 0.25 } else { 1.0 };
                let keys = store.keys(&prompts).expect("keys");
                let pairs = prompts.chunk_by(|a, b| a.pair == b.pair).enumerate();
                let log_odds = pairs.flat_map(|(pair, of)| {
                    let (drawn, places) = (&drawn, &places);
                    of.iter().map(move |prompt| {
                        let scenario = places[prompt.scenario.as_str()];
                        let sign = if prompt.question == "justified" { scale } else { -scale };
                        let lean = sign * drawn[pair * places.len() + scenario];
                        let role = if prompt.roles == Roles::Fwd { 1.5 } else { -1.5 } * (1.0 + (scenario % 3) as f64);
                        let side = if prompt.order == OptionOrder::First { 1.0 } else { -1.0 };
                        side * (lean + role) + 0.3
                    })
                });
                let log_odds: Vec<f64> = log_odds.collect();
                let logits = [vec![0.5f32], vec![-0.5f32]];
                let row = |(at, key): (usize, &_)| ScoreRow {
                    key: *key,
                    prompt_sha256: [0; 32],
                    n_tokens: 200,
                    answers,
                    logits: &logits,
                    logsumexp: 1.0,
                    logprobs: [-0.7, -0.7],
                    log_odds: log_odds[at],
                    compliance: 0.985,
                };
                for pack in keys.iter().enumerate().collect::<Vec<_>>().chunks(4096) {
                    let rows: Vec<ScoreRow<'_>> = pack.iter().map(|of| row(*of)).collect();
                    store.put(checkpoint, session, &rows, Progress::default()).expect("stored");
                }
                count += prompts.len();
            }
        }
        store.end_session(session, Progress::default()).expect("ended");
    }
    count
}

fn record(model: String, stage: &str) -> CheckpointRecord {
    CheckpointRecord {
        family: model.split('-').next().unwrap_or_default().to_owned(),
        stage: stage.to_owned(),
        form: if stage == "base" { StageForm::Base } else { StageForm::Chat },
        source: format!("checkpoints/{model}"),
        revision: None,
        config_sha256: "c".into(),
        weights_sha256: model.clone(),
        tokenizer_sha256: "t".into(),
        template_sha256: None,
        template_date: None,
        prefill: None,
        dtype: "bf16".into(),
        parameters: 7_000_000_000,
        backend: "drawn".into(),
        arithmetic: None,
        model,
    }
}

fn session() -> SessionRecord {
    SessionRecord {
        device: "drawn".into(),
        pack_tokens: 4096,
        sharing: true,
        prompts: 1,
        scored: Some(0),
        naive_tokens: 1,
        tree_tokens: 1,
        computed_tokens: 0,
        load_seconds: 0.0,
        compute_seconds: 0.0,
        complete: false,
    }
}

/// Wall and processor seconds, and the most memory that it held, in megabytes.
#[cfg(unix)]
fn measure(program: &Path, dir: &Path, arguments: &[&str]) -> [f64; 3] {
    use std::process::Stdio;
    let mut command = Command::new(program);
    command.current_dir(dir).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let child = command.spawn().expect("the program runs");
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: a child of this process, and two places of the types that the call fills.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, usage.as_mut_ptr()) };
    assert!(waited > 0 && status == 0, "{arguments:?} ended with {status}");
    // SAFETY: filled by the call, and all zeros is a value of it too.
    let usage = unsafe { usage.assume_init() };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    let kilobytes = if cfg!(target_os = "macos") { usage.ru_maxrss / 1024 } else { usage.ru_maxrss };
    [start.elapsed().as_secs_f64(), seconds(usage.ru_utime) + seconds(usage.ru_stime), kilobytes as f64 / 1000.0]
}

#[cfg(not(unix))]
fn measure(program: &Path, dir: &Path, arguments: &[&str]) -> [f64; 3] {
    let start = Instant::now();
    let status = Command::new(program).current_dir(dir).args(arguments).output().expect("the program runs").status;
    assert!(status.success(), "{arguments:?} ended with {status}");
    [start.elapsed().as_secs_f64(), f64::NAN, f64::NAN]
}
