//! Weights as the kernels take them: rows and columns where products want them, values as f16 planes. The kernel `pack` makes them of
//! what is described here.
//!
//! A matrix stored in 16 bits is exact in one plane after one power of two; one stored in f32 takes two, hi and lo, 22 bits
//! together. Heads are padded and reordered, query, key and value stand below each other, gate and up alternate by
//! [`INTERLEAVED`] rows, and every width is filled up with zeros to a multiple of [`STEP`].

use super::error::CudaError;
use super::stored::Size;
use crate::backend::widen::widen_row;
use crate::checkpoint::spec::{Pairs, Rotary};
use crate::checkpoint::{Dtype, Tensor};
use rayon::prelude::*;

/// Multiple of every padded width: elements of one step of a product.
pub const STEP: usize = 64;
/// Rows of gate, then as many of up, in turn.
pub const INTERLEAVED: usize = 8;
/// Rows looked at by one task.
const ROWS: usize = 16;

/// A row of a packed matrix: of which tensor, and which of its rows; `None` for zeros.
type Source = Option<(usize, usize)>;

/// A matrix to be packed.
pub struct Packing<'w> {
    tensors: Vec<Tensor<'w>>,
    rows: Vec<Source>,
    /// Per column the tensors' column; `None` for zeros.
    columns: Columns,
    width: usize,
}

enum Columns {
    /// In order, zeros behind them.
    Plain,
    At(Vec<Option<usize>>),
}

/// How a head of `real` elements lies in one of `padded`: per element the one it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadOrder {
    pub real: usize,
    pub padded: usize,
    pub from: Vec<Option<usize>>,
}

/// The head sizes that there are kernels for.
pub const HEAD_SIZES: [usize; 4] = [64, 128, 256, 512];

/// The size that a head is padded to.
pub fn padded_head(real: usize) -> Result<usize, CudaError> {
    HEAD_SIZES.into_iter().find(|size| *size >= real).ok_or_else(|| {
        CudaError::Refused(format!(
            "heads of {real} elements are longer than the 512 that the attention kernel takes; use --backend cpu"
        ))
    })
}

impl HeadOrder {
    /// In order.
    pub fn plain(real: usize) -> Result<HeadOrder, CudaError> {
        let padded = padded_head(real)?;
        Ok(HeadOrder { real, padded, from: (0..padded).map(|i| (i < real).then_some(i)).collect() })
    }

    /// The two elements of turning pair `i` at `i / 8 * 16 + i % 8` and 8 further, where one thread meets both; those that
    /// do not turn in the places left.
    pub fn turning(real: usize, rotary: &Rotary) -> Result<HeadOrder, CudaError> {
        let padded = padded_head(real)?;
        let mut from = vec![None; padded];
        let mut turns = vec![false; real];
        for i in 0..rotary.freq.len() {
            let pair = match rotary.pairs {
                Pairs::Apart(distance) => [i, i + distance],
                Pairs::Adjacent => [2 * i, 2 * i + 1],
            };
            for (element, to) in pair.into_iter().zip([0, 8].map(|further| i / 8 * 16 + i % 8 + further)) {
                from[to] = Some(element);
                turns[element] = true;
            }
        }
        let mut rest = (0..real).filter(|element| !turns[*element]);
        for to in from.iter_mut().filter(|to| to.is_none()) {
            *to = rest.next();
        }
        Ok(HeadOrder { real, padded, from })
    }

    /// A vector over the elements of one head, or of each of `heads` heads, in this order.
    pub fn vector(&self, values: &[f32], heads: usize) -> Vec<f32> {
        let one = values.len() == self.real;
        let element = |i: usize| {
            let (head, at) = (i / self.padded, i % self.padded);
            self.from[at].map_or(0.0, |from| values[if one { from } else { head * self.real + from }])
        };
        (0..heads * self.padded).map(element).collect()
    }
}

impl<'w> Packing<'w> {
    /// A matrix as it is.
    pub fn plain(tensor: Tensor<'w>) -> Self {
        let rows = (0..tensor.rows).map(|row| Some((0, row))).collect();
        let width = tensor.cols.next_multiple_of(STEP);
        Packing { tensors: vec![tensor], rows, columns: Columns::Plain, width }
    }

    /// Rows of several matrices below each other, those of each head in its order.
    pub fn heads(parts: &[(Tensor<'w>, &HeadOrder)]) -> Self {
        let mut rows: Vec<Source> = Vec::new();
        for (i, (tensor, order)) in parts.iter().enumerate() {
            for head in 0..tensor.rows / order.real {
                rows.extend(order.from.iter().map(|from| from.map(|from| (i, head * order.real + from))));
            }
        }
        let tensors: Vec<Tensor<'w>> = parts.iter().map(|(tensor, _)| *tensor).collect();
        let width = tensors.first().map_or(0, |t| t.cols.next_multiple_of(STEP));
        Packing { tensors, rows, columns: Columns::Plain, width }
    }

    /// A matrix whose columns are heads.
    pub fn from_heads(tensor: Tensor<'w>, order: &HeadOrder) -> Self {
        let heads = tensor.cols / order.real;
        let columns = (0..heads)
            .flat_map(|head| order.from.iter().map(move |from| from.map(|from| head * order.real + from)))
            .collect();
        let width = heads * order.padded;
        Packing { columns: Columns::At(columns), width, ..Packing::plain(tensor) }
    }

    /// Gate and up in turn.
    pub fn alternating(gate: Tensor<'w>, up: Tensor<'w>) -> Self {
        let width = gate.rows.next_multiple_of(STEP);
        let rows = (0..2 * width)
            .map(|row| {
                let (pair, at) = (row / (2 * INTERLEAVED), row % (2 * INTERLEAVED));
                let from = pair * INTERLEAVED + at % INTERLEAVED;
                (from < gate.rows).then_some((at / INTERLEAVED, from))
            })
            .collect();
        let columns = gate.cols.next_multiple_of(STEP);
        Packing { tensors: vec![gate, up], rows, columns: Columns::Plain, width: columns }
    }

    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Elements of a row, padding included.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Planes that hold the stored values.
    pub fn planes(&self) -> usize {
        if self.tensors.iter().any(|t| t.dtype == Dtype::F32) { 2 } else { 1 }
    }

    /// A vector over the rows, such as a bias, in their order.
    pub fn vector(&self, parts: &[&[f32]]) -> Vec<f32> {
        self.rows.iter().map(|row| row.map_or(0.0, |(tensor, row)| parts[tensor][row])).collect()
    }

    /// The matrices that become this one, three at most.
    pub fn tensors(&self) -> &[Tensor<'w>] {
        &self.tensors
    }

    /// Per row, four times its row in a tensor and which tensor that is, -1 for zeros; `None` where the rows are those of the one
    /// tensor.
    pub fn row_table(&self) -> Result<Option<Vec<i32>>, CudaError> {
        if self.tensors.len() == 1 && self.rows.iter().enumerate().all(|(i, row)| *row == Some((0, i))) {
            return Ok(None);
        }
        let entry = |source: &Source| match source {
            None => Ok(-1),
            Some((tensor, row)) => i32::try_from(4 * row + tensor),
        };
        let table: Result<_, _> = self.rows.iter().map(entry).collect();
        table.map(Some).map_err(|_| CudaError::Refused("a weight has too many rows".into()))
    }

    /// Per column the tensors' column, -1 for zeros; `None` where they come in order.
    pub fn column_table(&self) -> Option<Vec<i32>> {
        match &self.columns {
            Columns::Plain => None,
            Columns::At(columns) => Some(columns.iter().map(|c| c.map_or(-1, |c| c as i32)).collect()),
        }
    }

    /// The power of two that brings the largest value just below 2^15, of tensors of these sizes.
    pub fn exponent(&self, sizes: &[Size]) -> Result<i32, CudaError> {
        exponent_from(sizes.iter().map(|size| size.largest), &self.tensors)
    }
}

/// The power of two that brings the largest value of tensors that become one matrix just below 2^15.
pub fn exponent_of(tensors: &[Tensor<'_>]) -> Result<i32, CudaError> {
    exponent_from(tensors.iter().map(largest), tensors)
}

/// [`exponent_of`] of tensors whose largest values are known.
fn exponent_from(largest: impl Iterator<Item = f32>, tensors: &[Tensor<'_>]) -> Result<i32, CudaError> {
    // Written so that a NaN comes through.
    let largest = largest.fold(0.0f32, |a, b| if b <= a { a } else { b });
    if !largest.is_finite() {
        return Err(CudaError::NotFinite);
    }
    let exponent = exponent_below(f64::from(largest), 15);
    // What is stored in f16 is there already, down to the smallest.
    let stored = tensors.iter().all(|t| t.dtype == Dtype::F16);
    Ok(if stored { exponent.max(0) } else { exponent })
}

/// The exponent `e` with `size * 2^e < 2^bits`, as large as it may be; that f32 holds both powers.
pub fn exponent_below(size: f64, bits: i32) -> i32 {
    if size == 0.0 {
        return 0;
    }
    // 2^exponent <= size < 2^(exponent + 1)
    let exponent = (size.to_bits() >> 52) as i32 - 1023;
    (bits - 1 - exponent).clamp(-100, 100)
}

/// The largest size of a tensor's values; NaN counts as infinite.
fn largest(tensor: &Tensor<'_>) -> f32 {
    let of_row = |row: usize, scratch: &mut Vec<f32>| {
        scratch.resize(tensor.cols, 0.0);
        widen_row(tensor, row, scratch);
        // Without their sign, the bits of floats have the order of their sizes, and NaN is above all.
        scratch.iter().map(|v| v.to_bits() & 0x7fff_ffff).max().unwrap_or(0)
    };
    let bits = (0..tensor.rows)
        .into_par_iter()
        .with_min_len(ROWS)
        .map_init(Vec::new, |scratch, row| of_row(row, scratch))
        .max()
        .unwrap_or(0);
    f32::from_bits(bits.min(f32::INFINITY.to_bits()))
}

/// The L2 norm of a tensor's longest row, each element first times `weight`.
pub fn longest_row(tensor: &Tensor<'_>, weight: Option<&[f32]>) -> f64 {
    // Written so that a NaN comes through.
    lengths(tensor, weight).reduce(|| 0.0, |a, b| if b <= a { a } else { b })
}

/// The L2 norm of every row.
pub fn row_lengths(tensor: &Tensor<'_>) -> Vec<f64> {
    lengths(tensor, None).collect()
}

fn lengths<'a>(
    tensor: &'a Tensor<'_>,
    weight: Option<&'a [f32]>,
) -> impl IndexedParallelIterator<Item = f64> + 'a {
    (0..tensor.rows).into_par_iter().with_min_len(ROWS).map_init(Vec::new, move |scratch, row| {
        scratch.resize(tensor.cols, 0.0);
        widen_row(tensor, row, scratch);
        let squares: f64 = match weight {
            Some(weight) => {
                scratch.iter().zip(weight).map(|(v, w)| (f64::from(*v) * f64::from(*w)).powi(2)).sum()
            }
            None => scratch.iter().map(|v| f64::from(*v).powi(2)).sum(),
        };
        squares.sqrt()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(rows: usize, cols: usize, values: &[f32]) -> Tensor<'_> {
        Tensor { dtype: Dtype::F32, rows, cols, bytes: bytemuck::cast_slice(values) }
    }

    /// The rows as the kernel makes them, in f32.
    fn packed(p: &Packing<'_>) -> Vec<f32> {
        let rows = p.row_table().expect("few rows");
        let rows = rows.unwrap_or_else(|| (0..p.rows() as i32).map(|row| 4 * row).collect());
        let columns = p.column_table();
        let element = |source: i32, column: usize| {
            let tensor = &p.tensors()[source as usize % 4];
            let column = match &columns {
                Some(columns) => columns[column],
                None if column < tensor.cols => column as i32,
                None => -1,
            };
            let place = |column: usize| source as usize / 4 * tensor.cols + column;
            match usize::try_from(column) {
                Ok(column) => tensor.dtype.value(tensor.bytes, place(column)).expect("it is there"),
                Err(_) => 0.0,
            }
        };
        let row =
            |source: i32| (0..p.width()).map(move |c| if source < 0 { 0.0 } else { element(source, c) });
        rows.into_iter().flat_map(|source| row(source).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn the_largest_is_just_below_2_to_the_15() {
        assert_eq!(exponent_of(&[tensor(2, 3, &[1.0, -0.333, 1e-5, 3.0e-3, 700.123_4, -0.1])]), Ok(5));
        assert_eq!(exponent_below(1.0, 15), 14);
        assert_eq!(exponent_below(1.999, 15), 14);
        assert_eq!(exponent_below(0.0, 15), 0);
        assert_eq!(exponent_below(1e-300, 15), 100);
        let halves: Vec<half::f16> = [60000.0f32, 6e-8].map(half::f16::from_f32).to_vec();
        let t = Tensor { dtype: Dtype::F16, rows: 1, cols: 2, bytes: bytemuck::cast_slice(&halves) };
        assert_eq!(exponent_of(&[t]), Ok(0), "f16 as it is");
        let p = Packing::plain(t);
        let sized = |largest: f32| p.exponent(&[Size { largest, longest: 0.0 }]);
        assert_eq!((p.planes(), sized(60000.0), sized(1.5)), (1, Ok(0), Ok(14)));
        assert_eq!(sized(f32::NAN), Err(CudaError::NotFinite));
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(exponent_of(&[tensor(1, 2, &[1.0, bad])]), Err(CudaError::NotFinite));
        }
    }

    #[test]
    fn the_partners_of_a_turn_stand_eight_apart() {
        let rotary = |pairs, n| Rotary { freq: vec![1.0; n], pairs };
        let apart = HeadOrder::turning(6, &rotary(Pairs::Apart(3), 3)).expect("fits");
        let at = |order: &HeadOrder, element| order.from.iter().position(|from| *from == Some(element));
        assert_eq!([0, 1, 2, 3, 4, 5].map(|e| at(&apart, e)), [0, 1, 2, 8, 9, 10].map(Some));
        // Half of the head turns, and neighbours do; the rest stands behind, each once.
        let part = HeadOrder::turning(8, &rotary(Pairs::Adjacent, 2)).expect("fits");
        assert_eq!([0, 1, 2, 3].map(|e| at(&part, e)), [0, 8, 1, 9].map(Some));
        assert_eq!([4, 5, 6, 7].map(|e| at(&part, e)), [2, 3, 4, 5].map(Some));
        assert_eq!(part.from.iter().flatten().count(), 8);
        // The ninth pair begins the next sixteen.
        let long = HeadOrder::turning(20, &rotary(Pairs::Apart(10), 10)).expect("fits");
        assert_eq!([7, 17, 8, 18].map(|e| at(&long, e)), [7, 15, 16, 24].map(Some));
        // A whole head of 64 leaves no room between.
        let full = HeadOrder::turning(64, &rotary(Pairs::Adjacent, 32)).expect("fits");
        assert!(full.from.iter().all(Option::is_some));
        assert!(HeadOrder::plain(513).is_err());
        assert_eq!(part.vector(&[0., 1., 2., 3., 4., 5., 6., 7.], 2)[64..68], [0., 2., 4., 5.]);
    }

    #[test]
    fn heads_become_rows_or_columns_and_gate_and_up_alternate() {
        let values: Vec<f32> = (0..12).map(|v| v as f32).collect();
        let order = HeadOrder::plain(2).expect("fits");
        let rows = Packing::heads(&[(tensor(4, 3, &values), &order), (tensor(2, 3, &values[6..]), &order)]);
        assert_eq!((rows.rows(), rows.width()), (3 * 64, 64));
        let got = packed(&rows);
        assert_eq!([got[0], got[64], got[2 * 64], got[64 * 64 + 1], got[128 * 64]], [0., 3., 0., 7., 6.]);
        assert_eq!(rows.vector(&[&[1., 2., 3., 4.], &[5., 6.]])[128..131], [5., 6., 0.]);
        let columns = Packing::from_heads(tensor(3, 4, &values), &order);
        assert_eq!((columns.rows(), columns.width()), (3, 128));
        let got = packed(&columns);
        assert_eq!([got[0], got[1], got[2], got[64], got[65], got[128]], [0., 1., 0., 2., 3., 4.]);
        let ones: Vec<f32> = (0..9).map(|v| v as f32 + 1.0).collect();
        let tens: Vec<f32> = ones.iter().map(|v| 10.0 * v).collect();
        let both = Packing::alternating(tensor(9, 1, &ones), tensor(9, 1, &tens));
        assert_eq!((both.rows(), both.width()), (128, 64));
        let got = packed(&both);
        let row = |i: usize| got[i * 64];
        assert_eq!(
            [row(0), row(7), row(8), row(15), row(16), row(24), row(17)],
            [1., 8., 10., 80., 9., 90., 0.]
        );
    }

    #[test]
    fn the_longest_row_counts_the_weights_of_a_norm() {
        let t = tensor(2, 2, &[3.0, 4.0, 1.0, 1.0]);
        assert!((longest_row(&t, None) - 5.0).abs() < 1e-12);
        assert!((longest_row(&t, Some(&[0.0, 2.0])) - 8.0).abs() < 1e-12);
    }
}
