//! One sender at a time.

use super::*;
use crate::StoreErrorKind;

#[tokio::test(start_paused = true)]
async fn a_second_sender_is_refused() {
    let scene = Scene::new(|_, _| Reply::accepted());
    let first = scene.sender().spawn().await.unwrap();
    let leased = StoreErrorKind::Leased;
    assert_eq!(scene.sender().spawn().await.unwrap_err().kind(), leased);
    assert_eq!(scene.sender().spawn_thread().unwrap_err().kind(), leased);
    let running = scene.sender().run_until(std::future::pending());
    assert_eq!(running.await.unwrap_err().kind(), leased);
    first.stop().await.unwrap();
    scene.sender().spawn().await.unwrap().stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_who_stands_by_takes_over() {
    let mut scene = Scene::new(|_, _| Reply::accepted());
    let first = scene.sender().spawn().await.unwrap();
    let second = scene.sender().standby(true).spawn().await.unwrap();
    tokio::time::sleep(seconds(60)).await;
    first.stop().await.unwrap();
    scene.put("a").await;
    scene.until_delivered(1).await;
    assert!(scene.passed() <= seconds(60) + millis(250));
    second.stop().await.unwrap();
    assert!(!scene.store.is_leased());
}

#[tokio::test(start_paused = true)]
async fn one_who_stands_by_can_be_stopped() {
    let scene = Scene::new(|_, _| Reply::accepted());
    let first = scene.sender().spawn().await.unwrap();
    let second = scene.sender().standby(true).spawn().await.unwrap();
    second.stop().await.unwrap();
    let stop = tokio::time::sleep(seconds(1));
    scene.sender().standby(true).run_until(stop).await.unwrap();
    first.stop().await.unwrap();
}

#[test]
fn a_thread_sends_for_programs_without_a_runtime() {
    // The platform of this test counts its time by Tokio's clock, which needs no runtime.
    let scene = Scene::new(|_, _| Reply::accepted());
    pollster::block_on(scene.put("a"));
    let sender = scene.sender().spawn_thread().unwrap();
    pollster::block_on(async {
        let mut scene = scene;
        scene.until_delivered(1).await;
        sender.stop_blocking().unwrap();
        assert!(!scene.store.is_leased());
    });
}
