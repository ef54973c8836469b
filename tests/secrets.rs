//! The API key appears nowhere: not in `Debug`, not in a log, not in an error, not in a panic.

use std::fmt::Debug;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use dsync::prelude::*;
use dsync::wire::{RealtimeRequest, encode_record};
use dsync::{AuthToken, EntityId};
use dsync_hub::Hub;
use serde::Serialize;
use tracing_subscriber::fmt::MakeWriter;

/// No other test has it, because all tests of this binary log to the same place.
const KEY: &str = "5ecr3t-key-that-nobody-may-see";

#[derive(Serialize, DsyncEntity)]
#[dsync(entity_token = "secrets-product-1")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[track_caller]
fn hides(what: &str, text: &str) {
    assert!(!text.contains(KEY), "{what} shows the key: {text}");
}

#[track_caller]
fn hides_in_debug(value: &dyn Debug) {
    hides("Debug", &format!("{value:?}"));
    hides("Debug", &format!("{value:#?}"));
}

/// All that an error says, to the end of its chain.
#[track_caller]
fn hides_in_error(error: &dyn std::error::Error) {
    let mut error = Some(error);
    while let Some(cause) = error {
        hides("an error", &cause.to_string());
        hides_in_debug(&cause);
        error = cause.source();
    }
}

#[tokio::test]
async fn the_key_is_shown_by_nothing() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .init();

    let key = AuthToken::new(KEY).unwrap();
    let builder = Hub::builder().auth_token(key.clone());
    hides_in_debug(&key);
    hides_in_debug(&builder);
    let layout = DataLayout::builder().entity::<Product>().build().unwrap();
    let hub = builder.data_layout(layout).start().await.unwrap();
    hides_in_debug(&hub);

    let builder = Client::builder(KEY).realtime_url(hub.realtime_url());
    hides_in_debug(&builder);
    let client = builder.build().unwrap();
    hides_in_debug(&client);

    let product = Product {
        sku: "S-1".to_owned(),
    };
    let request = RealtimeRequest::create(
        EntityToken::new("secrets-product-1").unwrap(),
        encode_record(&product).unwrap(),
    );
    hides_in_debug(&request);
    hides_in_debug(&request.encode(&hub.realtime_url().parse().unwrap(), &key));

    // Every operation, accepted and refused; the answers and errors hide it, and so do the logs.
    let token = EntityToken::new("secrets-product-1").unwrap();
    let unknown = EntityToken::new("secrets-order-1").unwrap();
    hides_in_debug(&client.create(&product).await.unwrap());
    hides_in_debug(&client.update(&product).await.unwrap());
    let id = EntityId::new("S-2").unwrap();
    let mut errors = vec![
        client.create(&product).await.unwrap_err(),
        client.create_raw(&token, "{}").await.unwrap_err(),
        client.create_raw(&token, "[]").await.unwrap_err(),
        client.create_raw(&unknown, "{}").await.unwrap_err(),
        client
            .update_raw(&token, r#"{"sku":"S-2"}"#)
            .await
            .unwrap_err(),
        client.delete_by_id::<Product>("S-2").await.unwrap_err(),
        client.delete_by_id::<Product>("a\nb").await.unwrap_err(),
        client
            .send(RealtimeRequest::delete(unknown, id))
            .await
            .unwrap_err(),
    ];
    hides_in_debug(&client.delete(&product).await.unwrap());

    // A key that is wrong, at a hub with another one: not even the wrong one is shown.
    let other = Hub::start().await.unwrap();
    let elsewhere = Client::builder(KEY)
        .realtime_url(other.realtime_url())
        .build()
        .unwrap();
    errors.push(elsewhere.create(&product).await.unwrap_err());
    assert_eq!(errors.last().unwrap().status().unwrap(), 401);

    // Nobody listens.
    let gone = Client::builder(KEY)
        .realtime_url("http://127.0.0.1:1/api/realtime")
        .build()
        .unwrap();
    errors.push(gone.create(&product).await.unwrap_err());

    for error in &errors {
        hides_in_error(error);
    }

    // Keys and addresses that cannot be.
    for wrong in [format!("{KEY}\n"), format!("{KEY} "), format!("{KEY}ß")] {
        hides_in_error(&AuthToken::new(wrong.clone()).unwrap_err());
        hides_in_error(&Client::builder(wrong).build().unwrap_err());
    }
    for url in [
        format!("http://{KEY}:{KEY}@127.0.0.1/"),
        "http://example.org/".to_owned(),
        String::new(),
    ] {
        let builder = Client::builder(KEY).realtime_url(url);
        hides_in_error(&builder.build().unwrap_err());
    }

    // A panic about any of them.
    let panic = catch_unwind(AssertUnwindSafe(|| {
        panic!("{client:?} {hub:?} {errors:?} {key:?}");
    }))
    .unwrap_err();
    hides("a panic", panic.downcast_ref::<String>().unwrap());

    hides_in_debug(&Bytes::from(hub.dump()));
    hub.shutdown().await;
    let text = log.text();
    assert!(text.contains("TRACE") && text.contains("secrets-product-1"));
    hides("the log", &text);
}
