// Four consecutive weights: f32, as stored.

alias WeightQuad = vec4<f32>;

fn widen(q: WeightQuad) -> vec4<f32> {
    return q;
}
