//! The key is refused, or the way to the platform.

use super::*;
use crate::Settlement;

fn until_then(end: Duration, status: u16) -> impl Fn(&str, u32) -> Reply + Send + Sync {
    let began = tokio::time::Instant::now();
    move |_, _| {
        if began.elapsed() < end {
            Reply::refused(status)
        } else {
            Reply::accepted()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_or_way_pauses_the_queue_and_kills_nothing() {
    for status in [401, 403, 407, 301, 302, 307, 308] {
        let mut scene = Scene::new(move |_, _| Reply::refused(status));
        scene.put_many(100).await;
        let sender = scene.sender().spawn().await.unwrap();
        scene.until(is_paused).await;
        tokio::time::sleep(seconds(200)).await;
        assert!(sender.is_paused());
        assert!(scene.carrier.count() <= 32, "{status}");
        let is_again = |step: &Settlement| matches!(step, Settlement::Again { .. });
        for step in scene.store.steps() {
            assert!(
                step.settled.iter().all(|(_, how)| is_again(how)),
                "{status}"
            );
        }
        sender.stop().await.unwrap();
        drop(scene.outbox);
        let mut others = 0;
        while let Some(event) = scene.events.next().await {
            others += usize::from(is_paused(&event) || is_resumed(&event));
        }
        assert_eq!(others, 0, "it is told once");
    }
}

/// A wrong address must not make a dead letter of all that there is.
#[tokio::test(start_paused = true)]
async fn a_page_of_another_server_is_no_refusal_of_a_change() {
    for (status, body, pauses) in [
        (404, "<html>nothing here</html>", true),
        (405, "Method Not Allowed", true),
        (404, r#"{"status":404,"message":"no such entity"}"#, false),
        (404, "", false),
        (400, "<html>the firewall minds a word</html>", false),
        (413, "<html>too large</html>", false),
    ] {
        let mut scene = Scene::new(move |_, _| Reply::text(status, body));
        scene.put("a").await;
        let sender = scene.sender().spawn().await.unwrap();
        let is_told = |event: &Event| is_paused(event) || matches!(event, Event::Dead { .. });
        let told = scene.until(is_told).await;
        assert_eq!(
            told.last().is_some_and(is_paused),
            pauses,
            "{status} {body}"
        );
        if let Some(Event::Paused { failure }) = told.last() {
            assert!(failure.message.starts_with("another server answered"));
        }
        sender.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_when_there_is_another_key() {
    let mut scene = Scene::new(until_then(seconds(60), 401));
    scene.put_many(40).await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until(is_paused).await;
    tokio::time::sleep(seconds(61)).await;
    let checks: Vec<u64> = scene
        .carrier
        .key_checks()
        .iter()
        .map(Duration::as_secs)
        .collect();
    assert_eq!(checks, [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60]);
    scene.carrier.has_new_key_from_now_on();
    scene.until(is_resumed).await;
    scene.until_delivered(40).await;
    assert!(scene.passed() <= seconds(66));
    assert!(!sender.is_paused());
    sender.stop().await.unwrap();
}

/// A key that was replaced long ago is another one for ever.
#[tokio::test(start_paused = true)]
async fn another_key_is_no_way_around_a_redirect() {
    let mut scene = Scene::new(|_, _| Reply::refused(302));
    scene.carrier.has_new_key_from_now_on();
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until(is_paused).await;
    tokio::time::sleep(seconds(1000)).await;
    assert!(sender.is_paused());
    // The first one, and a probe every five minutes.
    assert_eq!(scene.carrier.count(), 4);
    assert!(scene.carrier.key_checks().is_empty());
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_when_somebody_says_so() {
    let mut scene = Scene::new(until_then(seconds(60), 403));
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until(is_paused).await;
    tokio::time::sleep(seconds(62)).await;
    sender.resume();
    scene.until(is_resumed).await;
    scene.until_delivered(1).await;
    assert_eq!(scene.passed(), seconds(62));
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_change_tries_all_the_same_and_shows_that_the_way_is_free() {
    let mut scene = Scene::new(until_then(seconds(700), 403));
    scene.put_many(50).await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until(is_paused).await;
    scene.until(is_resumed).await;
    assert_eq!(scene.passed(), seconds(900));
    // 32 at first, of which at least one was under way; probes at 300, 600 and 900.
    let probes = scene.carrier.attempts();
    let probes: Vec<u64> = probes
        .iter()
        .map(|(_, at)| at.as_secs())
        .filter(|at| *at > 0)
        .collect();
    assert_eq!(probes[..3], [300, 600, 900]);
    scene.until_delivered(50).await;
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_refused_for_another_reason_ends_the_pause() {
    let mut scene = Scene::new(|record, attempt| match (record, attempt) {
        ("a", 1) => Reply::refused(403),
        ("a", _) => Reply::refused(400),
        _ => Reply::accepted(),
    });
    scene.put("a").await;
    let sender = scene.sender().spawn().await.unwrap();
    let events = scene
        .until(|event| matches!(event, Event::Dead { .. }))
        .await;
    assert!(events.iter().any(is_resumed));
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_an_answer_shows_nothing_and_is_not_repeated_at_once() {
    type Answer = fn() -> Reply;
    let answers: [Answer; 3] = [Reply::no_connection, || Reply::refused(503), Reply::no_key];
    for answer in answers {
        let mut scene = Scene::new(move |_, attempt| match attempt {
            1 => Reply::refused(403),
            _ => answer(),
        });
        scene.put("a").await;
        let sender = scene.sender().spawn().await.unwrap();
        scene.until(is_paused).await;
        tokio::time::sleep(seconds(1_000)).await;
        assert!(sender.is_paused());
        assert_eq!(scene.carrier.count(), 4);
        sender.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_waits_for_what_the_platform_asks_for() {
    let mut scene = Scene::new(|record, attempt| match (record, attempt) {
        ("limited", 1) => Reply::refused(429).retry_after(1_000),
        ("refused", 1) => Reply::refused(403),
        _ => Reply::accepted(),
    });
    scene.put("limited").await;
    scene.put("refused").await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until(is_paused).await;
    scene.until(is_resumed).await;
    assert!(scene.passed() >= seconds(1_000));
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_of_the_old_key_does_not_pause_again() {
    let mut scene = Scene::new(|record, attempt| match (record, attempt) {
        ("quick", 1) => Reply::refused(401),
        ("slow", 1) => Reply::refused(401).after(seconds(20)),
        _ => Reply::accepted(),
    });
    scene.put("quick").await;
    let slow = scene.put("slow").await;
    let sender = scene.sender().spawn().await.unwrap();
    scene.until(is_paused).await;
    sender.resume();
    let events = scene
        .until(|event| matches!(event, Event::Delivered { id, .. } if *id == slow))
        .await;
    assert!(!events.iter().any(is_paused), "{events:?}");
    sender.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_to_an_attempt_from_before_does_not_end_the_pause() {
    for status in [200, 400] {
        let mut scene = Scene::new(move |record, _| match record {
            "slow" if status == 200 => Reply::accepted().after(seconds(20)),
            "slow" => Reply::refused(400).after(seconds(20)),
            _ => Reply::refused(401),
        });
        scene.put("quick").await;
        scene.put("slow").await;
        let sender = scene.sender().spawn().await.unwrap();
        scene.until(is_paused).await;
        tokio::time::sleep(seconds(30)).await;
        assert_eq!(
            (sender.is_paused(), scene.carrier.count()),
            (true, 2),
            "{status}"
        );
        sender.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_being_claimed_when_the_pause_began_is_given_back() {
    let mut scene = Scene::new(|record, _| match record {
        "first" => Reply::refused(401).after(seconds(1)),
        _ => Reply::accepted(),
    });
    scene.store.steps_take(seconds(2));
    scene.put("first").await;
    let sender = scene.sender().spawn().await.unwrap();
    tokio::time::sleep(millis(2_500)).await;
    // Claimed from 2.5 to 4.5; the answer comes at 3.
    let later = scene.put("later").await;
    scene.until(is_paused).await;
    tokio::time::sleep(seconds(20)).await;
    assert_eq!(scene.carrier.count(), 1);
    assert_eq!(scene.store.settled(later), [Settlement::Unattempted]);
    sender.stop().await.unwrap();
}
