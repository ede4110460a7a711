//! The cloud goes away under load and comes back: alarms first, then the backlog in order, without a hole.

use std::time::Duration;

use gatehouse::model::journal::Stream;

use crate::cloud::Cloud;
use crate::farm::Farm;
use crate::rig::{Plan, Site, load_for, long};

#[tokio::test]
async fn after_the_cloud_was_away_alarms_come_first_and_the_backlog_in_order() {
    let away = Duration::from_secs(if long() { 600 } else { 20 });
    let (farm, cloud) = (Farm::start(if long() { 100 } else { 10 }).await, Cloud::start().await);
    let plan = Plan {
        ports: &farm.ports,
        cloud: Some(cloud.url.clone()),
        every: "1s",
        timeout: "60s",
        store: "commit_every = \"1s\"",
    };
    let site = Site::new(&plan);
    let gateway = site.run().await;
    cloud.until("the first readings", |s| s.readings > 0).await;
    cloud.handle.set_up(false);
    load_for(away / 2).await;
    let before = cloud.handle.arrivals().len();
    farm.turn(1, 1);
    gateway.alarm("d1.on", true).await;
    load_for(away / 2).await;
    if long() {
        // Minutes without a cloud are nothing to wake anybody for.
        gateway.alarm("upstream.cloud.down", true).await;
    }
    assert_eq!(cloud.handle.arrivals().len(), before, "nothing arrives at a cloud that is away");

    let committed = gateway.committed().await;
    cloud.handle.set_up(true);
    let summary = cloud.until("the backlog", |s| s.readings >= committed && s.alarms >= 1).await;
    let after = cloud.handle.arrivals().split_off(before);
    let accepted: Vec<_> = after.iter().filter(|a| a.status == 200).collect();
    let order: Vec<_> = accepted.iter().map(|a| (a.stream.word(), a.first, a.last, a.lane.as_str())).collect();
    println!("{} readings while away; after the return: {:?}", summary.readings, &order[..order.len().min(12)]);
    assert_eq!(accepted[0].stream, Stream::Alarm, "alarms come first: {order:?}");
    let readings: Vec<_> = accepted.iter().filter(|a| a.stream == Stream::Telemetry).collect();
    for pair in readings.windows(2) {
        assert!(pair[1].first <= pair[0].last + 1 && pair[1].first >= pair[0].first, "in order: {order:?}");
    }
    gateway.alarm("d1.on", true).await;
    farm.hold();
    let expected = farm.answers() * u64::from(crate::rig::REGISTERS);
    cloud.until("every reading once", |s| s.readings == expected).await;
    assert_eq!(gateway.committed().await, expected);
    cloud.check();
}
