//! What is sound opens, and means what it says.

use std::sync::Mutex;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tiltmeter::checkpoint::{
    Checkpoint, Dtype, HashOrigin, Reading, Role, Take, Tensor, Weights, fingerprint,
};

use super::{Parts, SEED, open, refusal};
use crate::common::{FAMILIES, RawTensor, TinyConfig, TinyFamily, write_tiny_checkpoint};

fn opened(parts: &Parts, shards: usize) -> Checkpoint {
    let dir = parts.write(shards);
    open(dir.path()).unwrap_or_else(|message| panic!("{message}"))
}

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
fn a_window_is_what_the_field_says_and_absent_is_not_null() {
    let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Mistral));
    for (window, expected) in [(json!(null), None), (json!(16), Some(16))] {
        parts.config["sliding_window"] = window;
        let layers = opened(&parts, 1).spec.layers;
        assert!(layers.iter().all(|layer| layer.window == expected));
    }
    parts.remove_field("sliding_window");
    assert_eq!(opened(&parts, 1).spec.layers[0].window, Some(4096));

    // stated but switched off
    let parts = Parts::of(&TinyConfig::new(TinyFamily::Qwen2));
    assert!(parts.config["sliding_window"].is_u64());
    assert_eq!(opened(&parts, 1).spec.layers[0].window, None);
}

#[apply(test!)]
fn glm_has_biases_where_the_config_announces_them() {
    let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Glm));
    assert!(opened(&parts, 1).spec.layers.iter().all(|layer| layer.qkv_bias && !layer.out_bias));
    parts.config["attention_bias"] = json!(false);
    parts.tensors.retain(|tensor| !tensor.name.ends_with("_proj.bias"));
    assert!(opened(&parts, 1).spec.layers.iter().all(|layer| !layer.qkv_bias && !layer.out_bias));
}

#[apply(test!)]
fn layers_of_gemma_4_without_keys_of_their_own_may_be_twice_as_wide() {
    for family in [TinyFamily::Gemma4, TinyFamily::Gemma4Text] {
        let mut parts = Parts::of(&TinyConfig::new(family));
        parts.text()["use_double_wide_mlp"] = json!(true);
        for tensor in &mut parts.tensors {
            if tensor.name.contains("layers.3.mlp.") || tensor.name.contains("layers.4.mlp.") {
                tensor.shape.iter_mut().filter(|size| **size == 48).for_each(|size| *size = 96);
                tensor.bytes.extend(tensor.bytes.clone());
            }
        }
        let widths: Vec<usize> = opened(&parts, 1).spec.layers.iter().map(|layer| layer.mlp.width).collect();
        assert_eq!(widths, [48, 48, 48, 96, 96]);
    }
}

#[apply(test!)]
fn both_spellings_of_the_rotary_fields_mean_the_same() {
    let tiny = TinyConfig { llama3_rope: true, ..TinyConfig::new(TinyFamily::Llama) };
    let mut parts = Parts::of(&tiny);
    let older = opened(&parts, 1).spec;
    let mut newer = parts.config["rope_scaling"].clone();
    newer["rope_theta"] = json!(10000);
    parts.config["rope_parameters"] = newer;
    assert_eq!(opened(&parts, 1).spec, older, "both at once, in agreement");
    parts.remove_field("rope_scaling");
    parts.remove_field("rope_theta");
    assert_eq!(opened(&parts, 1).spec, older, "the newer alone");
    let plain = opened(&Parts::of(&TinyConfig::new(TinyFamily::Llama)), 1).spec;
    assert_ne!(plain.rotaries, older.rotaries);
}

#[apply(test!)]
fn what_older_llama_files_leave_out_is_proved_by_the_tensors() {
    let tiny = TinyConfig { kv_heads: 4, ..TinyConfig::new(TinyFamily::Llama) };
    let mut parts = Parts::of(&tiny);
    let full = opened(&parts, 1).spec;
    for field in [
        "head_dim",
        "num_key_value_heads",
        "attention_bias",
        "mlp_bias",
        "rope_scaling",
        "tie_word_embeddings",
    ] {
        parts.remove_field(field);
        assert_eq!(opened(&parts, 1).spec, full, "{field}");
    }
}

/// What the reference's classes read so, whatever tools wrote.
#[apply(test!)]
fn fields_that_tools_leave_out_or_add_mean_what_they_mean_to_the_reference() {
    let changes: &[(&str, fn(&mut Parts))] = &[
        ("architectures", |p| p.remove_field("architectures")),
        ("rope_theta", |p| p.remove_field("rope_theta")),
        ("pretraining_tp", |p| p.config["pretraining_tp"] = json!(4)),
        ("max_sequence_length", |p| p.config["max_sequence_length"] = json!(64)),
        ("older context", |p| {
            p.remove_field("max_position_embeddings");
            p.config["max_sequence_length"] = json!(512);
        }),
        ("auto", |p| p.config["torch_dtype"] = json!("auto")),
        ("auto and a type", |p| p.config["dtype"] = json!("auto")),
        ("float64", |p| p.config["torch_dtype"] = json!("float64")),
        ("partial_rotary_factor", |p| p.config["partial_rotary_factor"] = json!(1.0)),
    ];
    for family in [TinyFamily::Llama, TinyFamily::Mistral, TinyFamily::Qwen2, TinyFamily::Qwen3] {
        let plain = opened(&Parts::of(&TinyConfig::new(family)), 1).spec;
        let mut changes = changes.to_vec();
        if matches!(family, TinyFamily::Qwen2 | TinyFamily::Qwen3) {
            changes.push(("use_sliding_window", |p| p.remove_field("use_sliding_window")));
        }
        for (name, change) in changes {
            let mut parts = Parts::of(&TinyConfig::new(family));
            change(&mut parts);
            assert_eq!(opened(&parts, 1).spec, plain, "{family:?}: {name}");
        }
    }
}

/// As the makers write Gemma 3 4B: six fields.
#[apply(test!)]
fn gemma_3_fills_in_what_its_makers_leave_out() {
    let mut parts = Parts::of(&TinyConfig {
        heads: 8,
        kv_heads: 4,
        head_dim: 256,
        ..TinyConfig::new(TinyFamily::Gemma3)
            .with_layers(&[false, false, false, false, false, true, false], 0)
    });
    let kept = [
        "hidden_size",
        "intermediate_size",
        "model_type",
        "num_hidden_layers",
        "sliding_window",
        "vocab_size",
    ];
    parts.text().as_object_mut().expect("an object").retain(|field, _| kept.contains(&&**field));
    parts.remove_field("tie_word_embeddings");
    parts.remove_field("architectures");
    let spec = opened(&parts, 1).spec;
    assert!(spec.head.tied && spec.head.cap.is_none());
    assert_eq!((spec.context, spec.eps, spec.embed_scale), (131_072, 1e-6, 32f32.sqrt()));
    let full: Vec<usize> = (0..7).filter(|&i| spec.layers[i].window.is_none()).collect();
    assert_eq!(full, [5]);
    assert!(spec.layers.iter().all(|layer| layer.score_scale == 1.0 / 16.0));
    let slowest = |table: usize| *spec.rotaries[table].freq.last().expect("a pair");
    assert!((f64::from(slowest(0)) * 1e4f64.powf(254.0 / 256.0) - 1.0).abs() < 1e-6);
    assert!((f64::from(slowest(1)) * 1e6f64.powf(254.0 / 256.0) - 1.0).abs() < 1e-6);
}

#[apply(test!)]
fn llama_biases_are_read_where_the_config_announces_them() {
    let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Llama));
    parts.config["attention_bias"] = json!(true);
    parts.config["mlp_bias"] = json!(true);
    for layer in 0..2 {
        for (name, size) in
            [("self_attn.q", 32), ("self_attn.k", 16), ("self_attn.v", 16), ("self_attn.o", 32)]
        {
            parts.add_tensor(&format!("model.layers.{layer}.{name}_proj.bias"), &[size]);
        }
        for (name, size) in [("mlp.gate", 48), ("mlp.up", 48), ("mlp.down", 32)] {
            parts.add_tensor(&format!("model.layers.{layer}.{name}_proj.bias"), &[size]);
        }
    }
    let checkpoint = opened(&parts, 1);
    let layer = &checkpoint.spec.layers[1];
    assert!(layer.qkv_bias && layer.out_bias && layer.mlp.bias);
    assert!(checkpoint.get(Role::AttnOutBias, Some(1)).is_some());
    assert!(checkpoint.get(Role::DownBias, Some(0)).is_some());
}

#[apply(test!)]
fn leftovers_and_a_true_copy_of_a_tied_head_are_ignored_and_listed() {
    let tiny = TinyConfig { tied: true, ..TinyConfig::new(TinyFamily::Llama) };
    let mut parts = Parts::of(&tiny);
    parts.add_tensor("model.layers.0.self_attn.rotary_emb.inv_freq", &[4]);
    parts.add_tensor("model.layers.1.self_attn.rotary_emb.inv_freq", &[0]);
    let mut head = parts.tensor("model.embed_tokens.weight").clone();
    head.name = "lm_head.weight".into();
    parts.tensors.push(head);
    let checkpoint = opened(&parts, 2);
    let buffers = [0, 1].map(|layer| format!("model.layers.{layer}.self_attn.rotary_emb.inv_freq"));
    assert_eq!(checkpoint.ignored(), ["lm_head.weight", &*buffers[0], &*buffers[1]]);
    assert!(checkpoint.spec.head.tied);
    let head = checkpoint.get(Role::OutputEmbedding, None).expect("a head");
    let table = checkpoint.get(Role::Embedding, None).expect("a table");
    assert_eq!(head.bytes.as_ptr(), table.bytes.as_ptr());
}

#[apply(test!)]
fn fields_without_effect_are_known() {
    for family in FAMILIES {
        let mut parts = Parts::of(&TinyConfig::new(family));
        let expected = opened(&parts, 1).spec;
        for (field, value) in [
            ("_name_or_path", json!("somewhere")),
            ("attention_dropout", json!(0.0)),
            ("chunk_size_feed_forward", json!(0)),
            ("dtype", json!("float32")),
            ("id2label", json!({"0": "LABEL_0"})),
            ("is_encoder_decoder", json!(false)),
            ("output_hidden_states", json!(false)),
            ("pad_token_id", Value::Null),
            ("pretraining_tp", json!(1)),
            ("pruned_heads", json!({})),
            ("quantization_config", Value::Null),
            ("transformers.js_config", json!({"kv_cache_dtype": {}})),
            ("transformers_version", json!("4.44.0")),
            ("unsloth_fixed", json!(true)),
        ] {
            parts.text()[field] = value;
        }
        assert_eq!(opened(&parts, 1).spec, expected);
    }
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

/// The same config as transformers 5 writes it.
fn newer_spelling(tiny: &TinyConfig, parts: &mut Parts) {
    if tiny.family.is_gemma3() {
        let text = parts.text().as_object_mut().expect("an object");
        let mut take = |field: &str| text.remove(field).expect("it is there");
        let (local, global, mut scaled) =
            (take("rope_local_base_freq"), take("rope_theta"), take("rope_scaling"));
        scaled["rope_theta"] = global;
        parts.text()["rope_parameters"] = json!({
            "sliding_attention": {"rope_type": "default", "rope_theta": local}, "full_attention": scaled});
        return;
    }
    if tiny.family.is_gemma4() {
        parts.remove_text("global_head_dim");
        parts.remove_text("num_global_key_value_heads");
        // The local ones may be there as well.
        let is_there = |&layer: &usize| tiny.global[layer] || tiny.family == TinyFamily::Gemma4Text;
        let layers = (0..tiny.layers).filter(is_there);
        let object = |layer: usize| (layer.to_string(), json!({"head_dim": tiny.layer_head_dim(layer)}));
        parts.text()["per_layer_config"] = layers.map(object).collect();
        return;
    }
    let config = parts.config.as_object_mut().expect("an object");
    let mut rope = json!({"rope_type": "default"});
    if let Some(Value::Object(scaling)) = config.remove("rope_scaling") {
        rope = Value::Object(scaling);
    }
    for field in ["rope_theta", "partial_rotary_factor"] {
        if let Some(value) = config.remove(field) {
            rope[field] = value;
        }
    }
    let dtype = config.remove("torch_dtype").expect("a type");
    config.extend([("rope_parameters".to_owned(), rope), ("dtype".to_owned(), dtype)]);
    if matches!(tiny.family, TinyFamily::Qwen2 | TinyFamily::Qwen3) {
        config.insert("layer_types".into(), json!(vec!["full_attention"; tiny.layers]));
    }
}

#[apply(test!)]
fn both_spellings_of_every_family_mean_the_same() {
    for family in FAMILIES {
        if family == TinyFamily::Baichuan {
            continue; // has no class there
        }
        let tiny = TinyConfig { llama3_rope: true, ..TinyConfig::new(family) };
        let mut parts = Parts::of(&tiny);
        let makers = opened(&parts, 1).spec;
        newer_spelling(&tiny, &mut parts);
        assert_eq!(opened(&parts, 1).spec, makers, "{family:?}");
    }
}

/// The makers' own files hold them, re-saved ones do not.
#[apply(test!)]
fn keys_and_values_that_nothing_reads_may_hold_anything_or_be_absent() {
    let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Gemma4));
    let unread = ["layers.3.self_attn.k_proj.weight", "layers.4.self_attn.v_proj.weight"];
    for name in unread {
        parts.tensor(name).bytes.fill(0xff); // NaN
    }
    let checkpoint = opened(&parts, 2);
    for name in unread {
        assert!(checkpoint.ignored().iter().any(|ignored| ignored.ends_with(name)), "{name}");
    }
    assert!(checkpoint.get(Role::Key, Some(2)).is_some());
    assert!(checkpoint.get(Role::Key, Some(3)).is_none());
    unread.iter().for_each(|name| parts.remove_tensor(name));
    assert_eq!(opened(&parts, 2).spec, checkpoint.spec);
}

#[apply(test!)]
fn what_glm_files_leave_out_is_half() {
    let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Glm));
    let stated = opened(&parts, 1).spec;
    assert_eq!(stated.rotaries[0].freq.len(), 2);
    parts.remove_field("partial_rotary_factor");
    assert_eq!(opened(&parts, 1).spec, stated);
    parts.config["partial_rotary_factor"] = json!(1.0);
    assert_eq!(opened(&parts, 1).spec.rotaries[0].freq.len(), 4);
}
