// The k largest of every row of a piece of the logits, largest first, ties by column.
//
// z `[n, width]` f32, y from place on: `[n, k]` (column, bits of the value); k <= width. Layout: a workgroup of {{THREADS}} threads per
// row. Each round finds the largest value that comes after the one before it in that order; nothing is changed in z.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    width: u32,
    k: u32,
    place: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec2<u32>>;

#include "part.wgsl"

// Order-preserving image of f32 in u32, so that comparisons are exact for every value.
fn key_of(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

// Key and column of a thread's best.
var<workgroup> best: array<vec2<u32>, {{THREADS}}>;

// Whether a comes before b: a larger key, or the same key and a smaller column.
fn comes_before(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.x > b.x || (a.x == b.x && a.y < b.y);
}

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let row = part_of(workgroup);
    if (row >= p.end) {
        return;
    }
    // Before everything; after everything.
    var last = vec2<u32>(0xffffffffu, 0u);
    var is_first = true;
    for (var round = 0u; round < p.k; round++) {
        var own = vec2<u32>(0u, 0xffffffffu);
        for (var i = t; i < p.width; i += {{THREADS}}u) {
            let here = vec2<u32>(key_of(z[row * p.width + i]), i);
            if ((is_first || comes_before(last, here)) && comes_before(here, own)) {
                own = here;
            }
        }
        best[t] = own;
        workgroupBarrier();
        for (var half = {{THREADS}}u / 2u; half > 0u; half /= 2u) {
            if (t < half && comes_before(best[t + half], best[t])) {
                best[t] = best[t + half];
            }
            workgroupBarrier();
        }
        last = best[0];
        is_first = false;
        if (t == 0u) {
            y[p.place + row * p.k + round] = vec2<u32>(last.y, bitcast<u32>(z[row * p.width + last.y]));
        }
        workgroupBarrier();
    }
}
