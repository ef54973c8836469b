//! A store that fails.

use super::*;
use crate::{Settlement, StoreErrorKind};

#[tokio::test(start_paused = true)]
async fn after_a_fault_that_passes_everything_is_settled_once() {
    let mut scene = Scene::new(|_, _| Reply::accepted().after(seconds(1)));
    scene.put_many(40).await;
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(millis(500)).await;
    scene.store.fail([StoreErrorKind::Full; 6]);
    let events = scene
        .until(|event| matches!(event, Event::Delivered { .. }))
        .await;
    let faults = events
        .iter()
        .filter(|event| matches!(event, Event::StoreFailed { .. }));
    assert_eq!(faults.count(), 1, "{events:?}");
    // 250 ms, 500 ms, 1 s, 2 s, 4 s and 5 s after the end of the attempts.
    assert_eq!(scene.passed(), millis(1_000 + 12_750));
    scene.until_delivered(39).await;
    let steps = scene.store.steps();
    let failed: Vec<_> = steps.iter().filter(|step| !step.is_done).collect();
    assert_eq!(failed.len(), 6);
    // What cannot be settled is not joined by more that is claimed.
    assert!(failed[1..].iter().all(|step| step.limit == 0));
    let number = |number| crate::ChangeId::new(number).unwrap();
    for id in 1..=40 {
        assert_eq!(scene.store.settled(number(id)).len(), 1);
    }
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_spell_of_faults_is_told() {
    let mut scene = Scene::new(|_, _| Reply::accepted());
    let sender = scene.sender().spawn().await.unwrap();
    for record in ["a", "b"] {
        tokio::time::sleep(seconds(1)).await;
        scene
            .store
            .fail([StoreErrorKind::Busy, StoreErrorKind::ReadOnly]);
        scene.put(record).await;
        let events = scene
            .until(|event| matches!(event, Event::Delivered { .. }))
            .await;
        assert!(
            matches!(&events[..], [Event::StoreFailed { error }, Event::Delivered { .. }] if error.kind() == StoreErrorKind::Busy)
        );
    }
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_final_fault_is_the_end() {
    for kind in [StoreErrorKind::NotSynced, StoreErrorKind::Damaged] {
        let mut scene = Scene::new(|_, _| Reply::accepted());
        let id = scene.put("a").await;
        scene.store.steps_take(seconds(1));
        let sender = scene.sender().spawn().await.unwrap();
        tokio::time::sleep(millis(1_500)).await;
        scene.store.fail([kind]);
        let event = scene.next().await;
        assert!(matches!(&event, Event::StoreFailed { error } if error.kind() == kind));
        tokio::time::sleep(seconds(60)).await;
        assert!(!scene.store.is_leased());
        assert!(scene.store.settled(id).is_empty());
        assert_eq!(sender.stop().await.unwrap_err().kind(), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_a_fault_some_time_to_pass() {
    let scene = Scene::new(|_, _| Reply::accepted().after(seconds(1)));
    let id = scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(millis(500)).await;
    scene.store.fail([StoreErrorKind::Busy; 3]);
    sender.stop().await.unwrap();
    assert!(matches!(
        scene.store.settled(id)[..],
        [Settlement::Delivered { .. }]
    ));
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_ever_for_a_fault_to_pass() {
    let scene = Scene::new(|_, _| Reply::accepted().after(seconds(1)));
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(millis(500)).await;
    scene.store.fail([StoreErrorKind::Full; 1_000]);
    let error = sender.stop().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    assert!(scene.passed() < seconds(20));
}
