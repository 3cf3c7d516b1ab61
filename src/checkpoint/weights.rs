//! Weights as views into mapped files: no copy is made on loading.

use std::ops::Range;

/// Element type as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dtype {
    F32,
    F16,
    Bf16,
}

impl Dtype {
    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            Dtype::F32 => 4,
            Dtype::F16 | Dtype::Bf16 => 2,
        }
    }

    /// The one that a file names, if weights are read from it.
    pub(super) fn of(stored: safetensors::Dtype) -> Option<Dtype> {
        match stored {
            safetensors::Dtype::F32 => Some(Dtype::F32),
            safetensors::Dtype::F16 => Some(Dtype::F16),
            safetensors::Dtype::BF16 => Some(Dtype::Bf16),
            _ => None,
        }
    }

    /// As files of tensors write it.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "F32",
            Dtype::F16 => "F16",
            Dtype::Bf16 => "BF16",
        }
    }

    /// Element `index` of `bytes`, if it is there.
    pub fn value(self, bytes: &[u8], index: usize) -> Option<f32> {
        let at = index * self.size();
        self.values(bytes.get(at..at + self.size())?).next()
    }

    /// The elements of `bytes`, widened exactly.
    pub fn values(self, bytes: &[u8]) -> impl Iterator<Item = f32> {
        bytes.chunks_exact(self.size()).map(move |element| match (self, element) {
            (Dtype::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Dtype::F16, &[a, b]) => half::f16::from_le_bytes([a, b]).to_f32(),
            (Dtype::Bf16, &[a, b]) => half::bf16::from_le_bytes([a, b]).to_f32(),
            _ => f32::NAN, // no type has elements of another size
        })
    }
}

/// What a tensor is for. Matrices are `[out, in]`, row-major.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `[V, H]`
    Embedding,
    /// `[V, H]`; the same rows as `Embedding` when tied.
    OutputEmbedding,
    /// `[H]`
    FinalNorm,
    /// `[H]`, before attention
    AttnInNorm,
    /// `[heads * head_dim, H]`, `[kv_heads * head_dim, H]` twice
    Query,
    Key,
    Value,
    QueryBias,
    KeyBias,
    ValueBias,
    /// `[H, heads * head_dim]`
    AttnOut,
    AttnOutBias,
    /// `[H]`, before the MLP
    MlpInNorm,
    /// `[width, H]` twice, `[H, width]`
    Gate,
    Up,
    Down,
    GateBias,
    UpBias,
    DownBias,
    /// `[H]`, on what attention and MLP add to the stream
    AttnOutNorm,
    MlpOutNorm,
    /// `[head_dim]`, or as wide as the projection
    QueryNorm,
    KeyNorm,
    /// `[V, layers * side]`, layer by layer along a row
    SideTable,
    /// `[layers * side, H]`
    SideContext,
    /// `[side]`, one for all layers
    SideContextNorm,
    /// `[side, H]`, `[H, side]`, `[H]`
    SideGate,
    SideOut,
    SideOutNorm,
    /// `[1]`
    OutScale,
}

impl Role {
    /// Role and layer for messages: `Query of layer 3`.
    pub fn of(self, layer: Option<usize>) -> String {
        match layer {
            Some(layer) => format!("{self:?} of layer {layer}"),
            None => format!("{self:?}"),
        }
    }

    /// A table of which nothing but rows is ever read, so that it can stay in its file. `tied`: the embedding is also
    /// the output embedding.
    pub fn is_only_gathered(self, tied: bool) -> bool {
        match self {
            Role::SideTable => true,
            Role::Embedding => !tied,
            _ => false,
        }
    }
}

/// One tensor (or a row range of one) in a mapped file. A vector has `rows == 1`.
#[derive(Debug, Clone, Copy)]
pub struct Tensor<'a> {
    pub dtype: Dtype,
    pub rows: usize,
    pub cols: usize,
    /// `rows * cols` elements, little-endian, not necessarily aligned.
    pub bytes: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// Rows `rows` of this matrix, as a matrix of their own.
    pub fn row_range(self, rows: Range<usize>) -> Tensor<'a> {
        let row = self.cols * self.dtype.size();
        Tensor { rows: rows.len(), bytes: &self.bytes[rows.start * row..rows.end * row], ..self }
    }
}

/// Where a decoder finds its weights. Loading has already checked that every role a spec needs is there
/// with the exact shape, so looking one up cannot fail for a spec's own roles.
pub trait Weights: Sync {
    /// `layer` is `None` for the roles outside the layers. `None` if the checkpoint has no such tensor.
    fn get(&self, role: Role, layer: Option<usize>) -> Option<Tensor<'_>>;

    /// The tensor and where it stands, for messages.
    fn describe(&self, role: Role, layer: Option<usize>) -> String {
        format!("the tensor for {}", role.of(layer))
    }
}
