//! Owns the step from evidences to probabilities of the classes: a small learnt model over physical quantities.
//!
//! The evidences of [`fit`](super::fit) say how much better one description is than another *if* the descriptions were
//! complete. They are not (gusts, tumbling, detectors), so their weight is learnt, with a handful of quantities that tell
//! falls from rises, swings, dives and drops at the lens: a linear part and inner units for their interplay. Weights and
//! thresholds come from four simulators that share no law of motion and from motions of no particular thing
//! (`tests/falling/learn.rs`, which also says what a simulator that was left out thinks of them).
//!
//! Refuses to know how an answer is made of the probabilities; that is [`judge`](super::judge).

use super::camera::Calibration;
use super::fit::{Fit, HEIGHT, Rung, SPEED, WIND};
use super::others::Others;
use super::track::Cleaned;

pub(super) mod weights;

/// How many quantities are looked at.
pub const QUANTITIES: usize = 48;
/// How many of them are about the track itself.
const OWN: usize = 41;

/// Probabilities of the three kinds; their sum is 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odds {
    /// A dense thing falls.
    pub dense: f64,
    /// A light thing falls.
    pub light: f64,
    /// Nothing falls.
    pub other: f64,
}

/// The quantities, in the order of the weights.
pub(super) fn quantities(calibration: &Calibration, track: &Cleaned, fit: &Fit) -> [f64; QUANTITIES] {
    let best = fit.rungs.iter().max_by(|a, b| a.ln_evidence.total_cmp(&b.ln_evidence));
    let (speed, height) = best.map_or((0.0, 0.0), |rung| (rung.params[SPEED], rung.params[HEIGHT]));
    let (samples, entered) = (&track.samples, track.entered);
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    let dropped = first.height_m - last.height_m;
    let rising = (-speed).clamp(0.0, 15.0);
    let apex = height + rising * rising / 19.6;
    let storey = calibration.facade().storey_m;
    let dense = fit.ln_dense - fit.others.ln_smooth;
    let light = fit.ln_light - fit.others.ln_smooth;
    let along = (fit.along_ms.abs() / 4.0).min(4.0);
    let (acceleration, error) = fit.acceleration;
    let above = ((acceleration - 11.5) / (error + 0.5)).clamp(0.0, 6.0);
    let below = ((6.0 - acceleration) / (error + 0.5)).clamp(0.0, 6.0);
    let (outward, doubt) = best.map_or((0.0, 1.0), Rung::outward);
    let needed = height + speed.max(0.0).powi(2) / 19.6 - calibration.facade().roof_m();
    let from_beyond = entered.top || entered.side;
    let own = [
        1.0,
        squash(dense),
        squash(light),
        (dense / 3.0).clamp(-4.0, 4.0),
        (light / 3.0).clamp(-4.0, 4.0),
        fit.misfit.max(0.3).ln().min(4.0),
        fit.noise.structure.ln().min(3.0),
        (rising / 4.0).min(3.0),
        (rising / 4.0).min(3.0) * (-apex / 12.0).exp() * 2.0,
        (samples.len() as f64 / 10.0).ln(),
        (dropped / storey).clamp(-3.0, 6.0) / 2.0,
        error.clamp(0.05, 20.0).ln() / 2.0,
        along,
        above / 2.0,
        below / 2.0,
        (outward / 5.0).clamp(-0.2, 2.5),
        (outward / doubt.max(0.3) / 3.0).clamp(-1.0, 3.0),
        if fit.noise.structure > 1.5 { 1.0 } else { 0.0 },
        (0.5 - fit.along_ms.abs()).clamp(0.0, 0.5),
        (speed / 10.0).clamp(-1.0, 4.0),
        fit.duration_s.min(3.0),
        (needed / 10.0).clamp(0.0, 3.0),
        (dropped / storey).clamp(0.05, 10.0).ln(),
        fit.noise.pixels.ln(),
        (dense - light).clamp(-8.0, 8.0) / 3.0,
        squash(dense) * (speed / 10.0).clamp(-1.0, 3.0),
        squash(dense) * along,
        squash(dense) * error.clamp(0.05, 20.0).ln() / 2.0,
        squash(dense) * (samples.len() as f64 / 10.0).ln(),
        along * along / 4.0,
        // Below the ground: the thing is nearer to the lens than the facade.
        ((-1.0 - last.height_m) / 3.0).clamp(0.0, 2.0),
        // The highest point of the path, near the ground: thrown up from there.
        (-(height + speed * speed / 19.6).max(0.0) / 8.0).exp(),
        squash(dense) * (dropped / storey).clamp(0.05, 10.0).ln(),
        (fit.twist_ms2 / 3.0).min(4.0),
        // What appears in the middle of the air is at rest there; what comes through the edge is not.
        if from_beyond { 1.0 } else { 0.0 },
        if from_beyond { 0.0 } else { (speed.abs() / 5.0).min(3.0) },
        if track.ends_at_edge { 1.0 } else { 0.0 },
        // Steep under the building, a step towards the camera looks like a storey: there falls may look odd.
        steep(calibration, first.height_m),
        steep(calibration, last.height_m),
        best.map_or(0.0, |rung| rung.params[WIND] / 3.0),
        best.map_or(0.0, |rung| (rung.sunk(fit.duration_s) / storey).clamp(-3.0, 6.0) / 2.0),
    ];
    let mut all = [0.0; QUANTITIES];
    all[..OWN].copy_from_slice(&own);
    all[OWN..].copy_from_slice(&against(fit));
    all
}

/// How much of a step towards the camera shows as height.
fn steep(calibration: &Calibration, height_m: f64) -> f64 {
    ((height_m - calibration.lens_height_m()) / calibration.distance_m() / 2.0).clamp(-1.0, 3.0)
}

/// How the falls stand against each other description.
fn against(fit: &Fit) -> [f64; QUANTITIES - OWN] {
    let Others { ln_smooth, ln_line, ln_picture, ln_arc, ahead_m } = fit.others;
    let likeliest = ln_line.max(ln_picture).max(ln_arc).max(ln_smooth);
    [
        squash(fit.ln_dense - ln_line),
        squash(fit.ln_dense - ln_picture),
        squash(fit.ln_dense - ln_arc),
        squash(fit.ln_dense.max(fit.ln_light) - likeliest),
        ((ahead_m.0 - 2.0) / (ahead_m.1 + 0.5) / 2.0).clamp(-1.0, 3.0),
        (ln_line - ln_smooth).clamp(-10.0, 10.0) / 4.0,
        (ln_arc - ln_smooth).clamp(-10.0, 10.0) / 4.0,
    ]
}

/// Evidence beyond a point changes nothing.
fn squash(odds: f64) -> f64 {
    (odds / 6.0).tanh() * 3.0
}

/// Whether there is enough to see: eight points over most of two storeys. A glimpse shows other things than a path does.
pub fn is_long(quantities: &[f64; QUANTITIES]) -> bool {
    quantities[POINTS] > -0.25 && quantities[STOREYS].max(quantities[SUNK]) > 0.8
}

/// ln of the points over ten, and half the storeys passed downwards: as seen, and as the likeliest fall has it.
const POINTS: usize = 9;
const STOREYS: usize = 10;
const SUNK: usize = 40;

/// Probabilities from the quantities.
pub(super) fn odds(quantities: &[f64; QUANTITIES]) -> Odds {
    let [dense, light] = weights::NET.scores(quantities);
    let most = dense.max(light).max(0.0);
    let (dense, light, other) = ((dense - most).exp(), (light - most).exp(), (-most).exp());
    let sum = dense + light + other;
    Odds { dense: dense / sum, light: light / sum, other: other / sum }
}
