//! A handler that blocks, hangs or gives out what is wrong harms itself only.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use dsync_connector::{Connector, Context, Handled, Handler, HandlerError};
use dsync_core::retry::RetryPolicy;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::support::{KEY, Next, Product, Scripted, assert_status, create, send, update};

/// Blocks its thread in the second try, as many database drivers do.
#[derive(Clone)]
struct Blocks {
    begun: Arc<Notify>,
    end: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Handler<Product> for Blocks {
    type Id = String;

    async fn create(&self, context: &Context, product: Product) -> Handled<String> {
        if context.attempt() == 1 {
            return Err(HandlerError::later("no"));
        }
        self.begun.notify_one();
        let end = self.end.lock().unwrap();
        end.recv_timeout(Duration::from_secs(10))
            .map_err(HandlerError::from)?;
        Ok(product.sku)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_promise_that_blocks_its_thread_holds_up_no_connection() {
    let (end, blocked) = mpsc::channel();
    let handler = Blocks {
        begun: Arc::default(),
        end: Arc::new(Mutex::new(blocked)),
    };
    let connector = Connector::builder(KEY)
        .entity::<Product>(handler.clone())
        .switched_on(true)
        .retry(RetryPolicy::new().with_backoff(Duration::ZERO, Duration::ZERO))
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn({
        let connector = connector.clone();
        async move { connector.serve(listener, std::future::pending()).await }
    });
    assert_status(&send(&connector, &create("p-1", "S-1")).await, 202);
    handler.begun.notified().await;

    let asking = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "GET /datalayout HTTP/1.1\r\nHost: x\r\nAuth-Token: {KEY}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    // Half of what the handler waits for, at most.
    let answer = tokio::time::timeout(Duration::from_secs(5), asking).await;
    end.send(()).unwrap();
    let answer = answer.expect("an answer while the thread is blocked");
    let answer = answer.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_its_turn_no_longer_than_a_handler_may_take() {
    let handler = Scripted::default();
    let limit = Duration::from_secs(7);
    let connector = Connector::builder(KEY)
        .entity::<Product>(handler.clone())
        .switched_on(true)
        .handler_timeout(limit)
        .build()
        .unwrap();
    handler.then((0..6).map(|_| Next::Hang));
    let began = tokio::time::Instant::now();
    let changes: Vec<_> = (0..6)
        .map(|n| update(&format!("p-{n}"), "S-1", n))
        .collect();
    for answer in join_all(changes.iter().map(|change| send(&connector, change))).await {
        assert_status(&answer, 500);
    }
    // For the turn, and in it.
    assert!(began.elapsed() <= 2 * limit, "{:?}", began.elapsed());
}

/// One of its records cannot be named in a header.
struct OneBad;

impl Handler<Product> for OneBad {
    type Id = String;

    async fn page(
        &self,
        _: &Context,
        after: Option<&String>,
        limit: usize,
    ) -> Handled<Vec<Product>> {
        let skus = ["A", "B ", "C"].map(str::to_owned).into_iter();
        let skus = skus.filter(|sku| after.is_none_or(|after| sku > after));
        let products = skus.map(|sku| Product { sku, price: None });
        Ok(products.take(limit).collect())
    }
}

#[tokio::test]
async fn a_record_whose_id_is_none_does_not_stop_a_synchronisation() {
    let connector = Connector::builder(KEY)
        .entity::<Product>(OneBad)
        .build()
        .unwrap();
    let token = connector.data_layout().endpoints()[0].entity_token();
    let page = http::Request::get("/sync/items/1")
        .header("Auth-Token", KEY)
        .header("Entity-Token", token.as_str())
        .body(Bytes::new())
        .unwrap();
    let answer = connector.handle(page).await;
    assert_status(&answer, 200);
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    let items = answer["data"]["items"].as_array().unwrap();
    let skus: Vec<_> = items.iter().map(|item| item["sku"].as_str()).collect();
    assert_eq!(skus, [Some("A"), Some("C")]);
}
