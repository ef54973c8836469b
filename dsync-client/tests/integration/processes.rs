//! The processes of what was accepted are noted, before anybody may ask for them.

use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Waker};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use dsync_client::{Client, Receipt};
use dsync_core::testing::{FakeClock, Reply, ScriptedTransport};
use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_core::{
    EntityState, Origin, OwnProcess, ProcessId, Sending, StateError, StateStore, SystemState,
    Transport,
};
use http::Request;

use crate::support::{KEY, Note, Product, Scripted, in_child, is_child};
use crate::tracing::told;

fn id(text: &str) -> ProcessId {
    text.parse().unwrap()
}

/// Remembers what it is given, and whether a change was being sent then.
#[derive(Clone, Debug, Default)]
struct Watch {
    state: Arc<OnceLock<SystemState>>,
    added: Arc<Mutex<Vec<(OwnProcess, bool)>>>,
    is_full: bool,
}

impl Watch {
    fn state(&self) -> SystemState {
        let state = SystemState::open(self.clone()).unwrap();
        self.state.set(state.clone()).unwrap();
        state
    }

    fn added(&self) -> Vec<String> {
        let added = self.added.lock().unwrap();
        let line = |(process, was_sending): &(OwnProcess, bool)| {
            assert!(was_sending, "noted when the guard was gone: {process:?}");
            let id = process.entity_id.as_ref().map_or("", |id| id.as_str());
            format!("{} {} {id}", process.process_id, process.operation.as_str())
        };
        added.iter().map(line).collect()
    }
}

impl StateStore for Watch {
    fn entities(&self) -> Result<Vec<(String, EntityState)>, StateError> {
        Ok(Vec::new())
    }

    fn set_entity(&self, _: &str, _: &EntityState) -> Result<(), StateError> {
        Ok(())
    }

    fn add_process(&self, process: OwnProcess) -> Result<(), StateError> {
        if self.is_full {
            return Err(StateError::new("the disk is full: make room"));
        }
        let was_sending = self.state.get().unwrap().is_sending();
        self.added.lock().unwrap().push((process, was_sending));
        Ok(())
    }

    fn process(&self, _: &ProcessId) -> Result<Option<OwnProcess>, StateError> {
        Ok(None)
    }

    fn complete_process(&self, _: &ProcessId, _: u16) -> Result<bool, StateError> {
        Ok(false)
    }
}

/// A platform that looks whether the system says that it is sending.
#[derive(Clone)]
struct Looking {
    state: SystemState,
    script: ScriptedTransport,
}

impl Transport for Looking {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        assert!(self.state.is_sending(), "asked before it was said");
        Box::pin(async {
            let answer = self.script.send(request).await;
            tokio::task::yield_now().await;
            assert!(
                self.state.is_sending(),
                "said no longer before the answer is there"
            );
            answer
        })
    }
}

/// Accepts so many changes, under p-1, p-2 and so on.
fn accepting(changes: usize) -> ScriptedTransport {
    ScriptedTransport::new((1..=changes).map(|number| Reply::accepted(&format!("p-{number}"))))
}

fn client(state: &SystemState, script: ScriptedTransport) -> Client {
    let state = state.clone();
    let looking = Looking {
        state: state.clone(),
        script,
    };
    let builder = Client::builder(KEY).transport(looking).system_state(state);
    builder.clock(FakeClock::new()).build().unwrap()
}

#[tokio::test]
async fn what_is_noted_of_a_change() {
    let (state, clock) = (SystemState::new(), FakeClock::new());
    clock.advance(Duration::from_secs(1_000));
    let client = Client::builder(KEY)
        .transport(accepting(2))
        .system_state(state.clone())
        .clock(clock)
        .build()
        .unwrap();
    client.update(&Product::new("sku-1")).await.unwrap();
    let process = state.process(&id("p-1")).unwrap().unwrap();
    assert_eq!(process.entity_token.as_str(), "shop-product-1");
    assert_eq!(process.entity_id.unwrap().as_str(), "sku-1");
    assert_eq!(process.operation, Operation::Update);
    assert_eq!(process.accepted, UNIX_EPOCH + Duration::from_secs(1_000));
    assert_eq!(process.outcome, None);

    client
        .create(&Note {
            text: "x".to_owned(),
        })
        .await
        .unwrap();
    let process = state.process(&id("p-2")).unwrap().unwrap();
    assert_eq!(
        (process.entity_id, process.operation),
        (None, Operation::Create)
    );
    assert!(!state.is_sending());
}

const ALL: [&str; 9] = [
    "p-1 create sku-1",
    "p-2 update sku-1",
    "p-3 update sku-0",
    "p-4 delete sku-1",
    "p-5 delete sku-1",
    "p-6 create ",
    "p-7 update ",
    "p-8 delete 1",
    "p-9 create ",
];

#[tokio::test]
async fn every_call_notes_before_the_guard_drops() {
    let watch = Watch::default();
    let state = watch.state();
    let client = client(&state, accepting(9));
    let (product, token) = (Product::new("sku-1"), "t-1".parse().unwrap());
    client.create(&product).await.unwrap();
    client.update(&product).await.unwrap();
    client.update_with_id(&product, "sku-0").await.unwrap();
    client.delete(&product).await.unwrap();
    client.delete_by_id::<Product>("sku-1").await.unwrap();
    client.create_raw(&token, "{}").await.unwrap();
    client.update_raw(&token, "{}").await.unwrap();
    client.delete_raw(&token, 1).await.unwrap();
    let request = RealtimeRequest::create(token, "{}");
    client.send(request).await.unwrap();
    assert_eq!(watch.added(), ALL);
    assert!(!state.is_sending());
}

#[cfg(feature = "blocking")]
#[test]
fn every_call_without_await_does() {
    let watch = Watch::default();
    let state = watch.state();
    let client = dsync_client::blocking::Client::from(client(&state, accepting(10)));
    let (product, token) = (Product::new("sku-1"), "t-1".parse().unwrap());
    client.create(&product).unwrap();
    client.update(&product).unwrap();
    client.update_with_id(&product, "sku-0").unwrap();
    client.delete(&product).unwrap();
    client.delete_by_id::<Product>("sku-1").unwrap();
    client.create_raw(&token, "{}").unwrap();
    client.update_raw(&token, "{}").unwrap();
    client.delete_raw(&token, 1).unwrap();
    client.send(RealtimeRequest::create(token, "{}")).unwrap();
    assert_eq!(watch.added(), ALL);
    assert_eq!(client.create_all([product]).count(), 1);
    assert_eq!(watch.added()[9], "p-10 create sku-1");
    assert!(!state.is_sending());
}

#[tokio::test]
async fn a_bulk_notes_each() {
    let watch = Watch::default();
    let state = watch.state();
    let client = client(&state, accepting(50));
    let ids = (0..50).map(|number| Product::new(&format!("sku-{number}")));
    let mut bulk = client.update_all(ids).concurrency(8);
    while let Some(item) = bulk.next().await {
        item.result.unwrap();
    }
    assert_eq!(watch.added().len(), 50);
    assert!(!state.is_sending());
}

/// Whether it was noted, too.
async fn outcome(reply: Reply) -> (Result<Receipt, dsync_client::Error>, Vec<String>) {
    let watch = Watch::default();
    let state = watch.state();
    let client = client(&state, ScriptedTransport::new([reply]));
    let outcome = client.create(&Product::new("sku-1")).await;
    assert!(!state.is_sending());
    (outcome, watch.added())
}

#[tokio::test]
async fn what_has_no_process_is_not_noted() {
    for odd in [
        Reply::body(201, ""),
        Reply::accepted(""),
        Reply::accepted(" p-1"),
        Reply::accepted("p\n1"),
        Reply::accepted(&"p".repeat(256)),
    ] {
        let (accepted, noted) = outcome(odd).await;
        accepted.unwrap();
        assert!(noted.is_empty(), "{noted:?}");
    }
    let (refused, noted) = outcome(Reply::refused(400, "no")).await;
    assert!(refused.is_err() && noted.is_empty());
    let page = Reply::body(200, "<html>");
    let (refused, noted) = outcome(page.with_header("retry-after", "600")).await;
    assert!(refused.is_err() && noted.is_empty());
}

#[tokio::test]
async fn an_echo_is_no_process_and_dropping_a_call_ends_its_sending() {
    let watch = Watch::default();
    let state = watch.state();
    let client = client(&state, accepting(1));
    let origin = Origin::new(id("p-77"), "shop-product-1".parse().unwrap());
    let product = Product::new("sku-1");
    client.with_origin(origin).update(&product).await.unwrap();
    assert!(watch.added().is_empty());

    let mut call = Box::pin(client.update(&product));
    let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending() && state.is_sending());
    drop(call);
    assert!(!state.is_sending());
}

#[test]
fn a_process_that_cannot_be_noted_is_a_warning() {
    if !is_child() {
        return in_child(
            "processes::a_process_that_cannot_be_noted_is_a_warning",
            &[],
        );
    }
    let watch = Watch {
        is_full: true,
        ..Watch::default()
    };
    let builder = Scripted::default().builder().system_state(watch.state());
    let client = builder.build().unwrap();
    let told = told(&client);
    assert!(
        told.ends_with(
            "DEBUG message=accepted\nWARN message=the process of an accepted change cannot be noted, \
             so how it ends will not be recognised error=the disk is full: make room\n"
        ),
        "{told}"
    );

    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let receipt = runtime.block_on(client.create(&Product::new("sku-1")));
    assert_eq!(receipt.unwrap().process_id(), Some("p-1"));
}
