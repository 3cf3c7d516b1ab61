//! A hub id is found in the local cache, and what is not there is said with where it was looked for.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tiltmeter::checkpoint::hub::{cache_roots, resolve_in};

const MAIN: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// A cache with two commits of `maker/Tiny-1.0`, `main` at the first, a pull request at the second.
fn cache() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    let repository = root.path().join("models--maker--Tiny-1.0");
    for commit in [MAIN, OTHER] {
        fs::create_dir_all(repository.join("snapshots").join(commit)).expect("a folder");
    }
    fs::create_dir_all(repository.join("refs/refs/pr")).expect("a folder");
    fs::write(repository.join("refs/main"), MAIN).expect("a reference");
    fs::write(repository.join("refs/refs/pr/1"), format!("{OTHER}\n")).expect("a reference");
    root
}

fn refusal(name: &str, revision: Option<&str>, roots: &[PathBuf], names: &[&str]) {
    let message = match resolve_in(name, revision, roots) {
        Ok(found) => panic!("{name} was found at {}", found.dir.display()),
        Err(error) => error.to_string(),
    };
    for expected in names {
        assert!(message.contains(expected), "expected {expected} in: {message}");
    }
}

#[apply(test!)]
fn branches_pull_requests_and_commits_are_found() {
    let (empty, root) = (tempfile::tempdir().expect("a temporary folder"), cache());
    let roots = [empty.path().join("nowhere"), empty.path().to_owned(), root.path().to_owned()];
    let revisions = [(None, MAIN), (Some("main"), MAIN), (Some("refs/pr/1"), OTHER), (Some(OTHER), OTHER)];
    for (revision, commit) in revisions {
        let found = resolve_in("maker/Tiny-1.0", revision, &roots).expect("it is there");
        assert_eq!(found.revision.as_deref(), Some(commit));
        assert!(found.dir.ends_with(format!("models--maker--Tiny-1.0/snapshots/{commit}")));
    }
}

#[apply(test!)]
fn a_folder_is_itself_and_a_snapshot_knows_its_commit() {
    let root = cache();
    let plain = root.path().to_str().expect("a plain path");
    let found = resolve_in(plain, None, &[]).expect("a folder");
    assert_eq!((found.dir.as_path(), found.revision), (root.path(), None));
    refusal(plain, Some("main"), &[], &["a folder has no revision main"]);
    // Neither the name of a commit elsewhere nor another name among snapshots tells one.
    for name in [OTHER, "snapshots/mine"] {
        let dir = root.path().join(name);
        fs::create_dir_all(&dir).expect("a folder");
        let found = resolve_in(dir.to_str().expect("a plain path"), None, &[]).expect("a folder");
        assert_eq!(found.revision, None, "{name}");
    }

    let snapshot = root.path().join("models--maker--Tiny-1.0/snapshots").join(OTHER);
    let snapshot = snapshot.to_str().expect("a plain path");
    let found = resolve_in(snapshot, None, &[]).expect("a folder");
    assert_eq!(found.revision.as_deref(), Some(OTHER));
    assert_eq!(resolve_in(snapshot, Some(OTHER), &[]).expect("the same commit"), found);
    refusal(snapshot, Some(MAIN), &[], &["no revision"]);
}

#[apply(test!)]
fn what_is_not_there_is_named_with_its_remedy() {
    let root = cache();
    let roots = [root.path().to_owned()];
    let looked = root.path().display().to_string();
    refusal("maker/Other", None, &roots, &[&looked, "`hf download maker/Other --exclude \"original/*\""]);
    refusal("maker/Other", None, &[], &["no folder"]);
    let missing = "f".repeat(40);
    let remedy = format!("`hf download maker/Tiny-1.0 --revision {missing} --exclude");
    refusal("maker/Tiny-1.0", Some(&missing), &roots, &[MAIN, OTHER, &remedy]);
    refusal("maker/Tiny-1.0", Some("v2"), &roots, &["revision v2 is not in"]);
    for broken in ["", "not a commit", "../../../../etc", &"0".repeat(4096)] {
        fs::write(root.path().join("models--maker--Tiny-1.0/refs/main"), broken).expect("a reference");
        refusal("maker/Tiny-1.0", None, &roots, &["revision main is not in"]);
    }
    // A pipe that nobody writes to is not waited for.
    #[cfg(unix)]
    {
        crate::common::named_pipe(root.path().join("models--maker--Tiny-1.0/refs/pipe"));
        refusal("maker/Tiny-1.0", Some("pipe"), &roots, &["revision pipe is not in"]);
    }
}

#[apply(test!)]
fn names_cannot_lead_out_of_the_cache() {
    let root = cache();
    let roots = [root.path().join("models--maker--Tiny-1.0")];
    for name in [
        "",
        "a/..",
        "../x",
        "a/b/c",
        "a--b",
        "maker/",
        "/maker",
        "a b",
        "a/b\0",
        "~/x",
        "org/naïve",
        ".a/b",
        "a/-b",
    ] {
        refusal(name, None, &roots, &["neither a folder nor a hub id"]);
    }
    let roots = [root.path().to_owned()];
    for (length, why) in [(96, "nor in the local Hugging Face cache"), (97, "nor a hub id")] {
        refusal(&"a".repeat(length), None, &roots, &["neither a folder", why]);
    }
    for revision in ["", "..", "../main", "refs/../main", "/main", "a//b", "a b", "main\n"] {
        refusal("maker/Tiny-1.0", Some(revision), &roots, &["is not the name of a revision"]);
    }
}

#[apply(test!)]
fn the_environment_says_where_to_look_in_the_hubs_order() {
    let environment = |set: &'static [(&str, &str)]| {
        move |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
    };
    let all = cache_roots(environment(&[
        ("HF_HUB_CACHE", "/a"),
        ("HUGGINGFACE_HUB_CACHE", "/b"),
        ("HF_HOME", "~/c"),
        ("XDG_CACHE_HOME", "/home/u/.cache"),
        ("HOME", "/home/u"),
    ]));
    let expected = ["/a", "/b", "/home/u/c/hub", "/home/u/.cache/huggingface/hub"];
    assert_eq!(all, expected.map(Path::new));
    let plain = cache_roots(environment(&[("HOME", "/home/u"), ("HF_HOME", "")]));
    assert_eq!(plain, [Path::new("/home/u/.cache/huggingface/hub")]);
    assert!(cache_roots(environment(&[])).is_empty());
}

/// Large files of the cache are links to blobs that carry their SHA-256 as their name.
#[cfg(unix)]
#[apply(test!)]
fn a_blobs_name_is_taken_as_its_hash_only_if_it_is_one() {
    use crate::common::{TinyConfig, TinyFamily, write_tiny_checkpoint};
    use tiltmeter::checkpoint::{Checkpoint, HashOrigin};

    let root = cache();
    let repository = root.path().join("models--maker--Tiny-1.0");
    let snapshot = repository.join("snapshots").join(MAIN);
    write_tiny_checkpoint(&snapshot, &TinyConfig::new(TinyFamily::Mistral), 3);
    let weights = snapshot.join("model.safetensors");
    let own = super::hashes(&Checkpoint::open(&snapshot).expect("a checkpoint"));
    assert_eq!(own[0].origin, HashOrigin::Contents);

    fs::create_dir(repository.join("blobs")).expect("a folder");
    for (blob, expected) in [
        (own[0].sha256.clone(), HashOrigin::BlobName),
        ("a".repeat(40), HashOrigin::Contents),
        (own[0].sha256.to_uppercase(), HashOrigin::Contents),
    ] {
        let target = repository.join("blobs").join(&blob);
        fs::rename(weights.canonicalize().expect("a file"), &target).expect("it can be moved");
        let _ = fs::remove_file(&weights);
        std::os::unix::fs::symlink(Path::new("../../blobs").join(&blob), &weights).expect("a link");
        let hashes = super::hashes(&Checkpoint::open(&snapshot).expect("a checkpoint"));
        assert_eq!(hashes[0].origin, expected, "{blob}");
        assert_eq!(hashes[0].sha256, own[0].sha256);
        assert_eq!(hashes[0].file, "model.safetensors");
    }
}
