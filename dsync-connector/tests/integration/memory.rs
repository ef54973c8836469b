//! What is kept in memory.

use std::time::SystemTime;

use bytes::Bytes;
use dsync_connector::{
    Context, Fingerprint, Handler, InMemory, Inbox, KEPT_FOR, KeptAnswer, MemoryInbox, Promise,
};
use dsync_core::wire::EntityRequest;
use dsync_derive::DsyncEntity;
use http::StatusCode;
use serde::{Deserialize, Serialize};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// A promise that is kept, with its number and its request.
async fn promised(inbox: &MemoryInbox, process: &str) -> (u64, Fingerprint) {
    let request = EntityRequest::create(process.parse().unwrap(), r#"{"sku":"secret"}"#);
    let fingerprint = Fingerprint::of("product", &request);
    let promise = Promise {
        entity: "product".to_owned(),
        request,
        lanes: Vec::new(),
        attempts: 1,
        since: NOW,
        next: NOW,
    };
    let answer = KeptAnswer {
        status: StatusCode::ACCEPTED,
        body: Bytes::from_static(b"secret"),
    };
    let number = inbox.promise(&promise, fingerprint, &answer).await.unwrap();
    (number, fingerprint)
}

#[tokio::test]
async fn the_debug_of_an_inbox_shows_no_record() {
    let inbox = MemoryInbox::new();
    promised(&inbox, "p-1").await;
    let shown = format!("{inbox:?}");
    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.contains("promises: 1"), "{shown}");
}

#[tokio::test]
async fn a_process_is_remembered_as_long_as_its_promise_and_then_forgotten_as_any() {
    let inbox = MemoryInbox::new();
    let old = "old".parse().unwrap();
    let (number, fingerprint) = promised(&inbox, "old").await;
    let later = NOW + KEPT_FOR;
    // What is old is forgotten when something new is remembered.
    let process = "p-1".parse().unwrap();
    inbox.begin(&process, fingerprint, 1, later).await.unwrap();
    assert!(inbox.seen(&old, later).await.unwrap().is_some());

    inbox.settle(number, None, later).await.unwrap();
    let process = "p-2".parse().unwrap();
    let latest = later + KEPT_FOR;
    inbox.begin(&process, fingerprint, 1, latest).await.unwrap();
    // Also for who asks with the date of then, to whom it is not old.
    assert_eq!(inbox.seen(&old, NOW).await.unwrap(), None);
}

#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
struct Order {
    #[dsync(primary_key, read_only)]
    #[serde(default)]
    id: u32,
}

#[tokio::test]
async fn the_id_of_a_record_that_is_gone_is_not_given_again() {
    let orders = InMemory::<Order, u32>::new();
    let context = Context::new("p-1".parse().unwrap());
    for id in 1..=3 {
        assert_eq!(orders.create(&context, Order { id: 0 }).await.unwrap(), id);
        orders.remove(&id);
    }
}
