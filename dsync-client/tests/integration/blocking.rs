//! The client without `await`: from a thread, inside a runtime, from several threads, dropped anywhere.

use std::thread;

use dsync_client::blocking::Client;
use dsync_core::testing::{Reply, ScriptedTransport};

use crate::support::{ACCEPTED, KEY, Product, Scripted, Server};

fn call(client: &Client) {
    let receipt = client.create(&Product::new("sku-1")).unwrap();
    assert_eq!(receipt.process_id(), Some("p-1"));
}

/// A server of so many requests, each on a connection of its own or not.
fn platform(requests: usize) -> Server<()> {
    Server::start(move |listener| {
        let mut connection = listener.accept();
        for _ in 0..requests {
            connection.request();
            connection.answer("200 OK", ACCEPTED);
        }
    })
}

#[test]
fn from_a_plain_thread() {
    let server = platform(2);
    let client = Client::from(server.client());
    call(&client);
    call(&client);
    server.finish();
}

#[tokio::test]
async fn inside_a_runtime_and_dropped_there() {
    let server = platform(1);
    let client = Client::from(server.client());
    call(&client);
    drop(client);
    server.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_a_runtime_of_several_threads() {
    let server = platform(1);
    let client = Client::from(server.client());
    tokio::spawn(async move { call(&client) }).await.unwrap();
    server.finish();
}

#[test]
fn from_several_threads_at_once() {
    let client = Client::from(Scripted::default().client());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    call(&client);
                }
            });
        }
    });
}

#[test]
fn every_call_is_the_request_of_its_name() {
    let script = ScriptedTransport::new((0..8).map(|_| Reply::accepted("p-1")));
    let client = dsync_client::Client::builder(KEY).transport(script.clone());
    let client = Client::from(client.build().unwrap());
    let (product, token) = (Product::new("sku-1"), "t-1".parse().unwrap());
    client.create(&product).unwrap();
    client.update(&product).unwrap();
    client.update_with_id(&product, "sku-0").unwrap();
    client.delete(&product).unwrap();
    client.delete_by_id::<Product>("sku-1").unwrap();
    client.create_raw(&token, "{}").unwrap();
    client.update_raw(&token, "{}").unwrap();
    client.delete_raw(&token, 1).unwrap();
    assert!(client.create_raw(&token, "[]").is_err());

    let sent: Vec<_> = script
        .requests()
        .iter()
        .map(|request| {
            let id = request.headers().get("entity-id");
            let id = id.map_or("", |id| id.to_str().unwrap());
            format!("{} {id}", request.method())
        })
        .collect();
    assert_eq!(
        sent,
        [
            "POST sku-1",
            "PUT sku-1",
            "PUT sku-0",
            "DELETE sku-1",
            "DELETE sku-1",
            "POST ",
            "PUT ",
            "DELETE 1"
        ]
    );
}

#[test]
#[should_panic(expected = "the script has no reply for request 1")]
fn a_panic_in_the_transport_reaches_the_caller() {
    let client = dsync_client::Client::builder(KEY).transport(ScriptedTransport::new([]));
    let _ = Client::from(client.build().unwrap()).create(&Product::new("sku-1"));
}

#[test]
fn many_records() {
    let script = ScriptedTransport::new((0..199).map(|_| Reply::accepted("p-1")));
    let client = dsync_client::Client::builder(KEY).transport(script.clone());
    let client = Client::from(client.build().unwrap());
    let id = |number: u32| match number {
        7 => " blank".to_owned(),
        _ => format!("sku-{}", number % 10),
    };
    let mut bulk = client.update_all((0..200).map(|number| Product::new(&id(number))));
    let failed: Vec<_> = bulk
        .by_ref()
        .filter(|item| item.result.is_err())
        .map(|item| item.index)
        .collect();
    assert_eq!(failed, [7]);
    assert_eq!(bulk.progress().to_string(), "199 of 200 accepted, 1 failed");
    assert_eq!(script.left(), 0);

    let bulk = client.create_all(["a", " ", "b"].map(Product::new));
    let mut bulk = bulk.concurrency(1).stop_on_error();
    // The script has nothing left, and the panic reaches the caller.
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bulk.next()));
    assert!(outcome.is_err());
    assert!(client.delete_all(Vec::<Product>::new()).next().is_none());
}
