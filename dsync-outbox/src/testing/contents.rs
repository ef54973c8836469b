//! What is put in comes out as it was.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use dsync_core::wire::RealtimeRequest;
use dsync_core::{EntityToken, IdempotencyKey};

use super::StoreUnderTest;
use super::setup::{Checked, Program, accepted, delete, keyless, raw, record, token};
use crate::store::{NewChange, Settlement};
use crate::{Failure, State, StoreError};

/// Adds a change, and holds what the next program claims and shows against it.
async fn survives(store: &impl StoreUnderTest, change: NewChange) -> Result<(), StoreError> {
    let program = Program::new(store).await?;
    let id = program.add(change.clone()).await?;
    drop(program);

    let program = Program::new(store).await?;
    let entry = program.entry(id).await?;
    assert_eq!(entry.operation, change.request.operation());
    assert_eq!(entry.entity_token, *change.request.entity_token());
    assert_eq!(entry.record, change.record);
    assert_eq!(entry.idempotency_key, change.idempotency_key);
    assert_eq!(entry.body.as_ref(), Some(change.request.body()));

    let mut sender = program.sender().await?;
    let claimed = sender.only().await?;
    let keyed = change.request.with_idempotency_key(change.idempotency_key);
    assert!(claimed.request == keyed, "the request is another one");
    assert_eq!(claimed.record, change.record);
    sender.settle(claimed.id, accepted()).await
}

pub(super) async fn requests_survive(store: &impl StoreUnderTest) -> Checked {
    let create = || RealtimeRequest::create(token(), r#"{"sku":"S-1"}"#);
    let shared_key = create().with_id(record("shared"), "shared key");
    for request in [
        create(),
        create().with_entity_id(record("S-1")),
        shared_key.expect("a short name"),
        RealtimeRequest::update(token(), "{}"),
        RealtimeRequest::update(token(), "{}").with_entity_id(record("S-1")),
        RealtimeRequest::delete(token(), record("S-1")),
        delete("S-1").request,
        // A key of its own counts for nothing: the one of the change does.
        create().with_idempotency_key(IdempotencyKey::generate()),
    ] {
        // Which lane a change is of is not a matter of what the request names.
        for record in [None, Some(record("S-1")), Some(record("other"))] {
            let change = NewChange {
                record,
                request: request.clone(),
                ..keyless("")
            };
            survives(store, change).await?;
        }
    }
    Ok(())
}

pub(super) async fn ids_survive(store: &impl StoreUnderTest) -> Checked {
    let long = "ä".repeat(4_000);
    let mut ids = vec![
        "0",
        "00",
        "1",
        "01",
        "1.0",
        "-1",
        "1e3",
        "NULL",
        "null",
        "true",
        "a b",
        "A",
        "a",
        "ä",
        "a\u{308}",
        "日本語",
        "🦀",
        "'",
        "\"",
        "%",
        "_",
        "\\",
        "a%",
        "a_",
        ";--",
        "\u{ff}",
        "x\u{2028}x",
        "9223372036854775808",
    ];
    ids.push(&long);
    for id in &ids {
        survives(store, raw(id, "{}")).await?;
    }
    // Each is a record of its own.
    let program = Program::new(store).await?;
    for id in &ids {
        program.add(raw(id, "{}")).await?;
    }
    let mut sender = program.sender().await?;
    let claimed = sender.claim_whole(100).await?;
    let claimed = claimed.into_iter().map(|claimed| claimed.record);
    assert!(claimed.eq(ids.iter().map(|id| Some(record(id)))));
    drop((program, sender));

    let odd = "!#$%&'()*+,-./:;<=>?@[]^_`{|}~\"\\".repeat(7);
    let change = NewChange {
        request: RealtimeRequest::create(
            EntityToken::new(odd.clone()).expect("visible ASCII"),
            "{}",
        ),
        idempotency_key: IdempotencyKey::new(odd).expect("visible ASCII"),
        ..keyless("")
    };
    let program = Program::new(store).await?;
    program.sender().await?.drain().await?;
    drop(program);
    survives(store, change).await
}

pub(super) async fn bodies_survive(store: &impl StoreUnderTest) -> Checked {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    for body in [
        Vec::new(),
        b"{ \"price\" : 0.10, \"price\":1e400 }\n".to_vec(),
        "{\"name\":\"Stra\u{df}e \u{0}\"}".into(),
        all_bytes,
        large,
    ] {
        let request = RealtimeRequest::update(token(), Bytes::from(body));
        let request = request.with_entity_id(record("a"));
        survives(
            store,
            NewChange {
                request,
                ..raw("a", "")
            },
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn failures_survive(store: &impl StoreUnderTest) -> Checked {
    let detail = r#"{"faults": [ {"treekey":"product.sku"} ]}"#.to_owned();
    for failure in [
        Failure::new("no answer came in time"),
        Failure::new("").with_answer(200, None),
        Failure::new("\u{fc}n\n\u{0}g\u{fc}ltig 'x'").with_answer(422, Some(detail)),
        Failure::new("long ".repeat(10_000)).with_answer(999, Some(String::new())),
    ] {
        for is_dead in [true, false] {
            let failure = failure.clone();
            let program = Program::new(store).await?;
            let id = program.add(keyless("{}")).await?;
            let mut sender = program.sender().await?;
            sender.claim_up_to(id).await?;
            let settlement = if is_dead {
                Settlement::Dead {
                    holds: true,
                    failure: failure.clone(),
                }
            } else {
                Settlement::Again {
                    at: Duration::MAX,
                    failure: failure.clone(),
                }
            };
            sender.settle(id, settlement).await?;
            drop((program, sender));
            let program = Program::new(store).await?;
            assert_eq!(program.entry(id).await?.failure, Some(failure));
        }
    }
    let program = Program::new(store).await?;
    let id = program.add(raw("a", "{}")).await?;
    let mut sender = program.sender().await?;
    sender.claim_up_to(id).await?;
    let process_id = Some("p-\u{fc} 'x'".to_owned());
    let settlement = Settlement::Delivered {
        process_id: process_id.clone(),
    };
    sender.settle(id, settlement).await?;
    drop((program, sender));
    let program = Program::new(store).await?;
    assert_eq!(program.state(id).await?, State::Delivered { process_id });
    Ok(())
}

/// A clock may be wrong by decades, and this is no reason to lose a change.
pub(super) async fn dates_survive(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    for now in [
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH - 30 * year,
        SystemTime::UNIX_EPOCH + 200 * year,
    ] {
        let id = program
            .add(NewChange {
                now,
                ..keyless("{}")
            })
            .await?;
        assert_eq!(program.entry(id).await?.enqueued, now);
    }
    Ok(())
}
