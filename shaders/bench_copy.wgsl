// y = x: the best that a device's memory does. x, y f32 in fours, `count` of them; a thread copies four at a time, 256
// threads to a part.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

#include "part.wgsl"

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let part = part_of(workgroup);
    let i = part * 256u + t;
    if (part >= p.end || i >= p.count) {
        return;
    }
    y[i] = x[i];
}
