//! The innermost step of a product: a few activation rows times one panel of weights, sums held in registers.
//!
//! A panel holds a few weight rows with their elements interleaved, `[k, panel]`, so that one element of an activation row
//! meets a whole vector of weights. Every sum runs over `k` in order, by fused multiply-adds, whatever the rows beside it:
//! batch invariance needs nothing else here.
//!
//! The steps are written with vector instructions by name: a compiler left to find them keeps the sums in memory as soon as
//! the loop stands in a larger function, at half the speed.

/// A step for `ROWS` activation rows and a panel of `PANEL` weight rows: as many sums as the registers hold beside their
/// operands.
pub trait Step<const ROWS: usize, const PANEL: usize> {
    /// `out[i][j] = sum over p of rows[i][p] * panel[p][j]`, or `out[i][j] += ...`
    ///
    /// # Safety
    /// The machine has the step's instructions; every row is as long as the panel; `out` has `ROWS` rows of `PANEL`
    /// elements, to which no reference is alive.
    unsafe fn multiply(rows: &[*const f32; ROWS], panel: &[[f32; PANEL]], out: Target, add: bool);
}

/// Elements of a cache line.
pub const LINE: usize = 16;

/// Asks for the cache line of `value`, which is wanted soon.
#[inline(always)]
pub fn fetch(value: &f32) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has it, and nothing is read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Rows of an output: the first one's address, and how many elements further each next one starts.
#[derive(Clone, Copy)]
pub struct Target {
    pub first: *mut f32,
    pub stride: usize,
}

impl Target {
    /// Address of an element.
    pub fn at(self, row: usize, column: usize) -> *mut f32 {
        self.first.wrapping_add(row * self.stride + column)
    }

    /// # Safety
    /// There are so many elements in this row from this column on, and no other reference to them is alive.
    #[inline(always)]
    pub unsafe fn row<'a>(self, row: usize, column: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: as promised by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.at(row, column), len) }
    }
}
// SAFETY: an address; who writes to it promises that no one else does.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

/// The least distance of rows of `len` elements that a step reads fast: a quarter of a cache line off a whole number of
/// lines. At some whole numbers (of 2 KiB, say) rows push each other out of the first-level cache.
pub fn stride(len: usize) -> usize {
    len.next_multiple_of(16) + 4
}

/// Any machine.
pub struct Plain;
/// x86-64 with AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
pub struct Avx2;
/// x86-64 with AVX-512.
#[cfg(target_arch = "x86_64")]
pub struct Avx512;

/// `sums[i][j] = sum over p of rows[i][p] * panel[p][j]`; the rows are as long as the panel. Only for the step that
/// [`by_instruction_set`] chose.
#[inline(always)]
pub fn multiply<S: Step<ROWS, PANEL>, const ROWS: usize, const PANEL: usize>(
    rows: [&[f32]; ROWS],
    panel: &[[f32; PANEL]],
) -> [[f32; PANEL]; ROWS] {
    assert!(rows.iter().all(|row| row.len() == panel.len()));
    let mut sums = [[0.0f32; PANEL]; ROWS];
    let target = Target { first: sums.as_flattened_mut().as_mut_ptr(), stride: PANEL };
    // SAFETY: chosen for this machine; rows are as long as the panel; the sums are ours.
    unsafe { S::multiply(&rows.map(<[f32]>::as_ptr), panel, target, false) };
    sums
}

/// Runs `$run::<Step, ROWS, PANEL>($args)` compiled for the best instruction set of this machine.
macro_rules! by_instruction_set {
    ($run:ident($($arg:ident: $type:ty),* $(,)?)) => {{
        use $crate::backend::cpu::kernel;
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            fn avx512($($arg: $type),*) {
                $run::<kernel::Avx512, 12, 32>($($arg),*)
            }
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) {
                $run::<kernel::Avx2, 6, 16>($($arg),*)
            }
            match $crate::backend::cpu::math::instruction_set() {
                // SAFETY: the machine has these instructions.
                "avx512" => return unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                "avx2" => return unsafe { avx2($($arg),*) },
                _ => {}
            }
        }
        $run::<kernel::Plain, 4, 16>($($arg),*)
    }};
}
pub(super) use by_instruction_set;

/// Rows and panel that [`by_instruction_set`] chooses here.
pub fn step_shape() -> (usize, usize) {
    match super::math::instruction_set() {
        "avx512" => (12, 32),
        "avx2" => (6, 16),
        _ => (4, 16),
    }
}

impl Step<4, 16> for Plain {
    unsafe fn multiply(rows: &[*const f32; 4], panel: &[[f32; 16]], out: Target, add: bool) {
        let mut sums = [[0.0f32; 16]; 4];
        // SAFETY: rows are as long as the panel.
        let rows = rows.map(|row| unsafe { std::slice::from_raw_parts(row, panel.len()) });
        for (p, weights) in panel.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let x = row[p];
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = x.mul_add(*weight, *sum);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            // SAFETY: the output has so many rows, to which no reference is alive.
            let out = unsafe { out.row(i, 0, 16) };
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out = if add { *out + sum } else { *sum });
        }
    }
}

/// A step of two vectors a row. Rows are listed by number, so that every sum is a register whatever the optimiser does. The
/// loop over `p` is unrolled: what it costs beside its arithmetic is what a core shared with another thread lacks.
#[cfg(target_arch = "x86_64")]
macro_rules! vector_step {
    ($step:ident, $rows:literal, $panel:literal, $feature:literal, [$($i:literal)*], $module:ident, $vector:ident,
     $load:ident, $splat:ident, $fma:ident, $add:ident, $store:ident, $zero:ident) => {
        mod $module {
            use super::*;
            use std::arch::x86_64::*;

            const HALF: usize = $panel / 2;

            impl Step<$rows, $panel> for $step {
                #[target_feature(enable = $feature)]
                unsafe fn multiply(rows: &[*const f32; $rows], panel: &[[f32; $panel]], out: Target, add: bool) {
                    // SAFETY: rows are as long as the panel, the output's two vectors wide.
                    unsafe {
                        let rows = *rows;
                        $(_mm_prefetch::<_MM_HINT_T0>(out.at($i, 0).cast());)*
                        let mut sums = [[$zero(); 2]; $rows];
                        let (fours, rest) = panel.as_chunks::<4>();
                        for (p, four) in fours.iter().enumerate() {
                            add_one(rows, 4 * p, &four[0], &mut sums);
                            add_one(rows, 4 * p + 1, &four[1], &mut sums);
                            add_one(rows, 4 * p + 2, &four[2], &mut sums);
                            add_one(rows, 4 * p + 3, &four[3], &mut sums);
                        }
                        for (p, weights) in rest.iter().enumerate() {
                            add_one(rows, 4 * fours.len() + p, weights, &mut sums);
                        }
                        if add {
                            $(
                                sums[$i][0] = $add($load(out.at($i, 0)), sums[$i][0]);
                                sums[$i][1] = $add($load(out.at($i, HALF)), sums[$i][1]);
                            )*
                        }
                        $(
                            $store(out.at($i, 0), sums[$i][0]);
                            $store(out.at($i, HALF), sums[$i][1]);
                        )*
                    }
                }
            }

            /// Adds the products of element `p`.
            ///
            /// # Safety
            /// The rows have such an element.
            #[inline]
            #[target_feature(enable = $feature)]
            unsafe fn add_one(
                rows: [*const f32; $rows],
                p: usize,
                weights: &[f32; $panel],
                sums: &mut [[$vector; 2]; $rows],
            ) {
                // SAFETY: there is such an element; weights are two vectors wide.
                unsafe {
                    let (low, high) = ($load(weights.as_ptr()), $load(weights.as_ptr().add(HALF)));
                    $(
                        let x = $splat(*rows[$i].add(p));
                        sums[$i][0] = $fma(x, low, sums[$i][0]);
                        sums[$i][1] = $fma(x, high, sums[$i][1]);
                    )*
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
vector_step!(
    Avx2, 6, 16, "avx2,fma", [0 1 2 3 4 5], avx2, __m256,
    _mm256_loadu_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps, _mm256_storeu_ps, _mm256_setzero_ps
);
#[cfg(target_arch = "x86_64")]
vector_step!(
    Avx512, 12, 32, "avx512f", [0 1 2 3 4 5 6 7 8 9 10 11], avx512, __m512,
    _mm512_loadu_ps, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps, _mm512_storeu_ps, _mm512_setzero_ps
);
