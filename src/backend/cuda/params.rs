//! What kernels take, field by field as `kernels/params.cuh` has it; addresses of the GPU are numbers, 0 for none.

use bytemuck::Zeroable;

macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {
        $($(#[$doc])* #[repr(C)] #[derive(Clone, Copy, Zeroable)]
        pub struct $name { $(pub $field: $type),* })*

        /// Name and size of every structure.
        #[cfg(test)]
        pub const SIZES: &[(&str, usize)] = &[$((stringify!($name), size_of::<$name>())),*];
    };
}

structures! {
    Product {
        a: u64, b: u64, a_inv: u64, b_inv: u64, bias: u64,
        a_rows: i32, b_rows: i32, m: i32, n: i32, k: i32, scale: f32, a_planes: i32, b_planes: i32,
    }
    ToRows { out: u64, side: u64, ld: i32, side_ld: i32, mode: i32, act: i32 }
    ToGate { out: u64, g_scale: u64, out_rows: i32, act: i32 }
    ToHeads {
        q: u64, k: u64, v: u64, q_norm: u64, k_norm: u64, turns: u64, position: u64,
        q_rows: i32, k_rows: i32, v_rows: i32, q_heads: i32, k_heads: i32, v_heads: i32,
        dim: i32, true_dim: i32, value_norm: i32, whole_row: i32,
        eps: f32, q_scale: f32, k_scale: f32, v_scale: f32, v_planes: i32,
    }
    ToSums { out: u64, tiles: i32, cap: f32 }
    Attention {
        q: u64, k_path: u64, v_path: u64, k_pass: u64, v_pass: u64, out: u64, items: u64, rows: u64,
        q_rows: i32, out_rows: i32, path_cap: i32, pass_cap: i32, group: i32, kv_heads: i32, dim: i32, window: i32,
        score_scale: f32, cap: f32, v_planes: i32,
    }
    Embed { table: u64, index: u64, out: u64, n: i32, width: i32, table_ld: i32, ld: i32, dtype: i32, scale: f32 }
    NormSplit {
        x: u64, weight: u64, out: u64, inv: u64, g_scale: u64, g_inv: u64, flag: u64,
        n: i32, width: i32, ld: i32, k: i32, out_rows: i32, planes: i32, norm: i32, place: i32,
        eps: f32, gate_norm: f32, gate_bias: f32, up_norm: f32, up_bias: f32,
    }
    NormRows {
        x: u64, weight: u64, out: u64, flag: u64,
        n: i32, width: i32, ld: i32, out_ld: i32, group: i32, add: i32, place: i32, eps: f32,
    }
    HeadRows { x: u64, source: u64, n: i32, ld: i32, src_dim: i32, pad: i32, to: ToHeads }
    Carry {
        k_pass: u64, v_pass: u64, k_path: u64, v_path: u64, moves: u64,
        count: i32, width: i32, pass_cap: i32, path_cap: i32, v_planes: i32,
    }
    Gather { x: u64, rows: u64, out: u64, n: i32, width: i32, ld: i32, out_ld: i32 }
    Add { x: u64, to: u64, n: i32, width: i32, ld: i32, to_ld: i32 }
    Scale { x: u64, n: i32, width: i32, ld: i32, by: f32 }
    GateRows { gate: u64, up: u64, out: u64, n: i32, width: i32, gate_ld: i32, up_ld: i32, out_ld: i32, act: i32 }
    RopeRows {
        x: u64, turns: u64, position: u64, n: i32, ld: i32, heads: i32, dim: i32, pairs: i32, apart: i32,
    }
    Watch { x: u64, flag: u64, n: i32, width: i32, ld: i32, place: i32 }
    ChoiceLogits {
        x: u64, table: u64, b_inv: u64, asks: u64, out: u64,
        count: i32, width: i32, ld: i32, k: i32, b_rows: i32, planes: i32, cap: f32,
    }
    FoldSums { input: u64, out: u64, n: i32, tiles: i32 }
    TopTokens { logits: u64, ids: u64, values: u64, n: i32, vocab: i32, ld: i32, count: i32, cap: f32 }
    JoinPlanes {
        input: u64, inv: u64, out: u64, n: i32, width: i32, ld: i32, in_rows: i32, k: i32, planes: i32,
        src_group: i32, dst_group: i32, scale: f32,
    }
    /// What `measure` finds: the bits of the largest sum of squares of a row and of the largest size.
    Measured { squares: u64, largest: u32, pad: u32 }
    Measure { x: u64, weight: u64, out: u64, rows: i32, cols: i32, dtype: i32, pad: i32 }
    Pack {
        a: u64, b: u64, c: u64, source: u64, columns: u64, out: u64, inverse: u64,
        a_dtype: i32, b_dtype: i32, c_dtype: i32, rows: i32, cols: i32, width: i32, planes: i32,
        scale: f32, unscale: f32, pad: i32,
    }
    /// Some tokens of one run: first query's row, tokens, depth of the first, where their key rows begin.
    AttentionItem { q_row: i32, tokens: i32, depth: i32, path: i32 }
}

// SAFETY: numbers without gaps, which any bytes are.
unsafe impl bytemuck::Pod for Measured {}

/// `ToRows::mode`
pub const STORE: i32 = 0;
pub const ADD: i32 = 1;
pub const SIDE: i32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of each structure of params.cuh by its fields: pointers, then numbers, then what an array of it needs.
    #[test]
    fn structures_are_those_of_the_kernels() {
        let text: String = include_str!("../../../kernels/params.cuh")
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default().to_owned() + " ")
            .collect();
        let mut sizes: Vec<(&str, usize)> = Vec::new();
        for piece in text.split("struct ").skip(1) {
            let (name, rest) = piece.split_once('{').expect("a body");
            let body = rest.split('}').next().expect("its end");
            let (mut bytes, mut align) = (0, 4);
            for declaration in body.split(';').map(str::trim).filter(|d| !d.is_empty()) {
                let names = declaration.split(',').count();
                let first = declaration.split_whitespace().find(|word| *word != "const").unwrap_or_default();
                let size = match first.trim_end_matches('*') {
                    _ if declaration.contains('*') => 8,
                    "int" | "float" | "u32" => 4,
                    "u64" => 8,
                    other => sizes.iter().find(|(name, _)| *name == other).expect("a structure before it").1,
                };
                align = align.max(if size == 4 { 4 } else { 8 });
                bytes += names * size;
            }
            sizes.push((name.trim(), usize::next_multiple_of(bytes, align)));
        }
        for (name, ours) in SIZES {
            let (_, theirs) =
                sizes.iter().find(|(theirs, _)| theirs == name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(ours, theirs, "{name}");
        }
    }
}
