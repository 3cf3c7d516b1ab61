//! Single steps that the fused layer does without: products of f32 rows, attention on f32 rows. Benchmarks, side inputs and
//! tests of steps use them; where no bound of the values is known they read the rows back to find one.

use super::Cuda;
use super::bounds::{Exponents, exponent_for};
use super::error::CudaError;
use super::kv::Kv;
use super::layer::{Planes16, Split, attention_params};
use super::load::padded;
use super::packing::HeadOrder;
use super::params::{self, STORE};
use super::plan::{ROWS, queries};
use super::pool::Block;
use super::product::{Epilogue, Input, Weight};
use super::rows::Rows;
use super::weights::Matrix;
use crate::backend::Precision;
use crate::backend::Projection;
use crate::checkpoint::spec::{LayerSpec, Pairs, Rotary};
use crate::prefix::QueryRun;
use bytemuck::Zeroable;

/// Powers of two that keys and values may grow by from pass to pass, where no bound is known.
const ROOM: i32 = 6;

/// Planes of some rows, in a place of their own.
pub(super) struct Own {
    pub input: Input,
    _places: [Block; 2],
}

impl Cuda {
    /// Planes of the rows as they are.
    pub(super) fn split_own(&self, x: &Rows, planes: usize) -> Result<Own, CudaError> {
        let rows = x.n.next_multiple_of(ROWS);
        let values = self.pool.take("planes of rows", 2 * planes * rows * padded(x.width))?;
        let inverse = self.pool.take("powers of two", 4 * x.n)?;
        let to = Planes16 { at: values.at(), inverse: inverse.at(), rows, gate_powers: [0, 0] };
        let input = self.split(x, &Split { norm: None, eps: 0.0, planes, gate: None }, &to)?;
        Ok(Own { input, _places: [values, inverse] })
    }

    /// `out = x W^T + bias`, or as `mode` says.
    pub(super) fn linear_into(
        &self,
        x: &Rows,
        p: &Projection<'_, Matrix<'_>>,
        out: &Rows,
        mode: i32,
    ) -> Result<(), CudaError> {
        self.look_now()?;
        let weight = p.weight.planes()?;
        if out.width != weight.rows || x.width != p.weight.tensor.cols || out.n != x.n {
            return Err(CudaError::Refused(format!(
                "a product of {} x {} rows with {} x {} weights into {} x {} rows",
                x.n, x.width, p.weight.tensor.rows, p.weight.tensor.cols, out.n, out.width
            )));
        }
        // Only what meets a weight stored in 16 bits may be rounded.
        let planes = if self.precision == Precision::F32 || weight.planes == 2 { 2 } else { 1 };
        let own = self.split_own(x, planes)?;
        let bias = match p.bias {
            Some(Matrix { on_gpu: super::weights::OnGpu::Vector(buffer), .. }) => Some(buffer),
            Some(_) => return Err(CudaError::Refused("a matrix was used where a bias is needed".into())),
            None => None,
        };
        self.product(&own.input, &Weight::of(weight, bias), &Epilogue::Rows(&out.target(mode)))
    }

    pub(super) fn linear_rows(&self, x: &Rows, p: &Projection<'_, Matrix<'_>>) -> Result<Rows, CudaError> {
        let out = self.new_rows("a projection", x.n, p.weight.tensor.rows)?;
        self.linear_into(x, p, &out, STORE)?;
        Ok(out)
    }

    /// Splits heads of f32 rows into planes, normed and turned as `to` says; heads of `source` elements, 0 where they lie
    /// as the planes have them.
    pub(super) fn head_rows(
        &self,
        x: &Rows,
        source: u64,
        source_dim: usize,
        to: params::ToHeads,
    ) -> Result<(), CudaError> {
        if x.n == 0 {
            return Ok(());
        }
        let rows = params::HeadRows {
            x: x.at(),
            source,
            n: x.n as i32,
            ld: x.ld as i32,
            src_dim: source_dim as i32,
            pad: 0,
            to,
        };
        self.start("head_rows", [x.n as u32, 1, 1], &rows)
    }

    /// The exponent for planes of these rows.
    fn exponent_of(&self, x: &Rows) -> Result<i32, CudaError> {
        let largest = self.read_rows(x)?.into_iter().fold(0.0f64, |most, v| {
            let size = f64::from(v).abs();
            if size <= most { most } else { size }
        });
        exponent_for(largest)
    }

    /// Rows of finished heads as planes: what `head_rows` needs where nothing is to be normed or turned.
    fn as_they_are(
        &self,
        x: &Rows,
        order: &HeadOrder,
        fill: impl FnOnce(&mut params::ToHeads),
    ) -> Result<(), CudaError> {
        let still = Rotary { freq: Vec::new(), pairs: Pairs::Adjacent };
        let table = self.turn_table(&still, order.padded / 2, 1)?;
        let zeros = self.transfer.up(&self.pool, "positions", bytemuck::cast_slice(&vec![0u32; x.n]))?;
        let source: Vec<i32> = order.from.iter().map(|from| from.map_or(-1, |f| f as i32)).collect();
        let source = self.transfer.up(&self.pool, "order of heads", bytemuck::cast_slice(&source))?;
        let mut to = params::ToHeads {
            turns: table.at(),
            position: zeros.at(),
            dim: order.padded as i32,
            true_dim: order.real as i32,
            q_scale: 1.0,
            k_scale: 1.0,
            v_scale: 1.0,
            ..params::ToHeads::zeroed()
        };
        fill(&mut to);
        self.head_rows(x, source.at(), order.real, to)
    }

    pub(super) fn write_rows(
        &self,
        kv: &mut Kv,
        layer: usize,
        path: usize,
        k: &Rows,
        v: &Rows,
    ) -> Result<(), CudaError> {
        let Some(LayerSpec { head_dim, kv_heads, .. }) = kv.specs.get(layer) else {
            return Err(CudaError::Refused(format!("there is no layer {layer}")));
        };
        let (order, heads) = (HeadOrder::plain(*head_dim)?, *kv_heads as i32);
        let fitting = Exponents { q: 0, k: self.exponent_of(k)?, v: self.exponent_of(v)? };
        let rows = kv.pass_rows as i32;
        let own = kv.layer(layer)?;
        // The path's rows keep their powers of two; those that come may be so much larger.
        let exponents = match own.carried.filter(|_| path > 0) {
            Some(carried) if carried.k <= fitting.k && carried.v <= fitting.v => carried,
            Some(_) => {
                return Err(CudaError::Refused(format!(
                    "keys or values of layer {layer} are more than 2^{ROOM} times larger than those of the pass before"
                )));
            }
            None => Exponents { q: 0, k: fitting.k - ROOM, v: fitting.v - ROOM },
        };
        (own.path_len, own.exponents) = (path, Some(exponents));
        let places = kv.places(layer)?;
        self.as_they_are(k, &order, |to| {
            (to.k, to.k_rows, to.k_heads, to.k_scale) = (places.k_pass, rows, heads, 2f32.powi(exponents.k));
            to.v_planes = places.v_planes as i32;
        })?;
        self.as_they_are(v, &order, |to| {
            (to.v, to.v_rows, to.v_heads, to.v_scale) = (places.v_pass, rows, heads, 2f32.powi(exponents.v));
            to.v_planes = places.v_planes as i32;
        })
    }

    pub(super) fn attend_rows(
        &self,
        q: &Rows,
        kv: &Kv,
        kv_layer: usize,
        runs: &[QueryRun],
        layer: &LayerSpec,
    ) -> Result<Rows, CudaError> {
        let out = self.new_rows("attention output", q.n, q.width)?;
        if q.n == 0 {
            return Ok(out);
        }
        let order = HeadOrder::plain(layer.head_dim)?;
        let (dim, group) = (order.padded, layer.heads / layer.kv_heads);
        let written = kv.written(kv_layer)?;
        let exponent = self.exponent_of(q)?;
        let places = kv.places(kv_layer)?;
        let rows = q.n.next_multiple_of(ROWS);
        let width = layer.heads * dim;
        let queries_at = self.pool.take("planes of queries", 2 * 2 * rows * width)?;
        let attended = self.pool.take("planes of attention", 2 * places.v_planes * rows * width)?;
        self.as_they_are(q, &order, |to| {
            (to.q, to.q_rows, to.q_heads, to.q_scale) =
                (queries_at.at(), rows as i32, layer.heads as i32, 2f32.powi(exponent));
            to.v_planes = places.v_planes as i32;
        })?;
        let table = self.run_table(runs, queries(dim, group), (kv.path_rows, kv.path_len(kv_layer)))?;
        let attention = params::Attention {
            q: queries_at.at(),
            out: attended.at(),
            items: table.items.at(),
            rows: table.rows.at(),
            q_rows: rows as i32,
            out_rows: rows as i32,
            group: group as i32,
            kv_heads: layer.kv_heads as i32,
            window: layer.window.map_or(i32::MAX, |w| i32::try_from(w).unwrap_or(i32::MAX)),
            score_scale: layer.score_scale * 2f32.powi(-(exponent + written.k)),
            cap: layer.score_cap.unwrap_or(0.0),
            ..attention_params(kv, &places, dim)
        };
        self.attention_kernel(&attention, table.count)?;
        let join = params::JoinPlanes {
            input: attended.at(),
            inv: 0,
            out: out.at(),
            n: out.n as i32,
            width: out.width as i32,
            ld: out.ld as i32,
            in_rows: rows as i32,
            k: width as i32,
            planes: places.v_planes as i32,
            src_group: layer.head_dim as i32,
            dst_group: dim as i32,
            scale: 2f32.powi(-written.v),
        };
        self.start("join_planes", [out.n as u32, 1, 1], &join)?;
        Ok(out)
    }
}
