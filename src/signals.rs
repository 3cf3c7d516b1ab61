//! What the system says to the process: end, a file's end that moved, a file that may not grow.
//!
//! Handlers do nothing but what is safe in one: they set numbers, write fixed sentences and remove unfinished files.

use std::path::Path;

/// Installs the handlers, once, before anything is opened.
pub(crate) fn install() {
    #[cfg(unix)]
    unix::install();
}

/// While it lives, a first signal to end (Ctrl-C, say) is only noted, for the work to end where nothing is lost; a second
/// one ends the process at once.
#[derive(Debug)]
pub(crate) struct Graceful(());

impl Graceful {
    pub fn begin() -> Graceful {
        #[cfg(unix)]
        unix::graceful(true);
        Graceful(())
    }

    /// The exit code that belongs to the signal that came, 128 and its number.
    pub fn stopped(&self) -> Option<u8> {
        #[cfg(unix)]
        return unix::noted();
        #[cfg(not(unix))]
        None
    }
}

impl Drop for Graceful {
    fn drop(&mut self) {
        #[cfg(unix)]
        unix::graceful(false);
    }
}

/// A file that is to be removed if a signal ends the process while this lives.
#[derive(Debug)]
pub(crate) struct Unfinished {
    #[cfg(unix)]
    slot: Option<usize>,
}

impl Unfinished {
    pub fn at(path: &Path) -> Unfinished {
        #[cfg(not(unix))]
        let _ = path;
        Unfinished {
            #[cfg(unix)]
            slot: unix::note_unfinished(path),
        }
    }
}

#[cfg(unix)]
impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            unix::forget_unfinished(slot);
        }
    }
}

/// Bytes of a file that are mapped while this lives: where they cannot be read, the sentence names the file.
#[derive(Debug)]
pub(crate) struct Mapped {
    #[cfg(unix)]
    slot: Option<usize>,
}

impl Mapped {
    pub fn at(path: &Path, bytes: &[u8]) -> Mapped {
        #[cfg(not(unix))]
        let _ = (path, bytes);
        Mapped {
            #[cfg(unix)]
            slot: unix::note_mapped(path, bytes),
        }
    }
}

#[cfg(unix)]
impl Drop for Mapped {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            unix::forget_mapped(slot);
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::ffi::{CStr, CString};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::ptr;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering::SeqCst};

    use libc::{c_char, c_int, c_void, sigaction, siginfo_t};

    /// Signals that ask a process to end.
    const ENDING: [c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

    const STOPPING: &str =
        "\nending as soon as what is being computed is stored; once more, and it ends at once\n";

    const A_FILE: &str = "a file that was being read, the weights of a checkpoint most likely,";
    const CUT_SHORT: &str =
        " was cut short, or its disk failed: what a run held is kept; begin again when the file is whole\n";

    /// The signal that came, or 0.
    static NOTED: AtomicI32 = AtomicI32::new(0);
    static GRACEFUL: AtomicBool = AtomicBool::new(false);
    /// Paths of unfinished files; more at a time are not written.
    static UNFINISHED: [AtomicPtr<c_char>; 8] = [const { AtomicPtr::new(ptr::null_mut()) }; 8];
    /// Mapped files; of more at a time the sentence does not say which it was.
    static MAPPED: [Range; 512] = [const { Range::none() }; 512];
    /// The runtime's own handler, which tells a stack that is too deep.
    static BUS_BEFORE: OnceLock<sigaction> = OnceLock::new();

    /// Addresses, and what is there: free where there is no name, not to be looked at yet where there is no length.
    struct Range {
        start: AtomicUsize,
        length: AtomicUsize,
        name: AtomicPtr<c_char>,
    }

    impl Range {
        const fn none() -> Range {
            Range {
                start: AtomicUsize::new(0),
                length: AtomicUsize::new(0),
                name: AtomicPtr::new(ptr::null_mut()),
            }
        }

        fn holds(&self, address: usize) -> bool {
            // Whole pages: the last one of a file may be read beyond its end.
            const PAGE: usize = 1 << 16;
            let length = self.length.load(SeqCst);
            length > 0 && address.wrapping_sub(self.start.load(SeqCst)) < length.next_multiple_of(PAGE)
        }
    }

    pub fn install() {
        // SAFETY: the actions are complete, and the handlers do nothing that is not allowed in one.
        unsafe {
            // A write beyond the limit on file sizes then fails with an error instead of ending the process.
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            for signal in ENDING {
                // Whoever started us may want it ignored (`nohup`, a shell's background).
                let mut before: sigaction = std::mem::zeroed();
                libc::sigaction(signal, ptr::null(), &mut before);
                if before.sa_sigaction != libc::SIG_IGN {
                    set(signal, on_end as extern "C" fn(c_int) as usize, libc::SA_RESTART);
                }
            }
            let mut before: sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGBUS, ptr::null(), &mut before);
            let _ = BUS_BEFORE.set(before);
            let handler = on_bus as extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
            set(libc::SIGBUS, handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
        }
    }

    /// # Safety
    /// `handler` is of the kind that `flags` say, or `SIG_DFL`.
    unsafe fn set(signal: c_int, handler: usize, flags: c_int) {
        // SAFETY: zero is a valid mask and a valid flag; the rest is set here.
        unsafe {
            let mut action: sigaction = std::mem::zeroed();
            action.sa_sigaction = handler;
            action.sa_flags = flags;
            libc::sigemptyset(&mut action.sa_mask);
            libc::sigaction(signal, &action, ptr::null_mut());
        }
    }

    pub fn graceful(on: bool) {
        GRACEFUL.store(on, SeqCst);
    }

    pub fn noted() -> Option<u8> {
        match NOTED.load(SeqCst) {
            0 => None,
            signal => u8::try_from(128 + signal).ok(),
        }
    }

    pub fn note_unfinished(path: &Path) -> Option<usize> {
        put(path.as_os_str().as_bytes(), UNFINISHED.iter())
    }

    /// Puts a text into the first free slot, if there is one; its number.
    fn put<'a>(text: &[u8], mut slots: impl Iterator<Item = &'a AtomicPtr<c_char>>) -> Option<usize> {
        let text = CString::new(text).ok()?.into_raw();
        let free =
            |slot: &AtomicPtr<c_char>| slot.compare_exchange(ptr::null_mut(), text, SeqCst, SeqCst).is_ok();
        let found = slots.position(free);
        if found.is_none() {
            // SAFETY: it came from `into_raw` above and nobody else has it.
            drop(unsafe { CString::from_raw(text) });
        }
        found
    }

    pub fn note_mapped(path: &Path, bytes: &[u8]) -> Option<usize> {
        // Signs that steer a terminal are not sent to one.
        let name = path.display().to_string().replace(char::is_control, "\u{fffd}");
        let slot = put(name.as_bytes(), MAPPED.iter().map(|range| &range.name))?;
        MAPPED[slot].start.store(bytes.as_ptr() as usize, SeqCst);
        MAPPED[slot].length.store(bytes.len(), SeqCst);
        Some(slot)
    }

    pub fn forget_mapped(slot: usize) {
        MAPPED[slot].length.store(0, SeqCst);
        let name = MAPPED[slot].name.swap(ptr::null_mut(), SeqCst);
        // SAFETY: it came from `into_raw`. A handler reads it only where its bytes cannot be read, and nobody reads them any more.
        drop(unsafe { CString::from_raw(name) });
    }

    pub fn forget_unfinished(slot: usize) {
        // The text stays: a handler may just be reading it. A few bytes a file that is written.
        UNFINISHED[slot].store(ptr::null_mut(), SeqCst);
    }

    /// In a handler: `unlink` is allowed.
    fn remove_unfinished() {
        for slot in &UNFINISHED {
            let path = slot.load(SeqCst);
            if !path.is_null() {
                // SAFETY: a text with its end, which is never given back once it was in a slot.
                unsafe { libc::unlink(path) };
            }
        }
    }

    /// In a handler: `write` is allowed.
    fn tell(sentence: &[u8]) {
        // SAFETY: the bytes are there.
        unsafe { libc::write(libc::STDERR_FILENO, sentence.as_ptr().cast(), sentence.len()) };
    }

    /// In a handler: tells which file could not be read at an address.
    fn tell_unreadable(address: usize) {
        tell(b"\nerror: ");
        match MAPPED.iter().find(|range| range.holds(address)) {
            // SAFETY: a text with its end, which lives as long as the bytes that are just being read.
            Some(range) => tell(unsafe { CStr::from_ptr(range.name.load(SeqCst)) }.to_bytes()),
            None => tell(A_FILE.as_bytes()),
        }
        tell(CUT_SHORT.as_bytes());
    }

    extern "C" fn on_end(signal: c_int) {
        if GRACEFUL.load(SeqCst) && NOTED.compare_exchange(0, signal, SeqCst, SeqCst).is_ok() {
            return tell(STOPPING.as_bytes());
        }
        if NOTED.load(SeqCst) != 0 {
            remove_unfinished();
            // SAFETY: ends the process without anything else being run.
            unsafe { libc::_exit(128 + signal) }
        }
        remove_unfinished();
        die_of(signal);
    }

    extern "C" fn on_bus(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the system hands a valid `info`, and an address with this signal.
        let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
        // From Linux, and the same elsewhere: no such address, an error of the object behind it.
        const OF_A_FILE: [c_int; 2] = [2, 3];
        if OF_A_FILE.contains(&code) {
            remove_unfinished();
            tell_unreadable(address);
            // SAFETY: as above.
            unsafe { libc::_exit(1) }
        }
        let before = BUS_BEFORE.get().filter(|before| before.sa_flags & libc::SA_SIGINFO != 0);
        match before.map(|before| before.sa_sigaction) {
            Some(handler) if handler != libc::SIG_DFL && handler != libc::SIG_IGN => {
                // SAFETY: it was installed with SA_SIGINFO, so it takes these three.
                let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                    unsafe { std::mem::transmute(handler) };
                handler(signal, info, context);
            }
            _ => die_of(signal),
        }
    }

    /// Ends the process as it would have ended without us, once the handler has returned.
    fn die_of(signal: c_int) {
        // SAFETY: the default action is valid for every signal here.
        unsafe {
            set(signal, libc::SIG_DFL, 0);
            libc::raise(signal);
        }
    }
}
