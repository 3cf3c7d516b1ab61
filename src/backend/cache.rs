//! What was found out about a device once and is kept in the user's cache folder: files of texts under texts.

use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The file of this name in the user's cache folder, if there is such a folder.
pub fn file(name: &str) -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Caches"))
    } else {
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
    };
    cache.map(|dir| dir.join("tiltmeter").join(name))
}

fn read(file: &Path) -> Map<String, Value> {
    let text = std::fs::read(file).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// What `file` has under `key`.
pub fn kept(file: &Path, key: &str) -> Option<String> {
    read(file).get(key)?.as_str().map(str::to_owned)
}

/// Keeps `value` under `key`. A cache that cannot be written only means finding out again.
pub fn keep(file: &Path, key: &str, value: &str) {
    let mut all = read(file);
    all.insert(key.to_owned(), Value::String(value.to_owned()));
    if let Some(dir) = file.parent() {
        let written = std::fs::create_dir_all(dir)
            .and_then(|()| tempfile::NamedTempFile::new_in(dir))
            .and_then(|new| {
                std::fs::write(new.path(), Value::Object(all).to_string())?;
                new.persist(file).map_err(|e| e.error)
            });
        drop(written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_under_its_key_only() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let file = dir.path().join("below/facts.json");
        assert_eq!(kept(&file, "a"), None);
        keep(&file, "a", "1");
        keep(&file, "b", "2");
        assert_eq!(kept(&file, "a").as_deref(), Some("1"));
        assert_eq!(kept(&file, "b").as_deref(), Some("2"));
        assert_eq!(kept(&file, "c"), None);
        std::fs::write(&file, "not JSON").expect("writes");
        assert_eq!(kept(&file, "a"), None);
    }
}
