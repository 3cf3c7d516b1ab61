//! Lists the files of the studies that the binary carries, so that a new scenario file needs no line of code.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Constant in the generated source, folder under `src/study`.
const FOLDERS: [(&str, &str); 2] = [("DEFAULT", "default"), ("TEMPLATE_PAIR", "templates/pair")];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let mut source = String::new();
    for (constant, folder) in FOLDERS {
        let folder = root.join("src/study").join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        if folder.is_dir() {
            collect(&folder, &folder, &mut files)?;
        }
        files.sort();
        let _ = writeln!(source, "pub(super) const {constant}: &[(&str, &[u8])] = &[");
        for (name, path) in files {
            let _ = writeln!(source, "    ({name:?}, include_bytes!({path:?})),");
        }
        source.push_str("];\n");
    }
    fs::write(out.join("studies.rs"), source)
}

/// Relative name (with `/`) and path of every file below `folder`.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|e| e == "toml") {
            let parts: Vec<String> = path
                .strip_prefix(root)
                .into_iter()
                .flatten()
                .map(|part| part.to_string_lossy().into_owned())
                .collect();
            files.push((parts.join("/"), path));
        }
    }
    Ok(())
}
