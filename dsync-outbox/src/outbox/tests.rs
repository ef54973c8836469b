//! What becomes of a record on its way into the store.

use std::time::Duration;

use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_core::{EntityId, EntityToken, EntityTokens, Origin, Switch, SystemState};
use dsync_derive::DsyncEntity;
use serde::Serialize;

use crate::{
    Ending, Entry, Filter, MemoryStore, Outbox, OutboxBuilder, OutboxError, OutboxStore, State,
};

#[derive(Serialize, DsyncEntity)]
#[dsync(crate = "dsync_core", entity_token = "shop-product-1")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
    ean: Option<String>,
    price: u32,
}

/// An entity without a primary key.
#[derive(Serialize, DsyncEntity)]
#[dsync(crate = "dsync_core", entity_token = "shop-click-1")]
struct Click {
    page: String,
}

fn product(sku: &str, price: u32) -> Product {
    Product {
        sku: sku.to_owned(),
        ean: Some("4006381333931".to_owned()),
        price,
    }
}

fn outbox(builder: OutboxBuilder) -> Outbox<MemoryStore> {
    builder.over(MemoryStore::new())
}

async fn entries(outbox: &Outbox<MemoryStore>) -> Vec<Entry> {
    let listed = outbox.list(Filter::Open, None, 100).await.unwrap();
    let mut entries = Vec::new();
    for entry in listed {
        entries.push(outbox.show(entry.id).await.unwrap().unwrap());
    }
    entries
}

fn bodies(entries: &[Entry]) -> Vec<String> {
    let body = |entry: &Entry| String::from_utf8(entry.body.clone().unwrap().to_vec()).unwrap();
    entries.iter().map(body).collect()
}

#[tokio::test]
async fn a_record_that_changes_is_sent_once_as_it_is_at_last() {
    let outbox = outbox(Outbox::builder());
    let created = outbox.create(&product("S-1", 1)).await.unwrap();
    let updated = outbox.update(&product("S-1", 2)).await.unwrap();
    outbox.update(&product("S-2", 3)).await.unwrap();

    assert_eq!(updated.superseded(), created.id());
    let entries = entries(&outbox).await;
    assert_eq!(
        bodies(&entries),
        [
            r#"{"sku":"S-1","ean":"4006381333931","price":2}"#,
            r#"{"sku":"S-2","ean":"4006381333931","price":3}"#
        ]
    );
    assert_eq!(entries[0].operation, Operation::Create);
    let ending = outbox.ended(created.id().unwrap()).await.unwrap();
    let by = updated.id().unwrap();
    assert_eq!(ending, Ending::Superseded { by });
}

#[tokio::test]
async fn with_coalescing_off_each_change_is_sent() {
    let outbox = outbox(Outbox::builder().coalesce(false));
    outbox.create(&product("S-1", 1)).await.unwrap();
    let updated = outbox.update(&product("S-1", 2)).await.unwrap();
    assert_eq!(updated.superseded(), None);
    assert_eq!(entries(&outbox).await.len(), 2);
}

#[tokio::test]
async fn a_delete_takes_back_a_create_only_where_nobody_else_publishes() {
    let shared = outbox(Outbox::builder());
    shared.create(&product("S-1", 1)).await.unwrap();
    let deleted = shared.delete(&product("S-1", 1)).await.unwrap();
    assert_eq!(
        (deleted.superseded(), deleted.needs_no_sending()),
        (None, false)
    );
    assert_eq!(entries(&shared).await[1].operation, Operation::Delete);

    let sole = outbox(Outbox::builder().sole_publisher(true));
    sole.create(&product("S-1", 1)).await.unwrap();
    let deleted = sole.delete_by_id::<Product>("S-1").await.unwrap();
    assert!(deleted.needs_no_sending());
    assert!(entries(&sole).await.is_empty());
    let ending = sole.ended(deleted.id().unwrap()).await.unwrap();
    assert_eq!(ending, Ending::Delivered { process_id: None });
}

#[tokio::test]
async fn raw_changes_stay_as_they_are_and_belong_to_the_record_that_they_name() {
    let outbox = outbox(Outbox::builder());
    let token = EntityToken::new("shop-product-1").unwrap();
    let json = r#"{"sku": "S-1", "price": 1.10}"#;
    let named = || {
        RealtimeRequest::update(token.clone(), json)
            .with_id(EntityId::new("S-1").unwrap(), "sku")
            .unwrap()
    };
    outbox.send(named()).await.unwrap();
    outbox.send(named()).await.unwrap();
    outbox.update_raw(&token, json).await.unwrap();
    outbox.delete_raw(&token, "S-1").await.unwrap();

    let entries = entries(&outbox).await;
    assert_eq!(bodies(&entries), [json, json, json, ""]);
    let records: Vec<_> = entries
        .iter()
        .map(|entry| entry.record.as_ref().map(EntityId::as_str))
        .collect();
    assert_eq!(records, [Some("S-1"), Some("S-1"), None, Some("S-1")]);
    // Each change has a name of its own.
    assert_ne!(entries[0].idempotency_key, entries[1].idempotency_key);
}

#[tokio::test]
async fn what_cannot_be_sent_is_not_kept() {
    let outbox = outbox(Outbox::builder());
    let token = EntityToken::new("shop-product-1").unwrap();
    let nameless = outbox.create(&product("", 1)).await.unwrap_err();
    assert_eq!(nameless.to_string(), "the entity id is empty");
    let injected = outbox.delete_by_id::<Product>("a\r\nb").await.unwrap_err();
    assert!(matches!(injected, OutboxError::Change(_)), "{injected}");
    for json in ["", "[]", "{", "null", r#"{"a":1,"a":2}"#] {
        let error = outbox.create_raw(&token, json).await.unwrap_err();
        assert!(matches!(error, OutboxError::Change(_)), "{json}: {error}");
    }
    assert!(entries(&outbox).await.is_empty());
    assert_eq!(outbox.store.last().await.unwrap(), None);
}

#[tokio::test]
async fn the_order_goes_by_the_primary_key_whatever_names_the_record() {
    let state = SystemState::new();
    let outbox = outbox(Outbox::builder().system_state(state.clone()));
    outbox.create(&product("S-1", 1)).await.unwrap();
    state
        .set_shared_key("product", Some("ean".to_owned()))
        .unwrap();
    outbox.delete(&product("S-1", 1)).await.unwrap();

    let entries = entries(&outbox).await;
    assert_eq!(entries.len(), 2);
    for entry in entries {
        assert_eq!(entry.record.unwrap().as_str(), "S-1");
    }
}

#[tokio::test]
async fn tokens_of_the_deployed_system_are_taken() {
    let token = EntityToken::new("shop-7-product-4f1c").unwrap();
    let tokens = EntityTokens::new().with("product", token.clone());
    let outbox = outbox(Outbox::builder().entity_tokens(tokens));
    outbox.create(&product("S-1", 1)).await.unwrap();
    assert_eq!(entries(&outbox).await[0].entity_token, token);
}

#[tokio::test]
async fn an_entity_that_is_off_is_kept_or_refused() {
    let state = SystemState::new();
    state.set_switch("product", Switch::Off).unwrap();
    let lenient = outbox(Outbox::builder().system_state(state.clone()));
    assert!(lenient.create(&product("S-1", 1)).await.is_ok());

    let strict = outbox(
        Outbox::builder()
            .system_state(state.clone())
            .refuse_switched_off(),
    );
    let error = strict.create(&product("S-1", 1)).await.unwrap_err();
    let is_off = matches!(error, OutboxError::SwitchedOff { entity: "product" });
    assert!(is_off, "{error}");
    assert!(entries(&strict).await.is_empty());
    state.set_switch("product", Switch::On).unwrap();
    assert!(strict.create(&product("S-1", 1)).await.is_ok());
}

#[tokio::test]
async fn an_echo_is_not_kept() {
    let outbox = outbox(Outbox::builder());
    let token = EntityToken::new("shop-product-1").unwrap();
    let origin = Origin::of_record("p-1".parse().unwrap(), token, "S-1".parse().unwrap(), "sku");
    origin
        .scope(async {
            assert!(outbox.update(&product("S-1", 1)).await.unwrap().is_echo());
            assert!(!outbox.update(&product("S-2", 1)).await.unwrap().is_echo());
            let click = Click {
                page: "/".to_owned(),
            };
            assert!(!outbox.create(&click).await.unwrap().is_echo());
        })
        .await;
    assert_eq!(entries(&outbox).await.len(), 2);

    let echoes = outbox.with_origin(origin);
    let echo = echoes.update(&product("S-3", 1)).await.unwrap();
    assert_eq!((echo.is_echo(), echo.id()), (true, None));
    assert!(
        echoes
            .clone()
            .delete_by_id::<Product>("S-3")
            .await
            .unwrap()
            .is_echo()
    );
    assert_eq!(entries(&outbox).await.len(), 2);
    // What is wrong is wrong all the same.
    assert!(echoes.update(&product(" ", 1)).await.is_err());
}

#[tokio::test]
async fn records_without_a_key_are_never_put_together() {
    let outbox = outbox(Outbox::builder());
    for _ in 0..2 {
        let click = Click {
            page: "/".to_owned(),
        };
        let kept = outbox.create(&click).await.unwrap();
        assert_eq!(kept.superseded(), None);
    }
    assert_eq!(entries(&outbox).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_is_pending_and_no_longer() {
    let outbox = outbox(Outbox::builder());
    let none = outbox.flush(Duration::from_secs(60)).await.unwrap();
    assert_eq!((none.delivered, none.pending, none.dead), (0, 0, 0));

    outbox.create(&product("S-1", 1)).await.unwrap();
    let begun = tokio::time::Instant::now();
    let flushed = outbox.flush(Duration::from_secs(5)).await.unwrap();
    assert_eq!((flushed.delivered, flushed.pending), (0, 1));
    assert!(begun.elapsed() < Duration::from_secs(6));

    // Superseded by a later change is ended as well.
    let flush = outbox.flush(Duration::from_secs(5));
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        outbox.update(&product("S-1", 2)).await.unwrap();
    };
    let (flushed, ()) = tokio::join!(flush, later);
    assert_eq!(flushed.unwrap().delivered, 1);
}

#[tokio::test]
async fn a_dead_letter_is_mended_only_with_its_own_record() {
    let outbox = outbox(Outbox::builder());
    let kept = outbox.create(&product("S-1", 1)).await.unwrap();
    let id = kept.id().unwrap();
    // Of another record; and no dead letter.
    let other = outbox.edit(id, &product("S-2", 1)).await.unwrap_err();
    assert!(other.to_string().contains("another record"), "{other}");
    let open = outbox.edit(id, &product("S-1", 1)).await.unwrap_err();
    assert!(matches!(open, OutboxError::Store(_)), "{open}");
    assert!(outbox.retry(id).await.is_err());
    let state = outbox.show(id).await.unwrap().unwrap().state;
    assert_eq!(state, State::Pending);
}

#[test]
fn blocking_calls_need_no_runtime() {
    let outbox = outbox(Outbox::builder()).blocking();
    let kept = outbox.create(&product("S-1", 1)).unwrap();
    assert_eq!(outbox.counts().unwrap().pending, 1);
    let updated = outbox.update(&product("S-1", 2)).unwrap();
    let by = updated.id().unwrap();
    assert_eq!(
        outbox.ended(kept.id().unwrap()).unwrap(),
        Ending::Superseded { by }
    );
    let flushed = outbox.flush(Duration::from_millis(1)).unwrap();
    assert_eq!(flushed.pending, 1);
}

#[tokio::test]
async fn blocking_calls_work_inside_an_async_program() {
    let outbox = outbox(Outbox::builder()).blocking();
    assert!(outbox.create(&product("S-1", 1)).unwrap().id().is_some());
    assert_eq!(outbox.flush(Duration::ZERO).unwrap().pending, 1);
}
