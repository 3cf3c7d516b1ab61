//! The fused layer: eight launches on a plain decoder.

use super::Cuda;
use super::bounds::GateBounds;
use super::error::CudaError;
use super::kernels::KernelSet;
use super::kv::{Kv, Places};
use super::load::{Layer, padded};
use super::memory::Buffer;
use super::params::{self, ADD, SIDE, STORE};
use super::plan::{fuses_heads, queries};
use super::product::{Epilogue, Input, Weight};
use super::rows::{Rows, act_number};
use super::watch::Pending;
use super::workspace::Workspace;
use crate::backend::BackendError;
use crate::backend::layer::{At, See};
use crate::checkpoint::spec::{HeadNorm, Kv as KvOf};
use bytemuck::Zeroable;

/// Which of queries, keys and values a projection makes.
#[derive(Clone, Copy)]
struct Made {
    queries: bool,
    keys_values: bool,
}

/// How rows become planes.
pub(super) struct Split<'a> {
    pub norm: Option<u64>,
    pub eps: f32,
    pub planes: usize,
    /// Also the powers of two of the rows' gated products.
    pub gate: Option<&'a GateBounds>,
}

/// Where planes of rows go.
#[derive(Clone, Copy)]
pub(super) struct Planes16 {
    pub at: u64,
    pub inverse: u64,
    pub rows: usize,
    pub gate_powers: [u64; 2],
}

impl Planes16 {
    pub fn of(workspace: &Workspace) -> Self {
        Planes16 {
            at: workspace.input(),
            inverse: workspace.inverse(),
            rows: workspace.rows,
            gate_powers: workspace.gate_powers(),
        }
    }
}

fn power(exponent: i32) -> f32 {
    2f32.powi(exponent)
}

impl Cuda {
    /// Planes of the rows of `x`, normed or as they are.
    pub(super) fn split(&self, x: &Rows, how: &Split<'_>, to: &Planes16) -> Result<Input, CudaError> {
        let k = padded(x.width);
        let input = Input {
            at: to.at,
            planes: how.planes,
            plane_rows: to.rows,
            width: k,
            rows: x.n,
            first: 0,
            inverse: to.inverse,
            scale: 1.0,
        };
        if x.n == 0 {
            return Ok(input);
        }
        let Pending { flag, place } = self.looked_at(x)?;
        let gate = how.gate.copied().unwrap_or(GateBounds {
            gate_norm: 0.0,
            gate_bias: 0.0,
            up_norm: 0.0,
            up_bias: 0.0,
        });
        let powers = if how.gate.is_some() { to.gate_powers } else { [0, 0] };
        let norm = params::NormSplit {
            x: x.at(),
            weight: how.norm.unwrap_or(0),
            out: to.at,
            inv: to.inverse,
            g_scale: powers[0],
            g_inv: powers[1],
            flag,
            n: x.n as i32,
            width: x.width as i32,
            ld: x.ld as i32,
            k: k as i32,
            out_rows: to.rows as i32,
            planes: how.planes as i32,
            norm: i32::from(how.norm.is_some()),
            place,
            eps: how.eps,
            gate_norm: gate.gate_norm,
            gate_bias: gate.gate_bias,
            up_norm: gate.up_norm,
            up_bias: gate.up_bias,
        };
        self.start("norm_split", [x.n as u32, 1, 1], &norm)?;
        Ok(input)
    }

    pub(super) fn make_keys_values(
        &self,
        layer: &Layer,
        at: &At<'_, Cuda>,
        x: &Rows,
        kv: &mut Kv,
    ) -> Result<(), BackendError> {
        let workspace = self.workspace(x.n)?;
        self.project(layer, at, x, kv, &workspace, Made { queries: false, keys_values: true })?;
        Ok(())
    }

    pub(super) fn attend_block(
        &self,
        layer: &Layer,
        at: &At<'_, Cuda>,
        x: &mut Rows,
        kv: &mut Kv,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        let workspace = self.workspace(x.n)?;
        let made = Made { queries: true, keys_values: at.makes_kv };
        self.project(layer, at, x, kv, &workspace, made)?;
        let spec = at.spec();
        let kv_layer = at.decoder.kv_layer(at.layer);
        let exponents = kv.written(kv_layer)?;
        let group = spec.heads / spec.kv_heads;
        let path = kv.path_len(kv_layer);
        let table = self.run_table(at.runs, queries(layer.dim, group), (kv.path_rows, path))?;
        let places = kv.places(kv_layer)?;
        let attention = params::Attention {
            q: workspace.queries(),
            out: workspace.attended(),
            items: table.items.at(),
            rows: table.rows.at(),
            q_rows: workspace.rows as i32,
            out_rows: workspace.rows as i32,
            group: group as i32,
            kv_heads: spec.kv_heads as i32,
            window: spec.window.map_or(i32::MAX, |w| i32::try_from(w).unwrap_or(i32::MAX)),
            score_scale: spec.score_scale * power(-(layer.exponents.q + exponents.k)),
            cap: spec.score_cap.unwrap_or(0.0),
            ..attention_params(kv, &places, layer.dim)
        };
        self.attention_kernel(&attention, table.count)?;
        let input = Input {
            at: workspace.attended(),
            planes: places.v_planes,
            plane_rows: workspace.rows,
            width: layer.out.width,
            rows: x.n,
            first: 0,
            inverse: 0,
            scale: power(-exponents.v),
        };
        let weight = Weight::of(&layer.out, layer.out_bias.as_ref());
        self.add_projected(&input, &weight, layer.attn_out_norm.as_ref(), at, x, see)
    }

    pub(super) fn attention_kernel(
        &self,
        attention: &params::Attention,
        items: usize,
    ) -> Result<(), CudaError> {
        self.attention_of(self.set, attention, items)
    }

    /// By the kernels of this set.
    pub(super) fn attention_of(
        &self,
        set: KernelSet,
        attention: &params::Attention,
        items: usize,
    ) -> Result<(), CudaError> {
        if items == 0 {
            return Ok(());
        }
        let z = if set == KernelSet::Naive { 1 } else { (attention.dim as u32 / 128).max(1) };
        let name = attention_name(set, attention.dim as usize, attention.v_planes as usize);
        self.start(&name, [items as u32, attention.kv_heads as u32, z], attention)
    }

    /// Has the driver compile what a layer needs, so that a refusal shows before anything is computed.
    pub(super) fn compile(
        &self,
        [planes, mlp_planes]: [usize; 2],
        weight_planes: usize,
        dim: usize,
    ) -> Result<(), CudaError> {
        for (epilogue, planes) in
            [("heads", planes), ("rows", planes), ("gate", mlp_planes), ("rows", mlp_planes)]
        {
            self.product_kernel(epilogue, planes, weight_planes)?;
        }
        self.kernels.get(&attention_name(self.set, dim, planes)).map(drop)
    }

    pub(super) fn mlp_block(
        &self,
        layer: &Layer,
        at: &At<'_, Cuda>,
        x: &mut Rows,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        let workspace = self.workspace(x.n)?;
        let (spec, to) = (at.spec(), Planes16::of(&workspace));
        let split = Split {
            norm: layer.mlp_in_norm.as_ref().map(Buffer::at),
            eps: at.decoder.eps,
            planes: layer.mlp_planes,
            gate: Some(&layer.gate_bounds),
        };
        let input = self.split(x, &split, &to)?;
        let act = act_number(spec.mlp.act);
        let [g_scale, g_inv] = workspace.gate_powers();
        let gated = params::ToGate { out: workspace.inner(), g_scale, out_rows: workspace.rows as i32, act };
        let weight = Weight::of(&layer.gate_up, layer.gate_up_bias.as_ref());
        self.product(&input, &weight, &Epilogue::Gate(&gated))?;
        let input = Input { at: workspace.inner(), width: layer.down.width, inverse: g_inv, ..input };
        let weight = Weight::of(&layer.down, layer.down_bias.as_ref());
        self.add_projected(&input, &weight, layer.mlp_out_norm.as_ref(), at, x, see)?;

        if let (Some(side), Some((rows, column))) = (&layer.side, at.side) {
            let plain = Split { norm: None, eps: 0.0, planes: layer.planes, gate: None };
            let input = self.split(x, &plain, &to)?;
            let gates = self.new_rows("side gates", x.n, side.gate.rows)?;
            let epilogue = params::ToRows {
                side: rows.at() + 4 * column as u64,
                side_ld: rows.ld as i32,
                act,
                ..gates.target(SIDE)
            };
            self.product(&input, &Weight::of(&side.gate, None), &Epilogue::Rows(&epilogue))?;
            let input = self.split(&gates, &plain, &to)?;
            let out = self.new_rows("a side output", x.n, side.out.rows)?;
            let weight = Weight::of(&side.out, None);
            self.product(&input, &weight, &Epilogue::Rows(&out.target(STORE)))?;
            self.norm_into(&out, Some(side.norm.at()), at.decoder.hidden, at.decoder.eps, x, true)?;
        }
        if let Some(by) = layer.out_scale {
            self.scale_rows(x, by)?;
        }
        Ok(())
    }

    /// Queries into the workspace, keys and values as the pass's rows.
    fn project(
        &self,
        layer: &Layer,
        at: &At<'_, Cuda>,
        x: &Rows,
        kv: &mut Kv,
        workspace: &Workspace,
        made: Made,
    ) -> Result<(), CudaError> {
        let spec = at.spec();
        let made = Made { keys_values: made.keys_values && spec.kv == KvOf::Own, ..made };
        let (heads, kv_heads) =
            (if made.queries { spec.heads } else { 0 }, if made.keys_values { spec.kv_heads } else { 0 });
        let split = Split {
            norm: layer.attn_in_norm.as_ref().map(Buffer::at),
            eps: at.decoder.eps,
            planes: layer.planes,
            gate: None,
        };
        let input = self.split(x, &split, &Planes16::of(workspace))?;
        let turns = &at.turns[spec.rotary];
        let table = self.turn_table(&turns.rotary, layer.dim / 2, turns.last)?;
        let mut to = params::ToHeads {
            q: workspace.queries(),
            q_norm: layer.q_norm.as_ref().map_or(0, Buffer::at),
            k_norm: layer.k_norm.as_ref().map_or(0, Buffer::at),
            turns: table.at(),
            position: turns.positions.at(),
            q_rows: workspace.rows as i32,
            q_heads: heads as i32,
            k_heads: kv_heads as i32,
            v_heads: kv_heads as i32,
            dim: layer.dim as i32,
            true_dim: spec.head_dim as i32,
            value_norm: i32::from(spec.value_norm),
            whole_row: i32::from(spec.head_norm == HeadNorm::WholeRow),
            eps: at.decoder.eps,
            q_scale: power(layer.exponents.q),
            k_scale: power(layer.exponents.k),
            v_scale: power(layer.exponents.v),
            v_planes: layer.planes as i32,
            ..params::ToHeads::zeroed()
        };
        if made.keys_values {
            let own = kv.layer(at.layer)?;
            (own.path_len, own.exponents) = (at.path, Some(layer.exponents));
            let places = kv.places(at.layer)?;
            (to.k, to.v) = (places.k_pass, places.v_pass);
            (to.k_rows, to.v_rows) = (kv.pass_rows as i32, kv.pass_rows as i32);
        }
        let first = if made.queries { 0 } else { spec.heads };
        let last = if made.keys_values { spec.heads + 2 * spec.kv_heads } else { spec.heads };
        let mut weight = Weight::of(&layer.qkv, layer.qkv_bias.as_ref());
        weight.rows = first * layer.dim..last * layer.dim;
        if fuses_heads(spec, layer.dim) {
            return self.product(&input, &weight, &Epilogue::Heads(&to));
        }
        let rows = self.new_rows("projected rows", x.n, weight.rows.len())?;
        self.product(&input, &weight, &Epilogue::Rows(&rows.target(STORE)))?;
        self.head_rows(&rows, 0, layer.dim, to)
    }

    /// `x += norm(input W^T + b)`, in one step where there is no norm and nobody looks.
    fn add_projected(
        &self,
        input: &Input,
        weight: &Weight<'_>,
        norm: Option<&Buffer>,
        at: &At<'_, Cuda>,
        x: &mut Rows,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        if norm.is_none() && see.is_none() {
            return Ok(self.product(input, weight, &Epilogue::Rows(&x.target(ADD)))?);
        }
        let out = self.new_rows("what is added to the stream", x.n, x.width)?;
        self.product(input, weight, &Epilogue::Rows(&out.target(STORE)))?;
        if let Some(see) = see {
            see(&out)?;
        }
        match norm {
            Some(norm) => {
                self.norm_into(&out, Some(norm.at()), at.decoder.hidden, at.decoder.eps, x, true)?;
            }
            None => self.add_rows(&out, x)?,
        }
        Ok(())
    }
}

/// The entry of attention.
pub(super) fn attention_name(set: KernelSet, dim: usize, planes: usize) -> String {
    match set {
        KernelSet::Naive => "attention_naive".to_owned(),
        _ => format!("attention_mma_{dim}_{planes}"),
    }
}

/// Where a layer's keys and values are, for heads of `dim`; what belongs to the queries is still zero.
pub(super) fn attention_params(kv: &Kv, places: &Places, dim: usize) -> params::Attention {
    params::Attention {
        k_path: places.k_path,
        v_path: places.v_path,
        k_pass: places.k_pass,
        v_pass: places.v_pass,
        path_cap: kv.path_rows as i32,
        pass_cap: kv.pass_rows as i32,
        dim: dim as i32,
        v_planes: places.v_planes as i32,
        ..params::Attention::zeroed()
    }
}
