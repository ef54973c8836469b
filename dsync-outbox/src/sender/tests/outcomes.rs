//! What becomes of a change by how its attempt ends.

use dsync_core::TransportErrorKind;
use dsync_core::retry::RetryPolicy;

use super::*;
use crate::{AfterRefusal, Settlement};

#[tokio::test(start_paused = true)]
async fn what_is_accepted_is_delivered() {
    let mut scene = Scene::new(|_, _| Reply::accepted());
    let id = scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    let event = scene.next().await;
    assert!(
        matches!(&event, Event::Delivered { id: told, process_id } if *told == id && process_id.as_deref() == Some("p-1"))
    );
    let process_id = Some("p-1".to_owned());
    assert_eq!(
        scene.store.settled(id),
        [Settlement::Delivered { process_id }]
    );
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_told_only_when_it_is_on_stable_storage() {
    let mut scene = Scene::new(|_, _| Reply::accepted());
    scene.store.steps_take(seconds(3));
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    assert!(matches!(scene.next().await, Event::Delivered { .. }));
    assert_eq!(scene.store.delivered(), 1);
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_an_end_is_woken() {
    let scene = Scene::new(|_, _| Reply::accepted());
    let mut bell = Box::pin(scene.outbox.shared.ended.notified());
    bell.as_mut().enable();
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    bell.await;
    assert_eq!(scene.store.delivered(), 1);
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_changes_of_a_record_go_one_after_the_other() {
    let mut scene = Scene::new(|_, _| Reply::accepted().after(seconds(1)));
    for _ in 0..3 {
        scene.put("a").await;
    }
    let sender = scene.sender().spawn().await.unwrap();
    scene.until_delivered(3).await;
    assert_eq!(
        (scene.passed(), scene.carrier.most_in_flight()),
        (seconds(3), 1)
    );
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn so_many_go_at_once_and_no_more() {
    let mut scene = Scene::new(|_, _| Reply::accepted().after(seconds(1)));
    scene.put_many(20).await;
    let sender = scene.sender().in_flight(5).spawn().await.unwrap();
    scene.until_delivered(20).await;
    assert_eq!(
        (scene.passed(), scene.carrier.most_in_flight()),
        (seconds(4), 5)
    );
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_ends_together_is_settled_together() {
    let mut scene = Scene::new(|_, _| Reply::accepted().after(seconds(1)));
    scene.put_many(32).await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until_delivered(32).await;
    let settling = scene.store.steps();
    let settling = settling.iter().filter(|step| !step.settled.is_empty());
    assert!(settling.count() <= 2);
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn attempts_go_on_while_the_store_takes_its_time() {
    let scene = Scene::new(|_, _| Reply::accepted().after(seconds(2)));
    scene.store.steps_take(seconds(10));
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(seconds(11)).await;
    assert_eq!(scene.carrier.in_flight(), 1);
    scene.put("b").await;
    // A step is under way from second 10 to 20, and the attempt ends at 12.
    tokio::time::sleep(seconds(4)).await;
    assert_eq!(scene.carrier.in_flight(), 0);
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_tried_again_after_a_pause() {
    let mut scene = Scene::new(|_, attempt| match attempt {
        1 => Reply::no_answer(TransportErrorKind::Timeout),
        2 => Reply::refused(503),
        _ => Reply::accepted(),
    });
    let id = scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    let events = scene
        .until(|event| matches!(event, Event::Delivered { .. }))
        .await;
    let [
        Event::Retrying {
            attempt: 1,
            failure: first,
            ..
        },
        Event::Retrying {
            attempt: 2,
            failure: second,
            ..
        },
        Event::Delivered { .. },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(first.message, "no answer came in time");
    assert_eq!((second.status, &*second.message), (Some(503), "no 503"));
    let settled = scene.store.settled(id);
    assert!(matches!(&settled[1], Settlement::Again { failure, .. } if failure == second));
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_dead_with_the_platforms_words() {
    let mut scene = Scene::new(|_, _| Reply::refused(400));
    let id = scene.put("a").await;
    let behind = scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    let event = scene.next().await;
    assert!(matches!(&event, Event::Dead { id: told, holds: true, .. } if *told == id));
    let failure = scene.store.failure(id);
    assert_eq!((failure.status, &*failure.message), (Some(400), "no 400"));
    assert_eq!(failure.detail.as_deref(), Some(r#"{"a":1}"#));
    tokio::time::sleep(seconds(60)).await;
    assert!(scene.store.settled(behind).is_empty());
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_program_may_let_later_changes_pass() {
    let mut scene = Scene::new(|_, attempt| match attempt {
        1 => Reply::refused(422),
        _ => Reply::accepted(),
    });
    scene.put("a").await;
    scene.put("a").await;
    let decide = |claimed: &crate::Claimed, failure: &crate::Failure| {
        assert_eq!((claimed.attempt, failure.status), (1, Some(422)));
        AfterRefusal::Pass
    };
    let sender = scene.sender().after_refusal(decide).spawn().await.unwrap();
    assert!(matches!(
        scene.next().await,
        Event::Dead { holds: false, .. }
    ));
    assert!(matches!(scene.next().await, Event::Delivered { .. }));
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_panics_holds_what_follows() {
    let mut scene = Scene::new(|record, _| match record {
        "a" => Reply::refused(400),
        _ => Reply::accepted(),
    });
    scene.put("a").await;
    let sender = scene.sender().after_refusal(|_, _| panic!("no decision"));
    let sender = sender.spawn().await.unwrap();
    assert!(matches!(
        scene.next().await,
        Event::Dead { holds: true, .. }
    ));
    scene.put("b").await;
    assert!(matches!(scene.next().await, Event::Delivered { .. }));
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn attempts_and_deadline_come_to_an_end_where_the_policy_says_so() {
    let mut scene = Scene::new(|_, _| Reply::refused(500));
    let used_up = scene.put("a").await;
    let policy = RetryPolicy::new().with_max_attempts(2);
    let sender = scene.sender().retry(policy).spawn().await.unwrap();
    scene
        .until(|event| matches!(event, Event::Dead { .. }))
        .await;
    let failure = scene.store.failure(used_up);
    assert_eq!(failure.message, "given up after 2 attempts: no 500");

    let late = scene.put("b").await;
    scene.store.began_long_ago(late, seconds(100));
    scene
        .until(|event| matches!(event, Event::Dead { .. }))
        .await;
    let failure = scene.store.failure(late);
    assert_eq!(
        failure.message,
        "given up after 1 attempts, at the deadline: no 500"
    );
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_create_that_may_have_taken_effect_is_dead_if_it_is_not_to_be_repeated() {
    let mut scene = Scene::new(|record, attempt| match (record, attempt) {
        ("not-sent", 1) => Reply::no_connection(),
        ("not-sent", _) => Reply::accepted(),
        _ => Reply::no_answer(TransportErrorKind::Broken),
    });
    let id = scene.outbox.send(create("sent")).await.unwrap();
    let id = id.id().unwrap();
    let sender = scene.sender().retry_creates(false).spawn().await.unwrap();
    scene
        .until(|event| matches!(event, Event::Dead { .. }))
        .await;
    let failure = scene.store.failure(id);
    assert!(failure.message.starts_with("it may have taken effect"));
    let _kept = scene.outbox.send(create("not-sent")).await.unwrap();
    scene.until_delivered(1).await;
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_panics_takes_nobody_down() {
    let mut scene = Scene::new(|record, attempt| match (record, attempt) {
        ("bad", 1) => Reply::panic(),
        _ => Reply::accepted(),
    });
    let bad = scene.put("bad").await;
    scene.put("good").await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until_delivered(2).await;
    let settled = scene.store.settled(bad);
    let Settlement::Again { failure, .. } = &settled[0] else {
        panic!("{settled:?}")
    };
    assert_eq!(
        failure.message,
        "the attempt panicked: the carrier is broken"
    );
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn long_texts_are_cut() {
    let mut scene = Scene::new(|_, _| {
        let message = "ä".repeat(5_000);
        let detail = "x".repeat(100_000);
        let body = format!(r#"{{"status":400,"message":"{message}","detail":"{detail}"}}"#);
        Reply::text(400, body)
    });
    let id = scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.next().await;
    let failure = scene.store.failure(id);
    assert_eq!(failure.message.chars().count(), 1_004);
    assert_eq!(failure.detail, None);
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_forgotten_in_small_steps() {
    let scene = Scene::new(|_, _| Reply::accepted());
    scene.store.make_forgettable(1_200);
    let now = std::time::SystemTime::now();
    let sender = scene
        .sender()
        .remember(Duration::ZERO)
        .spawn()
        .await
        .unwrap();
    tokio::time::sleep(seconds(30)).await;
    let forgotten = scene.store.forgotten();
    assert_eq!(forgotten.len(), 3);
    for (before, _) in forgotten {
        // A minute at least, whatever was said.
        let kept = (now - seconds(60)).duration_since(before);
        assert!(
            kept.is_ok_and(|kept| kept < seconds(5)) || before - seconds(5) < now - seconds(60)
        );
    }
    tokio::time::sleep(seconds(600)).await;
    assert!((12..=15).contains(&scene.store.forgotten().len()));
    sender.stop().await.unwrap();
}
