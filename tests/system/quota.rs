//! The quota: the oldest segments go, and the cloud is told which numbers will never come.

use std::path::Path;
use std::sync::Arc;

use gatehouse::clock::{Clock, SystemClock};
use gatehouse::model::id::PointIx;
use gatehouse::model::journal::Stream;
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{Reading, Value};
use gatehouse::store::StoreConfig;

use crate::cloud::Cloud;
use crate::farm::Farm;
use crate::rig::{Plan, Site, until};

const QUOTA: u64 = 16 << 20;

/// Fills the outbox with readings that do not compress, as a gateway without a cloud would over months.
async fn fill(data: &Path, readings: usize) {
    let config = StoreConfig { path: data.to_owned(), size_max: QUOTA, ..StoreConfig::default() };
    let keys = (0..50).map(|n| Arc::from(format!("d0.p{n}"))).collect();
    let store = gatehouse::store::open(&config, keys, Arc::new(SystemClock)).unwrap();
    store.handle.set_upstreams(vec!["cloud".to_owned()]).await;
    let mut random = fastrand::Rng::with_seed(7);
    let mut made = 0;
    while made < readings {
        let at = SystemClock.boot();
        let one = |p| Reading {
            point: PointIx(p),
            quality: Quality::Good,
            at,
            source_ms: None,
            value: Value::Number(random.f64() * 1e6),
        };
        let some: Vec<_> = (0..4000)
            .map(|n| n % 50)
            .map({
                let mut one = one;
                move |p| one(p)
            })
            .collect();
        made += some.len();
        store.handle.append(some, vec![]).await;
    }
    store.handle.flush().await.unwrap();
    store.handle.close().await;
}

#[tokio::test]
async fn the_oldest_goes_and_the_cloud_is_told_what_will_never_come() {
    let (farm, cloud) = (Farm::start(1).await, Cloud::start().await);
    let plan = Plan {
        ports: &farm.ports,
        cloud: Some(cloud.url.clone()),
        every: "100ms",
        timeout: "60s",
        store: "max_size = \"16MiB\"",
    };
    let site = Site::new(&plan);
    let made = 2_400_000;
    fill(&site.data, made).await;
    let segments = std::fs::read_dir(site.data.join("log")).unwrap().count();
    let bytes: u64 =
        std::fs::read_dir(site.data.join("log")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    println!("{segments} segments of together {} MiB", bytes >> 20);
    assert!(segments > 3 && bytes < QUOTA, "{segments} files, {bytes} bytes");

    let gateway = site.run().await;
    let summary = cloud.until("what is left, and the rest declared", |s| {
        let all =
            s.streams.iter().find(|s| s.stream == Stream::Telemetry).map_or(0, |s| s.received + s.declared_missing);
        all > made as u64 && s.holes.is_empty()
    });
    let summary = summary.await;
    let telemetry = summary.streams.iter().find(|s| s.stream == Stream::Telemetry).unwrap();
    println!("{summary}");
    assert!(telemetry.declared_missing > 100_000 && telemetry.received > 100_000, "{summary}");
    let health = until("health", || gateway.try_get("/api/v1/health")).await;
    assert!(health["store"]["bytes"].as_u64().unwrap() <= QUOTA, "{health}");
    cloud.check();
}
