// y = x W^T, with what comes after it: bias, residual or gate.
//
// x `[any, k]` f32, of which rows first_row .. first_row + n are used; w `[any, k]` in its stored type, of which rows
// first_weight .. first_weight + rows are used and make columns column .. column + rows of y `[n, width]` f32;
// bias `[width]` f32. With v = x . w_j + bias_j:
//   KIND_SET   y = v              KIND_ADD   y += v
//   KIND_GATE  y *= act(v)        KIND_SIDE  y = act(v) * side[row, side_column + j]   (side `[n, side_width]`)
//
// Layout: a workgroup makes a {{BM}} x {{BN}} tile of y, a thread {{TM}} x {{TN}} values of it, {{TX}} columns and
// {{TY}} rows apart. Steps of 16 along k are staged in workgroup memory in fours, swizzled so that neighbouring
// threads read different banks. Parts run through bands of 16 tiles of rows, so that a band of x stays in the cache.
// Limits: {{BM}} + {{BN}} rows of 64 bytes of workgroup memory.
// Numerics: each value is one f32 sum over k in ascending order by fma, whatever the tile or the number of rows.

#include "product_params.wgsl"

const BM = {{BM}}u;
const BN = {{BN}}u;
const TM = {{TM}}u;
const TN = {{TN}}u;
const TX = {{TX}}u;
const TY = {{TY}}u;

var<workgroup> xs: array<vec4<f32>, BM * 4>;
var<workgroup> ws: array<vec4<f32>, BN * 4>;

// Place of four values of a staged row.
fn slot(row: u32, quad: u32) -> u32 {
    return row * 4u + (quad ^ ((row >> 1u) & 3u));
}

@compute @workgroup_size({{TX}} * {{TY}})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let part = part_of(workgroup);
    if (part >= p.end) {
        return;
    }
    let tile = tile_of(part, BM, BN);
    let tx = t % TX;
    let ty = t / TX;

    var sums: array<array<f32, TN>, TM>;
    for (var quad_0 = 0u; quad_0 * 4u < p.k; quad_0 += 4u) {
        for (var i = t; i < BM * 4u; i += TX * TY) {
            xs[slot(i >> 2u, i & 3u)] = x_quad(tile.x + (i >> 2u), quad_0 + (i & 3u));
        }
        for (var i = t; i < BN * 4u; i += TX * TY) {
            ws[slot(i >> 2u, i & 3u)] = w_quad(tile.y + (i >> 2u), quad_0 + (i & 3u));
        }
        workgroupBarrier();
        for (var quad = 0u; quad < 4u; quad++) {
            var a: array<vec4<f32>, TM>;
            for (var m = 0u; m < TM; m++) {
                a[m] = xs[slot(ty + m * TY, quad)];
            }
            for (var j = 0u; j < TN; j++) {
                let b = ws[slot(tx + j * TX, quad)];
                for (var m = 0u; m < TM; m++) {
                    var sum = sums[m][j];
                    sum = fma(a[m].x, b.x, sum);
                    sum = fma(a[m].y, b.y, sum);
                    sum = fma(a[m].z, b.z, sum);
                    sum = fma(a[m].w, b.w, sum);
                    sums[m][j] = sum;
                }
            }
        }
        workgroupBarrier();
    }
    for (var m = 0u; m < TM; m++) {
        for (var j = 0u; j < TN; j++) {
            finish(tile.x + ty + m * TY, tile.y + tx + j * TX, sums[m][j]);
        }
    }
}
