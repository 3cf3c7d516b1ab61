// Sum and maximum over a workgroup of {{THREADS}} threads through workgroup memory: pairs at a distance of half, a
// quarter, ... The order depends on nothing but {{THREADS}}. Every thread of the workgroup must call.

struct Thread {
    @builtin(local_invocation_index) index: u32,
}

var<workgroup> reduced: array<f32, {{THREADS}}>;

fn workgroup_sum(thread: Thread, value: f32) -> f32 {
    let t = thread.index;
    reduced[t] = value;
    workgroupBarrier();
    for (var half = {{THREADS}}u / 2u; half > 0u; half /= 2u) {
        if (t < half) {
            reduced[t] += reduced[t + half];
        }
        workgroupBarrier();
    }
    let sum = reduced[0];
    workgroupBarrier();
    return sum;
}

fn workgroup_max(thread: Thread, value: f32) -> f32 {
    let t = thread.index;
    reduced[t] = value;
    workgroupBarrier();
    for (var half = {{THREADS}}u / 2u; half > 0u; half /= 2u) {
        if (t < half) {
            reduced[t] = max(reduced[t], reduced[t + half]);
        }
        workgroupBarrier();
    }
    let most = reduced[0];
    workgroupBarrier();
    return most;
}
