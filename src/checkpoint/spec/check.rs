//! What every `DecoderSpec` must keep, whoever filled it.

use super::{DecoderSpec, Kv, LayerSpec, Pairs};

/// A spec that no decoder can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{field} {why}", .layer.map(|l| format!("layer {l}: ")).unwrap_or_default())]
pub struct SpecError {
    pub layer: Option<usize>,
    /// The field's name in `DecoderSpec` or `LayerSpec`.
    pub field: &'static str,
    pub why: String,
}

type Check = Result<(), SpecError>;

fn ensure(holds: bool, layer: Option<usize>, field: &'static str, why: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(SpecError { layer, field, why: why() }) }
}

fn positive(value: f32) -> bool {
    value.is_finite() && value > 0.0
}

impl DecoderSpec {
    /// # Errors
    /// The first invariant that does not hold, by layer and field.
    pub fn check(&self) -> Check {
        let must = "must be more than 0";
        for (field, size) in [("hidden", self.hidden), ("vocab", self.vocab), ("context", self.context)] {
            ensure(size > 0, None, field, || must.into())?;
        }
        ensure(!self.layers.is_empty(), None, "layers", || "must hold at least one layer".into())?;
        ensure(positive(self.eps), None, "eps", || must.into())?;
        ensure(positive(self.embed_scale), None, "embed_scale", || must.into())?;
        ensure(self.head.cap.is_none_or(positive), None, "head.cap", || must.into())?;
        if let Some(side) = &self.side {
            ensure(side.width > 0, None, "side.width", || must.into())?;
            let scales = [side.token_scale, side.context_scale, side.join_scale];
            ensure(scales.into_iter().all(positive), None, "side", || "needs scales above 0".into())?;
        }
        (0..self.layers.len()).try_for_each(|i| self.check_layer(i))
    }

    fn check_layer(&self, i: usize) -> Check {
        let (layer, at) = (&self.layers[i], Some(i));
        for (field, size) in [
            ("heads", layer.heads),
            ("kv_heads", layer.kv_heads),
            ("head_dim", layer.head_dim),
            ("mlp.width", layer.mlp.width),
        ] {
            ensure(size > 0, at, field, || "must be more than 0".into())?;
        }
        ensure(layer.heads.is_multiple_of(layer.kv_heads), at, "kv_heads", || {
            format!("is {}, which does not divide {} heads", layer.kv_heads, layer.heads)
        })?;
        ensure(layer.head_dim.is_multiple_of(2), at, "head_dim", || format!("is odd: {}", layer.head_dim))?;
        ensure(positive(layer.score_scale), at, "score_scale", || "must be more than 0".into())?;
        ensure(layer.score_cap.is_none_or(positive), at, "score_cap", || "must be more than 0".into())?;
        ensure(layer.window != Some(0), at, "window", || "must let a token see itself".into())?;
        ensure(!layer.side || self.side.is_some(), at, "side", || {
            "is set, but there is no side input".into()
        })?;
        self.check_rotary(layer, at)?;
        match layer.kv {
            Kv::Own => Ok(()),
            Kv::Of(donor) => self.check_donor(layer, donor, i),
        }
    }

    fn check_rotary(&self, layer: &LayerSpec, at: Option<usize>) -> Check {
        let tables = self.rotaries.len();
        let Some(rotary) = self.rotaries.get(layer.rotary) else {
            let why = format!("is {}, but there are {tables} tables", layer.rotary);
            return Err(SpecError { layer: at, field: "rotary", why });
        };
        let turning = match rotary.pairs {
            Pairs::Apart(distance) => rotary.freq.len() <= distance && 2 * distance <= layer.head_dim,
            Pairs::Adjacent => 2 * rotary.freq.len() <= layer.head_dim,
        };
        ensure(turning, at, "rotary", || {
            format!("turns more than the {} elements of a head", layer.head_dim)
        })?;
        ensure(rotary.freq.iter().all(|f| f.is_finite()), at, "rotary", || {
            "has a frequency that is no number".into()
        })
    }

    fn check_donor(&self, layer: &LayerSpec, donor: usize, i: usize) -> Check {
        let fail = |why: String| Err(SpecError { layer: Some(i), field: "kv", why });
        if donor >= i {
            return fail(format!("is of layer {donor}, which is not an earlier one"));
        }
        let of = &self.layers[donor];
        if of.kv != Kv::Own {
            return fail(format!("is of layer {donor}, which makes none itself"));
        }
        if (of.kv_heads, of.head_dim, of.window) != (layer.kv_heads, layer.head_dim, layer.window) {
            return fail(format!("is of layer {donor}, which has other heads or another window"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LayerSpec, Rotary, SideInput};
    use super::*;

    fn sound() -> DecoderSpec {
        let shared = LayerSpec { kv: Kv::Of(0), ..LayerSpec::plain(4, 2, 8, 16) };
        let layers = vec![LayerSpec::plain(4, 2, 8, 16), LayerSpec::plain(4, 2, 8, 16), shared];
        let rotary = Rotary { freq: vec![1.0, 0.1, 0.01, 0.001], pairs: Pairs::Apart(4) };
        DecoderSpec { rotaries: vec![rotary], ..DecoderSpec::plain(32, 10, 64, 1e-6, layers) }
    }

    #[test]
    fn each_broken_invariant_is_named() {
        assert_eq!(sound().check(), Ok(()));
        let cases: &[(&str, fn(&mut DecoderSpec))] = &[
            ("hidden", |s| s.hidden = 0),
            ("vocab", |s| s.vocab = 0),
            ("layers", |s| s.layers.clear()),
            ("eps", |s| s.eps = f32::NAN),
            ("embed_scale", |s| s.embed_scale = 0.0),
            ("head.cap", |s| s.head.cap = Some(-30.0)),
            ("layer 1: heads", |s| s.layers[1].heads = 0),
            ("layer 1: kv_heads", |s| s.layers[1].kv_heads = 3),
            ("layer 0: head_dim", |s| s.layers[0].head_dim = 7),
            ("layer 0: mlp.width", |s| s.layers[0].mlp.width = 0),
            ("layer 0: score_scale", |s| s.layers[0].score_scale = f32::INFINITY),
            ("layer 0: score_cap", |s| s.layers[0].score_cap = Some(0.0)),
            ("layer 0: window", |s| s.layers[0].window = Some(0)),
            ("layer 2: side", |s| s.layers[2].side = true),
            ("side.width", |s| {
                s.side = Some(SideInput { width: 0, token_scale: 1.0, context_scale: 1.0, join_scale: 1.0 })
            }),
            ("layer 1: rotary", |s| s.layers[1].rotary = 1),
            ("layer 0: rotary", |s| s.rotaries[0].pairs = Pairs::Apart(5)),
            ("layer 0: rotary", |s| s.rotaries[0].freq.push(0.0)),
            ("layer 0: rotary", |s| {
                s.rotaries[0].pairs = Pairs::Adjacent;
                s.rotaries[0].freq.push(0.0);
            }),
            ("layer 2: kv", |s| s.layers[2].kv = Kv::Of(2)),
            ("layer 1: kv", |s| s.layers[1].kv = Kv::Of(2)),
            ("layer 2: kv", |s| {
                s.layers[1].kv = Kv::Of(0);
                s.layers[2].kv = Kv::Of(1);
            }),
            ("layer 2: kv", |s| s.layers[2].window = Some(16)),
            ("layer 2: kv", |s| s.layers[2].kv_heads = 4),
        ];
        for (name, spoil) in cases {
            let mut spec = sound();
            spoil(&mut spec);
            let message = spec.check().expect_err(name).to_string();
            assert!(message.starts_with(name), "expected {name} in: {message}");
        }
    }
}
