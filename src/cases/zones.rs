//! Suggestions for shield zones: parts of a camera's picture through which rejected tracks pass again and again and no
//! confirmed one does. Pure; a person decides, nothing is shielded by itself.

use crate::model::case::KeptSighting;
use crate::model::casebook::Zone;

/// The picture is looked at in a grid of so many columns and rows.
const GRID: usize = 16;
/// So many rejected tracks through a cell make it a suggestion.
const TRACKS_MIN: u32 = 3;
/// Most zones suggested; cameras accept few.
const ZONES_MAX: usize = 4;

#[derive(Clone, Copy, Default)]
struct Cell {
    rejected: u32,
    confirmed: u32,
    /// Last track that was counted here, so that one track counts once.
    by: usize,
}

/// Zones for one camera, from its decided sightings as `(was rejected, sighting)`, largest first.
#[must_use]
pub fn suggest<'a>(decided: impl Iterator<Item = (bool, &'a KeptSighting)>) -> Vec<Zone> {
    let mut cells = vec![Cell::default(); GRID * GRID];
    let mut size = None;
    for (n, (rejected, sighting)) in (1..).zip(decided) {
        let Some((width, height)) = sighting.frame.filter(|(w, h)| *w > 0 && *h > 0) else { continue };
        size = Some((f64::from(width), f64::from(height)));
        for point in &sighting.track {
            let (Some(col), Some(row)) = (slot(point.x, f64::from(width)), slot(point.y, f64::from(height))) else {
                continue;
            };
            let Some(cell) = cells.get_mut(row * GRID + col).filter(|c| c.by != n) else { continue };
            cell.by = n;
            cell.rejected += u32::from(rejected);
            cell.confirmed += u32::from(!rejected);
        }
    }
    let Some(size) = size else { return Vec::new() };
    let mut zones = islands(&cells, size);
    zones.sort_by_key(|zone| std::cmp::Reverse(zone.tracks));
    zones.truncate(ZONES_MAX);
    zones
}

fn slot(at: f64, size: f64) -> Option<usize> {
    // A truncating cast of a value in 0..GRID.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (at >= 0.0 && at < size).then(|| (at / size * GRID as f64) as usize)
}

/// Boxes around cells that hang together.
fn islands(cells: &[Cell], (width, height): (f64, f64)) -> Vec<Zone> {
    let wanted = |c: usize, r: usize| {
        cells.get(r * GRID + c).is_some_and(|cell| cell.rejected >= TRACKS_MIN && cell.confirmed == 0)
    };
    let mut seen = vec![false; GRID * GRID];
    let mut zones = Vec::new();
    for start in 0..GRID * GRID {
        if seen.get(start) != Some(&false) || !wanted(start % GRID, start / GRID) {
            continue;
        }
        let (mut c0, mut r0, mut c1, mut r1, mut tracks) = (GRID, GRID, 0, 0, 0);
        let mut open = vec![(start % GRID, start / GRID)];
        while let Some((c, r)) = open.pop() {
            if !wanted(c, r) || seen.get(r * GRID + c) != Some(&false) {
                continue;
            }
            seen[r * GRID + c] = true;
            (c0, r0, c1, r1) = (c0.min(c), r0.min(r), c1.max(c), r1.max(r));
            tracks = tracks.max(cells.get(r * GRID + c).map_or(0, |cell| cell.rejected));
            let beside = [(c + 1, r), (c, r + 1), (c.wrapping_sub(1), r), (c, r.wrapping_sub(1))];
            open.extend(beside.into_iter().filter(|(c, r)| *c < GRID && *r < GRID));
        }
        let (cell_w, cell_h) = (width / GRID as f64, height / GRID as f64);
        zones.push(Zone {
            x0: c0 as f64 * cell_w,
            y0: r0 as f64 * cell_h,
            x1: (c1 + 1) as f64 * cell_w,
            y1: (r1 + 1) as f64 * cell_h,
            tracks,
        });
    }
    zones
}
