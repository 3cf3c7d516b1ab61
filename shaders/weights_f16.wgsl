// Element i of the words `w`: f16, two to a word; widening is exact and needs no f16 feature.

fn weight(i: u32) -> f32 {
    return unpack2x16float(w[i >> 1u])[i & 1u];
}
