//! The tests' own harness. It is the standard one but for this: a test that finds at run time what it needs missing counts as
//! ignored, in the summary line too, and its line says what is missing.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// A test, registered by `#[apply(test!)]`.
pub struct Test {
    pub module: &'static str,
    pub name: &'static str,
    pub run: fn(),
}

inventory::collect!(Test);

/// `#[apply(test!)]` on a function makes it a test. (`#[test]` is for the standard harness; here nobody would run it.)
macro_rules! test {
    ($(#[$attribute:meta])* fn $name:ident() $body:block) => {
        $(#[$attribute])*
        fn $name() $body

        inventory::submit! {
            crate::common::harness::Test { module: module_path!(), name: stringify!($name), run: $name }
        }
    };
}

/// Why a test ends that cannot run here.
struct Skip(String);

thread_local! {
    /// What the parts of this thread's test lack that were passed over.
    static LACKS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// Whether this thread runs a test, whose panic is told with its failure.
    static TESTING: Cell<bool> = const { Cell::new(false) };
    /// Where this thread's test panicked, and the way there if it was asked for.
    static PLACE: RefCell<[String; 2]> = const { RefCell::new([String::new(), String::new()]) };
}

/// Ends this test as ignored: it cannot run here.
pub fn skip(why: impl Display) -> ! {
    resume_unwind(Box::new(Skip(why.to_string())))
}

/// Goes on without a part of this test, which counts as ignored if nothing fails.
pub fn skip_part(why: impl Display) {
    LACKS.with_borrow_mut(|lacks| {
        let why = why.to_string();
        if !lacks.contains(&why) {
            lacks.push(why);
        }
    });
}

/// Says something that only `--nocapture` shows.
pub fn say(text: impl Display) {
    if std::env::args().any(|argument| argument == "--nocapture") {
        println!("{text}");
    }
}

/// Whoever started the tests in the background may have had signals ignored, which the programs that they start would inherit.
fn heed_signals() {
    #[cfg(unix)]
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the default action is valid for every signal.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Runs the tests of this binary that are `wanted`, by name, and that the command line asks for.
pub fn run(wanted: impl Fn(&str) -> bool) -> ExitCode {
    heed_signals();
    let mut arguments = Arguments::from_args();
    let threads = std::env::var("RUST_TEST_THREADS").ok().and_then(|threads| threads.parse().ok());
    arguments.test_threads = arguments.test_threads.or(threads);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match TESTING.get() {
        true => PLACE.set(place(panic)),
        false => before(panic),
    }));
    let mut trials: Vec<Trial> = inventory::iter::<Test>
        .into_iter()
        .map(|test| (name(test), test.run))
        .filter(|(name, _)| wanted(name))
        .map(|(name, run)| Trial::ignorable_test(name, move || outcome(run)))
        .collect();
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Without the binary's name, as the standard harness has it.
fn name(test: &Test) -> String {
    match test.module.split_once("::") {
        Some((_, module)) => format!("{module}::{}", test.name),
        None => test.name.to_owned(),
    }
}

fn place(panic: &PanicHookInfo) -> [String; 2] {
    let at = panic.location().map_or_else(String::new, |location| format!(" at {location}"));
    let trace = Backtrace::capture();
    let trace = match trace.status() {
        BacktraceStatus::Captured => format!("\n{trace}"),
        _ => String::new(),
    };
    [at, trace]
}

fn outcome(run: fn()) -> Result<Completion, Failed> {
    LACKS.take();
    TESTING.set(true);
    let ended = catch_unwind(AssertUnwindSafe(run));
    TESTING.set(false);
    let payload = match ended {
        Ok(()) => return Ok(completion(LACKS.take())),
        Err(payload) => payload,
    };
    match payload.downcast::<Skip>() {
        Ok(skip) => Ok(Completion::ignored_with(skip.0)),
        Err(payload) => {
            let [at, trace] = PLACE.take();
            Err(format!("panicked{at}:\n{}{trace}", message(&*payload)).into())
        }
    }
}

fn completion(lacks: Vec<String>) -> Completion {
    match lacks.is_empty() {
        true => Completion::Completed,
        false => Completion::ignored_with(format!("in part: {}", lacks.join("; "))),
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("(no message)")
}
