//! Owns the camera's analytics: what becomes of a moving thing between sensor and message.
//!
//! As seen on acceptance days: motion detectors find a thing once it has left its own box; boxes come in steps, from
//! a smaller picture or in thousandths; trackers send raw boxes or those of a filter of constant speed (SORT, Bewley et
//! al. 2016), confirm with or without history, coast over gaps and past the end, and lose the id over long gaps.
use super::{flight::STEP, flight::Show, site::Site};
use crate::{dice::Dice, film::Dot, film::Track};

pub(super) struct Vendor {
    noise: f64,
    /// Share of the last frame's error that stays; steps of the boxes' edges, pixels.
    memory: f64,
    steps: [f64; 2],
    /// Settled gains on place and speed, and whether gaps are coasted over; none sends raw boxes.
    gains: Option<([f64; 2], bool)>,
    unconfirmed: usize,
    longest_gap: usize,
    miss: f64,
    /// Chances of a stray, a repeated and a swapped point; spread and mean lateness of stamps, their ticks a second.
    faults: [f64; 3],
    stamp: [f64; 3],
    exposure: f64,
}

/// A box at its frame, the true height with it; `outside` the picture, coming from where is entering.
#[derive(Clone, Copy)]
struct Seen {
    frame: usize,
    t: f64,
    at: [f64; 2],
    broad: [f64; 2],
    height: f64,
    outside: bool,
    visible: bool,
}

impl Vendor {
    pub(super) fn draw(site: &Site, dice: &mut Dice) -> Self {
        let [wide, tall] = site.picture;
        let scaled = (wide.max(tall) / dice.pick(&[960.0, 1280.0, 1920.0])).max(1.0);
        let (faults, exact) = ([(0.4, 0.05), (0.25, 0.1), (0.2, 0.2)], [0.0, 0.0, 1000.0]);
        Self {
            noise: dice.log_within(0.5, 3.2),
            memory: if dice.chance(0.5) { dice.within(0.1, 0.6) } else { 0.0 },
            steps: dice.pick(&[[1.0; 2], [scaled; 2], [wide / 1000.0, tall / 1000.0]]),
            gains: dice.chance(0.5).then(|| ([dice.within(0.6, 0.9), dice.within(0.3, 0.6)], dice.chance(0.4))),
            unconfirmed: if dice.chance(0.3) { 1 + dice.below(3) } else { 0 },
            longest_gap: 2 + dice.below(7),
            miss: dice.log_within(0.004, 0.15),
            faults: faults.map(|(often, most)| if dice.chance(often) { dice.within(0.1, 1.0) * most } else { 0.0 }),
            stamp: dice.pick(&[exact, exact, [0.0012, 0.0, 1000.0], [0.0, 0.004, 1000.0], [0.0, 0.0, 100.0]]),
            exposure: dice.log_within(0.001, 0.4 / site.fps),
        }
    }

    /// The track of a show and the camera's clock at its start; `whole` keeps the beginning.
    pub(super) fn track(&self, site: &Site, show: &Show, whole: bool, dice: &mut Dice) -> Option<(Track, f64)> {
        let (frames, [begin, end]) = self.stretch(site, show, whole, dice)?;
        let came = begin > 0 && frames[begin - 1].outside;
        let mut found = self.found(site, &frames[begin..end], came, dice);
        if let Some(cut) = found.windows(2).position(|pair| pair[1].frame > pair[0].frame + self.longest_gap + 1) {
            if whole || 2 * cut > found.len() { found.truncate(cut + 1) } else { drop(found.drain(..=cut)) }
        }
        let kept = if dice.chance(0.18) { 2 + dice.below(11) } else { found.len() };
        let free = if whole || dice.chance(0.4) { 1 } else { found.len().saturating_sub(kept) + 1 };
        found = found.into_iter().skip(self.unconfirmed + dice.below(free)).take(kept).collect();
        found.get(1)?;
        // Its first box touches the picture's edge, or its last step could have led it in.
        let (told, now, last) = (found[0], frames[found[0].frame], frames[found[0].frame.max(1) - 1]);
        let room = [0, 1].map(|side| told.at[side].min(site.picture[side] - told.at[side]) - told.broad[side] / 2.0);
        let step = [0, 1].map(|side| self.noise.max(2.0) + (now.at[side] - last.at[side]).abs().min(2000.0));
        let entered = came && told.frame <= begin + 1 && (room[0] <= step[0] || room[1] <= step[1]);
        let sent = self.smoothed(found, &frames, dice);
        let (boot, span_m) = (dice.within(10.0, 90_000.0), (sent[sent.len() - 1].height - sent[0].height).abs());
        let noise_px = self.noise.hypot(self.steps[0].hypot(self.steps[1]) / 24.0_f64.sqrt());
        Some((Track { dots: self.message(site, &sent, boot, dice), entered, span_m, noise_px }, boot))
    }

    /// All frames, and the longest run of them (or the first) with the thing in view.
    fn stretch(&self, site: &Site, show: &Show, first: bool, dice: &mut Dice) -> Option<(Vec<Seen>, [usize; 2])> {
        let (mut t, mut frames, mut best, mut from) = (dice.within(0.0, 1.0 / site.fps), Vec::new(), [0, 0], 0);
        while t < (show.spots.len() - 1) as f64 * STEP {
            let seen = self.expose(site, show, t, frames.len());
            frames.push(seen);
            if !seen.visible {
                from = frames.len();
            } else if frames.len() - from > best[1] - best[0] && !(first && best[1] > 1 && best[1] < from) {
                best = [from, frames.len()];
            }
            t += 1.0 / site.fps;
        }
        best[1] = best[1].min(best[0] + (dice.within(4.0, 12.0) * site.fps) as usize);
        (best[1] > best[0] + 1).then_some((frames, best))
    }

    fn expose(&self, site: &Site, show: &Show, t: f64, frame: usize) -> Seen {
        let (low, share) = ((t / STEP) as usize, (t / STEP).fract());
        let (before, after) = (show.spots[low], show.spots[low + 1]);
        let height = if show.glass { site.lens[2] } else { before.0[2] + share * (after.0[2] - before.0[2]) };
        let place = |point: [f64; 3]| if show.glass { Some(([point[0], point[2]], 1.0)) } else { site.project(point) };
        let [(one, scale), (two, _)] = [before.0, after.0].map(|point| place(point).unwrap_or(([-1e6; 2], 1.0)));
        let at = [0, 1].map(|side| one[side] + share * (two[side] - one[side]));
        let blur = |side: usize| (two[side] - one[side]).abs() * self.exposure / STEP;
        let broad = [0, 1].map(|side| ((before.1[side] * scale).max(0.3) + blur(side)).min(4000.0));
        let outside = (0..2).any(|side| at[side].min(site.picture[side] - at[side]) < -0.2 * broad[side]);
        let visible = !outside && (before.1[0] * before.1[1]).sqrt() * scale > 0.9;
        Seen { frame, t, at, broad, height, outside, visible }
    }

    /// The frames in which the detector answers, with its errors.
    fn found(&self, site: &Site, run: &[Seen], came: bool, dice: &mut Dice) -> Vec<Seen> {
        let (mut error, mut blind, mut moving, waver) = ([0.0; 2], 0, came, dice.within(0.03, 0.2));
        let mut answer = |&seen: &Seen| {
            let gone = (seen.at[0] - run[0].at[0]).hypot(seen.at[1] - run[0].at[1]);
            moving |= gone > 2.0 + 0.4 * seen.broad[1].min(40.0);
            let mean = (seen.broad[0] * seen.broad[1]).sqrt();
            blind = if dice.chance(self.miss / 4.0) { 1 + dice.below(6) } else { blind.max(1) - 1 };
            let fresh = (1.0 - self.memory.powi(2)).sqrt() * self.noise.hypot(0.02 * mean).min(4.0);
            let heavy = if dice.chance(0.08) { 1.9 } else { 0.9 };
            error = error.map(|side| self.memory * side + fresh * heavy * dice.gauss());
            if !moving || blind > 0 || dice.chance(self.miss + 0.6 * (1.6 - mean).clamp(0.0, 1.0)) {
                return None;
            }
            let edges = [0, 1].map(|side| {
                let half = (seen.broad[side] * (1.0 + waver * dice.gauss())).max(0.0) / 2.0 + 1.0;
                let (at, end, step) = (seen.at[side] + error[side], site.picture[side], self.steps[side]);
                let from = (at - half).clamp(0.0, end - 2.0);
                [from, (at + half).clamp(from + 2.0, end)].map(|edge| (edge / step).round() * step)
            });
            let at = edges.map(|[from, to]| f64::midpoint(from, to));
            Some(Seen { at, broad: edges.map(|[from, to]| (to - from).max(1.0)), ..seen })
        };
        run.iter().filter_map(&mut answer).collect()
    }

    /// What the tracker makes of the boxes.
    fn smoothed(&self, found: Vec<Seen>, frames: &[Seen], dice: &mut Dice) -> Vec<Seen> {
        let Some((settled, coasts)) = self.gains else { return found };
        let beyond = if coasts && dice.chance(0.4) { 1 + dice.below(2) } else { 0 };
        let (mut at, mut speed, mut hits, mut gap) = (found[0].at, [0.0; 2], 0.0_f64, 0.0_f64);
        let (mut sent, mut last, mut rest) = (Vec::with_capacity(found.len() + 9), found[0], found.iter().peekable());
        let end = found[found.len() - 1].frame + beyond + 1;
        for &frame in &frames[found[0].frame..end.min(frames.len())] {
            (at, gap) = ([at[0] + speed[0], at[1] + speed[1]], gap + 1.0);
            let Some(&told) = rest.next_if(|told| told.frame == frame.frame) else {
                if coasts && hits > 2.0 {
                    sent.push(Seen { at, broad: last.broad, ..frame });
                }
                continue;
            };
            // The gains of a straight line through all hits so far, until they settle.
            let many = (hits + 1.0) * (hits + 2.0);
            let place = settled[0].max((4.0 * hits + 2.0) / many).min(1.0);
            let quick = if hits > 0.0 { settled[1].max(6.0 / many).min(1.0) / gap } else { 0.0 };
            for side in 0..2 {
                let surprise = told.at[side] - at[side];
                (at[side], speed[side]) = (at[side] + place * surprise, speed[side] + quick * surprise);
            }
            (hits, gap, last) = (hits + 1.0, 0.0, told);
            sent.push(Seen { at, ..told });
        }
        sent
    }

    /// Stamps, strays, repeats and disorder.
    fn message(&self, site: &Site, sent: &[Seen], boot: f64, dice: &mut Dice) -> Vec<Dot> {
        let (mut dots, mut earlier): (Vec<Dot>, f64) = (Vec::with_capacity(sent.len() + 9), 0.0);
        let ([stray, repeat, swap], [spread, lateness, ticks], [wide, tall]) = (self.faults, self.stamp, site.picture);
        for seen in sent {
            let late = spread * dice.gauss().clamp(-3.0, 3.0) - lateness * dice.within(0.02, 1.0).ln();
            earlier = (((boot + seen.t + late) * ticks).round() / ticks).max(earlier + 0.001);
            let mut dot = Dot {
                t: earlier,
                x: seen.at[0].clamp(0.0, wide),
                y: seen.at[1].clamp(0.0, tall),
                w: seen.broad[0],
                h: seen.broad[1],
            };
            if !dots.is_empty() && dice.chance(stray) {
                let far = dice.pick(&[0.08, 0.4]);
                dot.x = (dot.x + far * wide * dice.gauss()).clamp(2.0, wide - 2.0);
                dot.y = (dot.y + far * tall * dice.gauss()).clamp(2.0, tall - 2.0);
            }
            dots.push(dot);
            if dice.chance(repeat) {
                dots.push(Dot { w: dot.w * dice.within(0.9, 1.1), ..dot });
            }
        }
        (2..dots.len()).filter(|_| dice.chance(swap)).for_each(|index| dots.swap(index - 1, index));
        dots
    }
}
