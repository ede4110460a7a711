//! Nothing is lost between the wire, the store and the cloud: counts are equal at all three.

use std::time::Duration;

use crate::cloud::Cloud;
use crate::farm::Farm;
use crate::rig::{Plan, REGISTERS, Site, load_for, long, until};

#[tokio::test]
async fn readings_on_the_wire_in_the_store_and_at_the_cloud_are_the_same() {
    let (devices, seconds) = if long() { (100, 600) } else { (10, 20) };
    let (farm, cloud) = (Farm::start(devices).await, Cloud::start().await);
    let site =
        Site::new(&Plan { ports: &farm.ports, cloud: Some(cloud.url.clone()), every: "1s", timeout: "60s", store: "" });
    let gateway = site.run().await;
    let warm = Duration::from_secs(seconds / 10);
    load_for(warm).await;
    let rss_early = gateway.rss_mib();
    load_for(Duration::from_secs(seconds).saturating_sub(warm)).await;
    let rss_late = gateway.rss_mib();
    let missed = gateway.links("missed").await;
    farm.hold();

    let answers = farm.answers();
    let expected = answers * u64::from(REGISTERS);
    println!("{devices} devices, {seconds} s: {answers} polls, {expected} readings; missed scans {missed}");
    println!("resident memory {rss_early:.1} MiB after {} s, {rss_late:.1} MiB at the end", warm.as_secs());
    assert_eq!(missed, 0, "missed scans");
    assert!(answers >= devices as u64 * (seconds - 2), "{answers} answers are too few");
    until("all readings committed", || async {
        let now = gateway.committed().await;
        if now >= expected { Ok(()) } else { Err(format!("{now} of {expected}")) }
    })
    .await;
    cloud.until("all readings at the cloud", |s| s.readings >= expected).await;

    let summary = cloud.handle.summary();
    assert_eq!((gateway.committed().await, summary.readings), (expected, expected), "{summary}");
    let points = cloud.handle.points();
    assert_eq!(points.len(), devices * usize::from(REGISTERS));
    for (ix, device) in farm.devices.iter().enumerate() {
        let answers = device.answers.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(points[&format!("d{ix}.p0")], answers, "device {ix}");
    }
    for figure in ["timeouts", "refusals", "rejects"] {
        assert_eq!(gateway.links(figure).await, 0, "{figure}");
    }
    assert_eq!(gateway.get("/api/v1/health").await["store"]["readings_dropped"], 0);
    cloud.check();
    if long() {
        assert!(rss_late < rss_early * 1.15 + 2.0, "resident memory grew from {rss_early} to {rss_late} MiB");
    }
}
