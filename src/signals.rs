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

#[cfg(unix)]
mod unix {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::ptr;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::SeqCst};

    use libc::{c_char, c_int, c_void, sigaction, siginfo_t};

    /// Signals that ask a process to end.
    const ENDING: [c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

    const STOPPING: &str =
        "\nending as soon as what is being computed is stored; once more, and it ends at once\n";

    const BUS: &str = "\nerror: a file that was being read, the weights of a checkpoint most likely, was cut short, or its disk \
        failed: what a run held is kept; begin again when the file is whole\n";

    /// The signal that came, or 0.
    static NOTED: AtomicI32 = AtomicI32::new(0);
    static GRACEFUL: AtomicBool = AtomicBool::new(false);
    /// Paths of unfinished files; more at a time are not written.
    static UNFINISHED: [AtomicPtr<c_char>; 8] = [const { AtomicPtr::new(ptr::null_mut()) }; 8];
    /// The runtime's own handler, which tells a stack that is too deep.
    static BUS_BEFORE: OnceLock<sigaction> = OnceLock::new();

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
        let path = CString::new(path.as_os_str().as_bytes()).ok()?.into_raw();
        let free =
            |slot: &AtomicPtr<c_char>| slot.compare_exchange(ptr::null_mut(), path, SeqCst, SeqCst).is_ok();
        let found = UNFINISHED.iter().position(free);
        if found.is_none() {
            // SAFETY: it came from `into_raw` above and nobody else has it.
            drop(unsafe { CString::from_raw(path) });
        }
        found
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
    fn tell(sentence: &str) {
        // SAFETY: the bytes are there.
        unsafe { libc::write(libc::STDERR_FILENO, sentence.as_ptr().cast(), sentence.len()) };
    }

    extern "C" fn on_end(signal: c_int) {
        if GRACEFUL.load(SeqCst) && NOTED.compare_exchange(0, signal, SeqCst, SeqCst).is_ok() {
            return tell(STOPPING);
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
        // SAFETY: the system hands a valid `info`.
        let code = unsafe { (*info).si_code };
        // From Linux, and the same elsewhere: no such address, an error of the object behind it.
        const OF_A_FILE: [c_int; 2] = [2, 3];
        if OF_A_FILE.contains(&code) {
            remove_unfinished();
            tell(BUS);
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
