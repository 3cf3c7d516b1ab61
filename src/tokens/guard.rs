//! Fences around code that runs on what a stranger's file says: panics become errors,
//! deep recursion gets a deep stack, and nobody waits for ever.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Address space, not memory: pages are only taken once the stack grows into them.
const DEEP_STACK: usize = 256 << 20;

/// A thousand times what the slowest honest file takes.
const PATIENCE: Duration = Duration::from_secs(10);

thread_local! {
    static QUIET: Cell<u32> = const { Cell::new(0) };
}

/// Runs `work`; a panic inside it comes back as its message instead of being printed and passed on.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    silence_caught_panics();
    QUIET.set(QUIET.get() + 1);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(QUIET.get() - 1);
    outcome.map_err(|payload| panic_message(payload.as_ref()))
}

/// Runs `work` on a thread of its own, with a stack that holds any recursion which the size limits on our inputs allow,
/// and hands `each` of its results on as it comes.
///
/// A panic inside it, a thread that cannot be started, and a result that takes longer than [`PATIENCE`] come back as a
/// message. In the last case the thread is left to itself: nothing can stop it but the end of the process, which is
/// what the caller's error leads to.
pub(crate) fn stream<T: Send + 'static>(
    count: usize,
    work: impl FnOnce(&mut dyn FnMut(T)) + Send + 'static,
    mut each: impl FnMut(T),
) -> Result<(), String> {
    let (sender, results) = mpsc::channel();
    thread::Builder::new()
        .stack_size(DEEP_STACK)
        .spawn(move || {
            let panicked = catch(|| {
                // Nobody listens any more: so be it.
                work(&mut |result| drop(sender.send(Ok(result))));
            });
            if let Err(message) = panicked {
                drop(sender.send(Err(message)));
            }
        })
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    for _ in 0..count {
        match results.recv_timeout(PATIENCE) {
            Ok(Ok(result)) => each(result),
            Ok(Err(message)) => return Err(message),
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("not done after {} seconds", PATIENCE.as_secs()));
            }
            Err(RecvTimeoutError::Disconnected) => return Err("it ended too early".to_owned()),
        }
    }
    Ok(())
}

/// [`stream`] for a single result.
pub(crate) fn on_deep_stack<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let mut outcome = Err("it ended too early".to_owned());
    stream(1, |done| done(work()), |result| outcome = Ok(result))?;
    outcome
}

/// Keeps the process's panic hook for every panic but those that [`catch`] turns into errors.
fn silence_caught_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.get() == 0 {
                previous(info);
            }
        }));
    });
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}
