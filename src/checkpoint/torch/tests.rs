use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::super::open::hex;
use super::read_header;

/// Shape and SHA-256 of every tensor, as Python's own readers give them (`tests/fixtures/torch/hash.py`).
const EXPECTED: &str = include_str!("../../../tests/fixtures/torch/reference.json");

/// By file and tensor.
type Contents = BTreeMap<String, BTreeMap<String, (Vec<usize>, String)>>;

#[test]
fn files_that_torch_wrote_hold_what_python_reads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    let expected: Contents = serde_json::from_str(EXPECTED).expect("shapes and hashes");
    for (name, expected) in expected {
        let file = root.join(&name);
        let Ok(bytes) = std::fs::read(&file) else {
            eprintln!("skipped: {} is not there", file.display());
            continue;
        };
        let entries = read_header(&file, &bytes).expect("it is sound");
        let found: BTreeMap<_, _> = entries
            .into_iter()
            .map(|entry| (entry.name, (entry.shape, hex(&Sha256::digest(&bytes[entry.begin..entry.end])))))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}
