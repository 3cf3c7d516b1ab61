//! What reading an input may take: twice its size and 100 MB of memory, and processor time that grows with its size.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes on top of twice the input.
const MEMORY: usize = 100 << 20;
/// Seconds of processor time for a small input, in this build, with its counters and checks; and for each kilobyte.
const SECONDS: f64 = 4.0;
const SECONDS_PER_KB: f64 = 0.02;
/// Bytes of what is said of an input, on top of its size.
const SENTENCE: usize = 1 << 14;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(usize::MAX);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn taken(bytes: usize) {
    if LIVE.fetch_add(bytes, Relaxed).saturating_add(bytes) > MOST.load(Relaxed) {
        MOST.store(usize::MAX, Relaxed);
        eprintln!("bound: more memory than twice the input and 100 MB ({bytes} bytes asked for at once)");
        std::process::abort();
    }
}

// SAFETY: everything is the system allocator's; only sizes are counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        taken(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Runs `read` of an input of `size` bytes, and ends the program where it takes more than it may.
pub fn hold<T>(size: usize, read: impl FnOnce() -> T) -> T {
    MOST.store(LIVE.load(Relaxed) + 2 * size + MEMORY, Relaxed);
    let begun = processor_seconds();
    let outcome = read();
    let took = processor_seconds() - begun;
    MOST.store(usize::MAX, Relaxed);
    let most = SECONDS + SECONDS_PER_KB * size as f64 / 1024.0;
    assert!(took <= most, "bound: {took:.1} seconds of computing for {size} bytes, more than {most:.1}");
    outcome
}

/// What is wrong is told in a text of a size that a person reads.
pub fn check_sentence(said: &str, size: usize) {
    assert!(!said.trim().is_empty(), "bound: nothing is said of what is wrong");
    assert!(said.len() <= SENTENCE + size, "bound: {} bytes are said of an input of {size}", said.len());
}

/// Of all threads.
pub fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
