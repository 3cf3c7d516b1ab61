//! Whether this GPU computes right with a kernel set: found out once, in a process that may hang or die, and remembered.

use crate::backend::cache;
use crate::backend::cuda::{Cuda, CudaError, CudaOptions, Gpu, KernelSet, kernels_sha256};
use crate::scoring::distance;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Seconds that one kernel may take to be compiled, to run, and to be compared.
const SECONDS: u64 = 60;
/// Another number of seconds.
pub const VARIABLE: &str = "TILTMETER_CUDA_CHECK_SECONDS";
/// How long a process that was stopped may take to be gone. One that waits for a hung GPU may never be.
const GOING: Duration = Duration::from_secs(10);

/// What a checking process says, a line each.
const BEGINS: &str = "begins ";
const RIGHT: &str = "right";
const WRONG: &str = "wrong ";
const UNABLE: &str = "unable ";

/// What is computed last: it takes the row kernels and those that load weights too, which have no twins.
const DECODER: &str = "a small decoder";
/// What its logits may differ by.
const APART: f64 = 1e-4;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Right,
    /// Found for good: the set computes something else, hangs, or is refused by the driver.
    Wrong(String),
    /// This time it ended otherwise.
    Failed(String),
    /// There was no way to find out.
    Unknown(String),
}

/// The fastest kernel set that computes right on `gpu`. A set that does not is `warn`ed of each time, and the next slower one is
/// taken; `say` is told of a check that begins.
pub fn trusted(gpu: &Gpu, say: &dyn Fn(&str), warn: &dyn Fn(&str)) -> KernelSet {
    let mut set = KernelSet::fastest((gpu.major, gpu.minor));
    let file = cache::file("kernels.json");
    while let Some(slower) = set.slower() {
        let key = key(gpu, set);
        let known = file.as_ref().and_then(|file| cache::kept(file, &key));
        let verdict = match known.as_deref() {
            Some(RIGHT) => Verdict::Right,
            Some(why) => Verdict::Wrong(why.to_owned()),
            None => {
                say(&format!(
                    "checking the {} kernels on {}, once for this GPU and driver",
                    set.name(),
                    gpu.name
                ));
                let verdict = ask(gpu, set);
                let text = match &verdict {
                    Verdict::Right => Some(RIGHT),
                    Verdict::Wrong(why) => Some(why.as_str()),
                    Verdict::Failed(_) | Verdict::Unknown(_) => None,
                };
                if let (Some(file), Some(text)) = (&file, text) {
                    cache::keep(file, &key, text);
                }
                verdict
            }
        };
        let why = match verdict {
            Verdict::Right => return set,
            Verdict::Unknown(why) => {
                warn(&format!("note: the {} kernels were not checked on {}: {why}", set.name(), gpu.name));
                return set;
            }
            Verdict::Wrong(why) => match &file {
                Some(file) => {
                    format!("{why} (remembered in {}; without that file it is checked again)", file.display())
                }
                None => why,
            },
            Verdict::Failed(why) => why,
        };
        warn(&format!(
            "warning: the {} kernels cannot be used on {}: {why}. The slower {} kernels compute instead",
            set.name(),
            gpu.name,
            slower.name()
        ));
        set = slower;
    }
    set
}

/// What a verdict holds for: the GPU's model, its driver, and the kernels' text.
fn key(gpu: &Gpu, set: KernelSet) -> String {
    let driver = std::fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    let driver = driver.lines().next().unwrap_or_default();
    format!(
        "{} | {}, {} multiprocessors | {} {driver} | {}",
        set.name(),
        gpu.title(),
        gpu.sms,
        gpu.driver,
        kernels_sha256()
    )
}

/// Has this program check the set in a process of its own.
fn ask(gpu: &Gpu, set: KernelSet) -> Verdict {
    let ordinal = gpu.ordinal.to_string();
    let started = std::env::current_exe().and_then(|program| {
        Command::new(program)
            .args(["doctor", "--backend", "cuda", "--adapter", &ordinal, "--check-kernels", set.name()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    });
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Verdict::Unknown(format!("this program cannot be started again: {error}")),
    };
    let seconds = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let verdict = listen(&lines(&mut child), Duration::from_secs(seconds));
    stop(&mut child);
    verdict
}

/// What a process prints, line by line.
fn lines(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    receiver
}

fn listen(lines: &Receiver<String>, limit: Duration) -> Verdict {
    let mut kernel = None;
    loop {
        let at = || kernel.as_ref().map_or("before the first kernel".to_owned(), |name| format!("at {name}"));
        match lines.recv_timeout(limit) {
            Ok(line) if line == RIGHT => return Verdict::Right,
            Ok(line) => {
                if let Some(name) = line.strip_prefix(BEGINS) {
                    kernel = Some(name.to_owned());
                } else if let Some(why) = line.strip_prefix(WRONG) {
                    return Verdict::Wrong(why.to_owned());
                } else if let Some(why) = line.strip_prefix(UNABLE) {
                    return Verdict::Unknown(why.to_owned());
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                return Verdict::Wrong(format!("their check hung {} for {} s", at(), limit.as_secs()));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Verdict::Failed(format!("the process that checked them died {}", at()));
            }
        }
    }
}

/// A process that waits for a hung GPU may take its time, or stay; the work goes on either way.
fn stop(child: &mut Child) {
    // It may be gone by itself.
    let _ = child.kill();
    let start = Instant::now();
    while start.elapsed() < GOING && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The check itself, in the process that was started for it: tells `line` what the parent waits for.
pub fn check(gpu: &Gpu, set: KernelSet, line: &mut dyn FnMut(&str)) {
    let options = CudaOptions { kernels: Some(set), ..CudaOptions::default() };
    let cuda = match Cuda::open(gpu, &options) {
        Ok(cuda) => cuda,
        Err(error) => return line(&format!("{UNABLE}{error}")),
    };
    match cuda.check_kernels(&mut |name| line(&format!("{BEGINS}{name}"))) {
        Ok(()) => {
            line(&format!("{BEGINS}{DECODER}"));
            match distance(&cuda) {
                Ok(apart) if apart <= APART => line(RIGHT),
                Ok(apart) => line(&format!(
                    "{WRONG}{DECODER} is {apart:.1e} off the processor, and {APART:.0e} is allowed"
                )),
                Err(_) => {}
            }
        }
        Err(error @ (CudaError::Wrong { .. } | CudaError::Module { .. })) => line(&format!("{WRONG}{error}")),
        Err(error @ CudaError::OutOfMemory { .. }) => line(&format!("{UNABLE}{error}")),
        // A kernel may have been what lost the GPU: without a last word it counts as one that failed this time.
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(list: &[&str]) -> Receiver<String> {
        let (sender, receiver) = channel();
        for line in list {
            sender.send((*line).to_owned()).expect("sent");
        }
        receiver
    }

    #[test]
    fn a_verdict_is_the_last_word_and_a_hang_or_a_death_names_its_kernel() {
        let soon = Duration::from_millis(20);
        assert_eq!(listen(&told(&["begins a", "begins b", "right"]), soon), Verdict::Right);
        assert_eq!(listen(&told(&["begins a", "wrong a is off"]), soon), Verdict::Wrong("a is off".into()));
        assert_eq!(listen(&told(&["unable no memory"]), soon), Verdict::Unknown("no memory".into()));
        let died = listen(&told(&["begins a"]), soon);
        assert!(matches!(&died, Verdict::Failed(why) if why.contains("died at a")), "{died:?}");
        let (sender, receiver) = channel();
        sender.send("begins b".to_owned()).expect("sent");
        let hung = listen(&receiver, soon);
        assert!(matches!(&hung, Verdict::Wrong(why) if why.contains("hung at b")), "{hung:?}");
    }
}
