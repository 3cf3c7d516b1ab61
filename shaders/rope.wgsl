// Rotary position embedding in place: pair i of every head of row r turns by the i-th angle of position positions[r].
//
// x `[n, width]` f32 with width / head_dim heads, turns `[positions, pairs]` (cosine, sine), positions `[n]`;
// count = n * (width / head_dim) * pairs. Pairs are (i, i + distance), or (2i, 2i + 1) where distance is 0; elements
// beyond the pairs stay. A thread per pair, 256 to a part.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    count: u32,
    width: u32,
    head_dim: u32,
    pairs: u32,
    distance: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> turns: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read_write> x: array<f32>;

#include "part.wgsl"

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let part = part_of(workgroup);
    let i = part * 256u + t;
    if (part >= p.end || i >= p.count) {
        return;
    }
    let pair = i % p.pairs;
    let head = i / p.pairs;
    let row = head / (p.width / p.head_dim);
    let turn = turns[positions[row] * p.pairs + pair];
    var a = head * p.head_dim + pair;
    var b = a + p.distance;
    if (p.distance == 0u) {
        a += pair;
        b = a + 1u;
    }
    let u = x[a];
    let v = x[b];
    x[a] = u * turn.x - v * turn.y;
    x[b] = v * turn.x + u * turn.y;
}
