//! Lists the files of the studies that the binary carries, so that a new scenario file needs no line of code, and says which
//! commit is built, and for which system.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Constant in the generated source, folder under `src/study`.
const FOLDERS: [(&str, &str); 2] = [("DEFAULT", "default"), ("TEMPLATE_PAIR", "templates/pair")];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    say_commit(&root);
    println!("cargo::rustc-env=TILTMETER_TARGET={}", env::var("TARGET").unwrap_or_default());
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

/// Sets `TILTMETER_COMMIT` and `TILTMETER_DATE` as far as they are known: from git, or from the note that `cargo package`
/// leaves where there is no git.
fn say_commit(root: &Path) {
    let git = |args: &[&str]| {
        let done = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
        let text = String::from_utf8(done.stdout).ok()?;
        done.status.success().then(|| text.trim().to_owned())
    };
    // Of a repository around the sources (an unpacked package in one, say) nothing is known but that it is another's.
    let is_ours = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let known = match is_ours.then(|| git(&["log", "-1", "--format=%H %cs"])).flatten() {
        Some(line) => {
            let changed = git(&["status", "--porcelain", "--untracked-files=no", "."]);
            watch(root, &git);
            line.split_once(' ').map(|(hash, date)| {
                let mark = if changed.is_some_and(|files| files.is_empty()) { "" } else { "+" };
                (short(hash, mark), Some(date.to_owned()))
            })
        }
        None => {
            let note = root.join(".cargo_vcs_info.json");
            println!("cargo::rerun-if-changed={}", note.display());
            let text = fs::read_to_string(note).unwrap_or_default();
            let hash =
                text.split('"').find(|part| part.len() == 40 && part.bytes().all(|b| b.is_ascii_hexdigit()));
            hash.map(|hash| (short(hash, if text.contains("\"dirty\": true") { "+" } else { "" }), None))
        }
    };
    if let Some((commit, date)) = known {
        println!("cargo::rustc-env=TILTMETER_COMMIT={commit}");
        if let Some(date) = date {
            println!("cargo::rustc-env=TILTMETER_DATE={date}");
        }
    }
}

fn short(hash: &str, mark: &str) -> String {
    format!("{}{mark}", hash.get(..12).unwrap_or(hash))
}

/// Runs this again with the next commit and with every change of what is built.
fn watch(root: &Path, git: &impl Fn(&[&str]) -> Option<String>) {
    let mut files =
        ["src", "shaders", "Cargo.toml", "Cargo.lock", "build.rs"].map(|name| root.join(name)).to_vec();
    let branch = git(&["symbolic-ref", "-q", "HEAD"]);
    for name in [Some("HEAD".to_owned()), branch, Some("packed-refs".to_owned())].into_iter().flatten() {
        files.extend(git(&["rev-parse", "--git-path", &name]).map(|path| root.join(path)));
    }
    for file in files.iter().filter(|file| file.exists()) {
        println!("cargo::rerun-if-changed={}", file.display());
    }
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
