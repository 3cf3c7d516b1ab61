//! A pass's tables on the GPU: where queries find their keys, what the next path keeps, sines and cosines. Each is made once
//! a pass and read by every layer.

use super::Cuda;
use super::error::CudaError;
use super::params::AttentionItem;
use super::pool::Block;
use crate::checkpoint::spec::Rotary;
use crate::prefix::{Carry, QueryRun};
use bytemuck::Zeroable;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Attention plans that are kept: those of all tokens and of prompts' ends, for some sizes of heads.
const KEPT: usize = 8;

/// Tables used last.
#[derive(Default)]
pub struct Tables {
    runs: Vec<Arc<RunTable>>,
    moves: Option<(Vec<Carry>, usize, Arc<Block>)>,
    turns: Vec<TurnTable>,
}

/// Query runs as the attention kernel reads them.
pub struct RunTable {
    runs: Vec<QueryRun>,
    /// Queries of one item.
    queries: usize,
    /// Key rows before this are the path's; its length in this pass.
    path: (usize, usize),
    pub items: Block,
    pub count: usize,
    pub rows: Arc<Block>,
}

struct TurnTable {
    rotary: Rotary,
    /// Pairs of a row, those that do not turn included.
    pairs: usize,
    positions: usize,
    block: Arc<Block>,
}

/// Positions of rows, for one rotary table.
pub struct Turns {
    pub(super) rotary: Rotary,
    pub(super) positions: Block,
    /// Positions that the tables must have.
    pub(super) last: usize,
}

/// Items and key rows: `queries` tokens an item; path rows as they are, the pass's own from `path_rows` on.
fn lay_out(
    runs: &[QueryRun],
    queries: usize,
    path_rows: usize,
    path_len: usize,
) -> (Vec<AttentionItem>, Vec<i32>) {
    let (mut items, mut rows) = (Vec::new(), Vec::new());
    for run in runs {
        for first in (0..run.rows.len()).step_by(queries) {
            items.push(AttentionItem {
                q_row: (run.rows.start + first) as i32,
                tokens: queries.min(run.rows.len() - first) as i32,
                depth: (run.first_depth + first) as i32,
                path: rows.len() as i32,
            });
        }
        for range in &run.keys {
            let row = |row: usize| if row < path_len { row } else { path_rows + (row - path_len) };
            rows.extend((range.row..range.row + range.len).map(|r| row(r) as i32));
        }
    }
    (items, rows)
}

fn lock(tables: &Mutex<Tables>) -> MutexGuard<'_, Tables> {
    tables.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cuda {
    pub(super) fn run_table(
        &self,
        runs: &[QueryRun],
        queries: usize,
        path: (usize, usize),
    ) -> Result<Arc<RunTable>, CudaError> {
        let mut tables = lock(&self.tables);
        let same = |t: &Arc<RunTable>| t.path == path && t.runs == runs;
        if let Some(found) = tables.runs.iter().find(|t| t.queries == queries && same(t)) {
            return Ok(found.clone());
        }
        let (items, rows) = lay_out(runs, queries, path.0, path.1);
        // Key rows are the same however queries are cut.
        let rows = match tables.runs.iter().find(|t| same(t)) {
            Some(table) => table.rows.clone(),
            None => Arc::new(self.transfer.up(&self.pool, "key rows", bytemuck::cast_slice(&rows))?),
        };
        let words: Vec<[i32; 4]> = items.iter().map(|i| [i.q_row, i.tokens, i.depth, i.path]).collect();
        let table = Arc::new(RunTable {
            runs: runs.to_vec(),
            queries,
            path,
            items: self.transfer.up(&self.pool, "attention items", bytemuck::cast_slice(&words))?,
            count: items.len(),
            rows,
        });
        tables.runs.truncate(KEPT - 1);
        tables.runs.insert(0, table.clone());
        Ok(table)
    }

    /// Lets the tables of the pass before go, so that their places are free for those of the next.
    pub(super) fn forget_pass(&self) {
        let mut tables = lock(&self.tables);
        tables.runs.clear();
        tables.moves = None;
    }

    pub(super) fn cached_moves(&self, carry: &[Carry], path_len: usize) -> Result<Arc<Block>, CudaError> {
        let mut tables = lock(&self.tables);
        if let Some((of, at, block)) = &tables.moves
            && of == carry
            && *at == path_len
        {
            return Ok(block.clone());
        }
        let moves: Vec<[i32; 2]> = carry
            .iter()
            .flat_map(|c| (0..c.len).map(move |i| [(c.from - path_len + i) as i32, (c.depth + i) as i32]))
            .collect();
        let block = Arc::new(self.transfer.up(&self.pool, "moves of keys", bytemuck::cast_slice(&moves))?);
        tables.moves = Some((carry.to_vec(), path_len, block.clone()));
        Ok(block)
    }

    pub(super) fn new_turns(&self, rotary: &Rotary, positions: &[u32]) -> Result<Turns, CudaError> {
        Ok(Turns {
            rotary: rotary.clone(),
            positions: self.transfer.up(&self.pool, "positions", bytemuck::cast_slice(positions))?,
            last: positions.iter().max().map_or(0, |p| *p as usize + 1),
        })
    }

    /// Cosine and sine of every pair at every position below `positions`; pairs beyond the rotary's do not turn.
    ///
    /// The angle is the f32 product of position and frequency, as the reference implementation has it; its sine and cosine
    /// are taken in f64 and kept in f32.
    pub(super) fn turn_table(
        &self,
        rotary: &Rotary,
        pairs: usize,
        positions: usize,
    ) -> Result<Arc<Block>, CudaError> {
        let mut tables = lock(&self.tables);
        let same = |t: &&TurnTable| t.pairs == pairs && t.rotary == *rotary;
        if let Some(found) = tables.turns.iter().find(same).filter(|t| t.positions >= positions) {
            return Ok(found.block.clone());
        }
        let turn = |p: usize, i: usize| match rotary.freq.get(i) {
            Some(f) => {
                let angle = f64::from(p as f32 * f);
                [angle.cos() as f32, angle.sin() as f32]
            }
            None => [1.0, 0.0],
        };
        let values: Vec<[f32; 2]> =
            (0..positions).flat_map(|p| (0..pairs).map(move |i| turn(p, i))).collect();
        let block =
            Arc::new(self.transfer.up(&self.pool, "sines and cosines", bytemuck::cast_slice(&values))?);
        tables.turns.retain(|t| !same(&t));
        let table = TurnTable { rotary: rotary.clone(), pairs, positions, block: block.clone() };
        tables.turns.push(table);
        Ok(block)
    }
}

impl Default for AttentionItem {
    fn default() -> Self {
        Self::zeroed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefix::KeyRange;

    #[test]
    fn items_cut_a_run_and_own_rows_stand_behind_the_path() {
        let keys = vec![KeyRange { row: 1, len: 2 }, KeyRange { row: 6, len: 5 }];
        let runs = [
            QueryRun { rows: 0..3, first_depth: 4, keys },
            QueryRun { rows: 3..4, first_depth: 0, keys: vec![KeyRange { row: 9, len: 1 }] },
        ];
        let (items, rows) = lay_out(&runs, 2, 100, 4);
        let items: Vec<[i32; 4]> = items.iter().map(|i| [i.q_row, i.tokens, i.depth, i.path]).collect();
        assert_eq!(items, [[0, 2, 4, 0], [2, 1, 6, 0], [3, 1, 0, 7]]);
        assert_eq!(rows, [1, 2, 102, 103, 104, 105, 106, 105]);
    }
}
