// y[r] = scale * w[rows[r]]: w `[any, width]` in its stored type, y `[count / width, width]` f32.
// A thread per element, 256 to a part. Widening is exact; one f32 rounding by the scale.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    count: u32,
    width: u32,
    factor: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

#include "part.wgsl"
#include "weights_{{STORED}}.wgsl"

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let part = part_of(workgroup);
    let i = part * 256u + t;
    if (part >= p.end || i >= p.count) {
        return;
    }
    y[i] = p.factor * weight(rows[i / p.width] * p.width + i % p.width);
}
