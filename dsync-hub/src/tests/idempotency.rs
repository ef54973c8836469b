//! A change that comes more than once with its idempotency key.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dsync_core::wire::RealtimeRequest;
use dsync_core::{EntityId, IdempotencyKey};
use http::{Request, Response};
use proptest::prelude::*;

use super::socket::{exchange, head, hub};
use super::{json, platform, request};
use crate::answered::Accepted;
use crate::idempotency::{Begin, Fingerprint, KEPT_FOR, KeptAnswers};
use crate::platform::Platform;

const S1: &str = r#"{"sku":"S-1"}"#;

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).unwrap()
}

fn fingerprint(body: &'static str) -> Fingerprint {
    Fingerprint::of(&RealtimeRequest::create(
        "token-product".parse().unwrap(),
        body,
    ))
}

fn accepted(process_id: &str) -> Accepted {
    Accepted {
        process_id: process_id.to_owned(),
        unknown_keys: vec!["product.colour".to_owned()],
    }
}

fn is_replayed(response: &Response<Bytes>) -> bool {
    let header = response.headers().get("idempotency-replayed");
    header.inspect(|value| assert_eq!(*value, "true")).is_some()
}

mod kept_answers {
    use super::*;

    #[test]
    fn a_key_is_in_progress_then_answered() {
        let (mut answers, now) = (KeptAnswers::default(), Instant::now());
        let (k1, one) = (key("k1"), fingerprint("1"));
        assert_eq!(answers.begin(&k1, one, now), Begin::New);
        assert_eq!(answers.begin(&k1, one, now), Begin::InProgress);
        assert_eq!(
            answers.begin(&k1, fingerprint("2"), now),
            Begin::OtherRequest
        );
        assert_eq!(answers.begin(&key("k2"), one, now), Begin::New);

        answers.finish(&k1, Some(accepted("p")), now);
        for _ in 0..3 {
            assert_eq!(answers.begin(&k1, one, now), Begin::Answered(accepted("p")));
            assert_eq!(
                answers.begin(&k1, fingerprint("2"), now),
                Begin::OtherRequest
            );
        }
        assert_eq!(answers.begin(&key("k2"), one, now), Begin::InProgress);
    }

    #[test]
    fn what_changed_nothing_frees_its_key() {
        let (mut answers, now) = (KeptAnswers::default(), Instant::now());
        assert_eq!(answers.begin(&key("k"), fingerprint("1"), now), Begin::New);
        answers.finish(&key("k"), None, now);
        assert_eq!(answers.begin(&key("k"), fingerprint("2"), now), Begin::New);
    }

    #[test]
    fn an_answer_is_kept_for_24_hours_from_when_it_was_given() {
        let (mut answers, began) = (KeptAnswers::default(), Instant::now());
        let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
        assert_eq!(KEPT_FOR, hours(24));
        let (old, young, one) = (key("old"), key("young"), fingerprint("1"));
        answers.begin(&old, one, began);
        let given = began + hours(1);
        answers.finish(&old, Some(accepted("old")), given);
        answers.begin(&young, one, given);
        answers.finish(&young, Some(accepted("young")), given + hours(5));

        let last = given + hours(24) - Duration::from_nanos(1);
        assert_eq!(
            answers.begin(&old, one, last),
            Begin::Answered(accepted("old"))
        );
        let after = given + hours(24);
        assert_eq!(answers.begin(&old, fingerprint("2"), after), Begin::New);
        assert_eq!(
            answers.begin(&young, one, after),
            Begin::Answered(accepted("young"))
        );

        // The key has a new answer now, which the old one's time does not end.
        answers.finish(&old, Some(accepted("new")), after);
        let later = given + hours(30);
        assert_eq!(answers.begin(&young, one, later), Begin::New);
        let same = answers.begin(&old, fingerprint("2"), later);
        assert_eq!(same, Begin::Answered(accepted("new")));
        // What is being carried out has no time limit.
        assert_eq!(
            answers.begin(&young, one, later + hours(100)),
            Begin::InProgress
        );
    }

    #[test]
    fn it_does_not_search() {
        const KEYS: u32 = 100_000;

        let (mut answers, began) = (KeptAnswers::default(), Instant::now());
        for index in 0..KEYS {
            let key = key(&index.to_string());
            // A second between them, so that the oldest go all the time.
            let now = began + Duration::from_secs(index.into());
            assert_eq!(answers.begin(&key, fingerprint("1"), now), Begin::New);
            answers.finish(&key, Some(accepted("p")), now);
        }
        // Well under a second; a look at all keys each time takes minutes.
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn each_part_of_a_request_makes_it_another() {
        let with = |token: &str, id: Option<(&str, &str)>, body: &'static str| {
            let create = RealtimeRequest::create(token.parse().unwrap(), body);
            match id {
                Some((id, field)) => create.with_id(EntityId::new(id).unwrap(), field).unwrap(),
                None => create,
            }
        };
        let token = || "token-a".parse().unwrap();
        let id = || EntityId::new("ab").unwrap();
        let all = [
            with("token-a", None, "{}"),
            with("token-a", None, "{ }"),
            with("token-b", None, "{}"),
            with("token-a", Some(("ab", "c")), "{}"),
            with("token-a", Some(("abd", "c")), "{}"),
            // The same letters, divided otherwise.
            with("token-a", Some(("a", "bc")), "{}"),
            with("token-aa", Some(("b", "c")), "{}"),
            RealtimeRequest::update(token(), "{}"),
            RealtimeRequest::delete(token(), id()),
            RealtimeRequest::delete(token(), id())
                .with_id(id(), "c")
                .unwrap(),
        ];
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                assert_ne!(
                    Fingerprint::of(one),
                    Fingerprint::of(other),
                    "{one:?}, {other:?}"
                );
            }
            // The key itself is none of the parts.
            let named = one.clone().with_idempotency_key(key("k"));
            assert_eq!(Fingerprint::of(one), Fingerprint::of(&named));
        }
    }
}

#[test]
fn ten_attempts_are_one_change_and_ten_equal_answers() {
    let platform = platform();
    let rows = [
        ("POST", "", r#"{"sku":"S-1","colour":"red"}"#),
        ("PUT", "", r#"{"sku":"S-1","price":1}"#),
        ("PUT", "Entity-Id: S-1\n", r#"{"sku":"S-2"}"#),
        ("DELETE", "Entity-Id: S-2\n", "[]"),
    ];
    for (index, (method, headers, body)) in rows.into_iter().enumerate() {
        let headers = format!("{headers}Idempotency-Key: k-{index}");
        let ask = || platform.handle(request(method, "product", &headers, body));
        let first = ask();
        assert_eq!(first.status(), 200, "{first:?}");
        assert!(!is_replayed(&first));
        let after = platform.dump();
        for _ in 1..10 {
            let again = ask();
            assert_eq!(
                (again.status(), again.body()),
                (first.status(), first.body())
            );
            assert!(is_replayed(&again));
        }
        assert_eq!(platform.dump(), after);
        assert_eq!(platform.changes(), index as u64 + 1);
        let history = platform.history();
        let last = history.last().unwrap();
        assert_eq!(history.len(), index + 1);
        assert_eq!(last.operation().method(), method);
        assert_eq!(last.idempotency_key(), Some(&key(&format!("k-{index}"))));
    }
    // The record of the first is gone long since, and its answer still the same.
    let (method, headers, body) = rows[0];
    let headers = format!("{headers}Idempotency-Key: k-0");
    let again = platform.accept(method, "product", &headers, body);
    assert_eq!(again["detail"]["unknown_keys"][0], "product.colour");
    assert!(platform.entities().records("product").is_empty());
    assert_eq!((platform.answered(), platform.changes()), (41, 4));
}

#[test]
fn the_key_of_another_request_is_refused() {
    let platform = platform();
    let k = "Idempotency-Key: k";
    platform.accept("POST", "item", k, r#"{"id":1}"#);
    let rows = [
        ("POST", "item", "", r#"{"id":2}"#),
        ("POST", "item", "", r#"{ "id":1}"#),
        ("PUT", "item", "", r#"{"id":1}"#),
        ("POST", "note", "", r#"{"id":1}"#),
        ("POST", "item", "Entity-Id: 1\n", r#"{"id":1}"#),
        ("POST", "item", "Entity-Id-Field: id\n", r#"{"id":1}"#),
        ("DELETE", "item", "Entity-Id: 1\n", ""),
        // Whatever else would be wrong with it.
        ("POST", "item", "", "{"),
    ];
    for (method, entity, headers, body) in rows {
        let other = request(method, entity, &format!("{headers}{k}"), body);
        platform.refuse(
            other,
            422,
            "the Idempotency-Key was that of another request",
        );
    }
    // Without the key, or with one of its own, it is a change like any other.
    platform.accept("POST", "item", "", r#"{"id":2}"#);
    platform.accept("POST", "item", "Idempotency-Key: K", r#"{"id":3}"#);
    assert_eq!(platform.changes(), 3);
}

#[test]
fn a_refused_request_leaves_its_key_free() {
    let platform = platform();
    let k = "Idempotency-Key: k";
    for (body, words) in [
        (r#"{"price":1}"#, "product.sku is required"),
        ("{", "not JSON"),
        (S1, "there is no product"),
    ] {
        platform.refuse(request("PUT", "product", k, body), 400, words);
    }
    let wrong_key = |request: Request<Bytes>| {
        let (mut head, body) = request.into_parts();
        head.headers.insert("auth-token", "wrong".parse().unwrap());
        Request::from_parts(head, body)
    };
    platform.refuse(wrong_key(request("POST", "product", k, S1)), 401, "wrong");
    // Now there is one, so the request that was refused is accepted.
    platform.accept("POST", "product", "", S1);
    platform.accept("PUT", "product", k, S1);
    platform.refuse(request("POST", "product", k, S1), 422, "another request");
    // Who has no API key gets no answer that was kept, neither.
    platform.refuse(wrong_key(request("PUT", "product", k, S1)), 401, "wrong");
}

#[test]
fn an_attempt_during_the_first_is_told_to_come_again() {
    let platform = platform();
    let ask = |body| request("POST", "product", "Idempotency-Key: k", body);
    let decoded = RealtimeRequest::decode(&ask(S1)).unwrap();
    let outcome = platform.attempts.once(&decoded, || {
        platform.refuse(ask(S1), 409, "still being carried out");
        assert_eq!(platform.handle(ask(S1)).headers()["retry-after"], "1");
        platform.refuse(ask("{}"), 422, "another request");
        Ok(accepted("p"))
    });
    assert!(!outcome.unwrap().replayed);
    let again = platform.handle(ask(S1));
    assert_eq!(json(&again)["data"]["process_id"], "p");
    assert!(is_replayed(&again) && !again.headers().contains_key("retry-after"));
}

#[test]
fn many_attempts_at_a_time_are_one_change() {
    let platform = platform();
    let ask = || platform.handle(request("POST", "product", "Idempotency-Key: k", S1));
    let answers: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (accepted, others): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status() == 200);
    assert!(others.iter().all(|answer| answer.status() == 409));
    assert!(accepted.iter().all(|answer| answer.body() == ask().body()));
    assert_eq!(
        accepted
            .iter()
            .filter(|answer| !is_replayed(answer))
            .count(),
        1
    );
    assert_eq!(platform.changes(), 1);
}

#[test]
fn a_panic_frees_the_key() {
    let platform = platform();
    let k = "Idempotency-Key: k";
    let decoded = RealtimeRequest::decode(&request("POST", "product", k, S1)).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        platform
            .attempts
            .once(&decoded, || panic!("a test of what a panic does"))
    }));
    assert!(panicked.is_err());
    platform.accept("POST", "product", k, r#"{"sku":"S-2"}"#);
}

#[test]
fn a_key_has_1_to_255_visible_characters_and_stands_once() {
    let platform = platform();
    let long = "k".repeat(255);
    for bad in ["", "a b", "ä", "a\tb", &format!("{long}k")] {
        let headers = format!("Idempotency-Key: {bad}");
        let create = request("POST", "product", &headers, S1);
        platform.refuse(create, 400, "the header Idempotency-Key is wrong");
    }
    let twice = "Idempotency-Key: k\nIdempotency-Key: k";
    platform.refuse(request("POST", "product", twice, S1), 400, "more than once");
    platform.accept("POST", "product", &format!("Idempotency-Key: {long}"), S1);
}

#[test]
fn without_a_key_every_request_is_a_change_of_its_own() {
    let platform = platform();
    let first = platform.accept("POST", "note", "", "{}");
    let second = platform.handle(request("POST", "note", "", "{}"));
    assert!(!is_replayed(&second));
    assert_ne!(json(&second)["data"], first["data"]);
    assert_eq!(platform.changes(), 2);
    platform.accept("POST", "product", "", S1);
    platform.refuse(request("POST", "product", "", S1), 400, "already");
    assert_eq!(platform.changes(), 3);
}

#[tokio::test]
async fn over_a_socket_it_is_the_same() {
    let hub = hub().await;
    let ask = |sku: &str| {
        let headers = "Idempotency-Key: k\nConnection: close\nContent-Length: 13";
        exchange(
            &hub,
            &(head("POST", headers) + &format!(r#"{{"sku":"{sku}"}}"#)),
        )
    };
    let answers: Vec<_> = (0..10).map(|_| ask("S-1")).collect();
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    for (index, answer) in answers.iter().enumerate() {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(body(answer), body(&answers[0]));
        let replayed = answer.contains("\r\nidempotency-replayed: true\r\n");
        assert_eq!(replayed, index > 0, "{answer}");
    }
    let before = hub.dump();
    assert!(ask("S-2").starts_with("HTTP/1.1 422"));
    assert_eq!(hub.dump(), before);
    assert_eq!((hub.requests(), hub.changes()), (11, 1));
}

/// A change of one of a few records, with one of a few keys.
fn change() -> impl Strategy<Value = (u8, &'static str, u8, u8)> {
    let method = prop_oneof![Just("POST"), Just("PUT"), Just("DELETE")];
    (0..6u8, method, 0..3u8, 0..2u8)
}

fn sent(platform: &Platform, key: &str, (method, sku, price): (&str, u8, u8)) -> Response<Bytes> {
    let headers = match method {
        "DELETE" => format!("Entity-Id: {sku}\n{key}"),
        _ => key.to_owned(),
    };
    let body = format!(r#"{{"sku":"{sku}","price":{price}}}"#);
    platform.handle(request(method, "product", &headers, &body))
}

proptest! {
    /// Beside it is a hub that is sent each accepted change once, without a key.
    #[test]
    fn there_are_as_many_changes_as_accepted_keys(changes in prop::collection::vec(change(), 0..40)) {
        let (platform, plain) = (platform(), platform());
        let mut first = HashMap::new();
        for (key, method, sku, price) in changes {
            let change = (method, sku, if method == "DELETE" { 0 } else { price });
            let answer = sent(&platform, &format!("Idempotency-Key: k{key}"), change);
            match first.get(&key) {
                Some((same, body)) if *same == change => {
                    prop_assert!(is_replayed(&answer) && answer.status() == 200);
                    prop_assert_eq!(body, answer.body());
                }
                Some(_) => prop_assert_eq!(answer.status(), 422),
                None => {
                    prop_assert_eq!(answer.status(), sent(&plain, "", change).status());
                    if answer.status() == 200 {
                        first.insert(key, (change, answer.body().clone()));
                    }
                }
            }
            prop_assert_eq!(platform.dump(), plain.dump());
            prop_assert_eq!(platform.changes(), first.len() as u64);
            prop_assert_eq!(platform.changes(), plain.changes());
        }
    }
}
