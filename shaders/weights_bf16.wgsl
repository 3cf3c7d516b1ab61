// Element i of the words `w`: bf16, two to a word; widening is exact.

fn weight(i: u32) -> f32 {
    return bitcast<f32>((w[i >> 1u] >> (16u * (i & 1u))) << 16u);
}
