// Element i of the words `w`: f32, as stored.

fn weight(i: u32) -> f32 {
    return bitcast<f32>(w[i]);
}
