//! A roster of one's own to start from.

use std::path::Path;

use super::{Roster, RosterError};
use crate::plain;

impl Roster {
    /// A roster with comments; its checkpoints are to be replaced.
    pub const TEMPLATE: &str = include_str!("template.toml");

    /// Writes a commented roster to `path`, where no file may be yet.
    ///
    /// # Errors
    /// [`RosterError::Io`]: the file is there, or cannot be written.
    pub fn write_template(path: &Path) -> Result<(), RosterError> {
        plain::write_new(path, Self::TEMPLATE.as_bytes())
            .map_err(|e| RosterError::Io { path: path.to_path_buf(), source: plain::worded(e) })
    }
}
