// Notes the smallest place at which a value was NaN or infinite: noticed[0] = min(noticed[0], place).
//
// x f32 of `count` elements, bits compared, since an implementation may take comparisons of floats for granted. A thread
// per 16 elements, 256 * 16 to a part. The one atomic is of an integer and its result has no order.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    count: u32,
    place: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> noticed: array<atomic<u32>>;

#include "part.wgsl"
#include "math.wgsl"

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let start = part_of(workgroup) * 4096u + t;
    var all_finite = true;
    for (var i = start; i < min(start + 3841u, p.count); i += 256u) {
        all_finite = all_finite && is_finite(x[i]);
    }
    if (!all_finite) {
        atomicMin(&noticed[0], p.place);
    }
}
