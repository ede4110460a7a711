//! Owns the building, the true camera in front of it and the cameras file a fitter would write about them.
//!
//! Metres: x along the facade to the right as the camera sees it (0 = left corner), y out of it towards the camera, z
//! above ground. Pinhole, Brown's first radial term, a principal point some pixels off. Errors of the fitter: laser
//! meter on the mount, plans for heights, a mouse on the still for pixels, a chessboard for the focal length.
use crate::dice::Dice;
use serde_json::{Value, json};

pub(super) type Point = [f64; 3];

pub(super) struct Site {
    pub(super) floors: Vec<f64>,
    pub(super) storey_m: f64,
    pub(super) roof_m: f64,
    pub(super) width_m: f64,
    pub(super) lens: Point,
    /// Right, up, forward.
    axes: [Point; 3],
    focal: f64,
    k1: f64,
    pub(super) picture: [f64; 2],
    middle: [f64; 2],
    pub(super) fps: f64,
}

pub(super) fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn plus(a: Point, times: f64, b: Point) -> Point {
    [a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2]]
}

fn rounded(value: f64, parts_of_a_unit: f64) -> f64 {
    (value * parts_of_a_unit).round() / parts_of_a_unit
}

fn aim(yaw: f64, pitch: f64, roll: f64) -> [Point; 3] {
    let forward = [yaw.sin() * pitch.cos(), -yaw.cos() * pitch.cos(), pitch.sin()];
    let right = [yaw.cos(), yaw.sin(), 0.0];
    let up = [-yaw.sin() * pitch.sin(), yaw.cos() * pitch.sin(), pitch.cos()];
    let turned = |one: Point, two: Point| plus(one.map(|side| side * roll.cos()), roll.sin(), two);
    [turned(right, up), turned(up, right.map(|side| -side)), forward]
}

impl Site {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let (storeys, storey_m) = (6 + dice.below(29), rounded(dice.within(2.8, 3.3), 20.0));
        // A high ground floor, and in some towers a refuge floor.
        let ground = storey_m + dice.pick(&[0.0, 0.0, 0.4, 0.9, 1.5, 2.0]);
        let refuge = if dice.chance(0.25) { 12 + dice.below(5) } else { usize::MAX };
        let above = |floor: usize| ground + storey_m * floor as f64 + if floor >= refuge { 0.6 } else { 0.0 };
        let mut floors: Vec<_> = (0..storeys - 1).map(|floor| rounded(above(floor), 100.0)).collect();
        floors.insert(0, 0.0);
        let roof_m = floors[storeys - 1] + storey_m;
        let (width_m, distance) = (dice.within(14.0, 60.0).round(), dice.log_within(6.0, 90.0));
        let across = if distance > 15.0 { [6.0, 30.0_f64.min(0.8 * roof_m)] } else { [2.0, 6.0] };
        let [low, most] = dice.pick(&[[0.6, 2.0], [2.0, 6.0], [2.0, 6.0], [2.0, 6.0], across]);
        let high = dice.within(low, most);
        let part = if dice.chance(0.4) { [0.0, 1.03] } else { [dice.within(0.0, 0.4), dice.within(0.5, 1.0)] };
        let angle = |share: f64| (share * roof_m - high).atan2(distance);
        let top = angle(part[1]).min(1.42);
        let bottom = angle(part[0]).max(top - 1.6).min(top - 0.2);
        let field = (top - bottom) * dice.within(1.0, 1.15);
        let wide: f64 = dice.pick(&[1280.0, 1920.0, 1920.0, 2560.0, 2688.0, 3840.0]);
        let tall = (wide * dice.pick(&[0.5625, 0.5625, 0.75])).min(2160.0).round();
        let picture = if field > 1.0 || dice.chance(0.35) { [tall, wide] } else { [wide, tall] };
        let focal = picture[1] / 2.0 / (field / 2.0).tan();
        let corner = (picture[0].powi(2) + picture[1].powi(2)) / (4.0 * focal * focal);
        let k1 = if dice.chance(0.75) { dice.within(-0.14, 0.03) / corner.max(1.0) } else { 0.0 };
        let axes = aim(0.09 * dice.gauss(), f64::midpoint(top, bottom) + 0.02 * dice.gauss(), 0.015 * dice.gauss());
        let lens = [width_m * dice.within(0.25, 0.75), distance, high];
        let middle = [0, 1].map(|side| picture[side] * (0.5 + 0.003 * dice.gauss()));
        let fps = dice.pick(&[8.0, 10.0, 12.0, 12.5, 15.0, 15.0, 20.0, 25.0, 25.0, 25.0, 25.0, 30.0, 30.0, 50.0]);
        Self { floors, storey_m, roof_m, width_m, lens, axes, focal, k1, picture, middle, fps }
    }

    /// Where a point shows, and how many pixels a metre has there; `None` behind or far beside the lens.
    pub(super) fn project(&self, point: Point) -> Option<([f64; 2], f64)> {
        let seen = self.axes.map(|axis| dot(plus(point, -1.0, self.lens), axis));
        if seen[2] < 0.04 {
            return None;
        }
        let flat = [seen[0] / seen[2], -seen[1] / seen[2]];
        let stretch = self.k1 * (flat[0].powi(2) + flat[1].powi(2));
        let at = [0, 1].map(|side| self.middle[side] + self.focal * (1.0 + stretch) * flat[side]);
        (3.0 * stretch > -0.75).then_some((at, self.focal / seen[2]))
    }

    /// The direction of a pixel, one metre deep.
    fn ray(&self, at: [f64; 2]) -> Point {
        let bent = [0, 1].map(|side| (at[side] - self.middle[side]) / self.focal);
        let unbent = |flat: [f64; 2]| bent.map(|side| side / (1.0 + self.k1 * (flat[0].powi(2) + flat[1].powi(2))));
        let flat = (0..14).fold(bent, |flat, _| unbent(flat));
        plus(plus(self.axes[2], flat[0], self.axes[0]), -flat[1], self.axes[1])
    }

    /// The point of the facade's plane behind a pixel.
    pub(super) fn wall(&self, at: [f64; 2]) -> Point {
        let ray = self.ray(at);
        plus(self.lens, (self.lens[1] / -ray[1].min(-0.05)).min(400.0), ray)
    }

    pub(super) fn pixel(&self, dice: &mut Dice) -> [f64; 2] {
        [0, 1].map(|side| self.picture[side] * dice.within(0.06, 0.94))
    }

    /// A point above ground in view, at a share of the way to the facade's plane.
    pub(super) fn between(&self, near: f64, far: f64, dice: &mut Dice) -> Point {
        let mut draw = || plus(self.lens, dice.within(near, far), plus(self.wall(self.pixel(dice)), -1.0, self.lens));
        (0..12).map(|_| draw()).find(|point| point[2] > 0.5).unwrap_or(self.lens)
    }

    /// Where along the facade the picture's column lies at a height, within the corners.
    pub(super) fn across(&self, column: f64, height_m: f64) -> f64 {
        let depth = dot([0.0, -self.lens[1], height_m - self.lens[2]], self.axes[2]);
        (self.lens[0] + depth * self.ray([column, self.middle[1]])[0]).clamp(0.3, self.width_m - 0.3)
    }

    /// The cameras file as measured by hand; `None` where too little of the facade is in view.
    pub(super) fn file(&self, dice: &mut Dice) -> Option<String> {
        let (full, error_m, click) = (dice.chance(0.45), dice.log_within(0.015, 0.12), dice.within(0.4, 1.3));
        let shares: &[f64] = if full { &[0.14, 0.5, 0.84] } else { &[0.5] };
        let wanted = if full { 4 + dice.below(3) } else { 5 + dice.below(8) };
        let mut rows: Vec<Value> = Vec::new();
        for &share in shares {
            let x = self.across(self.picture[0] * (share + dice.within(-0.06, 0.06)), self.lens[2] + 0.6 * self.roof_m);
            let (side, marks) = (rounded(x + 0.03 * dice.gauss(), 100.0), self.marks(x));
            let (last, steps) = (marks.len().checked_sub(4)? + 3, wanted.min(marks.len()) - 1);
            for (floor, height, at) in (0..=steps).map(|step| marks[step * last / steps]) {
                let [col, row] = at.map(|side| (side + click * dice.gauss()).round());
                let height = rounded((height + error_m * dice.gauss()).max(0.0), 100.0);
                rows.push(json!({"row": row, "col": col, "floor": floor, "height_m": height, "facade_x_m": side}));
            }
        }
        let far = self.lens[1] * (1.0 + 0.003 * dice.gauss());
        let [high, far] = [self.lens[2], far].map(|metres| rounded(metres + 0.03 * dice.gauss(), 100.0));
        let mut camera = json!({"id": "c1", "facade": "f1", "fps": self.fps, "full": full,
            "width": self.picture[0] as u32, "height": self.picture[1] as u32,
            "mount": {"height_m": high, "distance_m": far}, "reference_rows": rows,
            "reference_error_m": rounded(error_m, 200.0).max(0.01),
            "focal_px": rounded(self.focal * (1.0 + 0.005 * dice.gauss()), 1.0)});
        if self.k1.abs() > 0.008 {
            camera["k1"] = json!(rounded(self.k1 * (1.0 + 0.05 * dice.gauss()), 1000.0));
        }
        let facade = json!({"id": "f1", "storeys": self.floors.len(), "storey_m": self.storey_m,
            "width_m": self.width_m, "floor_base_m": self.floors});
        Some(json!({"facades": [facade], "cameras": [camera]}).to_string())
    }

    /// Slab edges, sills and lintels in view at this place along the facade: floor, height, pixel.
    fn marks(&self, x: f64) -> Vec<(usize, f64, [f64; 2])> {
        let all = self.floors.iter().enumerate().flat_map(|(at, base)| [0.0, 0.9, 2.3].map(|up| (at + 1, base + up)));
        let inside = |at: &[f64; 2]| (0..2).all(|side| at[side] > 6.0 && at[side] < self.picture[side] - 6.0);
        let pixel = |height: f64| self.project([x, 0.0, height]).map(|(at, _)| at).filter(inside);
        all.filter_map(|(floor, height)| pixel(height).map(|at| (floor, height, at))).collect()
    }
}
