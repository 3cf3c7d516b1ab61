//! Whether time grows faster than the input, and memory beyond its bound: each kind of repetition is read at a size that takes a while, and at four times that.

use crate::bounds::{hold, processor_seconds};
use crate::targets::{GROWTHS, TARGETS};

/// Seconds that are long enough to be measured, and bytes beyond which nothing is made longer.
const WHILE: f64 = 0.05;
const LARGEST: usize = 4 << 20;
/// Four times the input may take so many times as long: in theory 4, and something for caches and logarithms.
const MOST: f64 = 7.0;

/// Prints a table; whether nothing grew too fast.
pub fn check() -> bool {
    println!("target\trepeated\tbytes\tseconds\ttimes as long for four times as much");
    let mut holds = true;
    for (name, what, make) in GROWTHS {
        let target = TARGETS.iter().find(|target| target.name == *name).expect("a target of that name");
        let seconds = |bytes: &[u8]| {
            let begun = processor_seconds();
            let _said = hold(bytes.len(), || (target.read)(bytes));
            processor_seconds() - begun
        };
        let (mut n, mut small) = (64, make(64));
        let mut took = seconds(&small);
        while took < WHILE && small.len() < LARGEST / 4 {
            n *= 2;
            small = make(n);
            took = seconds(&small);
        }
        let large = make(4 * n);
        // The better of two: another process may have been in the way.
        let (once, again) = (took.min(seconds(&small)), seconds(&large).min(seconds(&large)));
        let ratio = again / once;
        let fast = ratio > MOST * large.len() as f64 / small.len() as f64 / 4.0 && again > 2.0 * WHILE;
        println!(
            "{name}\t{what}\t{}\t{once:.3}\t{ratio:.1}{}",
            small.len(),
            if fast { "\ttoo fast" } else { "" }
        );
        holds &= !fast;
    }
    holds
}
