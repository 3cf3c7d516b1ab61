//! What fields of a config mean, absent ones too.

use serde_json::{Value, json};
use tiltmeter::checkpoint::{Role, Weights};

use super::{Parts, opened};
use crate::common::{FAMILIES, TinyConfig, TinyFamily};

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
