//! Bodies drawn from ranges of size, shape and density, and their way through moving air. A body is a rounded box of
//! three lengths. Tumbling freely it shows a quarter of its surface (Cauchy); things that are flat fall broadside. Drag
//! is quadratic, coefficients after Hoerner; trapped and pushed air adds inertia. Each step splits gravity and drag
//! symmetrically, and drag alone has a closed form, so no body is too light for it.
use super::detector::Mark;
use super::view::{Scene, Vec3, cross, dot, plus};
use crate::dice::Dice;

const GRAVITY: f64 = 9.81;
const AIR: f64 = 1.2;
const GUST_S: f64 = 0.04;

#[derive(Clone, Copy)]
pub(crate) struct Body {
    pub(crate) name: &'static str,
    pub(crate) mass_kg: f64,
    pub(crate) area: f64,
    pub(crate) drag: f64,
    pub(crate) lengths: [f64; 2],
    /// Air that moves along, kg; share of the area that comes and goes with tumbling; sideways force over drag.
    pub(crate) added: f64,
    pub(crate) swing: f64,
    pub(crate) lift: f64,
}

/// Name, longest side, second to first, third to second, mass per volume, drag coefficient, flat.
pub(super) type Family = (&'static str, [f64; 2], [f64; 2], [f64; 2], [f64; 2], [f64; 2], bool);

const DENSE: [Family; 7] = [
    ("stone", [0.02, 0.25], [0.5, 1.0], [0.4, 1.0], [1800.0, 2700.0], [0.6, 1.1], false),
    ("brick or tile", [0.08, 0.3], [0.3, 0.7], [0.15, 0.9], [1600.0, 2400.0], [0.9, 1.2], false),
    ("filled or glass vessel", [0.09, 0.35], [0.22, 0.6], [0.95, 1.0], [350.0, 1500.0], [0.7, 1.1], false),
    ("flower pot", [0.08, 0.4], [0.7, 1.0], [0.8, 1.0], [500.0, 1500.0], [0.8, 1.1], false),
    ("fruit", [0.04, 0.28], [0.7, 1.0], [0.85, 1.0], [600.0, 1050.0], [0.4, 0.6], false),
    ("metal ware", [0.03, 0.4], [0.1, 0.6], [0.2, 0.8], [1200.0, 7000.0], [0.8, 1.2], false),
    ("timber", [0.15, 1.2], [0.05, 0.5], [0.1, 0.7], [350.0, 900.0], [0.9, 1.3], false),
];
const LIGHT: [Family; 7] = [
    ("sheet", [0.05, 0.6], [0.3, 1.0], [0.0004, 0.01], [100.0, 800.0], [1.0, 1.3], true),
    ("plastic bag", [0.15, 0.6], [0.5, 1.0], [0.3, 1.0], [0.7, 12.0], [0.8, 1.3], false),
    ("cigarette end", [0.015, 0.085], [0.1, 0.4], [0.95, 1.0], [120.0, 400.0], [0.9, 1.2], false),
    ("wad or foam", [0.03, 0.3], [0.7, 1.0], [0.7, 1.0], [8.0, 120.0], [0.5, 0.9], false),
    ("cloth", [0.2, 1.0], [0.3, 1.0], [0.03, 0.3], [20.0, 150.0], [1.0, 1.3], true),
    ("empty vessel", [0.09, 0.35], [0.22, 0.7], [0.95, 1.0], [20.0, 120.0], [0.7, 1.1], false),
    ("wrapper or scrap", [0.02, 0.2], [0.2, 1.0], [0.002, 0.2], [20.0, 300.0], [0.9, 1.3], true),
];
pub(super) const LEAF: Family = ("leaf", [0.03, 0.22], [0.3, 0.9], [0.004, 0.03], [60.0, 250.0], [1.0, 1.4], true);
pub(super) const BALL: Family = ("ball", [0.04, 0.25], [0.99, 1.0], [0.99, 1.0], [40.0, 700.0], [0.4, 0.55], false);
pub(super) const DRIP: Family = ("drip", [0.0025, 0.006], [0.95, 1.0], [0.95, 1.0], [1e3, 1e3], [0.45, 0.6], false);

impl Body {
    /// A dense thing (terminal speed above 13 m/s, up to 15 kg) or a light one (0.6-16 m/s).
    pub(crate) fn draw(dense: bool, dice: &mut Dice) -> Self {
        let family = dice.pick(if dense { &DENSE } else { &LIGHT });
        let speeds = if dense { 13.0..200.0 } else { 0.6..16.0 };
        loop {
            let body = Self::of(family, dice);
            if body.mass_kg < 15.0 && speeds.contains(&body.terminal_ms()) {
                return body;
            }
        }
    }

    pub(super) fn of((name, long, second, third, density, drag, flat): Family, dice: &mut Dice) -> Self {
        let a = dice.log_within(long[0], long[1]);
        let b = a * dice.within(second[0], second[1]);
        let c = b * dice.log_within(third[0], third[1]);
        // Between a box and the ellipsoid in it: about three quarters of the volume and nine tenths of the surface.
        let volume = if flat { a * b * c } else { 0.75 * a * b * c };
        let mass_kg = volume * dice.log_within(density[0], density[1]);
        let tumbling = 0.9 * 0.5 * (a * b + b * c + c * a);
        let area = if flat { dice.within(tumbling, 0.9 * a * b) } else { tumbling };
        let swing = if flat { dice.within(0.1, 0.5) } else { dice.within(0.2, 0.8) * (1.0 - c / a) };
        let lift = if flat { dice.within(0.1, 0.8) } else { dice.within(0.0, 0.15) };
        let trapped = if name == "plastic bag" { AIR * volume } else { 0.0 };
        let pushed = if flat { 0.3 * AIR * (a * b).powf(1.5) } else { 0.5 * AIR * volume };
        let drag = dice.within(drag[0], drag[1]);
        Self { name, mass_kg, area, drag, added: pushed + trapped, lengths: [a, b], swing, lift }
    }

    pub(crate) fn terminal_ms(&self) -> f64 {
        (2.0 * self.mass_kg * GRAVITY / (AIR * self.drag * self.area)).sqrt()
    }
}

/// A body in the air.
pub(crate) struct Flight<'a> {
    pub(crate) now: f64,
    pub(crate) at: Vec3,
    pub(crate) speed: Vec3,
    /// Time and speed of the impact on the ground.
    pub(crate) landed: Option<(f64, f64)>,
    body: Body,
    scene: &'a Scene,
    air: Vec3,
    gust: Vec3,
    gust_due: f64,
    turn: f64,
    spin: f64,
    heading: f64,
    dice: Dice,
}

impl<'a> Flight<'a> {
    pub(crate) fn new(body: Body, at: Vec3, speed: Vec3, scene: &'a Scene, dice: &mut Dice) -> Self {
        // Flutter goes with speed over length (Strouhal); compact things spin as they were thrown.
        let flutter = dice.within(0.5, 2.0) * body.terminal_ms().min(6.0) / body.lengths[0].max(0.02);
        let spin = if body.lift > 0.15 { flutter.min(40.0) } else { dice.log_within(0.5, 40.0) };
        let gust = [0.0; 3].map(|_: f64| scene.gust[0] * dice.gauss());
        Self {
            now: 0.0,
            at,
            speed,
            landed: None,
            body,
            scene,
            air: [0.0; 3],
            gust,
            gust_due: 0.0,
            turn: dice.within(0.0, 6.0),
            spin,
            heading: dice.within(0.0, std::f64::consts::TAU),
            dice: Dice::new(dice.below(usize::MAX) as u64),
        }
    }

    /// The body at a later time; `None` once it lies on the ground.
    pub(crate) fn mark_at(&mut self, t: f64) -> Option<Mark> {
        let steps = ((t - self.now) / 0.01).ceil().max(1.0);
        let dt = (t - self.now) / steps;
        for _ in 0..steps as usize {
            if self.landed.is_none() {
                self.step(dt);
            }
        }
        let ((sin, cos), [a, b]) = (self.turn.sin_cos(), self.body.lengths);
        let size = [(a * cos).abs().max((b * sin).abs()), (a * sin).abs().max((b * cos).abs())];
        self.landed.is_none().then_some(Mark { at: self.at, size })
    }

    fn step(&mut self, dt: f64) {
        if self.now >= self.gust_due {
            self.blow();
        }
        let body = &self.body;
        let inertia = body.mass_kg + body.added;
        let kick = [0.0, -0.5 * dt * GRAVITY * body.mass_kg / inertia, 0.0];
        self.turn += self.spin * dt;
        let area = body.area * (1.0 + body.swing * (2.0 * self.turn).cos());
        let relative = plus(plus(self.speed, 1.0, kick), -1.0, self.air);
        let pace = dot(relative, relative).sqrt();
        let resistance = 0.5 * AIR * body.drag * area / inertia * pace * dt;
        // Lift turns the relative speed and leaves its amount.
        let sideways = body.lift * (0.3 + self.turn.cos()) * resistance / (1.0 + resistance);
        let turned = plus(relative, sideways, cross([self.heading.cos(), 0.0, self.heading.sin()], relative));
        let keep = pace / dot(turned, turned).sqrt().max(1e-9) / (1.0 + resistance);
        let later = plus(plus(self.air, keep, turned), 1.0, kick);
        let at = plus(plus(self.at, 0.5 * dt, self.speed), 0.5 * dt, later);
        if at[1] <= 0.0 && at[1] < self.at[1] {
            let part = self.at[1] / (self.at[1] - at[1]);
            let last = plus(plus([0.0; 3], 1.0 - part, self.speed), part, later);
            self.landed = Some((self.now + part * dt, dot(last, last).sqrt()));
        }
        (self.at, self.speed, self.now) = (at, later, self.now + dt);
        let facade =
            at[0] > 0.0 && at[0] < self.scene.width_m && at[1] < self.scene.floors[self.scene.floors.len() - 1];
        if facade && at[2] < 0.05 && later[2] < 0.0 {
            (self.at[2], self.speed[2]) = (0.05, -0.25 * later[2]);
        }
    }

    /// Gusts forget themselves exponentially (Ornstein and Uhlenbeck); less of them up and down.
    fn blow(&mut self) {
        self.gust_due = self.now + GUST_S;
        let keep = (-GUST_S / self.scene.gust[1]).exp();
        let fresh = self.scene.gust[0] * (1.0 - keep * keep).sqrt();
        self.gust = self.gust.map(|part| keep * part + fresh * self.dice.gauss());
        let close = 1.0 - (-self.at[2].max(0.0) / 2.0).exp();
        self.air = plus(self.scene.wind(self.at), 1.0, [self.gust[0], 0.4 * self.gust[1], close * self.gust[2]]);
        self.heading += 0.05 * self.dice.gauss();
    }
}
