//! The reference checkpoints, which lie beside the repository in `../shared/reference` and are not part of it.

#![allow(dead_code)] // every test binary compiles its own copy and uses a part of it

use std::path::{Path, PathBuf};

/// Those folders that are `wanted`, by name; none, said aloud, in a fresh clone.
pub fn references(wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    let Ok(entries) = std::fs::read_dir(root) else {
        println!("skipped: ../shared/reference is not here");
        return Vec::new();
    };
    let mut dirs: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    dirs.retain(|dir| wanted(dir));
    dirs.sort();
    dirs
}
