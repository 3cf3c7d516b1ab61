// What the products share: parameters, buffers, the order of tiles, and what becomes of a sum.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    n: u32,
    k: u32,
    rows: u32,
    column: u32,
    width: u32,
    has_bias: u32,
    kind: u32,
    act: u32,
    side_width: u32,
    side_column: u32,
    first_row: u32,
    first_weight: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> side: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

#include "part.wgsl"
#include "math.wgsl"
#include "quads_{{SPAN}}.wgsl"

const KIND_SET = 0u;
const KIND_ADD = 1u;
const KIND_GATE = 2u;
const KIND_SIDE = 3u;
const ACT_SILU = 0u;

// Tiles of rows whose x should stay in the cache while the tiles of columns go by.
const BAND = 16u;

// First row and first column of a part's tile.
fn tile_of(part: u32, tile_rows: u32, tile_columns: u32) -> vec2<u32> {
    let down = (p.n + tile_rows - 1u) / tile_rows;
    let across = (p.rows + tile_columns - 1u) / tile_columns;
    let band = part / (BAND * across);
    let in_band = part % (BAND * across);
    let band_height = min(BAND, down - band * BAND);
    return vec2<u32>((band * BAND + in_band % band_height) * tile_rows, in_band / band_height * tile_columns);
}

fn finish(row: u32, j: u32, sum: f32) {
    if (row >= p.n || j >= p.rows) {
        return;
    }
    let column = p.column + j;
    let at = row * p.width + column;
    var v = sum;
    if (p.has_bias != 0u) {
        v += bias[column];
    }
    if (p.kind == KIND_SET) {
        y[at] = v;
        return;
    }
    if (p.kind == KIND_ADD) {
        y[at] += v;
        return;
    }
    if (p.act == ACT_SILU) {
        v = silu(v);
    } else {
        v = gelu_tanh(v);
    }
    if (p.kind == KIND_GATE) {
        y[at] *= v;
    } else {
        y[at] = v * side[row * p.side_width + p.side_column + column];
    }
}
