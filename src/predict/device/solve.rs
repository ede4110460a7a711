//! A small symmetric system solved by Cholesky's way: in place, without allocation.

use super::together::TOGETHER_MAX;

/// Rows of the system; only the lower triangle of the first `n` is used.
pub type Square = [[f64; TOGETHER_MAX]; TOGETHER_MAX];
/// One number a point.
pub type Row = [f64; TOGETHER_MAX];

/// Pivots below this are rounding: the matrix has a unit diagonal.
const PIVOT_MIN: f64 = 1e-9;

/// For the positive matrix `m` with unit diagonal (`n` rows; overwritten): its inverse times `z`, and the diagonal of the
/// inverse. `None` when it is not positive.
pub fn solve(m: &mut Square, z: &Row, n: usize) -> Option<(Row, Row)> {
    let half = reduce(m, z, n)?;
    let (mut weighted, mut diagonal) = ([0.0; TOGETHER_MAX], [0.0; TOGETHER_MAX]);
    for j in 0..n {
        // Column j of the inverse of the triangle.
        let mut column = [0.0; TOGETHER_MAX];
        column[j] = 1.0 / m[j][j];
        for i in j + 1..n {
            let sum: f64 = (j..i).map(|k| m[i][k] * column[k]).sum();
            column[i] = -sum / m[i][i];
        }
        for i in j..n {
            diagonal[j] += column[i] * column[i];
            weighted[j] += column[i] * half[i];
        }
    }
    Some((weighted, diagonal))
}

/// Turns `m` into its triangle; tells the triangle's inverse times `z`.
fn reduce(m: &mut Square, z: &Row, n: usize) -> Option<Row> {
    let mut half = *z;
    for i in 0..n {
        let (above, rest) = m.split_at_mut(i);
        let row = &mut rest[0];
        for j in 0..i {
            let sum: f64 = (0..j).map(|k| row[k] * above[j][k]).sum();
            row[j] = (row[j] - sum) / above[j][j];
        }
        let pivot = row[i] - row[..i].iter().map(|v| v * v).sum::<f64>();
        if pivot.is_nan() || pivot < PIVOT_MIN {
            return None;
        }
        row[i] = pivot.sqrt();
        let sum: f64 = row[..i].iter().zip(&half).map(|(a, b)| a * b).sum();
        half[i] = (z[i] - sum) / row[i];
    }
    Some(half)
}
