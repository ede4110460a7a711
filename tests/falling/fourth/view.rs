//! The building, the lens in front of it, the wind of the day, and the cameras file a surveyor would write. The lens is
//! a pinhole with one radial coefficient; the picture's centre is the principal point. Survey errors are normal and
//! independent: clicks of 0.3-2 px, heights of 1-10 cm, focal length from the data sheet within 1 %. Wind: each
//! horizontal component at 10 m is normal (Rayleigh speeds), with the usual power law in height (exponents of 0.12-0.35
//! for open land to towns) and no flow through the wall.
use crate::dice::Dice;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(crate) type Vec3 = [f64; 3];

pub(crate) fn dot(a: Vec3, b: Vec3) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// `a` and `share` times `b`.
pub(crate) fn plus(a: Vec3, share: f64, b: Vec3) -> Vec3 {
    [a[0] + share * b[0], a[1] + share * b[1], a[2] + share * b[2]]
}

pub(crate) fn cross(a: Vec3, b: Vec3) -> Vec3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) struct Lens {
    pub(crate) at: Vec3,
    pub(crate) ahead: Vec3,
    pub(crate) right: Vec3,
    pub(crate) down: Vec3,
    pub(crate) focal: f64,
    pub(crate) cols: f64,
    pub(crate) rows: f64,
    pub(crate) k1: f64,
}

pub(crate) struct Scene {
    /// Heights of the slabs, the roof last.
    pub(crate) floors: Vec<f64>,
    pub(crate) storey_m: f64,
    pub(crate) width_m: f64,
    pub(crate) fps: f64,
    pub(crate) exposure_s: f64,
    pub(crate) lens: Lens,
    /// Wind along the facade and out of it at 10 m, exponent of its growth with height.
    wind: [f64; 3],
    /// Standard deviation of the gusts, m/s, and how long one lasts.
    pub(crate) gust: [f64; 2],
}

impl Lens {
    /// Covers the facade from somewhere low to somewhere high, within what lenses offer. `None`: too little in view.
    fn draw(roof: f64, storey: f64, width: f64, dice: &mut Dice) -> Option<Self> {
        let distance = dice.log_within(6.0, 90.0);
        let across = distance > 18.0 && dice.chance(0.35);
        let height = if across { dice.within(4.0, roof.max(8.0)) } else { dice.within(2.0, 6.5) };
        let (top, bottom) = (roof * dice.within(0.5, 1.12), roof * dice.within(-0.03, 0.55));
        let (high, low) = ((top - height).atan2(distance).min(1.4), (bottom - height).atan2(distance));
        let (pixels, aspect) = (dice.log_within(1.0e6, 8.3e6), dice.within(1.25, 1.8));
        let (long, short) = ((pixels * aspect).sqrt().round(), (pixels / aspect).sqrt().round());
        let (cols, rows) = if dice.chance(0.5) { (long, short) } else { (short, long) };
        let fitting = 0.5 * rows / (0.5 * (high - low) * dice.within(1.0, 1.15)).tan();
        let focal = fitting.clamp(0.5 * long / 1.4, 0.5 * long / 0.1);
        let pitch = 0.5 * (high + low) + 0.02 * dice.gauss();
        let (yaw, roll) = ((0.06 * dice.gauss()).clamp(-0.17, 0.17), 0.015 * dice.gauss());
        let ahead = [yaw.sin() * pitch.cos(), pitch.sin(), -yaw.cos() * pitch.cos()];
        let level = [yaw.cos(), 0.0, yaw.sin()];
        let right = plus([0.0; 3], roll.cos(), plus(level, roll.tan(), cross(ahead, level)));
        let corner = 0.25 * (cols * cols + rows * rows) / (focal * focal);
        let k1 = if dice.chance(0.5) { dice.within(-0.12, 0.03).max(-0.18 / corner) } else { 0.0 };
        let at = [width * dice.within(0.1, 0.9), height, distance];
        let lens = Self { at, ahead, right, down: cross(ahead, right), focal, cols, rows, k1 };
        (top - bottom > 4.5 * storey && high - low > 0.1).then_some(lens)
    }

    /// Column, row and depth of a point; `None` behind the lens or far beyond the corners.
    pub(crate) fn project(&self, point: Vec3) -> Option<(f64, f64, f64)> {
        let from = plus(point, -1.0, self.at);
        let depth = dot(from, self.ahead);
        let (x, y) = (dot(from, self.right) / depth, dot(from, self.down) / depth);
        let bulge = self.k1 * (x * x + y * y);
        let stretch = self.focal * (1.0 + bulge);
        let (col, row) = (0.5 * self.cols + stretch * x, 0.5 * self.rows + stretch * y);
        (depth > 0.01 && 3.0 * bulge > -0.8).then_some((col, row, depth))
    }

    /// Direction, of unit depth, of a place drawn evenly over the picture.
    pub(crate) fn ray(&self, dice: &mut Dice) -> Vec3 {
        let (u, v) = (dice.within(-0.5, 0.5), dice.within(-0.5, 0.5));
        plus(plus(self.ahead, u * self.cols / self.focal, self.right), v * self.rows / self.focal, self.down)
    }
}

impl Scene {
    /// A building with its camera, and the cameras file; `None` where the survey finds too few points.
    pub(crate) fn draw(dice: &mut Dice) -> Option<(Self, String)> {
        let (storeys, storey_m, width_m) = (6 + dice.below(29), dice.within(2.7, 3.4), dice.within(12.0, 60.0));
        let hall = if dice.chance(0.4) { dice.within(3.0, 5.0) } else { storey_m };
        let mut floors: Vec<f64> = (0..=storeys).map(|f| hall + storey_m * (f as f64 - 1.0)).collect();
        floors[0] = 0.0;
        let lens = Lens::draw(floors[storeys], storey_m, width_m, dice)?;
        let fps = dice.within(8.0, 50.0).round();
        let exposure_s = dice.log_within(0.0005, 0.7 / fps).min(0.02);
        let wind = [1.8 * dice.gauss(), 1.8 * dice.gauss(), dice.within(0.12, 0.35)];
        let gust = [0.15 + dice.within(0.1, 0.35) * wind[0].hypot(wind[1]), dice.log_within(0.4, 4.0)];
        let scene = Self { floors, storey_m, width_m, fps, exposure_s, lens, wind, gust };
        scene.survey(dice).map(|file| (scene, file))
    }

    /// Mean wind at a place.
    pub(crate) fn wind(&self, at: Vec3) -> Vec3 {
        let high = (at[1].max(1.0) / 10.0).powf(self.wind[2]);
        [self.wind[0] * high, 0.0, self.wind[1] * high * (1.0 - (-at[2].max(0.0) / 2.0).exp())]
    }

    /// The point at distance `z` from the facade behind a place drawn evenly over the picture, above the ground.
    pub(crate) fn aim(&self, z: f64, dice: &mut Dice) -> Option<Vec3> {
        let ray = self.lens.ray(dice);
        let far = (z - self.lens.at[2]) / ray[2];
        let point = plus(self.lens.at, far, ray);
        (ray[2] < -0.02 && far > 0.0 && point[1] > 0.3 && far < 300.0).then_some(point)
    }

    /// The cameras file, with a surveyor's errors.
    fn survey(&self, dice: &mut Dice) -> Option<String> {
        let (full, error, lens) = (dice.chance(0.5), dice.log_within(0.01, 0.1), &self.lens);
        let marks = self.marks(full, error, dice)?;
        let storeys = self.floors.len() - 1;
        let mut slabs: Vec<f64> = self.floors[..storeys].iter().map(|f| near(*f, 0.3 * error, dice)).collect();
        slabs[0] = 0.0;
        let (height, distance) = (near(lens.at[1], 0.05, dice), near(lens.at[2], 0.006 * lens.at[2], dice));
        let focal = near(lens.focal, 0.01 * lens.focal, dice);
        let facade = json!({"id": "facade-1", "storeys": storeys, "storey_m": near(self.storey_m, 0.0, dice),
            "width_m": near(self.width_m, 0.1, dice), "floor_base_m": slabs});
        let mut camera = json!({"id": "camera-1", "facade": "facade-1", "fps": self.fps, "width": lens.cols as u64,
            "height": lens.rows as u64, "mount": {"height_m": height, "distance_m": distance}, "focal_px": focal,
            "reference_rows": marks, "reference_error_m": near(error, 0.0, dice), "full": full});
        if lens.k1 != 0.0 {
            camera["k1"] = json!(near(lens.k1, 0.003, dice));
        }
        Some(json!({"facades": [facade], "cameras": [camera]}).to_string())
    }

    /// Slab edges and sills in view, over the whole picture (`full`) or down one column.
    fn marks(&self, full: bool, error: f64, dice: &mut Dice) -> Option<Vec<Value>> {
        let (click, sill) = (dice.log_within(0.3, 2.0), dice.within(0.8, 1.1));
        let Lens { cols, rows, .. } = self.lens;
        let mut found = Vec::new();
        for _ in 0..if full { 3 + dice.below(4) } else { 1 } {
            let x = self.aim(0.0, dice)?[0].clamp(0.0, self.width_m);
            for (index, base) in self.floors[..self.floors.len() - 1].iter().enumerate() {
                let height = base + if dice.chance(0.5) { sill } else { 0.0 };
                let Some((col, row, _)) = self.lens.project([x, height, 0.0]) else { continue };
                if col > 5.0 && col < cols - 5.0 && row > 5.0 && row < rows - 5.0 {
                    found.push((
                        index + 1,
                        col,
                        json!({"row": near(row, click, dice), "col": near(col, click, dice),
                        "floor": index + 1, "height_m": near(height, error, dice),
                        "facade_x_m": near(x, error, dice)}),
                    ));
                }
            }
        }
        dice.shuffle(&mut found);
        found.truncate(if full { 9 + dice.below(16) } else { 5 + dice.below(9) });
        let levels: BTreeSet<usize> = found.iter().map(|mark| mark.0).collect();
        let wide = found.iter().any(|mark| mark.1 < 0.37 * cols) && found.iter().any(|mark| mark.1 > 0.63 * cols);
        (levels.len() >= 5 && (!full || wide && found.len() >= 8))
            .then(|| found.into_iter().map(|mark| mark.2).collect())
    }
}

/// A measured value, written with three decimals.
fn near(value: f64, error: f64, dice: &mut Dice) -> f64 {
    ((value + error * dice.gauss()) * 1000.0).round() / 1000.0
}
