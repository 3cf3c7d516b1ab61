//! Promise: what does not fit into one binding is split without changing a bit, or refused with advice; so is a weight
//! that does not fit into the fast path's f16.

use crate::common::data::{Weight, rows};
use crate::common::{TinyConfig, TinyFamily, bits, items, score, skip, write_config, write_weights};
use crate::device::{checked, open, references};
use std::time::Duration;
use tiltmeter::backend::wgpu::{LimitChoice, Precision, WgpuOptions};
use tiltmeter::backend::{Backend, Purpose};
use tiltmeter::checkpoint::{Checkpoint, Dtype};
use tiltmeter::decoder::Decoder;

fn limited(limits: LimitChoice) -> WgpuOptions {
    WgpuOptions { limits, ..checked() }
}

#[apply(test!)]
fn split_weights_and_small_limits_give_the_same_bits() {
    let whole = open(checked());
    for dir in references() {
        if !["qwen25", "baichuan2_bf16"].iter().any(|case| dir.ends_with(case)) {
            continue;
        }
        let items = items(390, 150, 16);
        let want = bits(&score(&whole, &dir, &items, 32, true));
        // The embeddings take 106 KiB and more here, and a pack of 32 tokens stays below the limit.
        let gpu = open(limited(LimitChoice::Binding(48 << 10)));
        assert!(bits(&score(&gpu, &dir, &items, 32, true)) == want, "{}", dir.display());
    }
}

#[apply(test!)]
fn what_cannot_be_split_is_refused_with_advice() {
    let gpu = open(limited(LimitChoice::Binding(1 << 10)));
    let wide = Weight::new(Dtype::F32, 2, 300, 1.0, 1);
    let Err(refused) = gpu.upload(wide.tensor(), Purpose::Product) else {
        panic!("a row of 1200 bytes fits")
    };
    assert!(refused.to_string().contains("--adapter"), "{refused}");
    let table = gpu.upload(wide.tensor(), Purpose::Gather).expect("stays on the host");
    let Err(refused) = gpu.embed(&table, 0..300, &[0, 1], 1.0) else { panic!("2400 bytes of rows fit") };
    assert!(refused.to_string().contains("--pack-tokens"), "{refused}");
}

#[apply(test!)]
fn a_weight_beyond_f16_is_refused_by_name_where_products_are_f16() {
    const SPOILED: &str = "model.layers.1.mlp.down_proj.weight";
    let config = TinyConfig { dtype: Dtype::Bf16, ..TinyConfig::new(TinyFamily::Llama) };
    let mut tensors = config.tensors(1);
    let tensor = tensors.iter_mut().find(|tensor| tensor.name == SPOILED).expect("there");
    tensor.bytes[6..8].copy_from_slice(&half::bf16::from_f32(-98304.0).to_le_bytes());
    let dir = tempfile::tempdir().expect("a folder");
    write_config(dir.path(), &config.config());
    write_weights(dir.path(), &tensors, 1);
    let checkpoint = Checkpoint::open(dir.path()).expect("opens");

    let exact = open(checked());
    assert!(Decoder::new(&exact, &checkpoint.spec, &checkpoint).is_ok(), "f32 holds it");
    let fast = open(WgpuOptions { precision: Precision::Fast, ..checked() });
    if let Some(note) = fast.note() {
        skip(note);
    }
    let refused = Decoder::new(&fast, &checkpoint.spec, &checkpoint).err().expect("f16 does not").to_string();
    for part in ["model.safetensors", SPOILED, "98304", "--precision f32"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
}

#[apply(test!)]
fn more_workgroups_than_a_dimension_holds_are_folded() {
    let options = WgpuOptions { submit_target: Duration::from_secs(60), ..checked() };
    let gpu = open(options);
    let x = rows(3, 4096, 1.0, 1).on(&gpu);
    let source = gpu.read(&x).expect("reads");
    // 4200 * 4096 elements are 67200 workgroups. Submits grow until one takes them all.
    let indices: Vec<usize> = (0..4200).map(|i| i * 7 % 3).collect();
    for _ in 0..3 {
        let y = gpu.read(&gpu.gather_rows(&x, &indices).expect("gathers")).expect("reads");
        for (row, (got, &index)) in y.chunks_exact(4096).zip(&indices).enumerate() {
            assert!(got == &source[index * 4096..(index + 1) * 4096], "row {row}");
        }
    }
}
