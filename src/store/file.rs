//! Whole files or none: written beside the target, then put in its place.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::begun::{Begun, folder_of};

/// Writes the file at `path` through `write`; until that has succeeded and reached the disk, whatever was there
/// stays. Something at `path` that is no regular file (a pipe, say) is written to directly.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<fs::File>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let fail = |e| StoreError::io(path, e);
    // Through a link, so that it is the target that is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if fs::metadata(&target).is_ok_and(|m| !m.is_file()) {
        let file = fs::OpenOptions::new().write(true).open(&target).map_err(fail)?;
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        return out.into_inner().map(drop).map_err(|e| fail(e.into_error()));
    }
    check_folder(path)?;
    // The reason alone: the temporary file's own name would only puzzle.
    let begun = Begun::beside(&target).map_err(|e| fail(e.kind().into()))?;
    {
        let mut out = BufWriter::new(begun.file().try_clone().map_err(fail)?);
        write(&mut out)?;
        out.into_inner().map_err(|e| fail(e.into_error()))?;
    }
    begun.file().sync_all().map_err(fail)?;
    begun.finish(&target).map_err(fail)?;
    Ok(())
}

/// Refuses a file in a folder that is not there: better now than after what it is to hold was computed.
///
/// # Errors
/// [`StoreError::NoFolder`].
pub fn check_folder(path: &Path) -> Result<(), StoreError> {
    let folder = folder_of(path);
    if folder.is_dir() {
        return Ok(());
    }
    Err(StoreError::NoFolder { path: path.to_path_buf(), folder })
}

/// Whether two paths name one file, through links and other spellings, also where it is not there yet.
pub fn is_same(a: &Path, b: &Path) -> bool {
    // One terminal or pipe may well be read and written.
    let is_other = |path: &Path| fs::metadata(path).is_ok_and(|meta| !meta.is_file());
    Identity::of(a) == Identity::of(b) && !is_other(a)
}

/// What all paths to one file have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// Device and number of one that is there.
    #[cfg(unix)]
    Inode(u64, u64),
    /// Of one that is not, where it would be.
    Place(PathBuf),
}

impl Identity {
    pub fn of(path: &Path) -> Identity {
        #[cfg(unix)]
        if let Ok(meta) = fs::metadata(path) {
            use std::os::unix::fs::MetadataExt;
            return Identity::Inode(meta.dev(), meta.ino());
        }
        let there = fs::canonicalize(path).ok();
        Identity::Place(there.or_else(|| place(path)).unwrap_or_else(|| path.to_path_buf()))
    }
}

/// Whether a file that is there lies in `folder`, at any depth, or is a link to one that does.
pub fn is_within(path: &Path, folder: &Path) -> bool {
    let Ok(folder) = fs::canonicalize(folder) else { return false };
    let within = |path: &Path| fs::canonicalize(path).is_ok_and(|place| place.starts_with(&folder));
    path.is_file() && (within(&folder_of(path)) || within(path))
}

/// Where a file that is not there yet would be.
fn place(path: &Path) -> Option<PathBuf> {
    Some(fs::canonicalize(folder_of(path)).ok()?.join(path.file_name()?))
}

/// Fails where [`replace`] would for want of a place for the file: before hours of work, rather than after them.
///
/// # Errors
/// [`StoreError::NoFolder`] or [`StoreError::Io`], naming `path`.
pub fn check_place(path: &Path) -> Result<(), StoreError> {
    check_folder(path)?;
    let fail = |e| StoreError::io(path, e);
    if path.as_os_str().to_string_lossy().ends_with(std::path::MAIN_SEPARATOR) {
        return Err(fail(io::Error::new(io::ErrorKind::InvalidInput, "names a folder, not a file")));
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    match fs::metadata(&target) {
        Ok(meta) if meta.is_dir() => Err(fail(io::Error::new(io::ErrorKind::IsADirectory, "is a folder"))),
        Ok(meta) if !meta.is_file() => Ok(()),
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(fail(e)),
        _ => Begun::beside(&target).map(drop).map_err(|e| fail(e.kind().into())),
    }
}

/// Whether the disk that `path` lies on has no room for what SQLite keeps beside a database at the least.
pub fn disk_is_full(path: &Path) -> bool {
    const LEAST: usize = 64 << 10;
    let probe = Begun::beside(path)
        .and_then(|begun| begun.file().write_all(&[1; LEAST]).and_then(|()| begun.file().sync_all()));
    probe.is_err_and(|e| matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

/// Whether the database at `path`, or one of the files that SQLite keeps beside it, is about as large as this process may
/// make a file.
pub fn is_at_size_limit(path: &Path) -> bool {
    /// What SQLite writes at once, and more.
    const STEP: u64 = 64 << 10;
    let Some(limit) = size_limit() else { return false };
    ["", "-wal", "-shm", "-journal"].into_iter().any(|ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        fs::metadata(&name).map_or(0, |meta| meta.len()) + STEP > limit
    })
}

/// Bytes that a file may have at most; `None` for no limit.
fn size_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the structure is ours.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) } == 0;
        (known && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
    }
    #[cfg(not(unix))]
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    #[test]
    fn a_file_is_within_a_folder_by_its_own_place_or_by_what_it_leads_to() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("model/deep")).expect("folders");
        for name in ["model/deep/weights", "beside"] {
            fs::write(at(name), "x").expect("written");
        }
        symlink(at("beside"), at("model/out")).expect("a link");
        symlink(at("model/deep/weights"), at("in")).expect("a link");
        for (name, expected) in [
            ("model/deep/weights", true),
            ("model/out", true),
            ("in", true),
            ("beside", false),
            ("model/deep", false),
            ("model/none", false),
        ] {
            assert_eq!(is_within(&at(name), &at("model")), expected, "{name}");
        }
        assert!(!is_within(&at("beside"), &at("none")));
    }

    #[test]
    fn a_file_is_the_same_by_every_path_to_it_before_and_after_it_is_there() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("deep")).expect("a folder");
        symlink(at("deep"), at("link")).expect("a link");
        for there in [false, true] {
            if there {
                fs::write(at("deep/table"), "x").expect("written");
                fs::write(at("deep/other"), "x").expect("written");
            }
            for other in ["deep/table", "link/table", "deep/../link/./table"] {
                assert!(is_same(&at("deep/table"), &at(other)), "{other}");
            }
            assert!(!is_same(&at("deep/table"), &at("deep/other")));
            assert!(!is_same(&at("deep/table"), &at("table")));
        }
        crate::plain::named_pipe(at("pipe"));
        assert!(!is_same(&at("pipe"), &at("pipe")), "it may be read and written");
    }

    #[test]
    fn a_place_is_refused_where_nothing_could_be_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        fs::write(at("old"), "x").expect("written");
        crate::plain::named_pipe(at("pipe"));
        for name in ["new", "old", "pipe"] {
            check_place(&at(name)).expect(name);
        }
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 2, "it leaves nothing");
        assert!(matches!(check_place(&at("none/new")), Err(StoreError::NoFolder { .. })));
        let folder = check_place(&at("")).expect_err("refused").to_string();
        assert!(folder.contains("names a folder"), "{folder}");
        fs::create_dir(at("folder")).expect("a folder");
        let folder = check_place(&at("folder")).expect_err("refused").to_string();
        assert!(folder.contains("is a folder"), "{folder}");
        // A file that is there, in a folder in which not even the administrator can make another.
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;
            check_place(Path::new("/proc/version")).expect_err("refused");
            // A pipe there is written to as it stands.
            let (_reader, writer) = io::pipe().expect("a pipe");
            check_place(Path::new(&format!("/proc/self/fd/{}", writer.as_raw_fd()))).expect("writable");
        }
    }

    const PLACE: &str = "TILTMETER_TEST_UNFINISHED";

    #[test]
    #[ignore = "is run by the test below"]
    fn writes_for_ever() {
        let Some(path) = std::env::var_os(PLACE) else { return };
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // What the tests were started by may have had them ignored.
            // SAFETY: the default action is valid for every signal.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        crate::signals::install();
        let begun = Begun::named(Path::new(&path)).expect("a file");
        begun.file().write_all(b"half").expect("room");
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    #[test]
    fn a_signal_leaves_no_unfinished_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let there = || fs::read_dir(dir.path()).expect("readable").count();
        for (name, number) in [("-INT", libc::SIGINT), ("-TERM", libc::SIGTERM), ("-HUP", libc::SIGHUP)] {
            let mut child = Command::new(std::env::current_exe().expect("this program"))
                .args(["--ignored", "--exact", "store::file::tests::writes_for_ever"])
                .env(PLACE, dir.path().join("table.csv"))
                .stdout(Stdio::null())
                .spawn()
                .expect("it starts");
            let start = Instant::now();
            while there() == 0 {
                assert!(start.elapsed() < Duration::from_secs(60), "no file was begun");
                std::thread::sleep(Duration::from_millis(5));
            }
            // The name is noted right after the file is made.
            std::thread::sleep(Duration::from_millis(100));
            let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
            assert!(sent.expect("kill starts").success());
            assert_eq!(child.wait().expect("it ends").signal(), Some(number), "{name}");
            assert_eq!(there(), 0, "{name} left a file");
        }
    }
}
