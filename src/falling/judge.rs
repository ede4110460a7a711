//! Owns the verdict on one event: class, probability, release, impact; and the thresholds of the answer.
//!
//! Refuses to know files, cases and people. Pure; 100 points take well under 200 µs in a release build.

use super::camera::Calibration;
use super::class::weights::{DENSE_SHARE, OTHER_MOST};
use super::class::{self, Odds, QUANTITIES};
use super::drag;
use super::fit::{self, Fit, HEIGHT, Rung, SPEED};
use super::release::{Beginning, Spread};
use super::track::{self, Cleaned};
use super::trust;
use super::{Class, Event, Verdict};

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

/// Judges an event by its track.
pub fn judge(calibration: &Calibration, event: &Event) -> Verdict {
    let Some(look) = Look::at(calibration, event) else { return Verdict::undecidable() };
    let (class, probability) = (look.class, look.probability);
    let mut verdict = Verdict { class, probability, odds: Some(look.odds), ..Verdict::undecidable() };
    verdict.acceleration_ms2 = Some(look.fit.acceleration);
    if class != Class::NotFalling {
        look.add_release(calibration, &mut verdict);
        look.add_impact(&mut verdict);
    }
    verdict
}

/// The quantities the class is decided on, for training and for explanations; `None` where nothing can be said.
pub fn explain(calibration: &Calibration, event: &Event) -> Option<[f64; QUANTITIES]> {
    Some(Look::at(calibration, event)?.quantities)
}

/// What the trust in a range is learnt from.
#[derive(Debug, Clone, Copy)]
pub struct Doubt {
    /// The quantities of [`trust`].
    pub quantities: [f64; trust::QUANTITIES],
    /// Belief that the release was below the true height.
    pub below: f64,
    /// The upper end is open.
    pub open: bool,
}

/// How the belief about the release stands to the true height, for training; `None` where no range is stated.
pub fn explain_release(calibration: &Calibration, event: &Event, height_m: f64) -> Option<Doubt> {
    let look = Look::at(calibration, event)?;
    let (spread, beginning) = look.release(calibration)?;
    let quantities = look.trust((&spread, &beginning))?;
    Some(Doubt { quantities, below: spread.below(height_m), open: is_open(&spread, &beginning) })
}

/// A track that was cleaned, fitted and given a class.
struct Look {
    track: Cleaned,
    fit: Fit,
    quantities: [f64; QUANTITIES],
    odds: Odds,
    class: Class,
    probability: f64,
    /// The share of every rung of the fit among the falls.
    shares: Vec<f64>,
}

/// "Dense" raises the alarm of the highest level: nothing else may be much likelier, and on a short track, where birds and
/// drops of rain look the same, nothing else likely at all. A heavy bag that is called dense costs a look, a bottle that is
/// called light may cost a life.
fn decide(odds: Odds, is_long: bool) -> (Class, f64) {
    let [most, share] = [OTHER_MOST, DENSE_SHARE].map(|of| of[usize::from(is_long)]);
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

impl Look {
    fn at(calibration: &Calibration, event: &Event) -> Option<Self> {
        let track = track::clean(calibration, event)?;
        let fit = fit::fit(calibration, &track)?;
        let quantities = class::quantities(calibration, &track, &fit);
        let odds = class::odds(&quantities);
        let (class, probability) = decide(odds, class::is_long(&quantities));
        let shares = fit.shares(odds.dense.max(0.01), odds.light.max(0.01));
        Some(Self { track, fit, quantities, odds, class, probability, shares })
    }

    /// Belief about the height of release.
    fn release(&self, calibration: &Calibration) -> Option<(Spread, Beginning)> {
        let (first, entered) = (self.track.samples[0], self.track.entered);
        let beginning = Beginning {
            at_edge: entered.top || entered.side || entered.bottom,
            through_top: entered.top,
            frame_s: self.track.step_s,
            top_m: calibration.facade().roof_m() + ABOVE_ROOF_M,
            sight_m: calibration.place(first.col, 0.0).map_or(f64::INFINITY, |place| place.height_m),
            error_m: calibration.height_error_m(first.col, first.row),
            widen: WIDEN,
        };
        let spread = beginning.error_m.is_finite().then(|| Spread::of(&self.fit, &self.shares, beginning))??;
        Some((spread, beginning))
    }

    fn trust(&self, belief: (&Spread, &Beginning)) -> Option<[f64; trust::QUANTITIES]> {
        Some(trust::quantities(&self.quantities, self.odds, self.likeliest()?, belief))
    }

    fn add_release(&self, calibration: &Calibration, verdict: &mut Verdict) {
        let facade = calibration.facade();
        let Some((spread, beginning)) = self.release(calibration) else { return };
        let Some(quantities) = self.trust((&spread, &beginning)) else { return };
        let levels = trust::levels(&quantities);
        verdict.release_median_m = Some(spread.quantile(0.5));
        verdict.at_or_above = is_open(&spread, &beginning);
        let low = spread.quantile(if verdict.at_or_above { levels.below_open } else { levels.below });
        verdict.release_low_m = Some(low);
        verdict.floor_low = Some(facade.floor_at(low));
        if !verdict.at_or_above {
            let high = spread.quantile(levels.above);
            verdict.release_high_m = Some(high);
            verdict.floor_high = Some(facade.floor_at(high));
        }
    }

    /// The likeliest fall.
    fn likeliest(&self) -> Option<&Rung> {
        self.shares.iter().zip(&self.fit.rungs).max_by(|a, b| a.0.total_cmp(b.0)).map(|(_, rung)| rung)
    }

    fn add_impact(&self, verdict: &mut Verdict) {
        let Some(rung) = self.likeliest() else { return };
        let (wait_s, speed_ms) = drag::until_fallen(rung.params[SPEED], rung.terminal_ms, rung.params[HEIGHT]);
        if wait_s.is_finite() && speed_ms.is_finite() {
            verdict.impact_t = Some(self.fit.start_t + wait_s);
            verdict.impact_speed_ms = Some(speed_ms.hypot(self.fit.along_ms));
        }
    }
}

/// Whether "at or above" is said: of everything that was out of sight before its first point, too of what was thrown up
/// into the picture from below, where the lower end says how far below.
fn is_open(spread: &Spread, beginning: &Beginning) -> bool {
    beginning.at_edge || 1.0 - spread.below(beginning.sight_m) > ABOVE_FROM
}
