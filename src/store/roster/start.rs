//! A roster of one's own to start from.

use std::path::Path;

use super::{Roster, RosterError};

/// A roster with comments; its checkpoints are to be replaced.
const TEMPLATE: &str = include_str!("template.toml");

impl Roster {
    /// Writes a commented roster to `path`, where no file may be yet.
    ///
    /// # Errors
    /// [`RosterError::Io`]: the file is there, or cannot be written.
    pub fn write_template(path: &Path) -> Result<(), RosterError> {
        let fail = |source| RosterError::Io { path: path.to_path_buf(), source };
        let mut made = std::fs::File::create_new(path).map_err(fail)?;
        std::io::Write::write_all(&mut made, TEMPLATE.as_bytes()).map_err(fail)
    }
}
