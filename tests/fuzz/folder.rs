//! Files of a folder as one input: parts, each but the first under a line `%%% name`.

use std::cell::RefCell;
use std::path::Path;

use tempfile::TempDir;

const MARK: &[u8] = b"\n%%% ";

/// The parts of an input by name; the first is called `first`, and is none where it is empty and others follow.
pub fn parts<'a>(first: &'static str, bytes: &'a [u8]) -> Vec<(&'a str, &'a [u8])> {
    let mut parts = Vec::new();
    let (mut name, mut rest) = (first, bytes);
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        let behind = &rest[at + MARK.len()..];
        let Some(end) = behind.iter().position(|byte| *byte == b'\n') else { break };
        let Ok(next) = std::str::from_utf8(&behind[..end]) else { break };
        if at > 0 || !parts.is_empty() {
            parts.push((name, &rest[..at]));
        }
        (name, rest) = (next, &behind[end + 1..]);
    }
    parts.push((name, rest));
    parts
}

/// The reverse of [`parts`].
pub fn joined<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, (name, part)) in parts.into_iter().enumerate() {
        if number > 0 {
            bytes.extend_from_slice(MARK);
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(part);
    }
    bytes
}

/// A folder that is filled anew for every input, in memory where the system has a place for that.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let dir = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        Self(dir.expect("a folder for inputs"))
    }

    fn fill(&mut self, files: &[(&str, &[u8])]) {
        for entry in std::fs::read_dir(self.0.path()).expect("the folder").flatten() {
            let path = entry.path();
            match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                true => std::fs::remove_dir_all(path),
                false if files.iter().any(|(name, _)| path.ends_with(name)) => Ok(()),
                false => std::fs::remove_file(path),
            }
            .expect("what a reader left goes");
        }
        for (name, bytes) in files {
            std::fs::write(self.0.path().join(name), bytes).expect("room for an input");
        }
    }
}

/// Calls `read` on this thread's folder, in which are just these files.
pub fn with_files<T>(files: &[(&str, &[u8])], read: impl FnOnce(&Path) -> T) -> T {
    thread_local! {
        static FOLDER: RefCell<Folder> = RefCell::new(Folder::new());
    }
    FOLDER.with_borrow_mut(|folder| {
        folder.fill(files);
        read(folder.0.path())
    })
}

/// The parts that are called as files of such a folder are.
pub fn known<'a>(parts: Vec<(&'a str, &'a [u8])>, names: &[&str]) -> Vec<(&'a str, &'a [u8])> {
    parts.into_iter().filter(|(name, _)| names.contains(name)).collect()
}
