//! Whole files or none: written beside the target, then put in its place.

use std::fs;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::StoreError;

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
    // The reason alone: the temporary file's own name would only puzzle.
    let mut temporary = new_beside(&target).map_err(|e| fail(e.kind().into()))?;
    {
        let mut out = BufWriter::new(temporary.as_file_mut().try_clone().map_err(fail)?);
        write(&mut out)?;
        out.into_inner().map_err(|e| fail(e.into_error()))?;
    }
    temporary.as_file().sync_all().map_err(fail)?;
    temporary.persist(&target).map(drop).map_err(|e| fail(e.error))
}

/// Fails where [`replace`] would for want of a place for the file: before hours of work, rather than after them.
pub fn check_place(path: &Path) -> Result<(), StoreError> {
    let fail = |e| StoreError::io(path, e);
    if path.as_os_str().to_string_lossy().ends_with(std::path::MAIN_SEPARATOR) {
        return Err(fail(io::Error::new(io::ErrorKind::InvalidInput, "names a folder, not a file")));
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    match fs::metadata(&target) {
        Ok(meta) if meta.is_dir() => Err(fail(io::Error::new(io::ErrorKind::IsADirectory, "is a folder"))),
        Ok(meta) if !meta.is_file() => Ok(()),
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(fail(e)),
        _ => new_beside(&target).map(drop).map_err(|e| fail(e.kind().into())),
    }
}

fn new_beside(target: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tiltmeter-").suffix(".part");
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: what the user's mask leaves of it.
        builder.permissions(fs::Permissions::from_mode(0o666))
    };
    builder.tempfile_in(folder)
}
