// Four consecutive weights: bf16, two to a word; widening is exact.

alias WeightQuad = vec2<u32>;

fn widen(q: WeightQuad) -> vec4<f32> {
    return vec4<f32>(
        bitcast<f32>(q.x << 16u),
        bitcast<f32>(q.x & 0xffff0000u),
        bitcast<f32>(q.y << 16u),
        bitcast<f32>(q.y & 0xffff0000u),
    );
}
