//! Every type in every order: known vectors, refusals, and the round trip through the encoder.

use proptest::prelude::*;

use super::*;
use crate::profile::Area;
use crate::profile::encode::{EncodeError, Plain, encode, encode_into};

const ORDERS: [Order; 4] = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];

fn register(wire: WireType, order: Order) -> Register {
    Register { area: Area::Holding, address: 0, wire, order }
}

fn check(wire: WireType, order: Order, regs: &[u16], expect: &Raw) {
    assert_eq!(&decode(&register(wire, order), regs), expect, "{wire:?} {order:?} {regs:04x?}");
}

fn number(wire: WireType, order: Order, regs: &[u16], expect: f64) {
    check(wire, order, regs, &Raw::Number(expect));
}

fn bad(wire: WireType, regs: &[u16], quality: Quality) {
    for order in ORDERS {
        check(wire, order, regs, &Raw::Bad(quality));
    }
}

fn text(wire: WireType, order: Order, regs: &[u16], expect: &str) {
    check(wire, order, regs, &Raw::Text(Arc::from(expect)));
}

#[test]
fn single_registers() {
    number(WireType::U16, Order::Abcd, &[0x1234], 4660.0);
    number(WireType::U16, Order::Badc, &[0x1234], 13330.0);
    number(WireType::U16, Order::Cdab, &[0x1234], 4660.0);
    number(WireType::I16, Order::Abcd, &[0xFFFE], -2.0);
    number(WireType::I16, Order::Dcba, &[0xFEFF], -2.0);
    number(WireType::BitOf(0), Order::Abcd, &[1], 1.0);
    number(WireType::BitOf(15), Order::Abcd, &[0x8000], 1.0);
    number(WireType::BitOf(7), Order::Badc, &[0x8000], 1.0);
    number(WireType::BitOf(14), Order::Abcd, &[0x8000], 0.0);
    number(WireType::Slice { lsb: 8, width: 4 }, Order::Abcd, &[0x0500], 5.0);
    number(WireType::Slice { lsb: 0, width: 16 }, Order::Abcd, &[0xFFFF], 65535.0);
    number(WireType::Bit, Order::Abcd, &[1], 1.0);
    assert_eq!(decode_bit(true), Raw::Number(1.0));
    assert_eq!(decode_bit(false), Raw::Number(0.0));
}

#[test]
fn orders_of_two_registers() {
    // 0x12345678 in the four ways a device can hold it.
    for (order, regs) in [
        (Order::Abcd, [0x1234, 0x5678]),
        (Order::Cdab, [0x5678, 0x1234]),
        (Order::Badc, [0x3412, 0x7856]),
        (Order::Dcba, [0x7856, 0x3412]),
    ] {
        number(WireType::U32, order, &regs, 305_419_896.0);
    }
    number(WireType::I32, Order::Cdab, &[0xFFFF, 0xFFFF], -1.0);
    // 220.5 as in the Eastron manuals: 0x435C8000.
    number(WireType::F32, Order::Abcd, &[0x435C, 0x8000], 220.5);
    number(WireType::F32, Order::Dcba, &[0x0080, 0x5C43], 220.5);
    number(WireType::F32, Order::Abcd, &[0x3DCC, 0xCCCD], f64::from(0.1_f32));
}

#[test]
fn orders_of_four_registers() {
    // 0x0001020304050607: below 2^53, every byte different.
    for (order, regs) in [
        (Order::Abcd, [0x0001, 0x0203, 0x0405, 0x0607]),
        (Order::Cdab, [0x0607, 0x0405, 0x0203, 0x0001]),
        (Order::Badc, [0x0100, 0x0302, 0x0504, 0x0706]),
        (Order::Dcba, [0x0706, 0x0504, 0x0302, 0x0100]),
    ] {
        number(WireType::U64, order, &regs, 283_686_952_306_183.0);
        number(WireType::I64, order, &regs, 283_686_952_306_183.0);
    }
    number(WireType::I64, Order::Abcd, &[0xFFFF; 4], -1.0);
    number(WireType::F64, Order::Abcd, &[0x3FB9, 0x9999, 0x9999, 0x999A], 0.1);
    number(WireType::U64, Order::Abcd, &[0x0020, 0, 0, 0], 9_007_199_254_740_992.0);
}

#[test]
fn bcd_digits() {
    number(WireType::Bcd(1), Order::Abcd, &[0x9876], 9876.0);
    number(WireType::Bcd(2), Order::Abcd, &[0x1234, 0x5678], 12_345_678.0);
    number(WireType::Bcd(2), Order::Dcba, &[0x7856, 0x3412], 12_345_678.0);
    number(WireType::Bcd(4), Order::Abcd, &[0x0000, 0x1234, 0x5678, 0x9012], 123_456_789_012.0);
    bad(WireType::Bcd(1), &[0x12A4], Quality::BadProtocol);
    bad(WireType::Bcd(4), &[0x9999; 4], Quality::BadPrecision);
    bad(WireType::Bcd(3), &[0; 3], Quality::BadProtocol);
}

#[test]
fn texts() {
    text(WireType::Ascii(2), Order::Abcd, &[0x5344, 0x4D00], "SDM");
    text(WireType::Ascii(2), Order::Badc, &[0x4453, 0x204D], "SDM");
    text(WireType::Ascii(2), Order::Abcd, &[0, 0xFFFF], "");
    bad(WireType::Ascii(1), &[0xFFFF], Quality::BadProtocol);
    text(WireType::Hex(2), Order::Abcd, &[0x00AB, 0xCDEF], "00abcdef");
    text(WireType::Hex(2), Order::Cdab, &[0xCDEF, 0x00AB], "00abcdef");
    text(WireType::Ipv4, Order::Abcd, &[0x0A00, 0x0815], "10.0.8.21");
    text(WireType::Ipv4, Order::Dcba, &[0x1508, 0x000A], "10.0.8.21");
}

#[test]
fn what_cannot_be_a_value() {
    bad(WireType::U64, &[0xFFFF; 4], Quality::BadPrecision);
    check(WireType::U64, Order::Abcd, &[0x0020, 0, 0, 1], &Raw::Bad(Quality::BadPrecision));
    check(WireType::I64, Order::Abcd, &[0x8000, 0, 0, 0], &Raw::Bad(Quality::BadPrecision));
    check(WireType::F32, Order::Abcd, &[0x7FC0, 0], &Raw::Bad(Quality::BadSentinel));
    check(WireType::F32, Order::Abcd, &[0x7F80, 0], &Raw::Bad(Quality::BadProtocol));
    check(WireType::F64, Order::Abcd, &[0xFFF0, 0, 0, 0], &Raw::Bad(Quality::BadProtocol));
    bad(WireType::Slice { lsb: 12, width: 5 }, &[0xFFFF], Quality::BadProtocol);
    bad(WireType::BitOf(16), &[0xFFFF], Quality::BadProtocol);
    for wire in [WireType::U16, WireType::Bit] {
        bad(wire, &[], Quality::BadProtocol);
    }
    for wire in [WireType::U32, WireType::F32, WireType::U64, WireType::Ipv4, WireType::Ascii(2), WireType::Bcd(2)] {
        bad(wire, &[1], Quality::BadProtocol);
    }
}

#[test]
fn encoding_refuses_what_does_not_fit() {
    let refuse = |wire, value, error| assert_eq!(encode(&register(wire, Order::Abcd), value), Err(error), "{wire:?}");
    refuse(WireType::U16, Plain::Number(65536.0), EncodeError::Range);
    refuse(WireType::U16, Plain::Number(-1.0), EncodeError::Range);
    refuse(WireType::I16, Plain::Number(f64::NAN), EncodeError::Range);
    refuse(WireType::F32, Plain::Number(1e300), EncodeError::Range);
    refuse(WireType::Bcd(1), Plain::Number(10_000.0), EncodeError::Range);
    refuse(WireType::Slice { lsb: 0, width: 4 }, Plain::Number(16.0), EncodeError::Range);
    refuse(WireType::U16, Plain::Text("1"), EncodeError::Kind);
    refuse(WireType::Ascii(1), Plain::Text("abc"), EncodeError::Range);
    refuse(WireType::Hex(2), Plain::Text("ab"), EncodeError::Range);
    refuse(WireType::Ipv4, Plain::Text("10.0.0"), EncodeError::Kind);
}

#[test]
fn writing_a_slice_leaves_its_neighbours() {
    let mut regs = [0xFFFF];
    let slice = register(WireType::Slice { lsb: 4, width: 4 }, Order::Badc);
    encode_into(&slice, Plain::Number(5.0), &mut regs).unwrap();
    assert_eq!(regs, [0x5FFF]);
    assert_eq!(decode(&slice, &regs), Raw::Number(5.0));
}

fn orders() -> impl Strategy<Value = Order> {
    prop::sample::select(ORDERS.to_vec())
}

fn whole_types() -> impl Strategy<Value = (WireType, f64)> {
    let exact = 1_i64 << 53;
    prop_oneof![
        any::<u16>().prop_map(|v| (WireType::U16, f64::from(v))),
        any::<i16>().prop_map(|v| (WireType::I16, f64::from(v))),
        any::<u32>().prop_map(|v| (WireType::U32, f64::from(v))),
        any::<i32>().prop_map(|v| (WireType::I32, f64::from(v))),
        (0..=exact).prop_map(|v| (WireType::U64, v as f64)),
        (-exact..=exact).prop_map(|v| (WireType::I64, v as f64)),
        any::<f32>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| (WireType::F32, f64::from(v))),
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| (WireType::F64, v)),
        (0..10_000_u32).prop_map(|v| (WireType::Bcd(1), f64::from(v))),
        (0..100_000_000_u32).prop_map(|v| (WireType::Bcd(2), f64::from(v))),
        (0..=exact).prop_map(|v| (WireType::Bcd(4), v as f64)),
        (0..16_u8, 0..2_u8).prop_map(|(bit, v)| (WireType::BitOf(bit), f64::from(v))),
    ]
}

proptest! {
    #[test]
    fn numbers_round_trip((wire, value) in whole_types(), order in orders()) {
        let register = register(wire, order);
        let regs = encode(&register, Plain::Number(value)).unwrap();
        prop_assert_eq!(regs.len(), usize::from(width(wire)));
        prop_assert_eq!(decode(&register, &regs), Raw::Number(value));
    }

    #[test]
    fn texts_round_trip(order in orders(), shown in "[!-~]([ -~]{0,13}[!-~])?", bytes in any::<[u8; 8]>(), ip in any::<u32>()) {
        let hex = format!("{:016x}", u64::from_be_bytes(bytes));
        let ip = Ipv4Addr::from(ip).to_string();
        for (wire, text) in [(WireType::Ascii(8), &shown), (WireType::Hex(4), &hex), (WireType::Ipv4, &ip)] {
            let register = register(wire, order);
            let regs = encode(&register, Plain::Text(text)).unwrap();
            prop_assert_eq!(decode(&register, &regs), Raw::Text(Arc::from(text.as_str())));
        }
    }

    #[test]
    fn anything_decodes_to_a_finite_number_or_a_reason(regs in prop::collection::vec(any::<u16>(), 0..8), order in orders(), (wire, _) in whole_types()) {
        match decode(&register(wire, order), &regs) {
            Raw::Number(v) => prop_assert!(v.is_finite()),
            Raw::Bad(quality) => prop_assert!(quality.is_bad()),
            Raw::Text(_) => prop_assert!(false, "a number type gave a text"),
        }
    }
}
