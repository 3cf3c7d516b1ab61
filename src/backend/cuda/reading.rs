//! What is read off a pass: copied to the host behind the pass's work, and waited for when the next pass is under way.

use super::Cuda;
use super::error::CudaError;
use super::head::{by_row, each, logs, pairs};
use super::memory::Buffer;
use super::pool::Block;
use super::rows::Rows;
use super::transfer::Landing;
use super::watch::{Watch, noted};
use super::weights::Matrix;
use crate::backend::HeadUse;
use crate::backend::reading::{Asks, ReadOff};
use bytemuck::pod_collect_to_vec;

/// A reading on its way.
pub struct Reading {
    landing: Landing,
    /// Bytes of each part, in the order of [`Part`]s.
    parts: Vec<(Part, usize)>,
}

enum Part {
    Flag,
    Sums,
    /// This many of each row.
    Top(usize),
    /// Rows and ids of each ask, whose logits stand one behind the other.
    Logits(Vec<[usize; 2]>),
}

impl Cuda {
    pub(super) fn send_off(
        &self,
        x: &Rows,
        head: &HeadUse<'_, Matrix<'_>, Rows>,
        asks: &Asks,
        watch: &Watch,
    ) -> Result<Reading, CudaError> {
        let top = asks.top.min(head.table.planes()?.rows);
        let asked: Vec<[u32; 2]> = asks.logits.iter().flat_map(|ask| each(&ask.rows, &ask.ids)).collect();
        let shapes = asks.logits.iter().map(|ask| [ask.rows.len(), ask.ids.len()]).collect();
        // Where nothing is asked there is no block, and no bytes of it.
        let blocks: [(Part, Option<Block>, usize); 3] = [
            (Part::Sums, self.start_sums(x, head)?, 16 * x.n),
            (Part::Top(top), self.start_largest(x, head, top)?, 8 * x.n * top),
            (Part::Logits(shapes), self.start_logits(x, head, &asked)?, 4 * asked.len()),
        ];
        self.look_now()?;
        let mut down: Vec<(&Buffer, usize)> = vec![(&watch.flag, size_of::<i32>())];
        for (_, block, bytes) in &blocks {
            if let Some(block) = block {
                down.push((block.buffer()?, *bytes));
            }
        }
        let landing = self.transfer.send_down(&down)?;
        self.clear_watch(watch)?;
        let parts = [(Part::Flag, size_of::<i32>())].into_iter();
        let parts = parts.chain(blocks.into_iter().map(|(part, _, bytes)| (part, bytes))).collect();
        Ok(Reading { landing, parts })
    }

    pub(super) fn arrived(&self, reading: Reading) -> Result<ReadOff, CudaError> {
        let Reading { landing, parts } = reading;
        self.transfer.landed(landing, |bytes| {
            let mut read = ReadOff::default();
            let mut at = 0;
            for (part, len) in parts {
                let bytes = &bytes[at..at + len];
                at += len.next_multiple_of(super::transfer::ALIGNED);
                match part {
                    Part::Flag => read.noticed = noted(bytes),
                    Part::Sums => read.sums = logs(&pod_collect_to_vec(bytes)),
                    Part::Top(0) => {}
                    Part::Top(k) => read.top = pairs(&pod_collect_to_vec(bytes), k),
                    Part::Logits(shapes) => {
                        let mut left: &[f32] = &pod_collect_to_vec(bytes);
                        for [rows, ids] in shapes {
                            let (own, rest) = left.split_at(rows * ids);
                            read.logits.push(by_row(own, rows, ids));
                            left = rest;
                        }
                    }
                }
            }
            read
        })
    }
}
