//! Promise: what others wrote is read as it was meant: the reference checkpoints open as the same decoder in both spellings of
//! their config, and torch's own files hold what Python's readers find in them.
//!
//! The references lie beside the repository in `../shared`; without them these tests count as ignored.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};
use tiltmeter::checkpoint::{Checkpoint, DecoderSpec, Role, Weights};

use crate::common::{Reference, references};

/// The same folder with another config.json.
fn with_config(dir: &Path, config: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
    }
    let target = copy.path().join("config.json");
    std::fs::remove_file(&target).expect("a config");
    std::fs::copy(dir.join(config), &target).expect("a copy");
    copy
}

#[apply(test!)]
fn references_open_alike_in_both_spellings() {
    for dir in Reference::folders() {
        let case = dir.display();
        let makers = Checkpoint::open(&dir).unwrap_or_else(|error| panic!("{case}: {error}"));
        if dir.join("config_hf5.json").is_file() {
            let newer = with_config(&dir, "config_hf5.json");
            let newer = Checkpoint::open(newer.path()).unwrap_or_else(|error| panic!("{case}: {error}"));
            // Makers may leave out the context, for which the class's default then stands; it is no arithmetic.
            let newer = DecoderSpec { context: makers.spec.context, ..newer.spec.clone() };
            assert_eq!(makers.spec, newer, "{case}");
        }
        // Only the multimodal files hold towers, and keys and values that nothing reads.
        let multimodal = ["gemma3", "gemma4"].contains(&makers.family);
        assert_eq!(makers.ignored().is_empty(), !multimodal, "{case}");
        for layer in 0..makers.spec.layers.len() {
            let down = makers.get(Role::Down, Some(layer)).expect("a matrix");
            assert_eq!(down.rows, makers.spec.hidden, "{case}");
            assert_eq!(down.bytes.len(), down.rows * down.cols * down.dtype.size());
        }
        let head = makers.get(Role::OutputEmbedding, None).expect("a head");
        assert_eq!((head.rows, head.cols), (makers.spec.vocab, makers.spec.hidden));
    }
}

/// Shape and SHA-256 of every tensor, as Python's own readers give them (`tests/fixtures/torch/hash.py`).
const EXPECTED: &str = include_str!("../fixtures/torch/reference.json");

/// By file and tensor.
type Contents = BTreeMap<String, BTreeMap<String, (Vec<usize>, String)>>;

#[apply(test!)]
fn files_that_torch_wrote_hold_what_python_reads() {
    let expected: Contents = serde_json::from_str(EXPECTED).expect("shapes and hashes");
    let mut compared = 0;
    for dir in references(|dir| dir.ends_with("baichuan2_bf16") || dir.ends_with("baichuan2_f16")) {
        let checkpoint = Checkpoint::open(&dir).expect("it is sound");
        assert!(checkpoint.ignored().is_empty());
        // Query, key and value are rows of one tensor, in this order.
        let mut found: BTreeMap<(String, String), (usize, usize, Vec<u8>)> = BTreeMap::new();
        for tensor in checkpoint.used() {
            let view = checkpoint.get(tensor.role, tensor.layer).expect("it is used");
            let file = format!("{}/{}", dir.file_name().expect("a name").display(), tensor.file);
            let whole = found.entry((file, tensor.name.to_owned())).or_default();
            *whole = (whole.0 + view.rows, view.cols, [&whole.2, view.bytes].concat());
        }
        for ((file, name), (rows, cols, bytes)) in found {
            let (shape, hash) = &expected[&file][&name];
            assert_eq!(shape.iter().product::<usize>(), rows * cols, "{file}: {name}: {shape:?}");
            let got: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(got, *hash, "{file}: {name}");
            compared += 1;
        }
    }
    assert_eq!(compared, expected.values().map(BTreeMap::len).sum::<usize>());
}
