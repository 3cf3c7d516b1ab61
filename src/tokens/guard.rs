//! Fences around code that runs on what a stranger's file says: panics become errors (`plain::catch`),
//! deep recursion gets a deep stack, and nobody waits for ever.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::plain::catch;

/// Address space, not memory: pages are only taken once the stack grows into them.
const DEEP_STACK: usize = 256 << 20;

/// Processor time: a thousand times what the slowest honest file takes.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where the system does not say what a thread has used, and where it never runs: time on the clock.
const WALL_PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// How often a thread that takes long is asked what it has used.
const LOOK: Duration = Duration::from_millis(500);

/// Why guarded work came to nothing.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub reason: String,
    pub too_slow: bool,
}

impl From<String> for Stopped {
    fn from(reason: String) -> Self {
        Self { reason, too_slow: false }
    }
}

/// Runs `work` on a thread of its own, with a stack that holds any recursion which the size limits on our inputs allow,
/// and hands `each` of its results on as it comes.
///
/// A panic inside it, a thread that cannot be started, and a result that takes longer than [`PATIENCE`] come back as an
/// error. In the last case the thread is left to itself: nothing can stop it but the end of the process, which is
/// what the caller's error leads to.
pub(crate) fn stream<T: Send + 'static>(
    count: usize,
    work: impl FnOnce(&mut dyn FnMut(T)) + Send + 'static,
    mut each: impl FnMut(T),
) -> Result<(), Stopped> {
    let (sender, results) = mpsc::channel();
    let (said_clock, clock) = mpsc::channel();
    thread::Builder::new()
        .stack_size(DEEP_STACK)
        .spawn(move || {
            drop(said_clock.send(Clock::of_this_thread()));
            let panicked = catch(|| {
                // Nobody listens any more: so be it.
                work(&mut |result| drop(sender.send(Ok(result))));
            });
            if let Err(message) = panicked {
                drop(sender.send(Err(message)));
            }
        })
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    let clock = clock.recv().ok().flatten();
    for _ in 0..count {
        match wait(&results, clock.as_ref())? {
            Ok(result) => each(result),
            Err(message) => return Err(message.into()),
        }
    }
    Ok(())
}

/// The next result, unless it takes too long.
fn wait<T>(results: &Receiver<T>, clock: Option<&Clock>) -> Result<T, Stopped> {
    let begun = Instant::now();
    let used = || clock.and_then(Clock::used);
    let mut before = None;
    loop {
        match results.recv_timeout(LOOK) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Disconnected) => return Err("it ended too early".to_owned().into()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        // Taken at the first look: a short result should cost nothing.
        let now = used();
        before = before.or(now);
        if is_over(now.zip(before).map(|(now, before)| now.saturating_sub(before)), begun.elapsed()) {
            let reason = format!("not done after {} seconds of computing", PATIENCE.as_secs());
            return Err(Stopped { reason, too_slow: true });
        }
    }
}

/// Whether to wait no longer for a thread that has computed so long, where that is known, since the first look.
fn is_over(computed: Option<Duration>, waited: Duration) -> bool {
    waited >= LONGEST_WAIT
        || match computed {
            Some(computed) => computed >= PATIENCE,
            None => waited >= WALL_PATIENCE,
        }
}

/// Where the system says how long a thread has computed.
struct Clock(PathBuf);

impl Clock {
    /// `None` where there is no such place.
    fn of_this_thread() -> Option<Self> {
        let thread = std::fs::read_link("/proc/thread-self").ok()?;
        let clock = Self(PathBuf::from("/proc").join(thread).join("stat"));
        clock.used().is_some().then_some(clock)
    }

    fn used(&self) -> Option<Duration> {
        Self::said(&std::fs::read_to_string(&self.0).ok()?)
    }

    fn said(stat: &str) -> Option<Duration> {
        /// Of Linux, on every processor that this program runs on.
        const TICKS_PER_SECOND: u64 = 100;
        // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field behind it.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        let ticks = ticks()? + ticks()?;
        Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }
}

/// [`stream`] for a single result.
pub(crate) fn on_deep_stack<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Stopped> {
    let mut outcome = Err("it ended too early".to_owned().into());
    stream(1, |done| done(work()), |result| outcome = Ok(result))?;
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    /// Where the system says it: see [`Clock::of_this_thread`].
    #[test]
    fn time_of_a_thread_goes_on() {
        let Some(clock) = Clock::of_this_thread() else {
            if cfg!(target_os = "linux") {
                panic!("Linux says it");
            }
            return;
        };
        let begun = clock.used();
        let works = |_| (0..1_000_000u32).map(black_box).fold(0, u32::wrapping_add);
        assert!((0..2000).map(works).map(black_box).any(|_| clock.used() > begun));
    }

    /// proc(5): utime and stime are the fields 14 and 15, in hundredths of a second.
    #[test]
    fn time_is_that_of_user_and_system() {
        let stat = "7 (a) b (c) R 4 5 6 7 8 9 10 11 12 13 140 15 16 17";
        assert_eq!(Clock::said(stat), Some(Duration::from_millis(1550)));
        assert_eq!(Clock::said("7 (a) R 4 5"), None);
    }

    #[test]
    fn patience_ends_with_time_computed_or_where_that_is_not_known_with_time_waited() {
        let (tick, minute) = (Duration::from_millis(10), Duration::from_secs(60));
        assert!(!is_over(Some(Duration::ZERO), minute) && !is_over(Some(PATIENCE - tick), minute));
        assert!(is_over(Some(PATIENCE), PATIENCE) && is_over(Some(Duration::ZERO), LONGEST_WAIT));
        assert!(!is_over(None, WALL_PATIENCE - tick) && is_over(None, WALL_PATIENCE));
        assert!(!is_over(Some(tick), LONGEST_WAIT - tick));
    }

    #[test]
    fn who_waits_without_computing_is_waited_for() {
        let slept = on_deep_stack(|| thread::sleep(LOOK * 3 / 2));
        assert!(slept.is_ok(), "{slept:?}");
    }

    #[test]
    fn results_come_in_order_and_a_panic_is_an_error() {
        let mut results = Vec::new();
        let count = |done: &mut dyn FnMut(i32)| (0..3).for_each(done);
        stream(3, count, |result| results.push(result)).unwrap();
        assert_eq!(results, [0, 1, 2]);
        let early = stream(4, count, |_| {}).unwrap_err();
        assert!(early.reason.contains("ended too early") && !early.too_slow, "{}", early.reason);
        let panicked = on_deep_stack(|| -> i32 { panic!("so it is") }).unwrap_err();
        assert!(panicked.reason.contains("so it is") && !panicked.too_slow, "{}", panicked.reason);
    }
}
