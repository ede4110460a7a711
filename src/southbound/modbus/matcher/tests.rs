//! Late, foreign, short, split and noisy frames against the matcher.

use proptest::prelude::*;

use super::*;
use crate::profile::Area;
use crate::southbound::modbus::pdu::{ADU_LEN_MAX, Ask};

const READ: Ask<'_> = Ask::Read { area: Area::Holding, address: 0, count: 2 };

fn expect(framing: Framing, ask: Ask<'_>) -> Expect {
    ask.encode(framing, 7, 3, &mut [0; ADU_LEN_MAX]).1
}

fn rtu(bytes: &[u8]) -> Vec<u8> {
    let mut frame = bytes.to_vec();
    frame.extend(crc(bytes).to_le_bytes());
    frame
}

fn tcp(tid: u8, bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, tid, 0, 0, 0, u8::try_from(bytes.len()).unwrap()];
    frame.extend(bytes);
    frame
}

/// Feeds pieces of `size` bytes; lists the verdicts other than `NeedMore` and the data of the answer.
fn feed(framing: Framing, ask: Ask<'_>, bytes: &[u8], size: usize) -> (Vec<Verdict>, Vec<u8>) {
    let expect = expect(framing, ask);
    let (mut inbox, mut verdicts, mut data) = (Inbox::new(framing), Vec::new(), Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let room = inbox.room();
        let n = size.clamp(1, rest.len()).min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        inbox.filled(n);
        rest = &rest[n..];
        loop {
            let verdict = inbox.next(&expect);
            match verdict {
                Verdict::NeedMore => break,
                Verdict::Answer(Answer::Data { start, end }) => data = inbox.data(start, end).to_vec(),
                _ => {}
            }
            verdicts.push(verdict);
            if matches!(verdict, Verdict::Lost | Verdict::Answer(_)) {
                return (verdicts, data);
            }
        }
    }
    (verdicts, data)
}

/// The answer must be the same whole, in halves and byte by byte. Noise verdicts may differ, reasons may not.
#[track_caller]
fn check(framing: Framing, ask: Ask<'_>, bytes: &[u8], want: &[Verdict]) {
    for size in [bytes.len(), bytes.len() / 2, 1] {
        let strip = |v: &Verdict| match v {
            Verdict::Answer(Answer::Data { .. }) => Verdict::Answer(Answer::Data { start: 0, end: 0 }),
            v => *v,
        };
        let got: Vec<_> = feed(framing, ask, bytes, size).0.iter().map(strip).collect();
        assert_eq!(got, want, "pieces of {size} of {bytes:02x?}");
    }
}

const DATA: Verdict = Verdict::Answer(Answer::Data { start: 0, end: 0 });

#[test]
fn tcp_takes_only_what_fits() {
    use Reason::{Damaged, Foreign, Late};
    let good = tcp(7, &[3, 3, 4, 0, 1, 0, 2]);
    check(Framing::Tcp, READ, &good, &[DATA]);
    let after = |first: Vec<u8>| [first, good.clone()].concat();
    check(Framing::Tcp, READ, &after(tcp(6, &[3, 3, 4, 9, 9, 9, 9])), &[Verdict::Drop(Late { unit: 3 }), DATA]);
    check(Framing::Tcp, READ, &after(tcp(7, &[4, 3, 4, 9, 9, 9, 9])), &[Verdict::Drop(Foreign { unit: 4 }), DATA]);
    check(Framing::Tcp, READ, &after(tcp(7, &[3, 4, 4, 9, 9, 9, 9])), &[Verdict::Drop(Damaged), DATA]);
    check(Framing::Tcp, READ, &after(tcp(7, &[3, 3, 2, 9, 9])), &[Verdict::Drop(Damaged), DATA]);
    check(Framing::Tcp, READ, &after(tcp(7, &[3, 3, 4, 9, 9])), &[Verdict::Drop(Damaged), DATA]);
    check(Framing::Tcp, READ, &after(tcp(7, &[3, 3])), &[Verdict::Drop(Damaged), DATA]);
    check(Framing::Tcp, READ, &tcp(7, &[3, 0x83, 2]), &[Verdict::Answer(Answer::Refused(Exception(2)))]);
}

#[test]
fn tcp_length_lies_end_the_connection() {
    for lie in [[0, 0], [0, 1], [0, 255], [1, 4], [0xFF, 0xFF]] {
        let bytes = [0, 7, 0, 0, lie[0], lie[1], 3, 3, 4, 0, 1, 0, 2];
        check(Framing::Tcp, READ, &bytes, &[Verdict::Lost]);
    }
    check(Framing::Tcp, READ, &[0, 7, 1, 0, 0, 7, 3, 3, 4, 0, 1, 0, 2], &[Verdict::Lost]);
}

#[test]
fn writes_are_answered_by_their_echo() {
    let write = Ask::WriteRegister { address: 1, value: 300 };
    check(Framing::Tcp, write, &tcp(7, &[3, 6, 0, 1, 1, 44]), &[Verdict::Answer(Answer::Written)]);
    check(Framing::Tcp, write, &tcp(7, &[3, 6, 0, 1, 1, 45]), &[Verdict::Drop(Reason::Damaged)]);
    check(Framing::Rtu, write, &rtu(&[3, 6, 0, 1, 1, 44]), &[Verdict::Answer(Answer::Written)]);
}

#[test]
fn rtu_takes_only_what_fits() {
    use Reason::{Foreign, Late};
    let good = rtu(&[3, 3, 4, 0, 1, 0, 2]);
    check(Framing::Rtu, READ, &good, &[DATA]);
    let after = |first: Vec<u8>| [first, good.clone()].concat();
    check(Framing::Rtu, READ, &after(rtu(&[4, 3, 4, 9, 9, 9, 9])), &[Verdict::Drop(Foreign { unit: 4 }), DATA]);
    check(Framing::Rtu, READ, &after(rtu(&[3, 3, 2, 9, 9])), &[Verdict::Drop(Late { unit: 3 }), DATA]);
    check(Framing::Rtu, READ, &rtu(&[3, 0x83, 2]), &[Verdict::Answer(Answer::Refused(Exception(2)))]);
}

#[test]
fn rtu_slides_over_noise_and_damage() {
    let good = rtu(&[3, 3, 4, 0, 1, 0, 2]);
    let mut broken = good.clone();
    broken[4] ^= 0x40;
    for junk in [vec![0xFF], vec![3], vec![3, 3], vec![3, 3, 4], vec![0; 40], vec![4, 3, 250, 1], broken] {
        let bytes = [junk.clone(), good.clone()].concat();
        for size in [1, 2, bytes.len()] {
            let (verdicts, data) = feed(Framing::Rtu, READ, &bytes, size);
            assert!(matches!(verdicts.last(), Some(Verdict::Answer(_))), "{junk:02x?}: {verdicts:?}");
            assert_eq!(data, [0, 1, 0, 2]);
        }
    }
}

#[test]
fn rtu_keeps_a_bounded_inbox() {
    let mut bytes = vec![0x55; 5000];
    bytes.extend(rtu(&[3, 3, 4, 0, 1, 0, 2]));
    assert_eq!(feed(Framing::Rtu, READ, &bytes, 100).1, [0, 1, 0, 2]);
}

proptest! {
    /// Any bytes: no panic, no endless loop; and no answer unless the fitting frame is really there.
    #[test]
    fn arbitrary_bytes_never_become_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..600), size in 1usize..100) {
        for framing in [Framing::Tcp, Framing::Rtu] {
            let (_, data) = feed(framing, READ, &bytes, size);
            let fits = |frame: &[u8]| match framing {
                Framing::Tcp => frame.starts_with(&[0, 7, 0, 0, 0, 7, 3, 3, 4]),
                Framing::Rtu => frame.len() >= 9 && frame.starts_with(&[3, 3, 4]) && crc_fits(&frame[..9]),
            };
            prop_assert!(data.is_empty() || bytes.windows(9).any(fits));
        }
    }

    /// Whatever noise stands before it, the answer is found if the noise does not itself hold a fitting frame.
    #[test]
    fn rtu_finds_the_answer_behind_any_noise(noise in prop::collection::vec(any::<u8>(), 0..200), size in 1usize..50) {
        let bytes = [noise, rtu(&[3, 3, 4, 0, 1, 0, 2])].concat();
        let (verdicts, data) = feed(Framing::Rtu, READ, &bytes, size);
        let refused = matches!(verdicts.last(), Some(Verdict::Answer(Answer::Refused(_))));
        prop_assert!(refused || data == [0, 1, 0, 2], "{verdicts:?}");
    }
}
