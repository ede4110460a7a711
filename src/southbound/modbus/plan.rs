//! Points of one device → the fewest requests that read them all. Pure.
//!
//! Every request lies in one area, has points of one period, and stays within the device's limits. Holes between
//! points are read along when that saves a request: up to `gap_max` registers (sixteen times as many bits, which cost the
//! same bytes). A value of several registers is never split over two requests: it could be torn.
//! No request reads across a *cut*: a boundary where the device has refused to be read across, or either side of a
//! register that it is known to lack.
//!
//! Invariants (held by properties): each point is in exactly one request; the result does not depend on the order of the
//! input; no request passes 125 registers, 2,000 bits or address 65535.

use std::collections::BTreeSet;

use crate::model::id::PointIx;
use crate::profile::{Area, ModbusLimits, Register, decode};
use crate::southbound::modbus::pdu::{BITS_MAX, REGISTERS_MAX, is_bits};

/// A point to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanPoint {
    /// The point.
    pub point: PointIx,
    /// Where it stands.
    pub register: Register,
    /// How often, in milliseconds.
    pub period_ms: u32,
}

impl PlanPoint {
    fn start(&self) -> u32 {
        u32::from(self.register.address)
    }

    fn end(&self) -> u32 {
        self.start() + u32::from(width(&self.register))
    }
}

/// Registers or bits that a value takes.
#[must_use]
pub fn width(register: &Register) -> u16 {
    if is_bits(register.area) { 1 } else { decode::width(register.wire).max(1) }
}

/// One point inside a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The point.
    pub point: PointIx,
    /// First register or bit, counted from the request's address.
    pub offset: u16,
    /// How it is decoded.
    pub register: Register,
}

/// One read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Table.
    pub area: Area,
    /// 0-based address of the first register or bit.
    pub address: u16,
    /// How many.
    pub count: u16,
    /// How often, in milliseconds.
    pub period_ms: u32,
    /// What is in it, by address.
    pub points: Vec<Slot>,
}

/// Boundaries that no request reads across: a cut at `a` keeps `a - 1` and `a` apart.
pub type Cuts = BTreeSet<(Area, u32)>;

/// The fewest requests for `points`. `lacking` are registers that the device does not have: their points must not be
/// among `points`, and they are not read along either.
#[must_use]
pub fn plan(points: &[PlanPoint], limits: &ModbusLimits, cuts: &Cuts, lacking: &[Register]) -> Vec<Request> {
    let mut order: Vec<&PlanPoint> = points.iter().collect();
    order.sort_by_key(|p| (p.register.area, p.period_ms, p.start(), p.end(), p.point));
    let mut requests = Vec::new();
    let mut group = order.as_slice();
    while let Some(first) = group.first() {
        let same = |p: &&PlanPoint| p.register.area == first.register.area && p.period_ms == first.period_ms;
        let len = group.iter().take_while(|p| same(p)).count();
        let (run, rest) = group.split_at(len);
        cover(run, limits, cuts, lacking, &mut requests);
        group = rest;
    }
    requests
}

/// Covers points of one area and period, sorted by address. The lowest point left must be in some request, and a
/// request that starts there reaches furthest; so taking all it can hold is the least number.
fn cover(run: &[&PlanPoint], limits: &ModbusLimits, cuts: &Cuts, lacking: &[Register], out: &mut Vec<Request>) {
    let mut left: Vec<&PlanPoint> = run.to_vec();
    while let Some(first) = left.first().copied() {
        let area = first.register.area;
        let (count_max, gap_max) = reach(area, limits);
        let (start, mut end) = (first.start(), first.end());
        let mut taken = Vec::new();
        left.retain(|p| {
            let joins = p.start() <= end + gap_max
                && p.end().max(end) - start <= count_max
                && passable(area, end, p.start(), lacking)
                && cuts.range((area, start + 1)..(area, p.end().max(end))).next().is_none();
            if joins || std::ptr::eq(*p, first) {
                end = end.max(p.end());
                taken.push(*p);
            }
            !(joins || std::ptr::eq(*p, first))
        });
        out.push(request(&taken, start, end));
    }
}

/// Most registers or bits in a request, and most that may be read along unused.
fn reach(area: Area, limits: &ModbusLimits) -> (u32, u32) {
    if is_bits(area) {
        (u32::from(limits.bits_max.clamp(1, BITS_MAX)), u32::from(limits.gap_max) * 16)
    } else {
        (u32::from(limits.registers_max.clamp(1, REGISTERS_MAX)), u32::from(limits.gap_max))
    }
}

/// No register of the hole `from..to` is one that the device lacks.
fn passable(area: Area, from: u32, to: u32, lacking: &[Register]) -> bool {
    !lacking.iter().any(|r| {
        let start = u32::from(r.address);
        r.area == area && start < to && start + u32::from(width(r)) > from
    })
}

fn request(taken: &[&PlanPoint], start: u32, end: u32) -> Request {
    let first = taken[0];
    let points = taken
        .iter()
        .map(|p| Slot {
            point: p.point,
            offset: p.register.address - first.register.address,
            register: p.register.clone(),
        })
        .collect();
    Request {
        area: first.register.area,
        address: first.register.address,
        count: u16::try_from(end - start).unwrap_or(REGISTERS_MAX),
        period_ms: first.period_ms,
        points,
    }
}

/// Where to cut a request that the device refused for its address or quantity: at all its holes; without holes, at the
/// boundary next to the middle. Empty when nothing can be cut: then the device lacks what the request reads.
#[must_use]
pub fn cuts_for(request: &Request) -> Vec<(Area, u32)> {
    let base = u32::from(request.address);
    let (mut holes, mut joints) = (Vec::new(), Vec::new());
    let mut end = 0;
    for slot in &request.points {
        let start = u32::from(slot.offset);
        if start > end {
            holes.push((request.area, base + end));
        } else if start == end && start > 0 {
            joints.push(start);
        }
        end = end.max(start + u32::from(width(&slot.register)));
    }
    if !holes.is_empty() {
        return holes;
    }
    let middle = u32::from(request.count) / 2;
    joints.into_iter().min_by_key(|j| j.abs_diff(middle)).map(|j| (request.area, base + j)).into_iter().collect()
}

#[cfg(test)]
mod tests;
