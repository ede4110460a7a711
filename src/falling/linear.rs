//! Owns the few lines of linear algebra the fits need: Cholesky for small symmetric positive matrices of fixed size.
//!
//! Refuses to know what the numbers mean. No allocation; sizes are at most 8, so nothing cleverer pays.

#![allow(clippy::needless_range_loop)] // formulas over rows and columns read best with indices

/// A small square matrix, row by row.
pub(super) type Square<const N: usize> = [[f64; N]; N];

/// Lower triangular factor, or `None` where the matrix is not positive definite.
pub(super) fn cholesky<const N: usize>(matrix: &Square<N>) -> Option<Square<N>> {
    let mut low = [[0.0; N]; N];
    for row in 0..N {
        for col in 0..=row {
            let mut sum = matrix[row][col];
            for k in 0..col {
                sum -= low[row][k] * low[col][k];
            }
            if row == col {
                if sum.is_nan() || sum <= 0.0 {
                    return None;
                }
                low[row][row] = sum.sqrt();
            } else {
                low[row][col] = sum / low[col][col];
            }
        }
    }
    Some(low)
}

/// Solves `L Lᵀ x = right`.
pub(super) fn solve<const N: usize>(low: &Square<N>, right: &[f64; N]) -> [f64; N] {
    let mut x = *right;
    for row in 0..N {
        for k in 0..row {
            x[row] -= low[row][k] * x[k];
        }
        x[row] /= low[row][row];
    }
    for row in (0..N).rev() {
        for k in row + 1..N {
            x[row] -= low[k][row] * x[k];
        }
        x[row] /= low[row][row];
    }
    x
}

/// `(L Lᵀ)⁻¹`: the covariance when the matrix was the information.
pub(super) fn inverse<const N: usize>(low: &Square<N>) -> Square<N> {
    let mut out = [[0.0; N]; N];
    for col in 0..N {
        let mut unit = [0.0; N];
        unit[col] = 1.0;
        let x = solve(low, &unit);
        for row in 0..N {
            out[row][col] = x[row];
        }
    }
    out
}

/// `ln det (L Lᵀ)`.
pub(super) fn ln_det<const N: usize>(low: &Square<N>) -> f64 {
    let mut product = 1.0;
    for (row, line) in low.iter().enumerate() {
        product *= line[row];
    }
    2.0 * product.ln()
}

/// `gᵀ C g`.
pub(super) fn quadratic<const N: usize>(cov: &Square<N>, gradient: &[f64; N]) -> f64 {
    let mut sum = 0.0;
    for row in 0..N {
        for col in 0..N {
            sum += gradient[row] * cov[row][col] * gradient[col];
        }
    }
    sum
}
