//! `kill -9` under load: whatever was acknowledged to anyone is there after the restart, and no number is used twice.
//!
//! "Anyone" is the page (alarm changes on the event stream with `durable: true`), the person who acknowledged (200) and the
//! cloud (confirmed readings). The cloud itself watches for numbers that come again with another content.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::SystemClock;
use gatehouse::store::StoreConfig;

use crate::cloud::Cloud;
use crate::events::{Change, Stream};
use crate::farm::Farm;
use crate::rig::{Gateway, Plan, Site, load_for, long, until};

/// The device whose condition holds through every restart.
const HELD: usize = 0;

/// Promises collected over all lives of the gateway.
#[derive(Debug, Default)]
struct Promised {
    changes: HashMap<u64, Change>,
    acknowledged: Vec<String>,
}

#[tokio::test]
async fn what_was_acknowledged_to_anyone_survives_kill_9() {
    let rounds: u16 = if long() { 100 } else { 5 };
    let (farm, cloud) = (Farm::start(10).await, Cloud::start().await);
    let plan = Plan {
        ports: &farm.ports,
        cloud: Some(cloud.url.clone()),
        every: "100ms",
        timeout: "60s",
        store: "commit_every = \"500ms\"",
    };
    let site = Site::new(&plan);
    farm.turn(HELD, 1);
    let (mut promised, mut slowest) = (Promised::default(), Duration::ZERO);
    for round in 0..rounds {
        let gateway = site.run().await;
        slowest = slowest.max(gateway.took);
        check_promises(&gateway, &promised).await;
        gateway.alarm("d0.on", true).await;
        let stream = Stream::open(&gateway, None).await;
        let held = live_through(&gateway, &farm, round, &mut promised).await;
        assert!(held > 0, "no alarm changes in round {round}");
        // Everything that came up to the very end counts.
        gateway.kill().await;
        for change in stream.durable() {
            promised.changes.insert(change.seq.unwrap(), change);
        }
    }
    let gateway = site.run().await;
    slowest = slowest.max(gateway.took);
    check_promises(&gateway, &promised).await;
    let raised = promised.changes.values().filter(|c| c.key == "d0.on" && c.change == "raised").count();
    assert!(raised <= 1, "the condition that held through all restarts raised {raised} alarms");
    let sent = gateway.committed().await;
    cloud.until("what came after the last kill", |s| s.readings > sent && s.holes.is_empty()).await;
    println!(
        "{rounds} kills: {} changes and {} acknowledgements kept",
        promised.changes.len(),
        promised.acknowledged.len()
    );
    println!("slowest start {slowest:?}; {}", cloud.handle.summary());
    assert!(slowest < Duration::from_secs(10), "slowest start {slowest:?}");
    cloud.check();
    assert_eq!(gateway.stop().await.0.code(), Some(0));
    let (kept, confirmed) = (readings_on_disk(&site.data), cloud.handle.summary().readings);
    assert!(kept >= confirmed, "the cloud has confirmed {confirmed} readings, only {kept} are on disk");
}

/// Different readings that the outbox gives back.
fn readings_on_disk(data: &std::path::Path) -> u64 {
    let config = StoreConfig { path: data.to_owned(), ..StoreConfig::default() };
    let store = gatehouse::store::open(&config, Vec::new(), Arc::new(SystemClock)).unwrap();
    let (mut seq, mut readings) = (0, 0);
    while let Some(batch) = store.reader.telemetry_after(seq).unwrap() {
        assert!(batch.seq_first > seq, "numbers go up: {} after {seq}", batch.seq_first);
        readings += u64::from(batch.count);
        seq = batch.seq_last();
    }
    readings
}

/// Alarms come and go and are answered until the round is over; how many changes were made.
async fn live_through(gateway: &Gateway, farm: &Farm, round: u16, promised: &mut Promised) -> usize {
    let mut changes = 0;
    for device in [1, 2, 3] {
        farm.turn(device, 1);
        let key = format!("d{device}.on");
        let id = gateway.alarm(&key, true).await["id"].as_str().unwrap().to_owned();
        if gateway.acknowledge(&id).await == Ok(200) {
            promised.acknowledged.push(id);
        }
        farm.turn(device, 0);
        changes += 1;
    }
    // A different moment in the commit cycle each time.
    load_for(Duration::from_millis(u64::from(round) * 137 % 900)).await;
    changes
}

/// All promised changes are in the journal, word for word, and all acknowledged alarms are.
async fn check_promises(gateway: &Gateway, promised: &Promised) {
    if promised.changes.is_empty() {
        return;
    }
    let stream = Stream::open(gateway, Some(0)).await;
    let last = promised.changes.keys().max().copied().unwrap_or(0);
    until("the journal from its beginning", || async {
        let seen = stream.durable().iter().filter_map(|c| c.seq).max().unwrap_or(0);
        if seen >= last { Ok(()) } else { Err(format!("{seen} of {last}")) }
    })
    .await;
    let kept: HashMap<u64, Change> = stream.durable().into_iter().map(|c| (c.seq.unwrap(), c)).collect();
    for (seq, change) in &promised.changes {
        assert_eq!(kept.get(seq), Some(change), "change {seq} was shown as kept");
    }
    for id in &promised.acknowledged {
        let story = gateway.get(&format!("/api/v1/alarms/{id}")).await;
        assert_eq!(story["alarm"]["acknowledged"]["by"], "Li", "{id} was answered with 200: {story}");
    }
}
