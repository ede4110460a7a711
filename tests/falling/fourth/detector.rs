//! From things in the world to the boxes that are sent: a detector with white noise and the usual defects. Noise of
//! centre and size is normal and independent from frame to frame. Boxes grow by the way made while the shutter is open
//! and end at the picture's edge. Defects fall on shares of the tracks: late starts, glimpses, early ends, lost,
//! doubled, swapped and wild points, uneven time stamps.
use super::view::{Scene, Vec3};
use crate::dice::Dice;
use crate::film::{Dot, Track};

/// Where a thing is and how wide and high it looks, metres.
pub(crate) struct Mark {
    pub(crate) at: Vec3,
    pub(crate) size: [f64; 2],
}

/// Unbroken frames with the thing in the picture: the true box and the true height of its centre.
#[derive(Default)]
pub(crate) struct Sighting {
    pub(crate) seen: Vec<(Dot, f64)>,
    came_in: bool,
}

/// Spread of a point by lens and sensor, pixels.
const SPREAD_PX: f64 = 1.5;

/// Where a thing is at a time, until it is gone.
pub(super) type Course<'a> = dyn FnMut(f64) -> Option<Mark> + 'a;

/// Films a thing for some seconds and gives the longest stretch in the picture. Below `least_px` nothing is noticed.
pub(super) fn watch(
    scene: &Scene,
    seconds: f64,
    phase: f64,
    least_px: f64,
    course: &mut Course<'_>,
) -> Option<Sighting> {
    let (mut all, mut outside) = (vec![Sighting::default()], false);
    for frame in 0..(seconds * scene.fps) as usize {
        let t = phase + frame as f64 / scene.fps;
        let Some(mark) = course(t) else { break };
        let found = box_of(scene, &mark, t);
        let current = all.last_mut()?;
        if let Some((_, dot)) = found.filter(|(size, _)| *size >= least_px && current.seen.len() < 600) {
            current.came_in |= current.seen.is_empty() && outside;
            current.seen.push((dot, mark.at[1]));
        } else if !current.seen.is_empty() {
            all.push(Sighting::default());
        }
        outside = found.is_none();
    }
    let mut longest = all.into_iter().max_by_key(|sighting| sighting.seen.len())?;
    smear(&mut longest.seen, scene);
    (longest.seen.len() > 1).then_some(longest)
}

/// The box, unless it lies outside the picture (but for a sliver), and the larger side before the lens spreads it.
fn box_of(scene: &Scene, mark: &Mark, t: f64) -> Option<(f64, Dot)> {
    let (x, y, depth) = scene.lens.project(mark.at)?;
    let [wide, high] = mark.size.map(|size| size * scene.lens.focal / depth);
    let dot = Dot { t, x, y, w: wide.hypot(SPREAD_PX), h: high.hypot(SPREAD_PX) };
    let shows = |at: f64, size: f64, end: f64| (at + 0.5 * size).min(end) - (at - 0.5 * size).max(0.0) > 0.2 * size;
    (shows(x, dot.w, scene.lens.cols) && shows(y, dot.h, scene.lens.rows)).then_some((wide.max(high), dot))
}

/// Adds what the open shutter adds.
fn smear(seen: &mut [(Dot, f64)], scene: &Scene) {
    let centres: Vec<(f64, f64)> = seen.iter().map(|(dot, _)| (dot.x, dot.y)).collect();
    for (index, (dot, _)) in seen.iter_mut().enumerate() {
        let (before, after) = (index.saturating_sub(1), (index + 1).min(centres.len() - 1));
        let open = scene.exposure_s * scene.fps / (after - before).max(1) as f64;
        dot.w += open * (centres[after].0 - centres[before].0).abs();
        dot.h += open * (centres[after].1 - centres[before].1).abs();
    }
}

/// What the detector makes of a sighting; `None` with fewer than two points.
pub(crate) fn send(sighting: &Sighting, scene: &Scene, clock: f64, dice: &mut Dice) -> Option<Track> {
    let (noise_px, waver) = (dice.log_within(0.5, 4.0), dice.within(0.02, 0.25));
    let jitter = if dice.chance(0.25) { dice.within(0.0, 0.004) } else { 0.0 };
    let lost = if dice.chance(0.4) { dice.within(0.0, 0.25) } else { 0.0 };
    let wild = if dice.chance(0.12) { dice.within(0.01, 0.08) } else { 0.0 };
    let doubled = if dice.chance(0.08) { 0.06 } else { 0.0 };
    let (from, to) = stretch(sighting.seen.len(), scene.fps, dice);
    let (mut dots, mut heights) = (Vec::with_capacity(to - from), Vec::with_capacity(to - from));
    let mut first = None;
    for (index, &(mut dot, height)) in sighting.seen.iter().enumerate().take(to).skip(from) {
        if dice.chance(lost) {
            continue;
        }
        dot.t = ((clock + dot.t + jitter * dice.gauss()) * 1000.0).round() / 1000.0;
        if first.is_some() && dice.chance(wild) {
            (dot.x, dot.y) = (dice.within(0.0, scene.lens.cols), dice.within(0.0, scene.lens.rows));
        }
        let mut side = |at: f64, size: f64, end: f64| {
            let (at, half) = (at + noise_px * dice.gauss(), 0.5 * size * (waver * dice.gauss()).exp());
            let low = (at - half).clamp(0.0, end - 1.0);
            let high = (at + half).clamp(low + 1.0, end);
            (0.5 * (low + high), high - low)
        };
        (dot.x, dot.w) = side(dot.x, dot.w, scene.lens.cols);
        (dot.y, dot.h) = side(dot.y, dot.h, scene.lens.rows);
        first = first.or(Some(index));
        dots.extend(std::iter::repeat_n(dot, 1 + usize::from(dice.chance(doubled))));
        heights.push(height);
    }
    let span_m = (heights.first()? - heights.get(1..)?.last()?).abs();
    if dice.chance(0.08) {
        for _ in 0..=dots.len() / 10 {
            let index = dice.below(dots.len() - 1);
            dots.swap(index, index + 1);
        }
    }
    Some(Track { dots, entered: sighting.came_in && first.is_some_and(|index| index <= 1), span_m, noise_px })
}

/// Which of the frames are sent: all but a late start and perhaps an early end, or a glimpse.
fn stretch(frames: usize, fps: f64, dice: &mut Dice) -> (usize, usize) {
    if dice.chance(0.18) {
        let length = (2 + dice.below(11)).min(frames);
        let from = dice.below(frames - length + 1);
        return (from, from + length);
    }
    let late = if dice.chance(0.5) { 0 } else { dice.log_within(1.0, 9.0) as usize }.min(frames - 2);
    let share = if dice.chance(0.25) { dice.within(0.3, 1.0) } else { 1.0 };
    let patience = dice.log_within(4.0, 40.0) * fps;
    (late, late + ((frames - late) as f64 * share).min(patience).max(2.0) as usize)
}
