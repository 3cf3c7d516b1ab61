// Four consecutive weights: f16, two to a word; widening is exact and needs no f16 feature.

alias WeightQuad = vec2<u32>;

fn widen(q: WeightQuad) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(q.x), unpack2x16float(q.y));
}
