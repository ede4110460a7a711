//! Counts, take-overs, and that every place is given back.

use super::*;

fn at(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

#[test]
fn strangers_are_counted_per_address_and_in_all() {
    let door = Door::new(512, 1);
    let mut guests: Vec<Guest> = (0..20).filter_map(|_| door.enter(at(1))).collect();
    assert_eq!(guests.len(), UNKNOWN_PER_ADDRESS_MAX);
    guests.extend((2..40).flat_map(|n| [n, n]).filter_map(|n| door.enter(at(n))));
    assert_eq!(guests.len(), UNKNOWN_CLIENTS_MAX);
    assert!(door.enter(at(99)).is_none());
    guests.clear();
    assert!(door.enter(at(1)).is_some(), "places are given back");
    assert!(door.inside().per_address.is_empty() && door.inside().unknown == 0);
}

#[test]
fn seats() {
    let door = Door::new(3, 2);
    let now = BootMs(0);
    let sit = |who, id: &str| door.enter(at(1)).unwrap().sit(Who(who), id.to_owned(), 2, now);
    let first = sit(0, "x").unwrap();
    let second = sit(0, "y").unwrap();
    assert!(matches!(sit(0, "z"), Err(Refusal::Busy)), "two per login");
    let _other = sit(1, "x").unwrap();
    assert!(matches!(sit(1, "y"), Err(Refusal::Busy)), "three in all");
    let again = sit(0, "x").unwrap();
    assert!(first.kick.is_cancelled() && first.is_taken_over() && !again.is_taken_over());
    assert!(first.subscribe("a".to_owned()), "an old connection changes nothing");
    assert!(again.subscribe("b".to_owned()));
    let command = |topic: &str| Command { topic: topic.to_owned(), payload: Bytes::new() };
    assert_eq!((door.send(&command("a")), door.send(&command("b"))), (0, 1));
    drop((first, second));
    assert_eq!(door.counts().0, 2);
    for _ in 1..DOWN_QUEUE_MAX {
        assert_eq!(door.send(&command("b")), 1);
    }
    assert_eq!(door.send(&command("b")), 0);
    assert!(again.kick.is_cancelled(), "a queue that is full disconnects");
}

#[test]
fn subscriptions_are_bounded() {
    let door = Door::new(3, 1);
    let seat = door.enter(at(1)).unwrap().sit(Who(0), "x".to_owned(), 2, BootMs(0)).unwrap();
    let taken = (0..100).filter(|n| seat.subscribe(format!("t/{n}"))).count();
    assert_eq!(taken, SUBSCRIPTIONS_MAX);
    assert!(seat.unsubscribe("t/1") && !seat.unsubscribe("t/1"));
}
