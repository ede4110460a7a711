//! Plans cover every point once and stay within the limits, whatever the order of points.

use proptest::prelude::*;

use super::*;
use crate::profile::{Order, WireType};

fn at(point: u32, area: Area, address: u16, wire: WireType) -> PlanPoint {
    PlanPoint { point: PointIx(point), register: Register { area, address, wire, order: Order::Abcd }, period_ms: 1000 }
}

fn holding(addresses: &[u16]) -> Vec<PlanPoint> {
    (0..).zip(addresses).map(|(i, a)| at(i, Area::Holding, *a, WireType::U16)).collect()
}

fn shape(requests: &[Request]) -> Vec<(u16, u16)> {
    requests.iter().map(|r| (r.address, r.count)).collect()
}

#[track_caller]
fn check(points: &[PlanPoint], limits: &ModbusLimits, want: &[(u16, u16)]) {
    assert_eq!(shape(&plan(points, limits, &Cuts::new(), &[])), want);
}

#[test]
fn holes_are_bridged_up_to_the_limit() {
    let limits = ModbusLimits { gap_max: 8, ..ModbusLimits::default() };
    check(&holding(&[0, 1, 2]), &limits, &[(0, 3)]);
    check(&holding(&[0, 9]), &limits, &[(0, 10)]);
    check(&holding(&[0, 10]), &limits, &[(0, 1), (10, 1)]);
    check(&holding(&[0, 1, 3]), &ModbusLimits { gap_max: 0, ..limits.clone() }, &[(0, 2), (3, 1)]);
    check(&holding(&[65535, 65534]), &limits, &[(65534, 2)]);
    let bits: Vec<_> = (0..).zip([0, 100, 300]).map(|(i, a)| at(i, Area::Coil, a, WireType::Bit)).collect();
    check(&bits, &limits, &[(0, 101), (300, 1)]);
}

#[test]
fn requests_keep_to_the_device() {
    let all: Vec<u16> = (0..30).collect();
    let limits = ModbusLimits { registers_max: 12, ..ModbusLimits::default() };
    check(&holding(&all), &limits, &[(0, 12), (12, 12), (24, 6)]);
    let all: Vec<u16> = (0..300).collect();
    check(&holding(&all), &ModbusLimits { registers_max: 9999, ..limits }, &[(0, 125), (125, 125), (250, 50)]);
}

#[test]
fn a_wide_value_is_never_split() {
    let limits = ModbusLimits { registers_max: 4, ..ModbusLimits::default() };
    let points = [
        at(0, Area::Holding, 0, WireType::U16),
        at(1, Area::Holding, 1, WireType::F64),
        at(2, Area::Holding, 5, WireType::U32),
    ];
    check(&points, &limits, &[(0, 1), (1, 4), (5, 2)]);
}

#[test]
fn bits_of_one_register_share_it() {
    let points: Vec<_> = (0..16).map(|b| at(b, Area::Input, 7, WireType::BitOf(u8::try_from(b).unwrap()))).collect();
    check(&points, &ModbusLimits::default(), &[(7, 1)]);
}

#[test]
fn cuts_and_lacking_registers_are_not_read_across() {
    let limits = ModbusLimits::default();
    let points = holding(&[0, 1, 4, 5]);
    let cuts = Cuts::from([(Area::Holding, 2)]);
    assert_eq!(shape(&plan(&points, &limits, &cuts, &[])), [(0, 2), (4, 2)]);
    let lacking = [at(9, Area::Holding, 2, WireType::U32).register];
    assert_eq!(shape(&plan(&points, &limits, &Cuts::new(), &lacking)), [(0, 2), (4, 2)]);
    let elsewhere = [at(9, Area::Input, 2, WireType::U32).register];
    assert_eq!(shape(&plan(&points, &limits, &Cuts::new(), &elsewhere)), [(0, 6)]);
}

/// Plays a device that refuses every read which touches one of `lacks`, until nothing more can be cut.
fn isolate(points: &[PlanPoint], lacks: &[u32]) -> (Vec<PointIx>, usize) {
    let (mut cuts, mut asked) = (Cuts::new(), 0);
    loop {
        let requests = plan(points, &ModbusLimits::default(), &cuts, &[]);
        let refused: Vec<_> = requests
            .iter()
            .filter(|r| lacks.iter().any(|l| (u32::from(r.address)..u32::from(r.address + r.count)).contains(l)))
            .collect();
        asked += requests.len();
        let new: Vec<_> = refused.iter().flat_map(|r| cuts_for(r)).collect();
        if new.is_empty() {
            return (refused.iter().flat_map(|r| r.points.iter().map(|s| s.point)).collect(), asked);
        }
        cuts.extend(new);
    }
}

#[test]
fn lacking_registers_are_singled_out() {
    let addresses: Vec<u16> = (0..50).collect();
    let (found, asked) = isolate(&holding(&addresses), &[17]);
    assert_eq!(found, [PointIx(17)]);
    assert!(asked < 40, "{asked} requests");
    let (found, _) = isolate(&holding(&[0, 1, 4, 5, 8]), &[2, 3, 5]);
    assert_eq!(found, [PointIx(3)], "holes are not points");
}

fn any_point() -> impl Strategy<Value = PlanPoint> {
    let area = prop::sample::select(vec![Area::Coil, Area::Discrete, Area::Input, Area::Holding]);
    let wire = prop::sample::select(vec![
        WireType::U16,
        WireType::BitOf(3),
        WireType::U32,
        WireType::F64,
        WireType::Ascii(10),
    ]);
    (area, 0u16..400, wire, prop::sample::select(vec![500u32, 1000]), any::<u32>()).prop_map(
        |(area, address, wire, period_ms, point)| PlanPoint {
            point: PointIx(point),
            register: Register { area, address, wire, order: Order::Abcd },
            period_ms,
        },
    )
}

proptest! {
    #[test]
    fn every_point_once_within_limits_whatever_the_order(
        points in prop::collection::vec(any_point(), 0..60),
        gap_max in 0u16..20,
        registers_max in 10u16..200,
        bits_max in 1u16..3000,
        cut in 0u32..400,
    ) {
        let limits = ModbusLimits { registers_max, bits_max, gap_max, ..ModbusLimits::default() };
        let cuts = Cuts::from([(Area::Holding, cut)]);
        let requests = plan(&points, &limits, &cuts, &[]);

        let mut reversed = points.clone();
        reversed.reverse();
        prop_assert_eq!(&requests, &plan(&reversed, &limits, &cuts, &[]));

        let mut got: Vec<_> = requests.iter().flat_map(|r| r.points.iter().map(|s| s.point)).collect();
        let mut want: Vec<_> = points.iter().map(|p| p.point).collect();
        got.sort_unstable();
        want.sort_unstable();
        prop_assert_eq!(got, want);

        for r in &requests {
            let (count_max, gap) = reach(r.area, &limits);
            let standard = if is_bits(r.area) { 2000 } else { 125 };
            prop_assert!(u32::from(r.count) <= count_max && r.count <= standard);
            let mut end = 0;
            for s in &r.points {
                prop_assert!(u32::from(s.offset) <= end + gap);
                prop_assert_eq!(s.register.address, r.address + s.offset);
                prop_assert_eq!(s.register.area, r.area);
                let wide = s.offset + width(&s.register);
                prop_assert!(wide <= r.count, "split");
                let own = wide > 1 && s.offset == 0;
                let crosses = r.area == Area::Holding && u32::from(r.address) < cut && cut < u32::from(r.address + r.count);
                prop_assert!(!crosses || r.points.iter().all(|s| s.register.address < u16::try_from(cut).unwrap()) || own);
                end = end.max(u32::from(wide));
            }
        }
    }
}
