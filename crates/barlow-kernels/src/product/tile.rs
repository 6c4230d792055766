//! The innermost product: a few rows times one panel, sums held in registers.
//!
//! Each step of the depth loads one row of the panel and broadcasts one value of each row of the
//! left side straight from memory, so that the left side needs no packing and may be read along
//! rows or down columns. AVX-512 holds 6×64 sums (6×32 or 6×16 where no more columns are wanted),
//! AVX2 6×16, others 4×8.

use super::PANEL;
use crate::Isa;

/// The left side of a product: element `(i, k)` is at
/// `i·row + (k mod 64)·step + (k div 64)·panel`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) values: &'a [f32],
    pub(super) row: usize,
    pub(super) step: usize,
    pub(super) panel: usize,
}

impl Left<'_> {
    /// The index of the last value that a product of `rows` rows over `depth` reads.
    fn last(&self, rows: usize, depth: usize) -> usize {
        let of = |k: usize| (k % PANEL) * self.step + (k / PANEL) * self.panel;
        let last_full = (depth / PANEL * PANEL).saturating_sub(1);
        (rows - 1) * self.row + of(depth - 1).max(of(last_full))
    }
}

/// `sums = left · right`, or `sums += left · right` where not `fresh`.
///
/// # Shapes
/// - `right`: `[depth, 64]`
/// - `sums`: `[rows, 64]`
///
/// # Numerics
/// Each sum is over `k` in order, fused where the set has it.
///
/// # Panics
/// If a slice is too short.
pub(super) fn accumulate(
    isa: Isa,
    left: Left,
    rows: usize,
    depth: usize,
    right: &[f32],
    sums: &mut [f32],
    fresh: bool,
) {
    accumulate_columns(isa, left, rows, depth, right, PANEL, sums, fresh);
}

/// [`accumulate`] for the first `columns` of the panel; of the others any may be computed as well.
///
/// # Panics
/// If a slice is too short, or `columns` is above 64.
pub(super) fn accumulate_columns(
    isa: Isa,
    left: Left,
    rows: usize,
    depth: usize,
    right: &[f32],
    columns: usize,
    sums: &mut [f32],
    fresh: bool,
) {
    assert!(columns <= PANEL, "columns of one panel");
    if rows == 0 || depth == 0 {
        if fresh {
            sums[..rows * PANEL].fill(0.0);
        }
        return;
    }
    assert!(left.last(rows, depth) < left.values.len(), "the left side holds the product's values");
    assert!(depth * PANEL <= right.len(), "the right side holds the product's values");
    assert!(rows * PANEL <= sums.len(), "there is room for the product");
    let task = Task {
        left: left.values.as_ptr(),
        row: left.row,
        step: left.step,
        panel: left.panel,
        depth,
        right: right.as_ptr(),
        columns,
        sums: sums.as_mut_ptr(),
        fresh,
    };
    match isa {
        // SAFETY: an `Isa` beyond `Portable` exists only where it was detected; lengths are
        // checked above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => unsafe { avx512(task, rows) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2(task, rows) },
        // SAFETY: as above.
        _ => unsafe { by_rows::<[f32; 4], 2, 4>(task, rows) },
    }
}

#[derive(Clone, Copy)]
struct Task {
    left: *const f32,
    row: usize,
    step: usize,
    panel: usize,
    depth: usize,
    right: *const f32,
    /// At most 64; rounded up to whole tiles, which 64 is a multiple of.
    columns: usize,
    sums: *mut f32,
    fresh: bool,
}

/// # Safety
/// The instructions exist, and the task's memory.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,fma")]
unsafe fn avx512(task: Task, rows: usize) {
    match task.columns {
        // SAFETY: the caller's.
        0..=16 => unsafe { by_rows::<std::arch::x86_64::__m512, 1, 6>(task, rows) },
        // SAFETY: the caller's.
        17..=32 => unsafe { by_rows::<std::arch::x86_64::__m512, 2, 6>(task, rows) },
        // SAFETY: the caller's.
        _ => unsafe { by_rows::<std::arch::x86_64::__m512, 4, 6>(task, rows) },
    }
}

/// # Safety
/// As for [`avx512`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(task: Task, rows: usize) {
    // SAFETY: the caller's.
    unsafe { by_rows::<std::arch::x86_64::__m256, 2, 6>(task, rows) }
}

/// All rows, `HEIGHT` at a time, then the rest in one go.
///
/// # Safety
/// The instructions of `V` exist, and the task's memory.
#[inline(always)]
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "one call of several")]
unsafe fn by_rows<V: Vector, const WIDTH: usize, const HEIGHT: usize>(task: Task, rows: usize) {
    let mut done = 0;
    while done < rows {
        let height = (rows - done).min(HEIGHT);
        let part = Task {
            left: task.left.wrapping_add(done * task.row),
            sums: task.sums.wrapping_add(done * PANEL),
            ..task
        };
        // SAFETY: rows `done..done + height` are the task's.
        unsafe {
            match height {
                1 => across::<V, WIDTH, 1>(part),
                2 => across::<V, WIDTH, 2>(part),
                3 => across::<V, WIDTH, 3>(part),
                4 => across::<V, WIDTH, 4>(part),
                5 => across::<V, WIDTH, 5>(part),
                _ => across::<V, WIDTH, 6>(part),
            }
        }
        done += height;
    }
}

/// All columns, `WIDTH` vectors at a time.
///
/// # Safety
/// As for [`by_rows`].
#[inline(always)]
unsafe fn across<V: Vector, const WIDTH: usize, const ROWS: usize>(task: Task) {
    for column in (0..task.columns).step_by(WIDTH * V::LANES) {
        let part = Task {
            right: task.right.wrapping_add(column),
            sums: task.sums.wrapping_add(column),
            ..task
        };
        // SAFETY: the columns are the task's.
        unsafe { tile::<V, WIDTH, ROWS>(part) };
    }
}

/// # Safety
/// As for [`by_rows`].
#[inline(always)]
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "loads and stores of one tile")]
unsafe fn tile<V: Vector, const WIDTH: usize, const ROWS: usize>(task: Task) {
    // SAFETY: `ROWS` rows and `WIDTH` vectors of columns of the task, over its depth.
    unsafe {
        let mut sums = [[V::zero(); WIDTH]; ROWS];
        if !task.fresh {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(task.sums.add(r * PANEL + v * V::LANES));
                }
            }
        }
        let mut right = task.right;
        let mut start = task.left;
        let mut remaining = task.depth;
        while remaining > 0 {
            let steps = remaining.min(PANEL);
            let mut left = start;
            for _ in 0..steps {
                let mut columns = [V::zero(); WIDTH];
                for (v, column) in columns.iter_mut().enumerate() {
                    *column = V::load(right.add(v * V::LANES));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let value = V::splat(left.add(r * task.row));
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = sum.plus_product(value, column);
                    }
                }
                left = left.wrapping_add(task.step);
                right = right.add(PANEL);
            }
            start = start.wrapping_add(task.panel);
            remaining -= steps;
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                sum.store(task.sums.add(r * PANEL + v * V::LANES));
            }
        }
    }
}

/// A register of f32.
///
/// # Safety
/// Every function needs the instructions of the register, and valid memory where it takes a pointer.
trait Vector: Copy {
    const LANES: usize;

    unsafe fn zero() -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn splat(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn plus_product(self, a: Self, b: Self) -> Self;
}

macro_rules! vector {
    ($type:ident, $lanes:literal, $zero:ident, $load:ident, $splat:ident, $store:ident, $fma:ident) => {
        #[cfg(target_arch = "x86_64")]
        impl Vector for std::arch::x86_64::$type {
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the caller's.
                unsafe { std::arch::x86_64::$zero() }
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: the caller's.
                unsafe { std::arch::x86_64::$load(from) }
            }

            #[inline(always)]
            unsafe fn splat(from: *const f32) -> Self {
                // SAFETY: the caller's.
                unsafe { std::arch::x86_64::$splat(*from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: the caller's.
                unsafe { std::arch::x86_64::$store(to, self) }
            }

            #[inline(always)]
            unsafe fn plus_product(self, a: Self, b: Self) -> Self {
                // SAFETY: the caller's.
                unsafe { std::arch::x86_64::$fma(a, b, self) }
            }
        }
    };
}
vector!(
    __m512,
    16,
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_set1_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps
);
vector!(
    __m256,
    8,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_set1_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps
);

impl Vector for [f32; 4] {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        [0.0; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's.
        unsafe { from.cast::<Self>().read() }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        // SAFETY: the caller's.
        [unsafe { *from }; 4]
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's.
        unsafe { to.cast::<Self>().write(self) }
    }

    /// Fused on Arm, where that is one instruction; on x86-64 without FMA it would be a call.
    #[inline(always)]
    unsafe fn plus_product(self, a: Self, b: Self) -> Self {
        if cfg!(target_arch = "aarch64") {
            std::array::from_fn(|i| a[i].mul_add(b[i], self[i]))
        } else {
            std::array::from_fn(|i| self[i] + a[i] * b[i])
        }
    }
}
