//! Where a checkpoint lies: a folder, or a hub id found in the local Hugging Face cache. Nothing is downloaded.
//!
//! The cache holds `models--org--name/refs/REVISION`, a file with a commit, and `models--org--name/snapshots/COMMIT/`,
//! a folder of links into `blobs/`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A checkpoint's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub dir: PathBuf,
    /// The commit, where the folder is a snapshot of the Hugging Face cache.
    pub revision: Option<String>,
}

/// Why a name led to no folder.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("an empty name is neither a folder nor a hub id of the form org/name")]
    Empty,
    #[error("{name}: neither a folder nor a hub id of the form org/name")]
    Neither { name: String },
    #[error("{}: is a file; name the folder of the checkpoint{}", file.display(), gguf(file))]
    File { file: PathBuf },
    #[error("{}: a folder has no revision {revision}; only hub ids have revisions", dir.display())]
    FolderRevision { dir: PathBuf, revision: String },
    #[error("{revision:?} is not the name of a revision")]
    BadRevision { revision: String },
    #[error(
        "{name}: neither a folder nor in the local Hugging Face cache (looked in {}); fetch it with `{}`",
        list(looked), download_command(name, revision.as_deref())
    )]
    NotInCache { name: String, revision: Option<String>, looked: Vec<PathBuf> },
    #[error(
        "{name}: revision {revision} is not in {} (snapshots there: {}); fetch it with `{}`",
        repository.display(), if present.is_empty() { "none".to_owned() } else { present.join(", ") },
        download_command(name, Some(revision))
    )]
    NoRevision { name: String, revision: String, repository: PathBuf, present: Vec<String> },
}

/// The command that puts a checkpoint into the cache, without the copies of its weights in other formats that makers lay beside them.
pub fn download_command(name: &str, revision: Option<&str>) -> String {
    let revision = revision.map(|revision| format!(" --revision {revision}")).unwrap_or_default();
    let exclude =
        ["original/*", "consolidated*", "*.gguf"].map(|pattern| format!(" --exclude \"{pattern}\"")).concat();
    format!("hf download {name}{revision}{exclude}")
}

/// Whether a name has the form of a hub id and is no folder here.
pub fn names_no_folder(name: &str) -> bool {
    is_hub_id(name) && !Path::new(name).exists()
}

/// The folder that `name_or_path` means: a folder of that path, else the snapshot of that hub id at `revision`
/// (a branch, tag or commit; `main` if not given).
///
/// # Errors
/// Says where it looked and how to fetch what is not there.
pub fn resolve(name_or_path: &str, revision: Option<&str>) -> Result<Resolved, HubError> {
    let roots = cache_roots(|name| std::env::var_os(name));
    resolve_in(name_or_path, revision, &roots)
}

/// [`resolve`] with the cache folders given.
pub fn resolve_in(
    name_or_path: &str,
    revision: Option<&str>,
    roots: &[PathBuf],
) -> Result<Resolved, HubError> {
    if name_or_path.is_empty() {
        return Err(HubError::Empty);
    }
    let dir = Path::new(name_or_path);
    if dir.is_dir() {
        return folder(dir, revision);
    }
    if dir.is_file() {
        return Err(HubError::File { file: dir.to_owned() });
    }
    if !is_hub_id(name_or_path) || dir.exists() {
        return Err(HubError::Neither { name: name_or_path.to_owned() });
    }
    let asked = revision;
    let revision = asked.unwrap_or("main");
    if !is_revision(revision) {
        return Err(HubError::BadRevision { revision: revision.to_owned() });
    }
    let mut without_revision = None;
    for root in roots {
        let repository = root.join(format!("models--{}", name_or_path.replace('/', "--")));
        if !repository.is_dir() {
            continue;
        }
        if let Some(found) = snapshot(&repository, revision) {
            return Ok(found);
        }
        without_revision.get_or_insert(repository);
    }
    Err(match without_revision {
        None => HubError::NotInCache {
            name: name_or_path.to_owned(),
            revision: asked.map(str::to_owned),
            looked: roots.to_vec(),
        },
        Some(repository) => HubError::NoRevision {
            name: name_or_path.to_owned(),
            revision: revision.to_owned(),
            present: snapshots(&repository),
            repository,
        },
    })
}

/// The cache folders to look in, in this order, from the environment that `variable` reads.
pub fn cache_roots(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let home = variable("HOME").or_else(|| variable("USERPROFILE"));
    let home = home.filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = |name: &str| {
        let path = PathBuf::from(variable(name).filter(|path| !path.is_empty())?);
        match (path.strip_prefix("~"), &home) {
            (Ok(rest), Some(home)) => Some(home.join(rest)),
            _ => Some(path),
        }
    };
    let candidates = [
        path("HF_HUB_CACHE"),
        path("HUGGINGFACE_HUB_CACHE"),
        path("HF_HOME").map(|dir| dir.join("hub")),
        path("XDG_CACHE_HOME").map(|dir| dir.join("huggingface").join("hub")),
        home.as_ref().map(|dir| dir.join(".cache").join("huggingface").join("hub")),
    ];
    let mut roots = Vec::new();
    for root in candidates.into_iter().flatten() {
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    roots
}

/// A folder that the user named; if it is a snapshot of the cache, its commit is known.
fn folder(dir: &Path, revision: Option<&str>) -> Result<Resolved, HubError> {
    let commit = dir.canonicalize().ok().and_then(|dir| {
        let in_snapshots = dir.parent()?.file_name()? == "snapshots";
        let name = dir.file_name()?.to_str()?;
        (in_snapshots && is_commit(name)).then(|| name.to_owned())
    });
    match revision {
        Some(revision) if commit.as_deref() != Some(revision) => {
            Err(HubError::FolderRevision { dir: dir.to_owned(), revision: revision.to_owned() })
        }
        _ => Ok(Resolved { dir: dir.to_owned(), revision: commit }),
    }
}

fn snapshot(repository: &Path, revision: &str) -> Option<Resolved> {
    let commit = if is_commit(revision) {
        revision.to_owned()
    } else {
        let reference = repository.join("refs").join(revision);
        // A commit and perhaps a line break; anything longer is no reference.
        // Asked before opening: opening a named pipe would wait for a writer.
        reference.metadata().ok().filter(|m| m.is_file() && m.len() <= 256)?;
        let text = std::fs::read_to_string(reference).ok()?;
        text.trim().to_owned()
    };
    let dir = repository.join("snapshots").join(&commit);
    (is_commit(&commit) && dir.is_dir()).then_some(Resolved { dir, revision: Some(commit) })
}

fn snapshots(repository: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(repository.join("snapshots"));
    let mut names: Vec<String> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_commit(name))
        .take(8)
        .collect();
    names.sort();
    names
}

/// `org/name` or `name`: letters, digits, `-`, `_` and `.`, as the hub allows them.
fn is_hub_id(text: &str) -> bool {
    let part = |part: &str| {
        is_plain(part)
            && part.len() <= 96
            && part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && !part.contains("--")
            && !part.contains("..")
    };
    match text.split_once('/') {
        Some((org, name)) => part(org) && part(name),
        None => part(text),
    }
}

/// A commit, or a branch or tag such as `main`, `v1.0`, `refs/pr/1`; never a way out of the folder.
fn is_revision(text: &str) -> bool {
    text.len() <= 200 && text.split('/').all(|part| is_plain(part) && part != "." && part != "..")
}

fn is_plain(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What to say more of a file in the format of llama.cpp.
fn gguf(file: &Path) -> &'static str {
    match file.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) {
        true => " that it was made from, with config.json and safetensors: GGUF is not read",
        false => "",
    }
}

fn list(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "no folder: neither HOME nor HF_HOME is set".to_owned();
    }
    let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    paths.join(", ")
}
