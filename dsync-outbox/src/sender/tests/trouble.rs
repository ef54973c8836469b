//! A platform that is in trouble, or not there.

use super::*;
use crate::Settlement;
use crate::sender::course::Moment;
use crate::sender::hold::Hold;

fn is_waiting(event: &Event) -> bool {
    matches!(event, Event::Waiting { .. })
}

/// When the attempts began.
fn times(scene: &Scene) -> Vec<Duration> {
    let attempts = scene.carrier.attempts();
    attempts.into_iter().map(|(_, at)| at).collect()
}

#[tokio::test(start_paused = true)]
async fn what_the_platform_asks_for_holds_all() {
    let mut scene = Scene::new(|record, attempt| match (record, attempt) {
        ("a", 1) => Reply::refused(429).retry_after(30),
        _ => Reply::accepted(),
    });
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    let events = scene.until(is_waiting).await;
    assert!(matches!(&events[..], [Event::Waiting { pause, .. }] if *pause == seconds(30)));
    scene.put_many(5).await;
    scene.until_delivered(6).await;
    let attempts = scene.carrier.attempts();
    assert!(attempts[1..].iter().all(|(_, at)| *at >= seconds(30)));
    assert!(scene.passed() < seconds(31));
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_success_of_another_does_not_end_what_the_platform_asks_for() {
    let mut scene = Scene::new(|record, attempt| match (record, attempt) {
        ("a", 1) => Reply::refused(503).retry_after(30),
        ("b", _) => Reply::accepted().after(seconds(2)),
        _ => Reply::accepted(),
    });
    scene.put("a").await;
    scene.put("b").await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until_delivered(1).await;
    scene.put("c").await;
    scene.until_delivered(2).await;
    assert!(
        scene.carrier.attempts()[2..]
            .iter()
            .all(|(_, at)| *at >= seconds(30))
    );
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_is_asked_by_one_change_every_few_seconds() {
    let scene = Scene::new(|_, _| Reply::no_connection());
    scene.put_many(100).await;
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(seconds(3_600)).await;
    let count = scene.carrier.count();
    // 32 at first; then one, with pauses of 5 seconds in the mean.
    assert!((300..1_500).contains(&count), "{count}");
    scene.carrier.reset_most();
    tokio::time::sleep(seconds(600)).await;
    assert_eq!(scene.carrier.most_in_flight(), 1);
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_gives_up_early_does_not_burn_a_queue_at_full_speed() {
    let scene = Scene::new(|_, _| Reply::no_connection());
    scene.put_many(100).await;
    let sender = scene
        .sender()
        .retry(dsync_core::retry::RetryPolicy::never());
    let sender = sender.spawn().await.unwrap();
    tokio::time::sleep(seconds(60)).await;
    let count = scene.carrier.count();
    assert!(count < 90, "{count}");
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_back_gets_all_at_once() {
    let up_at = seconds(3_600);
    let began = tokio::time::Instant::now();
    let mut scene = Scene::new(move |_, _| {
        if began.elapsed() < up_at {
            Reply::no_connection()
        } else {
            Reply::accepted()
        }
    });
    scene.put_many(100).await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until_delivered(100).await;
    // Ten seconds at most until it is found out, and no change waits for its own pause then.
    assert!(scene.passed() < up_at + seconds(11), "{:?}", scene.passed());
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waiting_is_told_once_a_round() {
    let mut scene = Scene::new(|_, _| Reply::no_connection().after(seconds(1)));
    scene.put_many(32).await;
    let sender = scene.sender().spawn().await.unwrap();
    let events = scene
        .until(|event| matches!(event, Event::Retrying { .. }))
        .await;
    assert_eq!(events.iter().filter(|event| is_waiting(event)).count(), 1);
    let Event::Waiting { pause, .. } = &events[0] else {
        panic!("{events:?}")
    };
    // 32 failures at once are one round of backoff.
    assert!(*pause < millis(200), "{pause:?}");
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn three_failures_in_a_row_make_it_careful_until_one_is_accepted() {
    let mut scene = Scene::new(|record, attempt| match (record, attempt) {
        ("x-0" | "x-1" | "x-2", 1) => Reply::refused(500),
        _ => Reply::accepted().after(seconds(1)),
    });
    for number in 0..3 {
        scene.put(&format!("x-{number}")).await;
    }
    let sender = scene.sender().spawn().await.unwrap();
    scene.until(is_waiting).await;
    scene.put_many(10).await;
    scene.until_delivered(13).await;
    let times = times(&scene);
    assert_eq!(times[4] - times[3], seconds(1));
    assert_eq!(times[4], times[13]);
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_dsyncs_form_ends_the_care_and_another_does_not() {
    for (body, apart) in [
        (r#"{"status":400,"message":"no"}"#, seconds(0)),
        ("<html>", seconds(1)),
    ] {
        let mut scene = Scene::new(move |record, attempt| match (record, attempt) {
            ("x-0" | "x-1" | "x-2", 1) => Reply::refused(500),
            ("first", _) => Reply::text(400, body),
            _ => Reply::accepted().after(seconds(1)),
        });
        for number in 0..3 {
            scene.put(&format!("x-{number}")).await;
        }
        let sender = scene.sender().spawn().await.unwrap();
        scene.until(is_waiting).await;
        scene.put("first").await;
        scene.put_many(3).await;
        scene.until_delivered(2).await;
        let times = times(&scene);
        assert_eq!(times[5] - times[4], apart, "{body}");
        sender.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_our_own_first_attempt_is_no_trouble_of_the_platform() {
    let mut scene = Scene::new(|_, attempt| match attempt {
        1 => Reply::refused(500),
        2..=6 => Reply::refused(409),
        _ => Reply::accepted(),
    });
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    let events = scene
        .until(|event| matches!(event, Event::Delivered { .. }))
        .await;
    assert!(!events.iter().any(is_waiting), "{events:?}");
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_key_nothing_is_sent_and_nothing_counts_as_attempted() {
    let mut scene = Scene::new(|_, attempt| match attempt {
        1..=5 => Reply::no_key(),
        _ => Reply::accepted(),
    });
    let id = scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    let events = scene
        .until(|event| matches!(event, Event::Delivered { .. }))
        .await;
    let waits = events.iter().filter(|event| is_waiting(event)).count();
    assert_eq!((waits, events.len()), (5, 6));
    let Event::Waiting { failure, .. } = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!(
        failure.message,
        "there is no API key to send: the vault is sealed"
    );
    assert_eq!(
        scene.store.settled(id)[..5],
        [const { Settlement::Unattempted }; 5]
    );
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn resume_ends_a_wait() {
    let mut scene = Scene::new(|record, attempt| match (record, attempt) {
        ("a", 1) => Reply::refused(429).retry_after(3_600),
        _ => Reply::accepted(),
    });
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until(is_waiting).await;
    scene.put("b").await;
    tokio::time::sleep(seconds(60)).await;
    sender.resume();
    scene.until_delivered(1).await;
    assert_eq!(scene.passed(), seconds(60));
    sender.stop().await.unwrap();
}

#[test]
fn attempts_that_fail_together_are_one_round_of_backoff() {
    let mut hold = Hold::default();
    let now = Moment {
        elapsed: Duration::ZERO,
        date: std::time::SystemTime::UNIX_EPOCH,
        random: u64::MAX,
    };
    for limit in [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000] {
        let began_at = hold.count();
        for _ in 0..32 {
            hold.back_off(began_at, now);
        }
        let until = hold.until();
        assert!(
            until <= millis(limit) && millis(limit) - until < millis(1),
            "{until:?}"
        );
    }
    hold.end_backing_off();
    hold.back_off(hold.count(), now);
    assert!(hold.until() <= millis(200));
}
