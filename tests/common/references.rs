//! The reference checkpoints, which lie beside the repository in `../shared/reference` and `../shared/reference-next`
//! and are not part of it.

#![allow(dead_code)] // every test binary compiles its own copy and uses a part of it

use std::path::{Path, PathBuf};

use super::harness::{skip, skip_part};

/// Those folders that are `wanted`, by name; in a fresh clone there are none, and the test counts as ignored.
pub fn references(wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let mut dirs = Vec::new();
    for pack in ["reference", "reference-next"] {
        match std::fs::read_dir(shared.join(pack)) {
            Ok(entries) => dirs.extend(entries.filter_map(|entry| Some(entry.ok()?.path()))),
            Err(_) => skip_part(format_args!("../shared/{pack} is not here")),
        }
    }
    if dirs.is_empty() {
        skip("../shared/reference is not here");
    }
    dirs.retain(|dir| wanted(dir));
    dirs.sort();
    dirs
}
