// Sum and maximum over a workgroup of {{THREADS}} threads: within subgroups by the device's own operation, then over
// the subgroups in order. One pipeline always adds in the same order. Every thread of the workgroup must call.

struct Thread {
    @builtin(local_invocation_index) index: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
}

var<workgroup> reduced: array<f32, {{THREADS}}>;

fn workgroup_sum(thread: Thread, value: f32) -> f32 {
    let own = subgroupAdd(value);
    if (thread.lane == 0u) {
        reduced[thread.subgroup] = own;
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < thread.subgroups; i++) {
        sum += reduced[i];
    }
    workgroupBarrier();
    return sum;
}

fn workgroup_max(thread: Thread, value: f32) -> f32 {
    let own = subgroupMax(value);
    if (thread.lane == 0u) {
        reduced[thread.subgroup] = own;
    }
    workgroupBarrier();
    var most = reduced[0];
    for (var i = 1u; i < thread.subgroups; i++) {
        most = max(most, reduced[i]);
    }
    workgroupBarrier();
    return most;
}
