//! What is read off a pass: copied to the host behind the pass's work, and waited for when the next pass is under way.

use super::Cuda;
use super::error::CudaError;
use super::head::{by_row, logs, pairs};
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

#[derive(Clone, Copy)]
enum Part {
    Flag,
    Sums,
    /// This many of each row.
    Top(usize),
    /// Rows and ids.
    Logits(usize, usize),
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
        // Where nothing is asked there is no block, and no bytes of it.
        let mut blocks: Vec<(Part, Option<Block>, usize)> = vec![
            (Part::Sums, self.start_sums(x, head)?, 16 * x.n),
            (Part::Top(top), self.start_largest(x, head, top)?, 8 * x.n * top),
        ];
        for ask in &asks.logits {
            let (rows, ids) = (ask.rows.len(), ask.ids.len());
            let logits = self.start_logits(&self.gather(x, &ask.rows)?, head, &ask.ids)?;
            blocks.push((Part::Logits(rows, ids), logits, 4 * rows * ids));
        }
        self.look_now()?;
        let mut parts = vec![(Part::Flag, size_of::<i32>())];
        let mut down: Vec<(&Buffer, usize)> = vec![(&watch.flag, size_of::<i32>())];
        for (part, block, bytes) in &blocks {
            parts.push((*part, *bytes));
            if let Some(block) = block {
                down.push((block.buffer()?, *bytes));
            }
        }
        let landing = self.transfer.send_down(&down)?;
        self.clear_watch(watch)?;
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
                    Part::Logits(rows, 0) => read.logits.push(vec![Vec::new(); rows]),
                    Part::Logits(_, ids) => read.logits.push(by_row(&pod_collect_to_vec(bytes), ids)),
                }
            }
            read
        })
    }
}
