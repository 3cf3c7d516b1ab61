//! Faults on demand: what no test can ask of a sound driver.
//!
//! `TILTMETER_TEST_FAULT=allocation:N` makes the Nth buffer and all after it fail as if memory were short, `lost:N` loses
//! the device just before the Nth submit (both counted from 1), and `hung` waits for no submit at all, so that the first
//! one that is waited for counts as hung. Nothing else reads the variable.

use super::device::Device;
use super::error::WgpuError;
use super::memory::Allocate;
use super::options::WgpuOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Names the fault.
pub const VARIABLE: &str = "TILTMETER_TEST_FAULT";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Allocation(u64),
    Lost(u64),
    Hung,
}

/// Puts the fault that the environment asks for, if any, into `options`.
///
/// # Errors
/// The sentence to print if it asks for something that is not known.
pub fn from_env(options: &mut WgpuOptions) -> Result<(), String> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(()) };
    match parse(&text) {
        Some(Fault::Allocation(nth)) => {
            let inner = options.memory.clone();
            options.memory = Arc::new(Full { inner, nth, count: AtomicU64::new(0) });
        }
        Some(Fault::Lost(nth)) => {
            let count = AtomicU64::new(0);
            options.before_submit = Some(Arc::new(move |device| {
                if next(&count) == nth {
                    device.destroy();
                }
            }));
        }
        Some(Fault::Hung) => options.submit_timeout = Duration::ZERO,
        None => return Err(format!("{VARIABLE} is `{text}`, expected allocation:N, lost:N or hung")),
    }
    Ok(())
}

fn parse(text: &str) -> Option<Fault> {
    if text == "hung" {
        return Some(Fault::Hung);
    }
    let (kind, nth) = text.split_once(':')?;
    let nth: u64 = nth.parse().ok().filter(|n| *n > 0)?;
    match kind {
        "allocation" => Some(Fault::Allocation(nth)),
        "lost" => Some(Fault::Lost(nth)),
        _ => None,
    }
}

/// Counts from 1.
fn next(count: &AtomicU64) -> u64 {
    count.fetch_add(1, Ordering::Relaxed) + 1
}

/// A device that is full from the nth buffer on.
struct Full {
    inner: Arc<dyn Allocate>,
    nth: u64,
    count: AtomicU64,
}

impl Allocate for Full {
    fn allocate(
        &self,
        device: &Device,
        what: &str,
        size: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer, WgpuError> {
        if next(&self.count) >= self.nth {
            return Err(WgpuError::OutOfMemory { what: what.to_owned(), mib: size.div_ceil(1 << 20) });
        }
        self.inner.allocate(device, what, size, usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_known_or_it_is_none() {
        assert_eq!(parse("allocation:2"), Some(Fault::Allocation(2)));
        assert_eq!(parse("lost:10"), Some(Fault::Lost(10)));
        assert_eq!(parse("hung"), Some(Fault::Hung));
        for text in ["", "lost", "lost:0", "lost:-1", "lost:x", "hung:1", "melted:1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
