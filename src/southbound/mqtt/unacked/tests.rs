//! Order of acknowledgements, shared promises.

use std::sync::mpsc;

use super::*;
use crate::model::id::DeviceIx;
use crate::model::time::BootMs;

#[test]
fn acknowledges_in_order_only() {
    let mut queue = Unacked::default();
    let first = queue.next_serial();
    queue.push('a', false);
    queue.push('b', true);
    queue.push('c', false);
    assert_eq!(queue.pop(), None, "b is settled, but a came first");
    queue.settle(first);
    assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some('a'), Some('b'), None));
    queue.settle(first);
    queue.settle(99);
    assert_eq!(queue.len(), 1);
    assert_eq!(queue.abandon().collect::<Vec<_>>(), ['c']);
    queue.settle(first + 2);
    assert_eq!(queue.next_serial(), first + 3);
}

#[test]
fn one_promise_for_many_scans() {
    for (told, want) in [([true, true, true], true), ([true, false, true], false)] {
        let (tell, heard) = mpsc::channel();
        let mut scans: Vec<Scan> = (0..3)
            .map(|ix| Scan {
                device: DeviceIx(ix),
                at: BootMs(0),
                source_ms: None,
                old: false,
                samples: Vec::new(),
                receipt: None,
            })
            .collect();
        attach(&mut scans, move |stored| tell.send(stored).unwrap());
        for (scan, stored) in scans.iter_mut().zip(told) {
            assert!(heard.try_recv().is_err(), "told before all were");
            let receipt = scan.receipt.take().unwrap();
            if stored {
                receipt.committed();
            }
        }
        assert_eq!(heard.try_recv(), Ok(want));
    }
}
