//! Promise: packs allocate nothing, the host waits once a pack and then for the pass before, and a plain layer takes at most eight
//! launches, none of them naive. Counted in what the emulated driver logs.

use crate::common::{TinyConfig, TinyFamily, write_tiny_checkpoint};
use crate::driver::{emulated, said};
use crate::program::{lines, score, scores};
use serde_json::json;

/// Prompts of two tokens, each asked 64: as much is read off as a plan has room for.
fn many_asks() -> Vec<String> {
    let rest: Vec<u32> = (1..64).collect();
    let line =
        |i: u32| json!({"id": i, "tokens": [i / 15, 20 + i % 15], "choice_tokens": [[0], rest]}).to_string();
    (0..120).map(line).collect()
}

#[apply(test!)]
fn packs_allocate_nothing_wait_once_and_layers_take_eight_launches() {
    let driver = emulated();
    let dir = tempfile::tempdir().expect("a folder");
    // Scales of a large vocabulary take more than anything else of a pass.
    let config = TinyConfig { vocab: 20_000, ..TinyConfig::new(TinyFamily::Baichuan) };
    write_tiny_checkpoint(&dir.path().join("90/model"), &config, 3);
    std::fs::create_dir(dir.path().join("80")).expect("a folder");
    for (capability, set, lines) in [("80", "mma", many_asks()), ("90", "wgmma", lines())] {
        let dir = dir.path().join(capability);
        let log = dir.join("log");
        let mut command = score(&dir, driver, &lines, &["--pack-tokens", "32"]);
        // Forced, it is not checked first.
        command.env("EMU_CC", capability).env("EMU_LOG", &log).env("TILTMETER_CUDA_KERNELS", set);
        let (output, written) = scores(&dir, &mut command);
        assert!(written.is_some(), "{}", said(&output));
        let log = std::fs::read_to_string(&log).expect("a log");
        let events: Vec<&str> = log.lines().collect();
        // A pass begins with its embedding.
        let starts: Vec<usize> = events
            .iter()
            .enumerate()
            .filter(|(_, e)| e.starts_with("launch embed"))
            .map(|(i, _)| i)
            .collect();
        assert!(starts.len() >= 4, "{} packs", starts.len());
        let waits: Vec<usize> =
            events.iter().enumerate().filter(|(_, e)| e.starts_with("wait event")).map(|(i, _)| i).collect();
        let end = *waits.last().expect("a wait");
        for (pack, &start) in starts.iter().enumerate() {
            let until = starts.get(pack + 1).copied().unwrap_or(end + 1);
            // Buffers go back when the run is over.
            let events: Vec<&&str> =
                events[start..until].iter().take_while(|e| !e.starts_with("free")).collect();
            let count = |what: &str| events.iter().filter(|e| e.starts_with(what)).count();
            assert_eq!(count("alloc"), 0, "{capability}, pack {pack}: {events:#?}");
            // Behind everything that the pack is asked, and for the pack before; at the end for the last one too.
            let wanted = if pack + 1 == starts.len() { 2 } else { usize::from(pack > 0) };
            assert_eq!(count("wait event"), wanted, "{capability}, pack {pack}: {events:#?}");
            assert_eq!(count("wait"), wanted, "{capability}, pack {pack}: {events:#?}");
            let last_launch = events.iter().rposition(|e| e.starts_with("launch")).expect("a launch");
            assert!(pack == 0 || events.iter().position(|e| e.starts_with("wait")) > Some(last_launch));
            assert_eq!(count("launch product_naive") + count("launch attention_naive"), 0);
            // Between a layer's first norm and the next layer's: attention follows the first norm alone.
            let launches: Vec<&str> = events.iter().filter_map(|e| e.strip_prefix("launch ")).collect();
            let heads: Vec<usize> = launches
                .iter()
                .enumerate()
                .filter(|(_, l)| l.starts_with("product") && l.contains("_heads_"))
                .map(|(i, _)| i)
                .collect();
            for pair in heads.windows(2) {
                assert!(pair[1] - pair[0] <= 8, "{capability}: {} launches a layer", pair[1] - pair[0]);
            }
        }
    }
}
