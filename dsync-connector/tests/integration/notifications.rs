//! What the platform tells about the system's own changes.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use dsync_connector::{Connector, HandlerError, InMemory};
use dsync_core::wire::{Notification, RealtimeRequest};
use dsync_core::{AuthToken, EntityId, EntityToken, OwnProcess, SystemState};
use http::Response;

use crate::support::{KEY, Product, assert_status, message, post};

fn own(state: &SystemState, process: &str) {
    let change = RealtimeRequest::update(EntityToken::new("shop-product-1").unwrap(), "{}")
        .with_id(EntityId::new("S-1").unwrap(), "sku")
        .unwrap();
    let id = process.parse().unwrap();
    let process = OwnProcess::new(id, &change, SystemTime::UNIX_EPOCH);
    state.add_process(process).unwrap();
}

async fn tell(connector: &Connector, process: &str, status: u16) -> Response<Bytes> {
    let notification = Notification::new(process.parse().unwrap(), status, "so it is");
    let url = "http://connector/notification".parse().unwrap();
    let key = AuthToken::new(KEY).unwrap();
    connector.handle(notification.encode(&url, &key)).await
}

#[tokio::test]
async fn the_end_of_an_own_change_is_told_once() {
    let state = SystemState::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let connector = Connector::builder(KEY)
        .entity::<Product>(InMemory::<Product>::new())
        .system_state(state.clone())
        .on_notification(move |ended| {
            let heard = heard.clone();
            async move {
                let mut heard = heard.lock().unwrap();
                let status = ended.notification.status;
                heard.push(format!("{} {status}", ended.process.entity_id.unwrap()));
                match (status, heard.len()) {
                    (500, 2) => Err(HandlerError::later("the database is away")),
                    _ => Ok(()),
                }
            }
        })
        .build()
        .unwrap();

    let unknown = tell(&connector, "p-1", 200).await;
    assert_status(&unknown, 400);
    assert!(message(&unknown).contains("unknown, or complete already"));
    own(&state, "p-1");
    assert_status(&tell(&connector, "p-1", 200).await, 200);
    assert_status(&tell(&connector, "p-1", 200).await, 400);

    own(&state, "p-2");
    // What was not heard may be told again.
    assert_status(&tell(&connector, "p-2", 500).await, 500);
    assert_status(&tell(&connector, "p-2", 500).await, 200);
    let id = "p-2".parse().unwrap();
    assert_eq!(state.process(&id).unwrap().unwrap().outcome, Some(500));
    assert_eq!(*told.lock().unwrap(), ["S-1 200", "S-1 500", "S-1 500"]);

    for body in ["", "[]", "{}", r#"{"status":"no"}"#] {
        assert_status(&post(&connector, "/notification", body).await, 400);
    }
}

#[tokio::test]
async fn a_notification_may_be_quicker_than_the_note_of_its_own_answer() {
    let state = SystemState::new();
    let connector = Connector::builder(KEY)
        .entity::<Product>(InMemory::<Product>::new())
        .system_state(state.clone())
        .build()
        .unwrap();
    let sending = state.sending();
    let (answer, ()) = tokio::join!(tell(&connector, "p-1", 200), async {
        tokio::task::yield_now().await;
        own(&state, "p-1");
        drop(sending);
    });
    assert_status(&answer, 200);
}
