//! The one forward pass, driven by a `DecoderSpec` and written once for every backend.
//!
//! A layer computes a token's output only if something downstream reads it: up to the last layer that makes keys and
//! values every token goes whole, there every token still makes those two, and only prompts' last tokens go on.

mod load;
mod observe;
mod side;

pub use load::{WeightsRead, read_weights};
pub use observe::Stage;

use crate::backend::layer::At;
use crate::backend::reading::{Asks, ReadOff};
use crate::backend::{Backend, BackendError, HeadUse, PassSizes};
use crate::checkpoint::spec::DecoderSpec;
use crate::checkpoint::weights::{Role, Weights};
use crate::prefix::{Pack, PrefixTree, QueryRun};
use load::{Loader, Side};
use observe::{Observe, Observer};
use side::RowSet;

#[derive(Debug, thiserror::Error)]
pub enum DecoderError {
    #[error("the checkpoint has no tensor for {}", .role.of(*.layer))]
    MissingWeight { role: Role, layer: Option<usize> },
    #[error(
        "a value became infinite or NaN in {place}; the weights or their stored type cannot be computed with"
    )]
    NotFinite { place: String },
    /// The backend cannot compute with it.
    #[error("{tensor} {why}")]
    Weight { tensor: String, why: String },
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// A decoder whose weights are on a backend.
pub struct Decoder<'w, B: Backend> {
    backend: &'w B,
    spec: &'w DecoderSpec,
    embedding: B::Matrix<'w>,
    side: Option<Side<B::Matrix<'w>>>,
    layers: Vec<B::Layer<'w>>,
    /// Per layer: the layers whose keys and values it is the last to read.
    released: Vec<Vec<usize>>,
    final_norm: B::Matrix<'w>,
    /// `None` when tied: the embedding serves.
    head: Option<B::Matrix<'w>>,
    head_scale: Option<B::Rows>,
}

/// What goes from pack to pack.
pub struct PathState<B: Backend> {
    kv: B::Kv,
    watch: B::Watch,
}

impl<'w, B: Backend> Decoder<'w, B> {
    pub fn new(
        backend: &'w B,
        spec: &'w DecoderSpec,
        weights: &'w dyn Weights,
    ) -> Result<Self, DecoderError> {
        let loader = Loader { backend, spec, weights };
        Ok(Decoder {
            backend,
            spec,
            embedding: loader.embedding()?,
            side: loader.side()?,
            layers: (0..spec.layers.len()).map(|i| loader.layer(i)).collect::<Result<_, _>>()?,
            released: released(spec),
            final_norm: loader.matrix(Role::FinalNorm, None)?,
            head: loader.head()?,
            head_scale: loader.head_scale()?,
        })
    }

    pub fn spec(&self) -> &DecoderSpec {
        self.spec
    }

    pub fn backend(&self) -> &B {
        self.backend
    }

    /// The output embedding, `[V, H]`, and what is done to its logits.
    pub fn head(&self) -> HeadUse<'_, B::Matrix<'w>, B::Rows> {
        HeadUse {
            table: self.head.as_ref().unwrap_or(&self.embedding),
            row_scale: self.head_scale.as_ref(),
            cap: self.spec.head.cap,
        }
    }

    /// Fresh state for the packs of one tree, to be run in order.
    pub fn path_state(&self, tree: &PrefixTree, pack_tokens: usize) -> Result<PathState<B>, DecoderError> {
        Ok(PathState {
            kv: self.backend.new_kv(self.spec, &sizes(tree, pack_tokens))?,
            watch: self.backend.new_watch()?,
        })
    }

    /// Final-normed hidden rows of the prompts' last tokens in `pack`, in the order of `pack.ends`: `[ends, H]`.
    ///
    /// # Errors
    /// Whatever the device says, and any value that is not finite, by the layer where it first appeared.
    pub fn forward(
        &self,
        tree: &PrefixTree,
        pack: &Pack,
        state: &mut PathState<B>,
    ) -> Result<B::Rows, DecoderError> {
        let x = self.begin(tree, pack, state)?;
        self.check_noticed(self.backend.noticed(&mut state.watch)?)?;
        Ok(x)
    }

    /// [`Decoder::forward`] on a device that may still be computing: values that are not finite show in what is read off.
    pub fn begin(
        &self,
        tree: &PrefixTree,
        pack: &Pack,
        state: &mut PathState<B>,
    ) -> Result<B::Rows, DecoderError> {
        self.pass(tree, pack, state, Observer(None))
    }

    /// Has what `asks` say, and log-sum-exps, read off the rows that [`Decoder::begin`] gave.
    pub fn read_off(
        &self,
        x: &B::Rows,
        asks: &Asks,
        state: &mut PathState<B>,
    ) -> Result<B::Reading, DecoderError> {
        Ok(self.backend.read_off(x, &self.head(), asks, &mut state.watch)?)
    }

    /// Waits for what was read off.
    ///
    /// # Errors
    /// Those of [`Decoder::forward`].
    pub fn collect(&self, reading: B::Reading) -> Result<ReadOff, DecoderError> {
        let read = self.backend.collect(reading)?;
        self.check_noticed(read.noticed)?;
        Ok(read)
    }

    /// `noticed`: the smallest place where a value was not finite.
    fn check_noticed(&self, noticed: Option<usize>) -> Result<(), DecoderError> {
        let place = match noticed {
            None => return Ok(()),
            Some(i) if i < self.layers.len() => format!("layer {i}"),
            Some(_) => "the final norm".to_owned(),
        };
        Err(DecoderError::NotFinite { place })
    }

    /// [`Decoder::forward`], with the same bits, that shows `observe` what happens on the way.
    pub fn trace(
        &self,
        tree: &PrefixTree,
        pack: &Pack,
        state: &mut PathState<B>,
        observe: &mut Observe<'_, B::Rows>,
    ) -> Result<B::Rows, DecoderError> {
        let x = self.pass(tree, pack, state, Observer(Some(observe)))?;
        self.check_noticed(self.backend.noticed(&mut state.watch)?)?;
        Ok(x)
    }

    fn pass(
        &self,
        tree: &PrefixTree,
        pack: &Pack,
        state: &mut PathState<B>,
        mut observer: Observer<'_, B::Rows>,
    ) -> Result<B::Rows, DecoderError> {
        let (backend, spec) = (self.backend, self.spec);
        let PathState { kv, watch } = state;
        let tokens = &tree.tokens[pack.places.clone()];
        let positions = &tree.depth[pack.places.clone()];
        let end_rows: Vec<usize> = pack.ends.iter().map(|&(_, row)| row).collect();
        let pick = |values: &[u32]| end_rows.iter().map(|&row| values[row]).collect::<Vec<_>>();
        let end_runs = pack.end_runs();

        let mut x = backend.embed(&self.embedding, 0..spec.hidden, tokens, spec.embed_scale)?;
        observer.see(Stage::Embed, &x)?;
        let need = spec.last_kv_maker();
        let all = RowSet {
            turns: self.turns(positions)?,
            runs: &pack.runs,
            side: self.side_rows(0..need, tokens, &x)?,
            first_side: 0,
        };
        let ends = RowSet {
            turns: self.turns(&pick(positions))?,
            runs: &end_runs,
            side: match &self.side {
                Some(_) => {
                    let x = backend.gather_rows(&x, &end_rows)?;
                    self.side_rows(need..self.layers.len(), &pick(tokens), &x)?
                }
                None => None,
            },
            first_side: need,
        };

        for (i, layer) in self.layers.iter().enumerate() {
            let at = |rows| self.at(i, rows, pack.path);
            if i == need {
                backend.keys_values(layer, &at(&all), &x, kv)?;
                // Nothing reads the other tokens' outputs any more.
                x = backend.gather_rows(&x, &end_rows)?;
            }
            if i < need || !end_rows.is_empty() {
                let at = at(if i < need { &all } else { &ends });
                observer.at(Stage::Attention(i), |see| backend.attention(layer, &at, &mut x, kv, see))?;
                observer.at(Stage::Mlp(i), |see| backend.mlp(layer, &at, &mut x, see))?;
                backend.watch(watch, &x, i)?;
                observer.see(Stage::Layer(i), &x)?;
            }
            for &maker in &self.released[i] {
                backend.carry(kv, maker, &pack.carry)?;
            }
        }
        let x = backend.norm(&x, Some(&self.final_norm), spec.hidden, spec.eps)?;
        backend.watch(watch, &x, self.layers.len())?;
        observer.see(Stage::FinalNorm, &x)?;
        Ok(x)
    }

    /// Layer `i` of a pass with a carried path of `path` rows.
    fn at<'p>(&'p self, i: usize, rows: &'p RowSet<'_, B>, path: usize) -> At<'p, B> {
        let side = rows.side.as_ref().zip(self.spec.side.as_ref());
        At {
            decoder: self.spec,
            layer: i,
            turns: &rows.turns,
            runs: rows.runs,
            path,
            side: side.map(|(input, spec)| (input, (i - rows.first_side) * spec.width)),
            makes_kv: i < self.spec.last_kv_maker() && self.spec.kv_layer(i) == i,
        }
    }

    fn turns(&self, positions: &[u32]) -> Result<Vec<B::Turns>, DecoderError> {
        Ok(self.spec.rotaries.iter().map(|r| self.backend.turns(r, positions)).collect::<Result<_, _>>()?)
    }
}

/// What the passes over `tree` need at most.
fn sizes(tree: &PrefixTree, pack_tokens: usize) -> PassSizes {
    let path = tree.depth.iter().max().map_or(0, |d| *d as usize + 1);
    tree.packs(pack_tokens).iter().fold(PassSizes { path, ..PassSizes::default() }, |most, pack| PassSizes {
        tokens: most.tokens.max(pack.len()),
        ends: most.ends.max(pack.ends.len()),
        runs: most.runs.max(pack.runs.len()),
        keys: most.keys.max(pack.runs.iter().map(QueryRun::key_count).sum()),
        end_keys: most
            .end_keys
            .max(pack.ends.iter().map(|&(_, row)| tree.depth[pack.places.start + row] as usize + 1).sum()),
        ..most
    })
}

/// Per layer, the makers of keys and values that no later layer reads.
fn released(spec: &DecoderSpec) -> Vec<Vec<usize>> {
    let mut released = vec![Vec::new(); spec.layers.len()];
    let mut seen = vec![false; spec.layers.len()];
    for reader in (0..spec.layers.len()).rev() {
        let maker = spec.kv_layer(reader);
        if !std::mem::replace(&mut seen[maker], true) {
            released[reader].push(maker);
        }
    }
    released
}
