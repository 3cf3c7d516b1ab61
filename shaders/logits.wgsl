// Finishes logits in place: z[r, j] = soft cap of scales[ids[j]] * z[r, j], where ids[j] is id_0 + j without a list.
//
// z `[count / width, width]` f32; scales `[V]` f32 where has_scales; cap 0 means none. A thread per element, 256 to a
// part.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    count: u32,
    width: u32,
    has_ids: u32,
    id_0: u32,
    has_scales: u32,
    cap: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scales: array<f32>;
@group(0) @binding(2) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> z: array<f32>;

#include "part.wgsl"
#include "math.wgsl"

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let part = part_of(workgroup);
    let i = part * 256u + t;
    if (part >= p.end || i >= p.count) {
        return;
    }
    let j = i % p.width;
    var v = z[i];
    if (p.has_scales != 0u) {
        var id = p.id_0 + j;
        if (p.has_ids != 0u) {
            id = ids[j];
        }
        v *= scales[id];
    }
    if (p.cap != 0.0) {
        v = soft_cap(v, p.cap);
    }
    z[i] = v;
}
