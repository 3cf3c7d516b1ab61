//! Promise: what does not fit into one binding is split without changing a bit, or refused with advice.

use crate::data::Weight;
use crate::device::open;
use crate::score::{bits, items, references, score};
use tiltmeter::backend::wgpu::{LimitChoice, WgpuOptions};
use tiltmeter::backend::{Backend, Purpose};
use tiltmeter::checkpoint::Dtype;

fn limited(limits: LimitChoice) -> WgpuOptions {
    WgpuOptions { limits, ..WgpuOptions::default() }
}

#[test]
fn split_weights_and_small_limits_give_the_same_bits() {
    let Some(whole) = open(WgpuOptions::default()) else { return };
    for dir in references() {
        if !["qwen25", "baichuan2_bf16"].iter().any(|case| dir.ends_with(case)) {
            continue;
        }
        let items = items(390);
        let want = bits(&score(&whole, &dir, &items, 32, true));
        // The embeddings take 106 KiB and more here, and a pack of 32 tokens stays below the limit.
        for limits in [LimitChoice::Binding(48 << 10), LimitChoice::Downlevel] {
            let Some(gpu) = open(limited(limits)) else { return };
            assert!(bits(&score(&gpu, &dir, &items, 32, true)) == want, "{}: {limits:?}", dir.display());
        }
    }
}

#[test]
fn what_cannot_be_split_is_refused_with_advice() {
    let Some(gpu) = open(limited(LimitChoice::Binding(1 << 10))) else { return };
    let wide = Weight::new(Dtype::F32, 2, 300, 1.0, 1);
    let Err(refused) = gpu.upload(wide.tensor(), Purpose::Product) else {
        panic!("a row of 1200 bytes fits")
    };
    assert!(refused.to_string().contains("--adapter"), "{refused}");
    let table = gpu.upload(wide.tensor(), Purpose::Gather).expect("stays on the host");
    let Err(refused) = gpu.embed(&table, 0..300, &[0, 1], 1.0) else { panic!("2400 bytes of rows fit") };
    assert!(refused.to_string().contains("--pack-tokens"), "{refused}");
}
