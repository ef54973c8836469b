//! Many records: how many at once, in which order, and what an error does to the rest.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use dsync_client::{Bulk, BulkItem, Client};
use dsync_core::retry::RetryPolicy;
use dsync_core::{Sending, SystemState, Transport, TransportError, TransportErrorKind};
use futures_util::{Stream, stream};
use http::{Request, Response};
use tokio::sync::oneshot;

use crate::support::{ACCEPTED, KEY, Labelled, Note, Product, Scripted};

type Answer = Result<Response<Bytes>, TransportError>;

/// Those that wait for an answer, by the order in which they came.
type Open = BTreeMap<usize, (Request<Bytes>, oneshot::Sender<Answer>)>;

/// Answers when the test says so.
#[derive(Clone, Default)]
struct Held {
    open: Arc<Mutex<Open>>,
    seen: Arc<Mutex<usize>>,
}

impl Held {
    fn client(&self) -> Client {
        let builder = Client::builder(KEY).transport(self.clone());
        builder.retry(RetryPolicy::never()).build().unwrap()
    }

    /// The ids on their way, in the order in which they came.
    fn open(&self) -> Vec<String> {
        let open = self.open.lock().unwrap();
        let id = |request: &Request<Bytes>| {
            let id = request.headers().get("entity-id");
            id.map_or(String::new(), |id| id.to_str().unwrap().to_owned())
        };
        open.values().map(|(request, _)| id(request)).collect()
    }

    fn end(&self, place: usize, answer: Answer) {
        let mut open = self.open.lock().unwrap();
        let key = *open.keys().nth(place).unwrap();
        let (_, sender) = open.remove(&key).unwrap();
        let _ = sender.send(answer);
    }

    fn accept(&self, place: usize) {
        self.end(
            place,
            Ok(Response::new(Bytes::from_static(ACCEPTED.as_bytes()))),
        );
    }

    fn fail(&self, place: usize) {
        self.end(
            place,
            Err(TransportError::new(TransportErrorKind::Broken, None)),
        );
    }
}

impl Transport for Held {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        let (sender, receiver) = oneshot::channel();
        let mut seen = self.seen.lock().unwrap();
        *seen += 1;
        self.open.lock().unwrap().insert(*seen, (request, sender));
        Box::pin(async { receiver.await.unwrap() })
    }
}

fn poll<S: Stream>(bulk: &mut Bulk<S>) -> Poll<Option<BulkItem>> {
    pin!(bulk.next()).poll(&mut Context::from_waker(Waker::noop()))
}

fn item<S: Stream>(bulk: &mut Bulk<S>) -> BulkItem {
    match poll(bulk) {
        Poll::Ready(Some(item)) => item,
        other => panic!("{other:?}"),
    }
}

fn products(ids: &[&str]) -> Vec<Product> {
    ids.iter().map(|id| Product::new(id)).collect()
}

#[test]
fn so_many_are_on_their_way_and_no_more_are_taken() {
    let platform = Held::default();
    let pulled = Cell::new(0);
    let records = (0..100).map(|number| {
        pulled.set(pulled.get() + 1);
        Product::new(&format!("sku-{number}"))
    });
    let client = platform.client();
    let mut bulk = client.create_all(records).concurrency(3);
    assert!(platform.open().is_empty(), "nothing is sent before a poll");
    assert!(poll(&mut bulk).is_pending());
    assert_eq!((platform.open().len(), pulled.get()), (3, 3));

    // Whoever asks drops the question: nothing is lost.
    platform.accept(1);
    let item = item(&mut bulk);
    assert_eq!((item.index, item.entity_id.unwrap().as_str()), (1, "sku-1"));
    assert_eq!(pulled.get(), 3, "only a poll takes the next");
    assert!(poll(&mut bulk).is_pending());
    assert_eq!(platform.open(), ["sku-0", "sku-2", "sku-3"]);
    assert_eq!(bulk.progress().to_string(), "1 of 100 accepted");

    drop(bulk);
    assert_eq!(pulled.get(), 4);
}

#[test]
fn changes_of_one_record_go_out_one_after_the_other() {
    let platform = Held::default();
    let client = platform.client();
    let mut bulk = client
        .update_all(products(&["a", "a", "b", "a", "c"]))
        .concurrency(3);
    assert!(poll(&mut bulk).is_pending());
    assert_eq!(platform.open(), ["a", "b", "c"]);
    let mut order = Vec::new();
    for _ in 0..5 {
        assert!(poll(&mut bulk).is_pending());
        platform.accept(platform.open().len() - 1);
        let item = item(&mut bulk);
        if item.entity_id.unwrap().as_str() == "a" {
            order.push(item.index);
        }
        assert!(platform.open().iter().filter(|id| *id == "a").count() <= 1);
    }
    assert_eq!(order, [0, 1, 3]);
    assert!(matches!(poll(&mut bulk), Poll::Ready(None)));
}

/// One record, once with its shared key and once without: the requests name it differently.
#[test]
fn a_record_is_told_by_its_primary_key() {
    let state = SystemState::new();
    state
        .set_shared_key("labelled", Some("label".to_owned()))
        .unwrap();
    let platform = Held::default();
    let client = Client::builder(KEY)
        .transport(platform.clone())
        .system_state(state)
        .build()
        .unwrap();
    let record = |label| Labelled {
        id: "7".to_owned(),
        label,
    };
    let mut bulk = client.update_all([record(Some("x")), record(None)]);
    assert!(poll(&mut bulk).is_pending());
    assert_eq!(platform.open(), ["x"]);
    platform.accept(0);
    assert_eq!(item(&mut bulk).entity_id.unwrap().as_str(), "x");
    assert!(poll(&mut bulk).is_pending());
    assert_eq!(platform.open(), ["7"]);
}

#[test]
fn one_record_over_and_over_is_not_read_to_its_end() {
    let platform = Held::default();
    let pulled = Cell::new(0);
    let records = std::iter::repeat_with(|| {
        pulled.set(pulled.get() + 1);
        Product::new("a")
    });
    let client = platform.client();
    let mut bulk = client.update_all(records).concurrency(4);
    assert!(poll(&mut bulk).is_pending());
    assert_eq!((platform.open().len(), pulled.get()), (1, 5));
    assert_eq!(bulk.progress().total, None);
}

#[test]
fn records_without_an_id_have_no_order() {
    let platform = Held::default();
    let client = platform.client();
    let note = || Note {
        text: "hello".to_owned(),
    };
    let mut bulk = client.create_all([note(), note(), note()]);
    assert!(poll(&mut bulk).is_pending());
    assert_eq!(platform.open(), ["", "", ""]);
    platform.accept(2);
    assert_eq!(item(&mut bulk).index, 2);
}

#[test]
fn an_error_is_an_item_and_the_rest_goes_on() {
    let platform = Held::default();
    let client = platform.client();
    let mut bulk = client.create_all(products(&["a", " blank", "c"]));
    let failed = item(&mut bulk);
    assert_eq!((failed.index, failed.entity_id), (1, None));
    assert!(failed.result.unwrap_err().to_string().contains("blank"));
    assert!(poll(&mut bulk).is_pending());
    platform.fail(0);
    assert!(item(&mut bulk).result.is_err());
    platform.accept(0);
    assert!(item(&mut bulk).result.is_ok());
    assert!(matches!(poll(&mut bulk), Poll::Ready(None)));
    assert_eq!(bulk.progress().to_string(), "1 of 3 accepted, 2 failed");
}

#[test]
fn an_error_stops_the_rest_where_that_is_asked_for() {
    let platform = Held::default();
    let client = platform.client();
    let ids = ["a", "b", "a", "b", "c", "d"];
    let mut bulk = client
        .update_all(products(&ids))
        .concurrency(3)
        .stop_on_error();
    assert!(poll(&mut bulk).is_pending());
    assert_eq!(platform.open(), ["a", "b", "c"]);
    platform.fail(0);
    assert!(item(&mut bulk).result.is_err());
    assert!(
        poll(&mut bulk).is_pending(),
        "what is on its way is waited for"
    );
    for left in [["b", "c"].as_slice(), &["c"]] {
        assert_eq!(platform.open(), left);
        platform.accept(0);
        assert!(item(&mut bulk).result.is_ok());
    }
    assert!(matches!(poll(&mut bulk), Poll::Ready(None)));
    assert!(platform.open().is_empty());
    let line = bulk.progress().to_string();
    assert_eq!(line, "2 of 6 accepted, 1 failed, 2 held back");
}

#[tokio::test]
async fn every_operation_and_nothing_at_all() {
    let platform = Scripted::default();
    let client = platform.client();
    let mut bulk = client.delete_stream(stream::iter(products(&["a"])));
    assert!(bulk.next().await.unwrap().result.is_ok());
    assert!(bulk.next().await.is_none());
    assert!(bulk.next().await.is_none());
    assert_eq!(platform.request().method(), "DELETE");

    let mut bulk = client.create_all(products(&[]));
    assert!(bulk.next().await.is_none());
    assert_eq!(bulk.progress().to_string(), "0 of 0 accepted");
}

#[test]
fn a_source_that_has_nothing_yet_is_waited_for() {
    let client = Held::default().client();
    let mut bulk = client.create_stream(stream::pending::<Product>());
    assert!(poll(&mut bulk).is_pending());
}

#[test]
fn after_an_error_that_stops_nothing_goes_out() {
    let platform = Held::default();
    let client = platform.client();
    let mut bulk = client
        .create_all(products(&["a", " blank", "c"]))
        .stop_on_error();
    let failed = item(&mut bulk);
    assert_eq!(failed.index, 1);
    let seen = *platform.seen.lock().unwrap();
    let _ = poll(&mut bulk);
    assert_eq!(
        *platform.seen.lock().unwrap(),
        seen,
        "nothing is sent after the failed item was reported"
    );
}

#[test]
fn after_a_failure_no_successor_goes_out() {
    let platform = Held::default();
    let client = platform.client();
    let mut bulk = client
        .update_all(products(&["a", "b", "a"]))
        .concurrency(4)
        .stop_on_error();
    assert!(poll(&mut bulk).is_pending());
    platform.accept(0); // a
    platform.fail(0); // b
    assert!(item(&mut bulk).result.is_ok());
    let failed = item(&mut bulk);
    assert!(failed.result.is_err());
    let seen = *platform.seen.lock().unwrap();
    let _ = poll(&mut bulk);
    assert_eq!(
        *platform.seen.lock().unwrap(),
        seen,
        "the second a was sent after the failure"
    );
    assert!(matches!(poll(&mut bulk), Poll::Ready(None)));
    assert_eq!(
        bulk.progress().to_string(),
        "1 of 3 accepted, 1 failed, 1 held back"
    );
}

#[test]
fn records_that_cannot_be_sent_hold_up_nobody() {
    let platform = Held::default();
    let client = platform.client();
    let mut ids = vec!["a"];
    ids.extend([" blank"; 50]);
    let mut bulk = client.create_all(products(&ids));
    for _ in 0..25 {
        assert!(item(&mut bulk).result.is_err());
    }
    assert_eq!(
        *platform.seen.lock().unwrap(),
        1,
        "a waits for all bad records behind it"
    );
}

async fn is_accepted<S: Stream>(mut bulk: Bulk<S>) -> bool {
    bulk.next().await.unwrap().result.is_ok()
}

#[tokio::test]
async fn every_call_is_the_request_of_its_name() {
    let one = || products(&["a"]);
    for (call, method) in ["POST", "PUT", "DELETE", "POST", "PUT", "DELETE"]
        .into_iter()
        .enumerate()
    {
        let platform = Scripted::default();
        let client = platform.client();
        let accepted = match call {
            0 => is_accepted(client.create_all(one())).await,
            1 => is_accepted(client.update_all(one())).await,
            2 => is_accepted(client.delete_all(one())).await,
            3 => is_accepted(client.create_stream(stream::iter(one()))).await,
            4 => is_accepted(client.update_stream(stream::iter(one()))).await,
            _ => is_accepted(client.delete_stream(stream::iter(one()))).await,
        };
        assert!(accepted);
        assert_eq!(platform.request().method(), method);
    }
}

#[test]
fn zero_at_once_is_one_and_a_drop_ends_what_is_on_its_way() {
    fn is_send<T: Send>(_: &T) {}
    let platform = Held::default();
    let client = platform.client();
    let mut bulk = client.create_all(products(&["a", "b"])).concurrency(0);
    is_send(&bulk);
    assert!(poll(&mut bulk).is_pending());
    assert_eq!(platform.open(), ["a"]);
    drop(bulk);
    assert_eq!(*platform.seen.lock().unwrap(), 1);
    assert!(
        platform
            .open
            .lock()
            .unwrap()
            .values()
            .all(|(_, s)| s.is_closed()),
        "requests dropped"
    );
}
