//! Promise: logits equal those of Hugging Face transformers in f32, to 1e-4 of their norm.
//!
//! The references lie beside the repository in `../shared/reference` and are not part of it; without them these tests
//! count as ignored. `tests/all/oracle.rs` compares with a plain forward pass of our own, everywhere.

use crate::common::{Errors, Reference, relative};
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::checkpoint::Checkpoint;
use tiltmeter::decoder::{Decoder, Stage};
use tiltmeter::prefix::PrefixTree;

#[apply(test!)]
fn final_logits_agree_with_transformers() {
    for dir in Reference::folders() {
        for pack_tokens in [7, 100, 4096] {
            Errors::of(&Cpu, &dir, pack_tokens).check(&dir.display().to_string(), 1e-4, 1e-3);
        }
    }
}

#[apply(test!)]
fn every_layer_agrees_with_the_stored_trace() {
    for dir in Reference::folders() {
        let reference = Reference::read(&dir);
        let trace = reference.json["trace_sequence"].as_u64().expect("trace_sequence") as usize;
        let tokens = reference.sequences().swap_remove(trace);
        let checkpoint = Checkpoint::open(&dir).expect("opens");
        let decoder = Decoder::new(&Cpu, &checkpoint.spec, &checkpoint).expect("uploads");
        let tree = PrefixTree::new(&[tokens], true);
        let mut state = decoder.path_state(&tree, tree.len()).expect("state");
        // From here on only the rows of prompts' last tokens exist.
        let need = checkpoint.spec.last_kv_maker();
        let width = checkpoint.spec.hidden;
        for pack in tree.packs(tree.len()) {
            let mut stages = 0;
            decoder
                .trace(&tree, &pack, &mut state, &mut |stage, rows| {
                    let (name, final_only) = match stage {
                        Stage::Embed => ("trace.embed".to_string(), false),
                        Stage::Attention(i) => (format!("trace.layer.{i}.attn"), i >= need),
                        Stage::Mlp(i) => (format!("trace.layer.{i}.mlp"), i >= need),
                        Stage::Layer(i) => (format!("trace.layer.{i}"), i >= need),
                        Stage::FinalNorm => ("trace.final_norm".to_string(), true),
                    };
                    let want = reference.f32s(&name);
                    let want = if final_only { &want[want.len() - width..] } else { &want[..] };
                    let error = relative(&rows.data, want);
                    assert!(error < 1e-4, "{}: {name}: {error:e}", dir.display());
                    stages += 1;
                    Ok(())
                })
                .expect("forward");
            assert_eq!(stages, 3 * checkpoint.spec.layers.len() + 2);
        }
    }
}
