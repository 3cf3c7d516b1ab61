//! Tree attention: query runs laid out for the kernel.

use super::Wgpu;
use super::error::WgpuError;
use super::kernels::{self, MAX_HEAD_DIM};
use super::kv::{Kv, no_layer};
use super::record::Dispatch;
use super::rows::Rows;
use crate::checkpoint::spec::LayerSpec;
use crate::prefix::QueryRun;

/// Plans kept: those of all tokens and of the prompts' ends, for two sizes of head.
const KEPT: usize = 4;

/// The runs of a pass as the kernel reads them; the same for all layers of a shape.
pub(super) struct Plan {
    runs: Vec<QueryRun>,
    group: usize,
    pairs: usize,
    buffer: wgpu::Buffer,
    tasks: usize,
    runs_at: usize,
    ranges_at: usize,
    /// Sum over the queries of the keys that they see.
    keys: u64,
}

/// Tasks, runs and ranges in one list of words; see the kernel.
fn lay_out(runs: &[QueryRun], group: usize, pairs: usize) -> (Vec<u32>, usize, usize, usize) {
    let mut tasks = Vec::new();
    let mut rows = Vec::new();
    let mut ranges = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        for first in (0..run.rows.len() * group).step_by(pairs) {
            tasks.extend([i as u32, first as u32]);
        }
        let first_range = ranges.len() / 2;
        let mut depth = 0;
        for range in &run.keys {
            ranges.extend([depth as u32, range.row as u32]);
            depth += range.len;
        }
        rows.extend(
            [run.rows.start, run.first_depth, run.rows.len(), first_range, run.keys.len()].map(|v| v as u32),
        );
    }
    let (count, runs_at) = (tasks.len() / 2, tasks.len());
    let ranges_at = runs_at + rows.len();
    (tasks.into_iter().chain(rows).chain(ranges).collect(), count, runs_at, ranges_at)
}

impl Wgpu {
    pub(super) fn attend(
        &self,
        q: &Rows,
        kv: &Kv,
        kv_layer: usize,
        runs: &[QueryRun],
        layer: &LayerSpec,
    ) -> Result<Rows, WgpuError> {
        let out = self.new_rows("attention output", q.n, q.width)?;
        if q.n == 0 {
            return Ok(out);
        }
        if layer.head_dim > MAX_HEAD_DIM {
            return Err(WgpuError::Refused(format!(
                "heads of {} elements are longer than the {MAX_HEAD_DIM} that the attention kernel takes; use \
                 --backend cpu",
                layer.head_dim
            )));
        }
        let layer_kv = kv.layers.get(kv_layer).ok_or_else(|| no_layer(kv_layer))?;
        let [k, v] = layer_kv.pass.as_ref().ok_or_else(|| no_layer(kv_layer))?;
        let [path_k, path_v] = match &layer_kv.path {
            Some([k, v]) => [k, v],
            None => [&self.nothing, &self.nothing],
        };
        let group = layer.heads / layer.kv_heads;
        let pairs = kernels::attention_pairs(layer.head_dim);
        let mut plans = self.lock_plans();
        let at = match plans.iter().position(|p| p.group == group && p.pairs == pairs && p.runs == runs) {
            Some(at) => at,
            None => {
                plans.truncate(KEPT - 1);
                let (words, tasks, runs_at, ranges_at) = lay_out(runs, group, pairs);
                let buffer = self.put("attention plan", bytemuck::cast_slice(&words))?;
                let keys = runs.iter().map(|r| (r.rows.len() * r.key_count()) as u64).sum();
                let runs = runs.to_vec();
                plans.insert(0, Plan { runs, group, pairs, buffer, tasks, runs_at, ranges_at, keys });
                0
            }
        };
        let plan = &plans[at];
        self.run(&Dispatch {
            kernel: kernels::attention(layer.head_dim),
            buffers: &[&q.buffer, path_k, path_v, &k.buffer, &v.buffer, &plan.buffer, &out.buffer],
            params: &[
                layer.kv_heads as u32,
                group as u32,
                layer_kv.path_len as u32,
                layer.window.unwrap_or(0),
                layer.score_scale.to_bits(),
                layer.score_cap.unwrap_or(0.0).to_bits(),
                plan.runs_at as u32,
                plan.ranges_at as u32,
            ],
            parts: (plan.tasks * layer.kv_heads) as u64,
            cost: 8 * plan.keys * q.width as u64,
        })?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefix::KeyRange;

    #[test]
    fn a_plan_lists_every_pair_once_and_ranges_by_depth() {
        let keys = vec![KeyRange { row: 4, len: 3 }, KeyRange { row: 20, len: 7 }];
        let runs = [QueryRun { rows: 2..7, first_depth: 5, keys }];
        let (words, tasks, runs_at, ranges_at) = lay_out(&runs, 3, 8);
        assert_eq!((tasks, runs_at, ranges_at), (2, 4, 9));
        assert_eq!(words, [0, 0, 0, 8, 2, 5, 5, 0, 2, 0, 4, 3, 20]);
    }
}
