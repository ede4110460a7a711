//! The state of a device written down: numbers in their own bytes, as text of base 64, so that it comes back bit by bit and
//! takes a third of what JSON numbers take.
//!
//! Knows the layout and its version, nothing of meaning. A text of another version or length is refused; the caller starts
//! learning anew.

use serde::{Deserialize, Serialize};

use super::band::Band;
use super::ladder::{self, Ladder, Shape};
use super::modes::{MODES, Mode, Modes};
use super::together::{Held, SCALES, Together};
use super::{DeviceModel, POINTS_MAX, Phase};

/// First byte of the layout.
const VERSION: u8 = 2;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Packed(String);

/// The text is not a state of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a device state of this version")]
pub struct NotAState;

impl From<DeviceModel> for Packed {
    fn from(model: DeviceModel) -> Self {
        let points = u8::try_from(model.points.len()).expect("no more points than POINTS_MAX");
        let mut out = Writer(vec![VERSION, points]);
        out.0.push(match model.phase {
            Phase::Quiet => 0,
            Phase::Watching => 1,
            Phase::Alarm => 2,
        });
        out.f64(&[model.gathered, model.strongest, model.period_ms]);
        out.u32(model.watched);
        out.u32(model.back);
        out.i64(model.since_ms);
        out.0.push(u8::from(model.last_ms.is_some()));
        out.i64(model.last_ms.unwrap_or(0));
        for p in &model.points {
            p.write(&mut out);
        }
        model.together.write(&mut out);
        Self(encode(&out.0))
    }
}

impl TryFrom<Packed> for DeviceModel {
    type Error = NotAState;

    fn try_from(packed: Packed) -> Result<Self, NotAState> {
        let bytes = decode(&packed.0).ok_or(NotAState)?;
        read(&mut Reader(&bytes)).ok_or(NotAState)
    }
}

fn read(from: &mut Reader<'_>) -> Option<DeviceModel> {
    if from.u8()? != VERSION {
        return None;
    }
    let points = usize::from(from.u8()?);
    if points > POINTS_MAX {
        return None;
    }
    let mut model = DeviceModel::new(points);
    model.phase = match from.u8()? {
        0 => Phase::Quiet,
        1 => Phase::Watching,
        2 => Phase::Alarm,
        _ => return None,
    };
    model.gathered = from.f64()?;
    model.strongest = from.f64()?;
    model.period_ms = from.f64()?;
    model.watched = from.u32()?;
    model.back = from.u32()?;
    model.since_ms = from.i64()?;
    let stamped = from.u8()? == 1;
    model.last_ms = Some(from.i64()?).filter(|_| stamped);
    for p in &mut model.points {
        p.read(from)?;
    }
    model.together.read(from)?;
    from.0.is_empty().then_some(model)
}

impl Ladder {
    fn write(&self, out: &mut Writer) {
        out.u32(self.seen);
        out.u32(self.fresh);
        out.u32(self.odd_for);
        out.0.extend(self.moves.to_le_bytes());
        out.0.extend(self.missing.to_le_bytes());
        out.f64(&[self.last, self.surprise, self.mark[0], self.mark[1]]);
        out.f64(&self.level);
        for b in &self.bands {
            b.write(out);
        }
        out.0.push(self.top);
        let Some(held) = self.held else { return out.0.push(0) };
        out.0.push(match held.shape {
            Shape::Sudden => 1,
            Shape::Lasting => 2,
            Shape::Drift => 3,
        });
        out.0.push(held.rung);
        out.0.push(u8::from(held.main));
        out.f64(&[held.usual, held.peak]);
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.seen = from.u32()?;
        self.fresh = from.u32()?;
        self.odd_for = from.u32()?;
        self.moves = u16::from_le_bytes(from.take()?);
        self.missing = u16::from_le_bytes(from.take()?);
        self.last = from.f64()?;
        self.surprise = from.f64()?;
        for v in self.mark.iter_mut().chain(&mut self.level) {
            *v = from.f64()?;
        }
        for b in &mut self.bands {
            b.read(from)?;
        }
        self.top = from.rung()?;
        let shape = match from.u8()? {
            0 => return Some(()),
            1 => Shape::Sudden,
            2 => Shape::Lasting,
            3 => Shape::Drift,
            _ => return None,
        };
        self.held = Some(ladder::Held {
            shape,
            rung: from.rung()?,
            main: from.u8()? == 1,
            usual: from.f64()?,
            peak: from.f64()?,
        });
        Some(())
    }
}

impl Band {
    fn write(&self, out: &mut Writer) {
        out.f32(&[self.size, self.believed, self.share, self.tail, self.runs, self.peak, self.length]);
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Option<()> {
        for v in [&mut self.size, &mut self.believed, &mut self.share, &mut self.tail] {
            *v = from.f32()?;
        }
        for v in [&mut self.runs, &mut self.peak, &mut self.length] {
            *v = from.f32()?;
        }
        Some(())
    }
}

impl Together {
    fn write(&self, out: &mut Writer) {
        let Modes { known, current, steady, away } = &self.modes;
        out.0.extend([u8::try_from(known.len()).expect("no more modes than MODES"), *current]);
        out.u32(*steady);
        out.u32(*away);
        for mode in known {
            out.f32(&[mode.learnt]);
            out.f64(&mode.means);
        }
        out.f32(&self.units);
        for moments in [&self.play, &self.moves] {
            out.f32(&[moments.learnt]);
            out.f32(&moments.products);
        }
        for view in &self.views {
            out.f32(&view.left);
            view.bands.iter().for_each(|b| b.write(out));
        }
        out.u32(self.fresh);
        out.u32(self.judged);
        out.u32(self.odd_for);
        out.0.push(u8::from(self.held.is_some()));
        if let Some(held) = self.held {
            out.0.extend([held.point, held.scale]);
            out.f32(&[held.peak]);
        }
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let points = self.views.len();
        let known = usize::from(from.u8()?);
        let current = from.u8()?;
        if known > MODES || usize::from(current) >= known.max(1) {
            return None;
        }
        self.modes = Modes { known: Vec::new(), current, steady: from.u32()?, away: from.u32()? };
        for _ in 0..known {
            let learnt = from.f32()?;
            let means = (0..points).map(|_| from.f64()).collect::<Option<_>>()?;
            self.modes.known.push(Mode { learnt, means });
        }
        from.fill(&mut self.units)?;
        for moments in [&mut self.play, &mut self.moves] {
            moments.learnt = from.f32()?;
            from.fill(&mut moments.products)?;
        }
        for view in &mut self.views {
            from.fill(&mut view.left)?;
            view.bands.iter_mut().try_for_each(|b| b.read(from))?;
        }
        self.fresh = from.u32()?;
        self.judged = from.u32()?;
        self.odd_for = from.u32()?;
        if from.u8()? == 1 {
            let (point, scale) = (from.u8()?, from.u8()?);
            if usize::from(point) >= points || usize::from(scale) >= SCALES {
                return None;
            }
            self.held = Some(Held { point, scale, peak: from.f32()? });
        }
        Some(())
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn f64(&mut self, values: &[f64]) {
        self.0.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }

    fn f32(&mut self, values: &[f32]) {
        self.0.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }

    fn u32(&mut self, v: u32) {
        self.0.extend(v.to_le_bytes());
    }

    fn i64(&mut self, v: i64) {
        self.0.extend(v.to_le_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[b]| b)
    }

    fn rung(&mut self) -> Option<u8> {
        self.u8().filter(|r| usize::from(*r) < ladder::RUNGS)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn f32(&mut self) -> Option<f32> {
        self.take().map(f32::from_le_bytes)
    }

    fn fill(&mut self, values: &mut [f32]) -> Option<()> {
        values.iter_mut().try_for_each(|v| {
            *v = self.f32()?;
            Some(())
        })
    }

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn f64(&mut self) -> Option<f64> {
        self.take().map(f64::from_le_bytes)
    }
}

/// Base 64 without padding: every three bytes are four letters.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let group = three.iter().fold(0_u32, |g, b| g << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for i in 0..=three.len() {
            text.push(char::from(LETTERS[(group >> (18 - 6 * i) & 63) as usize]));
        }
    }
    text
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for four in text.as_bytes().chunks(4) {
        let mut group = 0_u32;
        for letter in four {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            };
            group = group << 6 | u32::from(value);
        }
        group <<= 6 * (4 - four.len());
        bytes.extend(group.to_be_bytes().get(1..four.len())?);
    }
    Some(bytes)
}
