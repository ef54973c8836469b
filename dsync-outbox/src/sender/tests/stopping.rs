//! Stopping, and what wakes a sender that has nothing to do.

use std::time::SystemTime;

use dsync_core::IdempotencyKey;

use super::*;
use crate::{Coalescing, NewChange, Settlement};

fn change(record: &str) -> NewChange {
    NewChange {
        record: Some(record.parse().unwrap()),
        request: update(record),
        idempotency_key: IdempotencyKey::generate(),
        coalescing: Coalescing::Never,
        now: SystemTime::now(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_under_way_and_settles_it() {
    let scene = Scene::new(|_, _| Reply::accepted().after(seconds(5)));
    scene.put_many(40).await;
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(seconds(1)).await;
    sender.stop().await.unwrap();
    assert_eq!(scene.passed(), seconds(5));
    assert_eq!((scene.carrier.count(), scene.store.delivered()), (32, 32));
    assert!(!scene.store.is_leased());
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_heard_in_the_middle_of_a_long_queue() {
    let scene = Scene::new(|_, _| Reply::accepted());
    scene.store.steps_take(millis(1));
    scene.put_many(600).await;
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(millis(5)).await;
    sender.stop().await.unwrap();
    let delivered = scene.store.delivered();
    assert!((32..400).contains(&delivered), "{delivered}");
    assert_eq!(scene.carrier.count(), delivered);
}

#[tokio::test]
async fn where_all_is_ready_at_once_others_have_their_turn() {
    let scene = Scene::new(|_, _| Reply::accepted());
    scene.put_many(500).await;
    let sender = scene.sender().in_flight(1).spawn().await.unwrap();
    tokio::task::yield_now().await;
    sender.stop().await.unwrap();
    let delivered = scene.store.delivered();
    assert!(delivered < 500, "{delivered}");
}

#[tokio::test(start_paused = true)]
async fn what_is_being_claimed_when_it_is_to_stop_is_given_back() {
    let scene = Scene::new(|_, _| Reply::accepted());
    scene.store.steps_take(seconds(2));
    let id = scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(seconds(1)).await;
    sender.stop().await.unwrap();
    assert_eq!(scene.carrier.count(), 0);
    assert_eq!(scene.store.settled(id), [Settlement::Unattempted]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_handle_stops_as_gently() {
    let mut scene = Scene::new(|_, _| Reply::accepted().after(seconds(5)));
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(seconds(1)).await;
    drop(sender);
    scene.until_delivered(1).await;
    tokio::time::sleep(millis(1)).await;
    assert!(!scene.store.is_leased());
}

#[tokio::test(start_paused = true)]
async fn run_until_ends_with_what_it_is_told() {
    let scene = Scene::new(|_, _| Reply::accepted().after(seconds(5)));
    scene.put("a").await;
    let stop = tokio::time::sleep(seconds(2));
    scene.sender().run_until(stop).await.unwrap();
    assert_eq!((scene.passed(), scene.store.delivered()), (seconds(5), 1));
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_gives_the_lease_back_and_loses_nothing() {
    let scene = Scene::new(|_, attempt| match attempt {
        1 => Reply::accepted().after(seconds(100)),
        _ => Reply::accepted(),
    });
    let id = scene.put("a").await;
    let running = scene.sender().run_until(std::future::pending());
    tokio::time::timeout(seconds(1), running).await.unwrap_err();
    assert!(scene.store.settled(id).is_empty());
    let stop = tokio::time::sleep(seconds(1));
    scene.sender().run_until(stop).await.unwrap();
    assert_eq!(scene.store.delivered(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_another_program_is_seen_within_a_quarter_of_a_second() {
    let mut scene = Scene::new(|_, _| Reply::accepted());
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(millis(12_345)).await;
    scene.store.put_from_elsewhere(change("a"));
    scene.until_delivered(1).await;
    assert!(scene.passed() <= millis(12_345 + 250));
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_change_of_this_program_is_seen_at_once() {
    let mut scene = Scene::new(|_, _| Reply::accepted());
    let sender = scene.sender().poll(seconds(1_000)).spawn().await.unwrap();
    tokio::time::sleep(seconds(7)).await;
    scene.put("a").await;
    scene.until_delivered(1).await;
    assert_eq!(scene.passed(), seconds(7));
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_who_has_nothing_to_do_writes_nothing() {
    let scene = Scene::new(|_, _| Reply::accepted());
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(seconds(60)).await;
    assert_eq!(scene.store.steps().len(), 1);
    assert!((590..=601).contains(&scene.store.news_asked()));
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_has_passed_keeps_nobody_busy() {
    let scene = Scene::new(|_, _| Reply::accepted());
    scene.store.always_next(Duration::ZERO);
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(seconds(1)).await;
    let steps = scene.store.steps().len();
    assert!((2..=110).contains(&steps), "{steps}");
    sender.stop().await.unwrap();
}
