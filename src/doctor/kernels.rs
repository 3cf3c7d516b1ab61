//! Whether this GPU computes right with a kernel set: found out once, in a process that may hang or die, and remembered.

use crate::backend::cache;
use crate::backend::cuda::{Cuda, CudaError, CudaOptions, Gpu, KernelSet, kernels_sha256, library};
use crate::decoder::DecoderError;
use crate::scoring::distance;
use std::io::{BufRead, BufReader};
use std::path::Path;
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
const ENDED: &str = "ended ";

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

/// No kernel set computes right on a GPU.
#[derive(Debug, thiserror::Error)]
#[error(
    "no kernels can be used on {gpu}, {driver}; the naive ones, which are the simplest, fail too: {why}; update the driver, \
     or compute with --backend wgpu or --backend cpu, and report it with what `tiltmeter doctor` says"
)]
pub struct Unfit {
    gpu: String,
    driver: String,
    why: String,
}

/// The fastest kernel set that computes right on `gpu`. A set that does not is `warn`ed of each time, and the next slower one is
/// taken; `say` is told of a check that begins.
///
/// # Errors
/// There is none. What all sets share, kernels of rows and of loading, may be what is wrong.
pub fn trusted(gpu: &Gpu, say: &dyn Fn(&str), warn: &dyn Fn(&str)) -> Result<KernelSet, Unfit> {
    let file = cache::file("kernels.json");
    let mut failed: Vec<(KernelSet, String)> = Vec::new();
    let fastest = KernelSet::fastest((gpu.major, gpu.minor));
    let warn_of = |failed: &[(KernelSet, String)], instead: &str| {
        for (set, why) in failed {
            warn(&format!(
                "warning: the {} kernels cannot be used on {}: {why}{instead}",
                set.name(),
                gpu.name
            ));
        }
    };
    for set in std::iter::successors(Some(fastest), |set| set.slower()) {
        let why = match verdict(gpu, set, file.as_deref(), say) {
            Verdict::Right => {
                warn_of(&failed, &format!(". The slower {} kernels compute instead", set.name()));
                return Ok(set);
            }
            // A GPU on which another set has failed has to prove this one.
            Verdict::Unknown(why) if failed.is_empty() => {
                warn(&format!("note: the {} kernels were not checked on {}: {why}", set.name(), gpu.name));
                return Ok(set);
            }
            Verdict::Unknown(why) => format!("they could not be checked, {why}"),
            Verdict::Wrong(why) => match &file {
                Some(file) => {
                    format!("{why} (remembered in {}; without that file it is checked again)", file.display())
                }
                None => why,
            },
            Verdict::Failed(why) => why,
        };
        failed.push((set, why));
    }
    let (_, why) = failed.pop().unwrap_or((KernelSet::Naive, String::new()));
    warn_of(&failed, "");
    Err(Unfit { gpu: gpu.title(), driver: gpu.driver_title(), why })
}

/// What is remembered of the set, else what a check finds, which is remembered if it is final.
fn verdict(gpu: &Gpu, set: KernelSet, file: Option<&Path>, say: &dyn Fn(&str)) -> Verdict {
    let key = key(gpu, set);
    match file.and_then(|file| cache::kept(file, &key)).as_deref() {
        Some(RIGHT) => return Verdict::Right,
        Some(why) => return Verdict::Wrong(why.to_owned()),
        None => {}
    }
    say(&format!("checking the {} kernels on {}, once for this GPU and driver", set.name(), gpu.name));
    let verdict = ask(gpu, set);
    let text = match &verdict {
        Verdict::Right => Some(RIGHT),
        Verdict::Wrong(why) => Some(why.as_str()),
        Verdict::Failed(_) | Verdict::Unknown(_) => None,
    };
    if let (Some(file), Some(text)) = (file, text) {
        cache::keep(file, &key, text);
    }
    verdict
}

/// What a verdict holds for: the GPU's model, its driver, and the kernels' text.
fn key(gpu: &Gpu, set: KernelSet) -> String {
    format!(
        "{} | {}, {} multiprocessors | {} {} | {}",
        set.name(),
        gpu.title(),
        gpu.sms,
        gpu.driver,
        library::module(),
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
                } else if let Some(why) = line.strip_prefix(ENDED) {
                    return Verdict::Failed(format!("their check ended {}: {why}", at()));
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let why = format!("their check hung {} for {} s", at(), limit.as_secs());
                // A GPU that is slow to open says nothing about kernels.
                return if kernel.is_some() { Verdict::Wrong(why) } else { Verdict::Failed(why) };
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
        Ok(()) => {}
        Err(error @ (CudaError::Wrong { .. } | CudaError::Module { .. })) => {
            return line(&format!("{WRONG}{error}"));
        }
        Err(error @ CudaError::OutOfMemory { .. }) => return line(&format!("{UNABLE}{error}")),
        // A kernel may have been what lost the GPU: it counts as one that failed this time.
        Err(error) => return line(&format!("{ENDED}{error}")),
    }
    line(&format!("{BEGINS}{DECODER}"));
    match distance(&cuda) {
        Ok(apart) if apart <= APART => line(RIGHT),
        Ok(apart) => {
            line(&format!("{WRONG}{DECODER} is {apart:.1e} off the processor, and {APART:.0e} is allowed"))
        }
        Err(DecoderError::Backend(error)) => line(&format!("{ENDED}{error}")),
        // Its weights and its values are finite.
        Err(DecoderError::NotFinite { place }) => {
            line(&format!("{WRONG}{DECODER} has values that are infinite or NaN in {place}"));
        }
        Err(error) => line(&format!("{WRONG}{DECODER} cannot be computed: {error}")),
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
        let ended = listen(&told(&["begins a", "ended the GPU is lost"]), soon);
        assert_eq!(ended, Verdict::Failed("their check ended at a: the GPU is lost".into()));
        let died = listen(&told(&["begins a"]), soon);
        assert!(matches!(&died, Verdict::Failed(why) if why.contains("died at a")), "{died:?}");
        let (sender, receiver) = channel();
        let slow = listen(&receiver, soon);
        assert!(matches!(&slow, Verdict::Failed(why) if why.contains("hung before")), "{slow:?}");
        sender.send("begins b".to_owned()).expect("sent");
        let hung = listen(&receiver, soon);
        assert!(matches!(&hung, Verdict::Wrong(why) if why.contains("hung at b")), "{hung:?}");
    }
}
