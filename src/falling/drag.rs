//! Owns the vertical fall with quadratic drag in closed form: distance, speed, and their change with the start speed.
//!
//! `w` is the speed downwards, `vt` the speed at which weight and drag balance; `dw/dt = g (1 - w |w| / vt²)`. While falling,
//! `w = vt (sinh x + q cosh x) / (cosh x + q sinh x)` and the distance is `vt²/g ln (cosh x + q sinh x)` with `x = g t / vt`,
//! `q = w/vt`; this holds for starts above `vt` too. Rising, the hyperbolic functions become circular.
//!
//! Refuses to know sideways motion: at the speeds of throws it changes the vertical drag by less than the spread of shapes.

/// Standard gravity in China's latitudes, m/s² (9.78-9.83).
pub const GRAVITY: f64 = 9.80;
/// From here on drag is not computed, m/s.
pub const NO_DRAG: f64 = 500.0;

/// Distance fallen and its change with the start speed, after `t` ≥ 0 seconds from the speed `start` downwards.
pub fn fallen(start: f64, terminal: f64, t: f64) -> (f64, f64) {
    if terminal >= NO_DRAG {
        return (start * t + 0.5 * GRAVITY * t * t, t);
    }
    let reach = terminal * terminal / GRAVITY;
    let x = GRAVITY * t / terminal;
    let q = start / terminal;
    if start >= 0.0 {
        return sinking(q, x, reach, terminal);
    }
    let up = -q;
    let to_apex = up.atan();
    if x <= to_apex {
        let (sin, cos) = x.sin_cos();
        let part = cos + up * sin;
        return (-reach * part.ln(), terminal / GRAVITY * sin / part);
    }
    let (down, _) = sinking(0.0, x - to_apex, reach, terminal);
    let rise = 0.5 * reach * (1.0 + up * up).ln();
    let tanh = (x - to_apex).tanh();
    (down - rise, terminal / GRAVITY * (up + tanh) / (1.0 + up * up))
}

fn sinking(q: f64, x: f64, reach: f64, terminal: f64) -> (f64, f64) {
    // exp(-2x) keeps the sums finite for long falls of light things.
    let fade = (-2.0 * x).exp();
    let part = 0.5 * ((1.0 + q) + (1.0 - q) * fade);
    (reach * (x + part.ln()), terminal / GRAVITY * 0.5 * (1.0 - fade) / part)
}

/// Seconds since (negative: until) the highest point of the path and metres below it, at a speed downwards. For a speed
/// beyond the terminal one only differences between two such speeds mean anything.
pub fn since_apex(speed: f64, terminal: f64) -> (f64, f64) {
    if terminal >= NO_DRAG {
        return (speed / GRAVITY, speed * speed / (2.0 * GRAVITY));
    }
    let reach = terminal * terminal / GRAVITY;
    let q = speed / terminal;
    if q <= 0.0 {
        return (terminal / GRAVITY * q.atan(), 0.5 * reach * (1.0 + q * q).ln());
    }
    let off = (1.0 - q * q).abs().max(1e-9);
    let time = 0.5 * terminal / GRAVITY * ((1.0 + q) * (1.0 + q) / off).ln();
    (time, -0.5 * reach * off.ln())
}

/// Seconds until `drop` metres are fallen, and the speed then.
pub fn until_fallen(start: f64, terminal: f64, drop: f64) -> (f64, f64) {
    let mut wait = 0.0;
    let mut drop = drop.max(0.0);
    let mut start = start;
    if start < 0.0 {
        let (rise, time) = apex(-start, terminal);
        drop += rise;
        wait = time;
        start = 0.0;
    }
    if terminal >= NO_DRAG {
        let speed = (start * start + 2.0 * GRAVITY * drop).sqrt();
        return (wait + (speed - start) / GRAVITY, speed);
    }
    let q = start / terminal;
    let level = GRAVITY * drop / (terminal * terminal);
    // Solves cosh x + q sinh x = exp(level) in the form that stays finite.
    let fade = (-2.0 * level).exp();
    let x = level + ((1.0 + (1.0 - (1.0 - q * q) * fade).max(0.0).sqrt()) / (1.0 + q)).ln();
    let speed = terminal * (1.0 - (1.0 - q * q) * fade).max(0.0).sqrt();
    (wait + x.max(0.0) * terminal / GRAVITY, speed)
}

/// Height and time of the rise from a speed upwards.
pub fn apex(up: f64, terminal: f64) -> (f64, f64) {
    if terminal >= NO_DRAG {
        return (up * up / (2.0 * GRAVITY), up / GRAVITY);
    }
    let q = up / terminal;
    (0.5 * terminal * terminal / GRAVITY * (1.0 + q * q).ln(), terminal / GRAVITY * q.atan())
}
