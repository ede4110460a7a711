//! Simulated buildings and cameras: a true lens over a true facade, and the imperfect file somebody wrote about them.
//!
//! World: x along the facade to the right, y away from the camera with the facade at 0, z up. Shares nothing with the
//! estimator.

use serde_json::{Value, json};

use crate::dice::Dice;

/// A point or velocity in the world, metres.
pub(crate) type Vec3 = [f64; 3];

/// The truth about one camera and its facade.
pub(crate) struct Scene {
    pub(crate) storeys: usize,
    pub(crate) storey_m: f64,
    pub(crate) base_m: Vec<f64>,
    pub(crate) width_m: f64,
    pub(crate) fps: f64,
    pub(crate) frame: (f64, f64),
    pub(crate) eye: Vec3,
    focal: f64,
    k1: f64,
    turn: [Vec3; 3],
    file: Value,
}

impl Scene {
    pub(crate) fn random(dice: &mut Dice) -> Self {
        let mut scene = Self::building(dice);
        scene.aim(dice);
        scene.file = scene.write_file(dice);
        scene
    }

    /// Other places for cameras: steep at the foot of the house, or level from the house across the street; other buildings,
    /// frame rates and care in measuring.
    pub(crate) fn unlike(dice: &mut Dice) -> Self {
        let mut scene = Self::building(dice);
        scene.storeys = dice.pick(&[4, 7, 11, 18, 26, 34]);
        scene.storey_m = dice.pick(&[2.8, 2.9, 3.0, 3.15, 3.6]);
        scene.base_m = (0..scene.storeys).map(|n| n as f64 * scene.storey_m).collect();
        scene.fps = dice.pick(&[8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 25.0, 30.0, 50.0, 50.0]);
        let (roof, yaw) = (scene.roof_m(), dice.within(-0.35, 0.35));
        let (distance, high, low) = if dice.chance(0.5) {
            (dice.within(7.0, 18.0), dice.within(2.5, 4.5), dice.within(-0.1, 0.2) * roof)
        } else {
            (dice.within(25.0, 90.0), dice.within(0.1, 0.8) * roof, dice.within(-0.1, 0.5) * roof)
        };
        scene.eye = [dice.within(-0.3, 0.3) * scene.width_m, -distance, high];
        let seen = dice.within(0.4, 1.0) * (roof - low).min(4.0 * distance);
        scene.look(low, seen, yaw, dice.gauss() * 0.02);
        scene.k1 = 0.0;
        scene.file = scene.write_file(dice);
        scene
    }

    /// Turns the lens so that the picture spans the facade from `low` over `seen` metres.
    fn look(&mut self, low: f64, seen: f64, yaw: f64, roll: f64) {
        let below = (low - self.eye[2]).atan2(-self.eye[1]);
        let above = (low + seen - self.eye[2]).atan2(-self.eye[1]);
        self.focal = self.frame.1 / 2.0 / (f64::midpoint(above, -below)).tan();
        self.turn = rotation(yaw, f64::midpoint(below, above), roll);
    }

    /// The cameras file.
    pub(crate) fn file(&self) -> String {
        self.file.to_string()
    }

    pub(crate) fn roof_m(&self) -> f64 {
        self.base_m[self.storeys - 1] + self.storey_m
    }

    pub(crate) fn floor_at(&self, height_m: f64) -> usize {
        self.base_m.iter().rposition(|base| *base <= height_m).map_or(1, |index| index + 1)
    }

    fn building(dice: &mut Dice) -> Self {
        let storeys = 6 + dice.below(28);
        let storey_m = dice.within(2.8, 3.3);
        let ground_m = if dice.chance(0.4) { dice.within(3.3, 5.0) } else { storey_m };
        let base_m = (0..storeys).map(|n| if n == 0 { 0.0 } else { ground_m + (n as f64 - 1.0) * storey_m }).collect();
        Self {
            storeys,
            storey_m,
            base_m,
            width_m: dice.within(15.0, 60.0),
            fps: dice.pick(&[10.0, 12.5, 15.0, 20.0, 25.0, 25.0, 25.0, 30.0, 50.0]),
            frame: dice.pick(&[
                (1920.0, 1080.0),
                (1920.0, 1080.0),
                (2560.0, 1440.0),
                (3840.0, 2160.0),
                (1080.0, 1920.0),
                (1280.0, 720.0),
            ]),
            eye: [0.0; 3],
            focal: 1.0,
            k1: 0.0,
            turn: [[0.0; 3]; 3],
            file: Value::Null,
        }
    }

    /// Points the camera at a stretch of the facade.
    fn aim(&mut self, dice: &mut Dice) {
        let roof = self.roof_m();
        let distance = dice.within(12.0, 60.0);
        self.eye = [dice.within(-0.2, 0.2) * self.width_m, -distance, dice.within(1.0, 6.0)];
        let seen = (dice.within(5.0, 20.0) * self.storey_m).min(roof + 3.0);
        let low = dice.within(-1.0, (roof + 3.0 - seen).max(0.0).min(distance * 2.2));
        let below = (low - self.eye[2]).atan2(distance);
        let above = (low + seen - self.eye[2]).atan2(distance);
        let pitch = f64::midpoint(below, above);
        self.focal = self.frame.1 / 2.0 / (f64::midpoint(above, -below)).tan();
        self.k1 = if dice.chance(0.35) { dice.within(-0.2, 0.05) } else { 0.0 };
        let reach = (self.frame.0.hypot(self.frame.1) / 2.0 / self.focal).powi(2);
        self.k1 = self.k1.clamp(-0.1 / reach, 0.1 / reach);
        let (yaw, roll) = if dice.chance(0.4) {
            (dice.gauss() * 0.12, dice.gauss() * 0.012)
        } else {
            (dice.gauss() * 0.01, dice.gauss() * 0.003)
        };
        self.turn = rotation(yaw, pitch, roll);
    }

    fn write_file(&self, dice: &mut Dice) -> Value {
        let error = dice.log_within(0.02, 0.25);
        let full = dice.chance(0.5);
        let every = 1 + dice.below(3);
        let mut references = Vec::new();
        for floor in (0..self.storeys).step_by(every) {
            let across = if full { vec![-0.35, 0.0, 0.35] } else { vec![dice.within(-0.05, 0.05)] };
            for share in across {
                let at = [self.eye[0] + share * self.width_m.min(25.0), 0.0, self.base_m[floor]];
                let Some((col, row)) = self.pixel(at) else { continue };
                if !self.holds(col, row) {
                    continue;
                }
                references.push(json!({
                    "row": (row * 2.0).round() / 2.0, "col": (col * 2.0).round() / 2.0, "floor": floor + 1,
                    "height_m": at[2] + error * dice.gauss(), "facade_x_m": at[0],
                }));
            }
        }
        let mut camera = json!({
            "id": "cam", "facade": "south", "fps": self.fps, "width": self.frame.0, "height": self.frame.1,
            "mount": {"height_m": self.eye[2] + 0.1 * dice.gauss(), "distance_m": -self.eye[1] * (1.0 + 0.02 * dice.gauss())},
            "reference_rows": references, "reference_error_m": error, "full": full,
        });
        if self.k1 != 0.0 {
            camera["k1"] = json!(self.k1);
            if dice.chance(0.7) {
                camera["focal_px"] = json!(self.focal);
            }
        }
        json!({
            "facades": [{"id": "south", "storeys": self.storeys, "storey_m": self.storey_m, "width_m": self.width_m,
                "floor_base_m": self.base_m}],
            "cameras": [camera],
        })
    }

    /// Enough reference rows for a calibration at all.
    pub(crate) fn is_usable(&self) -> bool {
        let rows = self.file["cameras"][0]["reference_rows"].as_array().expect("rows");
        let mut seen: Vec<i64> = rows.iter().filter_map(|r| r["floor"].as_i64()).collect();
        seen.dedup();
        seen.len() >= 4
    }

    pub(crate) fn holds(&self, col: f64, row: f64) -> bool {
        (0.0..self.frame.0).contains(&col) && (0.0..self.frame.1).contains(&row)
    }

    /// Where a point of the world appears; `None` behind the camera.
    pub(crate) fn pixel(&self, at: Vec3) -> Option<(f64, f64)> {
        let from = [at[0] - self.eye[0], at[1] - self.eye[1], at[2] - self.eye[2]];
        let [across, up, ahead] = self.turn.map(|axis| axis[0] * from[0] + axis[1] * from[1] + axis[2] * from[2]);
        if ahead < 0.1 {
            return None;
        }
        let (across, down) = (across / ahead, -up / ahead);
        // Past this radius the lens form folds back into the picture, which no lens does.
        if 3.0 * self.k1 * (across * across + down * down) < -1.0 {
            return None;
        }
        let bend = 1.0 + self.k1 * (across * across + down * down);
        Some((self.frame.0 / 2.0 + self.focal * across * bend, self.frame.1 / 2.0 + self.focal * down * bend))
    }

    /// Pixels a metre covers at that place.
    pub(crate) fn pixels_per_metre(&self, at: Vec3) -> f64 {
        let far = (0..3).map(|axis| (at[axis] - self.eye[axis]).powi(2)).sum::<f64>().sqrt();
        self.focal / far.max(0.2)
    }

    /// A place at that distance from the lens that appears at that share of the picture (0-1 each way, y down).
    pub(crate) fn place_in_view(&self, share: (f64, f64), far_m: f64) -> Vec3 {
        let across = (share.0 - 0.5) * self.frame.0 / self.focal;
        let down = (share.1 - 0.5) * self.frame.1 / self.focal;
        std::array::from_fn(|axis| {
            self.eye[axis] + far_m * (self.turn[2][axis] + across * self.turn[0][axis] - down * self.turn[1][axis])
        })
    }
}

/// Rows: the camera's right, up and ahead in world axes.
fn rotation(yaw: f64, pitch: f64, roll: f64) -> [Vec3; 3] {
    let ahead = [yaw.sin() * pitch.cos(), yaw.cos() * pitch.cos(), pitch.sin()];
    let flat = [yaw.cos(), -yaw.sin(), 0.0];
    let top = cross(flat, ahead);
    let right = std::array::from_fn(|i| flat[i] * roll.cos() + top[i] * roll.sin());
    [right, cross(right, ahead), ahead]
}

fn cross(a: Vec3, b: Vec3) -> Vec3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
