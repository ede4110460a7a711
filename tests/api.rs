//! The API and the page over real sockets: resume without loss or doubles, answers, limits, refusals, words.

#[path = "api/fixture.rs"]
mod fixture;

use std::time::Duration;

#[tokio::test]
async fn a_world_for_a_browser() {
    let world = fixture::busy();
    let port = std::env::var("GATEHOUSE_PAGE_PORT").ok().and_then(|p| p.parse().ok());
    let served = fixture::start_at(&world, port.unwrap_or(0)).await;
    if port.is_some() {
        play(&world).await;
    }
    assert!(reqwest::get(&served.base).await.unwrap().status().is_success());
}

/// For `tests/browser`: something happens every few seconds, until the terminal is interrupted.
async fn play(world: &std::sync::Arc<fixture::World>) {
    use gatehouse::model::alarm::Level;
    loop {
        tokio::time::sleep(Duration::from_secs(6)).await;
        let smoke = world.raise("smoke_3_1201", "smoke", Level::Life, fixture::smoke(), None);
        let acknowledged = async {
            while world.live.alarms().iter().any(|a| a.id == smoke.id && a.acknowledged.is_none()) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(45), acknowledged).await;
        tokio::time::sleep(Duration::from_secs(if waited.is_ok() { 4 } else { 0 })).await;
        let now = gatehouse::clock::Clock::anchor(&gatehouse::clock::SystemClock).wall.0;
        world.clear(&smoke.id, now);
        if waited.is_err() {
            world.answer(&smoke.id, "值班员", "", now).unwrap();
        }
    }
}
