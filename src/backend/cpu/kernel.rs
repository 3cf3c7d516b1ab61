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
    /// `sums[i][j] = sum over p of rows[i][p] * panel[p][j]`
    ///
    /// # Safety
    /// The machine has the step's instructions, and every row is at least as long as the panel.
    unsafe fn multiply(rows: &[&[f32]; ROWS], panel: &[[f32; PANEL]], sums: &mut [[f32; PANEL]; ROWS]);
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
    // SAFETY: chosen for this machine, and as long as the panel.
    unsafe { S::multiply(&rows, panel, &mut sums) };
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
    unsafe fn multiply(rows: &[&[f32]; 4], panel: &[[f32; 16]], sums: &mut [[f32; 16]; 4]) {
        for (p, weights) in panel.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let x = row[p];
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = x.mul_add(*weight, *sum);
                }
            }
        }
    }
}

/// One step of two vectors a row. Rows are listed by number, so that every sum is a register whatever the optimiser does.
#[cfg(target_arch = "x86_64")]
macro_rules! vector_step {
    ($step:ident, $rows:literal, $panel:literal, $feature:literal, [$($i:literal)*],
     $load:ident, $splat:ident, $fma:ident, $store:ident, $zero:ident) => {
        impl Step<$rows, $panel> for $step {
            #[target_feature(enable = $feature)]
            unsafe fn multiply(
                rows: &[&[f32]; $rows],
                panel: &[[f32; $panel]],
                sums: &mut [[f32; $panel]; $rows],
            ) {
                use std::arch::x86_64::*;
                const HALF: usize = $panel / 2;
                let mut low = [$zero(); $rows];
                let mut high = [$zero(); $rows];
                let x = rows.map(|row| row.as_ptr());
                for (p, weights) in panel.iter().enumerate() {
                    // SAFETY: a panel's element is two vectors wide; rows are as long as the panel.
                    unsafe {
                        let (a, b) = ($load(weights.as_ptr()), $load(weights.as_ptr().add(HALF)));
                        $(
                            let value = $splat(*x[$i].add(p));
                            low[$i] = $fma(value, a, low[$i]);
                            high[$i] = $fma(value, b, high[$i]);
                        )*
                    }
                }
                $(
                    // SAFETY: a row of sums is two vectors wide.
                    unsafe {
                        $store(sums[$i].as_mut_ptr(), low[$i]);
                        $store(sums[$i].as_mut_ptr().add(HALF), high[$i]);
                    }
                )*
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
vector_step!(
    Avx2, 6, 16, "avx2,fma", [0 1 2 3 4 5],
    _mm256_loadu_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_storeu_ps, _mm256_setzero_ps
);
#[cfg(target_arch = "x86_64")]
vector_step!(
    Avx512, 12, 32, "avx512f", [0 1 2 3 4 5 6 7 8 9 10 11],
    _mm512_loadu_ps, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_storeu_ps, _mm512_setzero_ps
);
