//! Owns the verdict on one event: class, probability, release, impact; and the thresholds of the answer.
//!
//! Refuses to know files, cases and people. Pure; 100 points take well under 200 µs in a release build.

use super::camera::Calibration;
use super::class::{self, Odds, QUANTITIES};
use super::drag;
use super::fit::{self, Fit, HEIGHT, Rung, SPEED};
use super::release::{self, Beginning, Outside};
use super::track::{self, Cleaned};
use super::{Class, Event, Verdict};

/// "Dense" raises the alarm of the highest level: on a track of eight points over two storeys nothing else may be likelier
/// than this,
pub const OTHER_MOST: f64 = 0.6;
/// and less on a shorter one, where birds and drops of rain look the same.
pub const OTHER_MOST_SHORT: f64 = 0.12;
/// Dense rather than light: its share of the falls that a long track must have. A heavy bag that is called dense costs a
/// look, a bottle that is called light may cost a life;
pub const DENSE_SHARE: f64 = 0.25;
/// and the share on a shorter track.
pub const DENSE_SHARE_SHORT: f64 = 0.65;
/// "Light" and "not falling" only order the review.
pub const LIGHT_FROM: f64 = 0.6;
/// Below this the duty person is told that nothing can be said.
pub const OTHER_FROM: f64 = 0.6;
/// Release above the picture is said from this belief on.
const ABOVE_FROM: f64 = 0.3;
/// People reach this high above the last storey's ceiling: a parapet and an arm, metres.
const ABOVE_ROOF_M: f64 = 2.0;
/// Errors of a fall grow by this for gusts, tumbling and timing, which the fit does not know.
const WIDEN: f64 = 1.3;
/// What seems to come through the top was released in the picture after all this much less often than its motion says: it
/// was noticed late, or thrown up just below the edge.
const BELOW_SHARE: f64 = 0.12;
/// Belief left outside of a stated range (closed, open) so that simulated truths lie inside 90 % of them: the beliefs about
/// throws are broader than the throws of most days, and gusts make light things worse than believed.
const OUTSIDE: Outside = Outside { below: 0.065, above: 0.2, below_open: 0.033 };
/// What rises when it is first seen was let go there or lower; how much lower is the doubt.
const OUTSIDE_RISING: Outside = Outside { below: 0.06, above: 0.05, below_open: 0.02 };
/// Rising: faster than this at the first point, m/s.
const RISING_MS: f64 = 1.0;
const OUTSIDE_LIGHT: Outside = Outside { below: 0.006, above: 0.016, below_open: 0.002 };

/// Judges an event by its track.
pub fn judge(calibration: &Calibration, event: &Event) -> Verdict {
    let Some((track, fit)) = look(calibration, event) else { return Verdict::undecidable() };
    let quantities = class::quantities(calibration, &track, &fit);
    let odds = class::odds(&quantities);
    let (class, probability) = decide(odds, class::is_long(&quantities));
    let mut verdict = Verdict { class, probability, odds: Some(odds), ..Verdict::undecidable() };
    verdict.acceleration_ms2 = Some(fit.acceleration);
    if class != Class::NotFalling {
        let shares = fit.shares(odds.dense.max(0.01), odds.light.max(0.01));
        add_release(calibration, &track, &fit, &shares, &mut verdict);
        add_impact(&fit, &shares, &mut verdict);
    }
    verdict
}

/// The quantities the class is decided on, for training and for explanations; `None` where nothing can be said.
pub fn explain(calibration: &Calibration, event: &Event) -> Option<[f64; QUANTITIES]> {
    let (track, fit) = look(calibration, event)?;
    Some(class::quantities(calibration, &track, &fit))
}

fn look(calibration: &Calibration, event: &Event) -> Option<(Cleaned, Fit)> {
    let track = track::clean(calibration, event)?;
    let fit = fit::fit(calibration, &track)?;
    Some((track, fit))
}

fn decide(odds: Odds, is_long: bool) -> (Class, f64) {
    let (most, share) = if is_long { (OTHER_MOST, DENSE_SHARE) } else { (OTHER_MOST_SHORT, DENSE_SHARE_SHORT) };
    if odds.other <= most && odds.dense >= share * (odds.dense + odds.light) {
        (Class::Dense, odds.dense)
    } else if odds.light >= LIGHT_FROM {
        (Class::Light, odds.light)
    } else if odds.other >= OTHER_FROM {
        (Class::NotFalling, odds.other)
    } else {
        (Class::Undecidable, odds.dense.max(odds.light).max(odds.other))
    }
}

fn add_release(calibration: &Calibration, track: &Cleaned, fit: &Fit, shares: &[f64], verdict: &mut Verdict) {
    let first = track.samples[0];
    let facade = calibration.facade();
    let best = likeliest(fit, shares);
    let rising = best.is_some_and(|rung| rung.params[SPEED] < -RISING_MS);
    let sight_m = calibration.place(first.col, 0.0).map_or(f64::INFINITY, |place| place.height_m);
    let beginning = Beginning {
        at_edge: track.starts_at_edge,
        below_share: if track.through_top { BELOW_SHARE } else { 1.0 },
        frame_s: track.step_s,
        top_m: facade.roof_m() + ABOVE_ROOF_M,
        sight_m,
        error_m: calibration.height_error_m(first.col, first.row),
        widen: WIDEN,
        outside: match verdict.class {
            Class::Light => OUTSIDE_LIGHT,
            _ if rising => OUTSIDE_RISING,
            _ => OUTSIDE,
        },
    };
    if !beginning.error_m.is_finite() {
        return;
    }
    let Some(release) = release::range(fit, shares, beginning) else { return };
    verdict.release_median_m = Some(release.median_m);
    verdict.at_or_above = beginning.at_edge || release.above_sight > ABOVE_FROM;
    if verdict.at_or_above {
        verdict.release_low_m = Some(release.one_sided_low_m);
        verdict.floor_low = Some(facade.floor_at(release.one_sided_low_m));
    } else {
        verdict.release_low_m = Some(release.low_m);
        verdict.release_high_m = Some(release.high_m);
        verdict.floor_low = Some(facade.floor_at(release.low_m));
        verdict.floor_high = Some(facade.floor_at(release.high_m));
    }
}

fn likeliest<'a>(fit: &'a Fit, shares: &[f64]) -> Option<&'a Rung> {
    shares.iter().zip(&fit.rungs).max_by(|a, b| a.0.total_cmp(b.0)).map(|(_, rung)| rung)
}

fn add_impact(fit: &Fit, shares: &[f64], verdict: &mut Verdict) {
    let Some(rung) = likeliest(fit, shares) else { return };
    let (wait_s, speed_ms) = drag::until_fallen(rung.params[SPEED], rung.terminal_ms, rung.params[HEIGHT]);
    if wait_s.is_finite() && speed_ms.is_finite() {
        verdict.impact_t = Some(fit.start_t + wait_s);
        verdict.impact_speed_ms = Some(speed_ms.hypot(fit.along_ms));
    }
}
