//! What the fused steps write between each other: planes of a layer's input, of queries, of attention's output, of gated
//! products. Made when a run starts; every layer and pass uses them again.

use super::Cuda;
use super::error::CudaError;
use super::plan::{Plan, ROWS};
use super::pool::Block;
use std::sync::{Arc, PoisonError};

pub struct Workspace {
    /// Rows that planes have.
    pub rows: usize,
    input: Block,
    input_bytes: usize,
    scratch: Block,
    scratch_bytes: usize,
    queries: usize,
    /// f32 per row each.
    powers: Block,
}

impl Workspace {
    fn new(cuda: &Cuda, tokens: usize, plan: &Plan) -> Result<Workspace, CudaError> {
        let rows = tokens.next_multiple_of(ROWS);
        Ok(Workspace {
            rows,
            input: cuda.pool.take("planes of a layer's input", plan.input)?,
            input_bytes: plan.input,
            scratch: cuda.pool.take("planes of queries and gated products", plan.scratch)?,
            scratch_bytes: plan.scratch,
            queries: plan.queries,
            powers: cuda.pool.take("powers of two", 3 * 4 * rows)?,
        })
    }

    fn holds(&self, tokens: usize, plan: &Plan) -> bool {
        tokens <= self.rows
            && plan.input <= self.input_bytes
            && plan.scratch <= self.scratch_bytes
            && plan.queries <= self.queries
    }

    pub fn input(&self) -> u64 {
        self.input.at()
    }

    /// What undoes the powers of two of the input's rows.
    pub fn inverse(&self) -> u64 {
        self.powers.at()
    }

    /// The powers of two of gated products' rows, and what undoes them.
    pub fn gate_powers(&self) -> [u64; 2] {
        [self.powers.at() + 4 * self.rows as u64, self.powers.at() + 8 * self.rows as u64]
    }

    pub fn queries(&self) -> u64 {
        self.scratch.at()
    }

    pub fn attended(&self) -> u64 {
        self.scratch.at() + self.queries as u64
    }

    pub fn inner(&self) -> u64 {
        self.scratch.at()
    }
}

impl Cuda {
    /// A workspace for `tokens` rows as `plan` has it, the one there is if it is large enough.
    pub(super) fn prepare_workspace(&self, tokens: usize, plan: &Plan) -> Result<(), CudaError> {
        let mut there = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        if there.as_ref().is_none_or(|w| !w.holds(tokens, plan)) {
            *there = None;
            *there = Some(Arc::new(Workspace::new(self, tokens, plan)?));
        }
        Ok(())
    }

    /// What the one that is there takes.
    pub(super) fn workspace_bytes(&self) -> u64 {
        let there = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        there
            .as_ref()
            .map_or(0, |w| [&w.input, &w.scratch, &w.powers].map(Block::bytes).iter().sum::<usize>() as u64)
    }

    /// Gives back what the passes of the last run took. A run that is still going has to be begun anew.
    pub(super) fn forget_run(&self) {
        *self.workspace.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.pool.clear();
    }

    pub(super) fn workspace(&self, rows: usize) -> Result<Arc<Workspace>, CudaError> {
        let there = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        match &*there {
            Some(workspace) if rows <= workspace.rows => Ok(workspace.clone()),
            _ => Err(CudaError::Refused(format!("a layer of {rows} rows, and no run of so many was begun"))),
        }
    }
}
