//! What came from the platform is not sent back there, on whatever task or thread it is carried out.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use dsync_client::{Client, Error, Receipt};
use dsync_core::wire::RealtimeRequest;
use dsync_core::{EntityId, Origin, Switch, SystemState};
use futures_util::stream;

use crate::support::{Note, Product, Scripted, Unmarked, in_child, is_child};
use crate::tracing::told;

/// The platform has written this product.
fn origin() -> Origin {
    Origin::of_record(
        "p-77".parse().unwrap(),
        "shop-product-1".parse().unwrap(),
        EntityId::new("sku-1").unwrap(),
        "SKU",
    )
}

#[track_caller]
fn is_echo(receipt: &Receipt) {
    assert!(receipt.is_echo());
    assert_eq!(receipt.attempts(), 0);
    assert_eq!(receipt.status(), 200);
    assert_eq!((receipt.process_id(), receipt.message()), (None, None));
    assert!(receipt.data().is_none() && receipt.headers().is_empty());
}

/// Method and id of what was sent.
fn sent(platform: &Scripted) -> Vec<String> {
    let id = |request: &http::Request<_>| {
        let id = request.headers().get("entity-id");
        id.map_or(String::new(), |id| id.to_str().unwrap().to_owned())
    };
    let requests = platform.requests();
    let line = |request| format!("{} {}", http::Request::method(request), id(request));
    requests.iter().map(line).collect()
}

#[tokio::test]
async fn a_handler_sends_only_what_is_about_another_record() {
    let platform = Scripted::default();
    let client = platform.client();
    let (same, other) = (Product::new("sku-1"), Product::new("sku-2"));
    origin()
        .scope(async {
            is_echo(&client.update(&same).await.unwrap());
            tokio::task::yield_now().await;
            let receipt = client.update(&other).await.unwrap();
            assert!(!receipt.is_echo());
            assert_eq!(receipt.process_id(), Some("p-1"));
            let note = Note {
                text: "x".to_owned(),
            };
            assert!(!client.create(&note).await.unwrap().is_echo());
        })
        .await;
    assert!(!client.update(&same).await.unwrap().is_echo());
    assert_eq!(sent(&platform), ["PUT sku-2", "POST ", "PUT sku-1"]);
}

/// A macro, because the async and the blocking client share no trait.
macro_rules! every_call {
    ($client:expr $(, $await:tt)?) => {{
        let (client, same) = (&$client, Product::new("sku-1"));
        let token = "shop-product-1".parse().unwrap();
        let request = RealtimeRequest::update(token, "{}");
        let token = request.entity_token();
        let named = request.clone().with_id(EntityId::new("sku-1").unwrap(), "SKU");
        [
            client.create(&same)$(.$await)?.unwrap(),
            client.update(&same)$(.$await)?.unwrap(),
            client.update_with_id(&same, "sku-1")$(.$await)?.unwrap(),
            client.delete(&same)$(.$await)?.unwrap(),
            client.delete_by_id::<Product>("sku-1")$(.$await)?.unwrap(),
            client.create_raw(token, "{}")$(.$await)?.unwrap(),
            client.update_raw(token, "{}")$(.$await)?.unwrap(),
            client.delete_raw(token, "sku-1")$(.$await)?.unwrap(),
            client.send(named.unwrap())$(.$await)?.unwrap(),
        ]
    }};
}

#[tokio::test]
async fn every_call_of_the_async_client() {
    let platform = Scripted::default();
    let client = platform.client();
    let receipts = origin().scope(async { every_call!(client, await) }).await;
    receipts.iter().for_each(is_echo);
    every_call!(client.with_origin(origin()), await)
        .iter()
        .for_each(is_echo);
    assert!(platform.is_untouched());
    assert!(
        every_call!(client, await)
            .iter()
            .all(|receipt| !receipt.is_echo())
    );
}

#[cfg(feature = "blocking")]
#[test]
fn every_call_of_the_blocking_client() {
    let platform = Scripted::default();
    let client = dsync_client::blocking::Client::from(platform.client());
    let receipts = origin().in_scope(|| every_call!(client));
    receipts.iter().for_each(is_echo);
    every_call!(client.with_origin(origin()))
        .iter()
        .for_each(is_echo);
    assert!(platform.is_untouched());

    // The thread of the network is not left in that scope.
    assert!(every_call!(client).iter().all(|receipt| !receipt.is_echo()));
}

#[cfg(feature = "blocking")]
#[test]
fn the_blocking_client_in_a_scope() {
    let platform = Scripted::default();
    let client = dsync_client::blocking::Client::from(platform.client());
    let products = || ["sku-1", "sku-2"].map(Product::new);
    origin().in_scope(|| {
        is_echo(&client.update(&Product::new("sku-1")).unwrap());
        assert!(!client.update(&Product::new("sku-2")).unwrap().is_echo());
        let echoes: Vec<_> = client
            .create_all(products())
            .filter(|item| item.result.as_ref().unwrap().is_echo())
            .map(|item| item.index)
            .collect();
        assert_eq!(echoes, [0]);
    });
    assert_eq!(sent(&platform), ["PUT sku-2", "POST sku-2"]);

    // It is asked for outside of the scope in which it was made.
    let bulk = origin().in_scope(|| client.delete_all(products()));
    assert!(bulk.into_iter().all(|item| !item.result.unwrap().is_echo()));
    let mut bulk = client.with_origin(origin()).delete_all(products());
    assert!(bulk.all(|item| item.result.unwrap().is_echo()));
}

#[tokio::test]
async fn a_bulk_in_a_scope() {
    let platform = Scripted::default();
    let client = platform.client();
    let products = || ["sku-1", "sku-2", "sku-1"].map(Product::new);

    // Made outside, because the scope that counts is where it is polled.
    let mut bulk = client.update_all(products());
    let mut echoes = Vec::new();
    origin()
        .scope(async {
            while let Some(item) = bulk.next().await {
                if item.result.unwrap().is_echo() {
                    echoes.push(item.index);
                }
            }
        })
        .await;
    assert_eq!(echoes, [0, 2]);
    assert_eq!(sent(&platform), ["PUT sku-2"]);
    assert_eq!(bulk.progress().to_string(), "3 of 3 accepted");

    let mut bulk = origin().in_scope(|| client.update_all(products()));
    while let Some(item) = bulk.next().await {
        assert!(!item.result.unwrap().is_echo());
    }
    assert_eq!(sent(&platform).len(), 4);

    let client = client.with_origin(origin());
    let mut bulk = client.delete_stream(stream::iter(products()));
    while let Some(item) = bulk.next().await {
        is_echo(&item.result.unwrap());
    }
    assert_eq!(sent(&platform).len(), 4);
}

#[tokio::test]
async fn a_task_of_its_own_is_outside_and_an_origin_covers_it() {
    let platform = Scripted::default();
    let client = platform.client();
    let update = |client: Client| async move { client.update(&Product::new("sku-1")).await };
    origin()
        .scope(async {
            let outside = tokio::spawn(update(client.clone()));
            assert!(!outside.await.unwrap().unwrap().is_echo());
            let covered = client.with_origin(Origin::current());
            let covered = tokio::spawn(update(covered));
            is_echo(&covered.await.unwrap().unwrap());
        })
        .await;
    assert_eq!(sent(&platform), ["PUT sku-1"]);
}

#[tokio::test]
async fn an_origin_of_the_handle_is_asked_nothing() {
    let platform = Scripted::default();
    let client = platform.client().with_origin(origin());
    is_echo(&client.update(&Product::new("sku-2")).await.unwrap());
    is_echo(
        &client
            .create(&Note {
                text: "x".to_owned(),
            })
            .await
            .unwrap(),
    );
    is_echo(&client.clone().delete(&Product::new("sku-3")).await.unwrap());
    assert!(platform.is_untouched());

    // Without one it is a client like any other, in a scope as well.
    let client = client.with_origin(None);
    assert!(
        !client
            .update(&Product::new("sku-1"))
            .await
            .unwrap()
            .is_echo()
    );
    let product = Product::new("sku-1");
    let update = client.update(&product);
    is_echo(&origin().scope(update).await.unwrap());
}

#[test]
fn the_first_poll_decides() {
    let platform = Scripted::default();
    let client = platform.client();
    let mut context = Context::from_waker(Waker::noop());
    let product = Product::new("sku-1");

    let made_inside = pin!(origin().in_scope(|| client.update(&product)));
    let Poll::Ready(Ok(receipt)) = made_inside.poll(&mut context) else {
        panic!("the platform answers at once");
    };
    assert!(!receipt.is_echo());

    let polled_inside = pin!(client.update(&product));
    let mut polled_inside = polled_inside;
    let polled = origin().in_scope(|| polled_inside.as_mut().poll(&mut context));
    let Poll::Ready(Ok(receipt)) = polled else {
        panic!("an echo waits for nothing");
    };
    is_echo(&receipt);
}

#[tokio::test]
async fn what_cannot_be_encoded_is_an_error_all_the_same() {
    let client = Scripted::default().client().with_origin(origin());
    let error = client.create(&Unmarked { id: 1 }).await.unwrap_err();
    assert!(matches!(error, Error::NoPrimaryKeyField { .. }));
    let error = client.create_raw(&"t-1".parse().unwrap(), "[]").await;
    assert!(matches!(error.unwrap_err(), Error::Record(_)));
}

#[tokio::test]
async fn a_switch_matters_only_to_what_would_be_sent() {
    let state = SystemState::new();
    state.set_switch("product", Switch::Off).unwrap();
    let platform = Scripted::default();
    let client = platform.builder().system_state(state.clone());
    let client = client.refuse_switched_off(true).build().unwrap();
    let (same, other) = (Product::new("sku-1"), Product::new("sku-2"));
    origin()
        .scope(async {
            is_echo(&client.update(&same).await.unwrap());
            is_echo(&client.delete_by_id::<Product>("sku-1").await.unwrap());
            let error = client.update(&other).await.unwrap_err();
            assert!(matches!(error, Error::SwitchedOff { entity: "product" }));
            assert_eq!(error.attempts(), 0);
        })
        .await;

    // In a bulk, too, and there it stops the rest.
    let mut bulk = client
        .update_all([other, same])
        .concurrency(1)
        .stop_on_error();
    let item = bulk.next().await.unwrap();
    assert!(matches!(item.result, Err(Error::SwitchedOff { .. })));
    assert!(bulk.next().await.is_none());
    assert!(platform.is_untouched());
}

#[test]
fn an_echo_is_told() {
    if !is_child() {
        return in_child("echo::an_echo_is_told", &[]);
    }
    let state = SystemState::new();
    state.set_switch("product", Switch::Off).unwrap();
    let client = Scripted::default().builder().system_state(state);
    let client = client.build().unwrap().with_origin(origin());
    assert_eq!(
        told(&client),
        "DEBUG message=not sent: it came from the platform by this process operation=\"create\" \
         entity_token=\"shop-product-1\" process_id=\"p-77\"\n"
    );
}
