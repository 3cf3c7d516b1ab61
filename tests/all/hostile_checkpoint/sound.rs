//! What is sound opens, and means what it says.

use std::sync::Mutex;

use serde_json::json;
use sha2::{Digest, Sha256};
use tiltmeter::checkpoint::{Dtype, HashOrigin, Reading, Role, Take, Tensor, Weights, fingerprint};

use super::{Parts, SEED, open, opened, refusal};
use crate::common::{FAMILIES, RawTensor, TinyConfig, TinyFamily, write_tiny_checkpoint};

#[apply(test!)]
fn every_dtype_sharding_and_tying_opens_with_the_bytes_that_were_written() {
    for family in FAMILIES {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            for (shards, tied) in [(1, false), (1, true), (3, false), (5, true)] {
                let plain = TinyConfig::new(family);
                let tied = if family.may_tie() { tied } else { plain.tied };
                let tiny = TinyConfig { dtype, shards, tied, ..plain };
                let dir = tempfile::tempdir().expect("a temporary folder");
                write_tiny_checkpoint(dir.path(), &tiny, SEED);
                let checkpoint = open(dir.path()).unwrap_or_else(|message| panic!("{message}"));
                let mut elements = 0;
                for raw in tiny.tensors(SEED) {
                    if checkpoint.ignored().contains(&raw.name) {
                        continue;
                    }
                    // Gemma 3's norms are stored less 1, which is added in f32.
                    let raised = family.is_gemma3() && raw.name.ends_with("norm.weight");
                    let (read_as, expected) = match raised {
                        true => (Dtype::F32, plus_one(&raw.bytes, dtype)),
                        false => (dtype, raw.bytes.clone()),
                    };
                    // Several roles may share a tensor; in the order of their roles they are its rows.
                    let used = checkpoint.used();
                    let parts = used.iter().filter(|used| used.name == raw.name).map(|used| {
                        let tensor = checkpoint.get(used.role, used.layer).expect("it is used");
                        assert_eq!((tensor.rows, tensor.cols), (used.rows, used.cols));
                        assert_eq!((tensor.dtype, used.dtype), (read_as, dtype));
                        tensor.bytes
                    });
                    assert_eq!(parts.collect::<Vec<_>>().concat(), expected, "{}", raw.name);
                    elements += raw.bytes.len() / dtype.size();
                }
                assert_eq!(checkpoint.parameters(), elements as u64);
                let head = checkpoint.get(Role::OutputEmbedding, None).expect("a head");
                let table = checkpoint.get(Role::Embedding, None).expect("a table");
                assert_eq!(head.bytes.as_ptr() == table.bytes.as_ptr(), tied);
            }
        }
    }
}

/// As the reference rounds it where it computes in f32, norms that are stored less one (Gemma 3) among them.
#[apply(test!)]
fn float64_is_read_as_the_nearest_f32() {
    for family in [TinyFamily::Llama, TinyFamily::Gemma3Text] {
        let mut parts = Parts::of(&TinyConfig::new(family));
        let mut rounded = Parts::of(&TinyConfig::new(family));
        parts.config["torch_dtype"] = json!("float64");
        // A little beside an f32, and by more than half of its last place.
        let more = 1.0 + 0.75 * f64::from(f32::EPSILON);
        for (tensor, nearest) in parts.tensors.iter_mut().zip(&mut rounded.tensors) {
            let values: Vec<f64> =
                Dtype::F32.values(&tensor.bytes).map(|value| f64::from(value) * more).collect();
            tensor.bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensor.dtype = "F64";
            nearest.bytes = values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect();
        }
        let (checkpoint, rounded) = (opened(&parts, 2), opened(&rounded, 2));
        for used in checkpoint.used() {
            let tensor = checkpoint.get(used.role, used.layer).expect("it is used");
            let expected = rounded.get(used.role, used.layer).expect("it is used");
            assert_eq!((tensor.dtype, tensor.bytes), (Dtype::F32, expected.bytes), "{}", used.name);
        }
        assert_eq!(checkpoint.used().len(), parts.tensors.len());
        // What f32 does not hold is no weight, in the last of several files too.
        let last =
            parts.tensors.iter_mut().rfind(|tensor| tensor.name.ends_with("norm.weight")).expect("a norm");
        last.bytes[8..16].copy_from_slice(&1e300f64.to_le_bytes());
        let name = last.name.clone();
        let refused = open(parts.write(8).path()).expect_err("it is infinite in f32");
        assert!(refused.contains(&name) && refused.contains("element 1"), "{refused}");
    }
}

/// Whoever takes the matrices to a device gets all of those that it holds, and each byte of them once.
#[apply(test!)]
fn takers_get_each_byte_of_what_a_device_holds_once() {
    struct Taken<'a>(&'a Mutex<Vec<(usize, usize, Vec<u8>)>>);
    impl Take for Taken<'_> {
        fn take(&self, tensor: &Tensor<'_>, at: usize, bytes: &[u8]) {
            let mut all = self.0.lock().expect("nobody panics");
            all.push((tensor.bytes.as_ptr() as usize, at, bytes.to_vec()));
        }
    }
    let families = [TinyFamily::Llama, TinyFamily::Qwen2, TinyFamily::Gemma3, TinyFamily::Gemma4];
    for (family, tied) in families.into_iter().flat_map(|family| [(family, false), (family, true)]) {
        let plain = TinyConfig::new(family);
        let tiny = TinyConfig { tied: if family.may_tie() { tied } else { plain.tied }, ..plain };
        let checkpoint = opened(&Parts::of(&tiny), 2);
        let all = Mutex::new(Vec::new());
        let takers: [Box<dyn Take + Send + '_>; 2] = [Box::new(Taken(&all)), Box::new(Taken(&all))];
        checkpoint.read(&Reading { takers: &takers, ..Reading::default() }).expect("numbers");
        let mut taken = all.lock().expect("nobody panics").clone();
        taken.sort();
        // Rows of tables are gathered where they lie; vectors go another way.
        let (mut expected, mut vectors) = (Vec::new(), 0);
        for used in checkpoint.used() {
            let is_gathered = match used.role {
                Role::SideTable => true,
                Role::Embedding => !checkpoint.spec.head.tied,
                _ => false,
            };
            let tensor = checkpoint.get(used.role, used.layer).expect("it is used");
            match used.rows {
                _ if is_gathered => {}
                1 => vectors += tensor.bytes.len(),
                _ => expected.push((tensor.bytes.as_ptr() as usize, 0, tensor.bytes.to_vec())),
            }
        }
        let sizes: Vec<usize> = expected.iter().map(|(.., bytes)| bytes.len()).collect();
        let (sum, most) = (sizes.iter().sum::<usize>(), sizes.iter().max().copied().unwrap_or(0));
        assert_eq!(checkpoint.taken_bytes(), (sum as u64, most as u64), "{family:?}");
        assert_eq!(checkpoint.device_bytes(), (sum + vectors) as u64, "{family:?}");
        let mut twice = [expected.clone(), expected].concat();
        twice.sort();
        assert!(taken == twice, "{family:?}");
    }
    // What is rounded when it is opened is not what the file holds.
    let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Llama));
    for tensor in &mut parts.tensors {
        let values: Vec<f32> = Dtype::F32.values(&tensor.bytes).collect();
        tensor.bytes = values.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect();
        tensor.dtype = "F64";
    }
    assert_eq!(opened(&parts, 1).taken_bytes(), (0, 0));
}

/// A tensor of several pieces: each is where it belongs, whether it is compared, looked through or handed on.
#[apply(test!)]
fn a_large_table_is_read_in_pieces_as_if_it_were_one() {
    const ROWS: usize = 40_000;
    let tiny = TinyConfig { tied: true, vocab: ROWS, ..TinyConfig::new(TinyFamily::Llama) };
    let mut parts = Parts { config: tiny.config(), tensors: TinyConfig { vocab: 1, ..tiny }.tensors(SEED) };
    // Whole numbers that every type holds.
    let values: Vec<f32> = (0..ROWS * 32).map(|i| (i % 251) as f32).collect();
    let table = parts.tensor("embed_tokens.weight");
    *table = RawTensor::new(table.name.clone(), Dtype::F32, vec![ROWS, 32], &values);
    let copy = RawTensor::new("lm_head.weight", Dtype::Bf16, vec![ROWS, 32], &values);
    parts.tensors.push(copy);
    let dir = parts.write(1);
    let checkpoint = open(dir.path()).unwrap_or_else(|message| panic!("{message}"));
    assert_eq!(checkpoint.ignored(), ["lm_head.weight"]);
    let file = std::fs::read(dir.path().join("model.safetensors")).expect("written");
    let sha256: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(super::hashes(&checkpoint)[0].sha256, sha256);
    drop(checkpoint);
    let last = parts.tensor("lm_head.weight").bytes.len() - 2;
    parts.tensor("lm_head.weight").bytes[last] ^= 1;
    refusal(parts.write(1).path(), "another last value", &["lm_head.weight", "differs"]);
    parts.remove_tensor("lm_head.weight");
    // Behind four MiB.
    let bad = 1_234_567;
    parts.tensor("embed_tokens.weight").bytes[4 * bad..4 * bad + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    refusal(parts.write(1).path(), "late", &["embed_tokens.weight holds NaN at element 1234567;"]);
}

fn plus_one(bytes: &[u8], dtype: Dtype) -> Vec<u8> {
    let size = dtype.size();
    let values = (0..bytes.len() / size).map(|i| dtype.value(bytes, i).expect("a value") + 1.0);
    values.flat_map(f32::to_le_bytes).collect()
}

#[apply(test!)]
fn the_fingerprint_follows_the_weights_and_not_the_place() {
    let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Qwen2));
    let print = |parts: &Parts| {
        let checkpoint = opened(parts, 2);
        let hashes = super::hashes(&checkpoint);
        assert_eq!(hashes.len(), 2);
        assert!(hashes.iter().all(|hash| hash.origin == HashOrigin::Contents && hash.sha256.len() == 64));
        fingerprint(&hashes)
    };
    let first = print(&parts);
    assert_eq!(print(&parts), first);
    parts.config["use_cache"] = json!(false);
    // It has a hash of its own.
    assert_eq!(print(&parts), first);
    parts.tensors[5].bytes[0] ^= 1;
    assert_ne!(print(&parts), first);
}
