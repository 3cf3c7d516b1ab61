//! Which mutant is on, by `TILTMETER_MUTANT`; where `TILTMETER_REACHED` names a file, the byte of every mutant that a process
//! comes to is set in it. tests/mutants/mutants.py puts this file into a copy of the sources.

use std::fs::OpenOptions;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use memmap2::MmapRaw;

const UNKNOWN: u32 = u32::MAX;
const RECORDING: u32 = u32::MAX - 1;

static WHICH: AtomicU32 = AtomicU32::new(UNKNOWN);
static REACHED: OnceLock<MmapRaw> = OnceLock::new();

pub fn on(mutant: u32) -> bool {
    let which = WHICH.load(Relaxed);
    if which < RECORDING { which == mutant } else { unusual(mutant) }
}

#[cold]
fn unusual(mutant: u32) -> bool {
    if WHICH.load(Relaxed) == UNKNOWN {
        let file = std::env::var_os("TILTMETER_REACHED")
            .and_then(|path| OpenOptions::new().read(true).write(true).open(path).ok());
        if let Some(map) = file.and_then(|file| MmapRaw::map_raw(&file).ok()) {
            let _ = REACHED.set(map);
        }
        let named = std::env::var("TILTMETER_MUTANT").ok().and_then(|number| number.parse().ok());
        WHICH.store(if REACHED.get().is_some() { RECORDING } else { named.unwrap_or(0) }, Relaxed);
        return on(mutant);
    }
    if let Some(map) = REACHED.get().filter(|map| (mutant as usize) < map.len()) {
        // SAFETY: within the map; a byte that is only ever set to one.
        unsafe { map.as_mut_ptr().add(mutant as usize).write_volatile(1) };
    }
    false
}
