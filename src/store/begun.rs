//! A file while it is being written: where the system can, under no name, so that nothing of it stays however the process ends.
//! What stayed of one that had a name is removed by the next one in its folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::left;
use crate::signals::Unfinished;

/// Beside its target, and not yet in its place.
#[derive(Debug)]
pub(super) enum Begun {
    /// The system frees it with the process.
    #[cfg(target_os = "linux")]
    Unnamed(fs::File),
    /// Removed when it is dropped, and by a signal that can be heard.
    Named { file: NamedTempFile, unfinished: Unfinished },
}

impl Begun {
    /// # Errors
    /// The folder is not there or not to be written to.
    pub fn beside(target: &Path) -> io::Result<Begun> {
        left::clear(&folder_of(target));
        #[cfg(target_os = "linux")]
        if let Some(file) = linux::unnamed(&folder_of(target)) {
            left::hold(&file);
            return Ok(Begun::Unnamed(file));
        }
        Begun::named(target)
    }

    /// Where a file must have a name to be: some network file systems, and systems other than Linux.
    pub fn named(target: &Path) -> io::Result<Begun> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(left::PREFIX).suffix(left::SUFFIX);
        #[cfg(unix)]
        let builder = {
            use std::os::unix::fs::PermissionsExt;
            // As any new file: what the user's mask leaves of it.
            builder.permissions(fs::Permissions::from_mode(0o666))
        };
        let file = builder.tempfile_in(folder_of(target))?;
        let unfinished = Unfinished::at(file.path());
        left::hold(file.as_file());
        Ok(Begun::Named { file, unfinished })
    }

    pub fn file(&self) -> &fs::File {
        match self {
            #[cfg(target_os = "linux")]
            Begun::Unnamed(file) => file,
            Begun::Named { file, .. } => file.as_file(),
        }
    }

    /// Puts it in the target's place, whatever is there.
    pub fn finish(self, target: &Path) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Begun::Unnamed(file) => linux::name(&file, target),
            Begun::Named { file, unfinished } => {
                file.persist(target).map_err(|e| e.error)?;
                drop(unfinished);
                Ok(())
            }
        }
    }
}

pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CString;
    use std::fs;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use super::{folder_of, left};
    use crate::signals::Unfinished;

    /// Where open files have names by which they can be linked.
    const OPEN_FILES: &str = "/proc/self/fd";

    /// `None` where the file system, or the system, knows no files without names; what else is wrong is told by the named one.
    pub fn unnamed(folder: &Path) -> Option<fs::File> {
        if !Path::new(OPEN_FILES).is_dir() {
            return None;
        }
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_TMPFILE).mode(0o666);
        options.open(folder).ok()
    }

    /// Gives `file` the name `target`. Where that name is taken, it has another one for the moment between two system calls.
    pub fn name(file: &fs::File, target: &Path) -> io::Result<()> {
        match link(file, target) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done,
        }
        for number in 0..u32::MAX {
            let name = format!("{}{}-{number}{}", left::PREFIX, std::process::id(), left::SUFFIX);
            let beside = folder_of(target).join(name);
            let _unfinished = Unfinished::at(&beside);
            match link(file, &beside) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
                Ok(()) => {
                    return fs::rename(&beside, target).inspect_err(|_| drop(fs::remove_file(&beside)));
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn link(file: &fs::File, path: &Path) -> io::Result<()> {
        let open = CString::new(format!("{OPEN_FILES}/{}", file.as_raw_fd()))?;
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: both names end in a zero byte and live until the call returns.
        let done = unsafe {
            libc::linkat(
                libc::AT_FDCWD,
                open.as_ptr(),
                libc::AT_FDCWD,
                path.as_ptr(),
                libc::AT_SYMLINK_FOLLOW,
            )
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Contents and names of all files, hidden ones as well.
    fn there(dir: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(dir).expect("readable").map(|entry| entry.expect("an entry"));
        let read = |entry: fs::DirEntry| {
            let text = fs::read_to_string(entry.path()).expect("text");
            (entry.file_name().to_string_lossy().into_owned(), text)
        };
        let mut all: Vec<_> = entries.map(read).collect();
        all.sort();
        all
    }

    #[test]
    fn a_file_takes_its_place_whole_and_leaves_nothing_before() {
        let dir = tempfile::tempdir().expect("a folder");
        let target = dir.path().join("table.csv");
        let file = |text: &str| ("table.csv".to_owned(), text.to_owned());
        for (text, named) in [("first", false), ("second", false), ("third", true), ("fourth", false)] {
            let before = there(dir.path());
            let begun = if named { Begun::named(&target) } else { Begun::beside(&target) }.expect("a file");
            begun.file().write_all(b"half").expect("room");
            if !named && cfg!(target_os = "linux") {
                assert_eq!(there(dir.path()), before, "it is to be met under no name");
            }
            drop(begun);
            assert_eq!(there(dir.path()), before);
            let begun = if named { Begun::named(&target) } else { Begun::beside(&target) }.expect("a file");
            begun.file().write_all(text.as_bytes()).expect("room");
            begun.finish(&target).expect("it is put there");
            assert_eq!(there(dir.path()), [file(text)]);
        }
        assert!(Begun::beside(&dir.path().join("none/table.csv")).is_err());
    }

    /// As a killed process of the same number leaves it.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_was_left_behind_is_passed_over() {
        let dir = tempfile::tempdir().expect("a folder");
        let target = dir.path().join("table.csv");
        let taken = format!("{}{}-0{}", left::PREFIX, std::process::id(), left::SUFFIX);
        fs::write(&target, "old").expect("written");
        fs::write(dir.path().join(&taken), "half").expect("written");
        let begun = Begun::beside(&target).expect("a file");
        begun.file().write_all(b"new").expect("room");
        begun.finish(&target).expect("it is put there");
        let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(there(dir.path()), [file(&taken, "half"), file("table.csv", "new")]);
    }
}
