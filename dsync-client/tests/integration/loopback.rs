//! The client over real sockets: what a server gets to read, and what becomes of its faults.

use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use dsync_client::{Client, Error};
use dsync_core::TransportErrorKind;

use crate::errors::chain;
use crate::support::{ACCEPTED, Connection, KEY, Product, Server};

/// What becomes of a create on a server with this script for its one connection.
async fn outcome(
    settings: impl FnOnce(dsync_client::ClientBuilder) -> dsync_client::ClientBuilder,
    script: impl FnOnce(&mut Connection) + Send + 'static,
) -> Result<dsync_client::Receipt, Error> {
    let server = Server::start(|listener| script(&mut listener.accept()));
    let client = settings(server.builder()).build().unwrap();
    let outcome = client.create(&Product::new("sku-1")).await;
    // In another thread, or the client's connection could not close while the script waits for it.
    drop(client);
    tokio::task::spawn_blocking(|| server.finish())
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    outcome
}

fn kind(outcome: Result<dsync_client::Receipt, Error>) -> TransportErrorKind {
    let error = outcome.unwrap_err();
    let chain = chain(&error);
    for pair in chain.windows(2) {
        assert!(!pair[0].contains(&pair[1]), "a text twice: {chain:?}");
    }
    for text in chain {
        assert!(!text.contains("127.0.0.1"), "the address shows: {text}");
    }
    error.transport_kind().expect("an error of the network")
}

#[tokio::test]
async fn the_bytes_of_a_request() {
    let server = Server::start(|listener| {
        let mut connection = listener.accept();
        // Both on one connection: it is kept.
        [(), ()].map(|()| {
            let request = connection.request();
            connection.answer("200 OK", ACCEPTED);
            request
        })
    });
    let client = Client::builder(KEY)
        .realtime_url(format!("{}?tenant=1", server.url()))
        .build()
        .unwrap();
    client.create(&Product::new("é")).await.unwrap();
    client.delete_by_id::<Product>("sku-1").await.unwrap();
    let port = server.port();
    let version = env!("CARGO_PKG_VERSION");
    let [create, delete] = server.finish().map(|request| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let mut lines: Vec<_> = head.split("\r\n").map(str::to_owned).collect();
        // Another one each time; what it is for, the tests of the whole workspace show.
        let key = lines
            .iter()
            .position(|line| line.starts_with("idempotency-key: "));
        assert_eq!(
            lines.remove(key.unwrap()).len(),
            "idempotency-key: ".len() + 32
        );
        lines[1..].sort_unstable();
        lines.push(body.to_owned());
        lines
    });

    let body = r#"{"SKU":"é","price":0.1,"tags":["new"]}"#;
    assert_eq!(
        create,
        [
            "POST /api/realtime?tenant=1 HTTP/1.1",
            "accept: */*",
            &format!("auth-token: {KEY}"),
            &format!("content-length: {}", body.len()),
            "content-type: application/json",
            "entity-id-field: SKU",
            "entity-id: é",
            "entity-token: shop-product-1",
            &format!("host: 127.0.0.1:{port}"),
            &format!("user-agent: dsync-rust/{version}"),
            body,
        ]
    );
    assert_eq!(
        delete,
        [
            "DELETE /api/realtime?tenant=1 HTTP/1.1",
            "accept: */*",
            &format!("auth-token: {KEY}"),
            "content-type: application/json",
            "entity-id-field: SKU",
            "entity-id: sku-1",
            "entity-token: shop-product-1",
            &format!("host: 127.0.0.1:{port}"),
            &format!("user-agent: dsync-rust/{version}"),
            "",
        ]
    );
}

#[tokio::test]
async fn a_connection_that_servers_may_be_closing_is_not_used_again() {
    let server = Server::start(|listener| {
        let mut first = listener.accept();
        first.request();
        first.answer("200 OK", ACCEPTED);
        let mut second = listener.accept();
        second.request();
        second.answer("200 OK", ACCEPTED);
    });
    let client = server.client();
    client.create(&Product::new("sku-1")).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(4_500)).await;
    tokio::time::resume();
    client.create(&Product::new("sku-1")).await.unwrap();
    server.finish();
}

#[tokio::test]
async fn a_server_that_closes_at_once() {
    let outcome = outcome(|builder| builder, |connection| drop(connection.request())).await;
    assert_eq!(kind(outcome), TransportErrorKind::Broken);
}

#[tokio::test]
async fn a_server_that_closes_within_its_answer() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":200,",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"sta\r\n",
    ] {
        let outcome = outcome(
            |builder| builder,
            move |connection| {
                connection.request();
                connection.send(answer);
            },
        )
        .await;
        assert_eq!(kind(outcome), TransportErrorKind::Broken, "{answer}");
    }
}

#[tokio::test]
async fn a_server_that_stalls() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":200,",
    ] {
        let begin = Instant::now();
        let outcome = outcome(
            |builder| builder.timeout(Duration::from_millis(50)),
            move |connection| {
                connection.request();
                connection.send(answer);
                connection.wait_for_close();
            },
        )
        .await;
        assert_eq!(kind(outcome), TransportErrorKind::Timeout, "{answer}");
        assert!(begin.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_server_that_drips() {
    // Each byte comes in time, the whole does not.
    let begin = Instant::now();
    let outcome = outcome(
        |builder| builder.timeout(Duration::from_millis(100)),
        |connection| {
            connection.request();
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
            for _ in 0..100 {
                // The pause is the drip. Once the client has closed, nothing goes out any more.
                if !connection.try_send("x") {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        },
    )
    .await;
    assert_eq!(kind(outcome), TransportErrorKind::Timeout);
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_answer_at_the_limit_and_over_it() {
    let body = format!("{ACCEPTED:200}");
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n{body}");
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc8\r\n{body}\r\n0\r\n\r\n");
    let mut dripped = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    for byte in body.chars() {
        dripped.push_str(&format!("1\r\n{byte}\r\n"));
    }
    dripped.push_str("0\r\n\r\n");

    for answer in [announced, chunked, dripped] {
        for (limit, fits) in [(200, true), (199, false), (1, false)] {
            let sent = answer.clone();
            let outcome = outcome(
                |builder| builder.max_answer(limit),
                move |connection| {
                    connection.request();
                    connection.try_send(&sent);
                },
            )
            .await;
            if fits {
                assert_eq!(outcome.unwrap().process_id(), Some("p-1"), "{answer}");
            } else {
                assert_eq!(
                    kind(outcome),
                    TransportErrorKind::AnswerTooLarge,
                    "{answer}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_endless_answer_ends_at_the_limit() {
    let begin = Instant::now();
    let outcome = outcome(
        |builder| builder,
        |connection| {
            connection.request();
            connection.send("HTTP/1.1 500 Oh\r\n\r\n");
            // 64 MiB, unless the client closes.
            for _ in 0..1024 {
                if !connection.try_send([b'x'; 65_536]) {
                    break;
                }
            }
        },
    )
    .await;
    assert_eq!(kind(outcome), TransportErrorKind::AnswerTooLarge);
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn an_announced_length_beyond_the_limit_is_not_waited_for() {
    let outcome = outcome(
        |builder| builder.timeout(Duration::from_secs(2)),
        |connection| {
            connection.request();
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n");
            connection.wait_for_close();
        },
    )
    .await;
    assert_eq!(kind(outcome), TransportErrorKind::AnswerTooLarge);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 T", "308 P"] {
        let (end, ended) = channel();
        let elsewhere = Server::start(move |listener| {
            ended.recv().unwrap();
            listener.visitor()
        });
        let location = elsewhere.url();
        let outcome = outcome(
            |builder| builder.timeout(Duration::from_secs(2)),
            move |connection| {
                connection.request();
                connection.send(format!(
                    "HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
                ));
            },
        )
        .await;
        end.send(()).unwrap();
        assert_eq!(
            elsewhere.finish(),
            None,
            "{status}: the API key was handed on"
        );
        let error = outcome.unwrap_err();
        assert_eq!(error.status().unwrap().as_str(), &status[..3]);
        assert!(error.to_string().contains("a redirect to"), "{error}");
    }
}

#[tokio::test]
async fn garbage_instead_of_http() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "\0\0\0\0\0",
        "HTTP/9.9 huh\r\n\r\n",
    ] {
        let outcome = outcome(
            |builder| builder,
            move |connection| {
                connection.request();
                connection.send(garbage);
            },
        )
        .await;
        assert_eq!(kind(outcome), TransportErrorKind::Broken, "{garbage:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_text() {
    let outcome = outcome(
        |builder| builder,
        |connection| {
            connection.request();
            connection.send(b"HTTP/1.1 500 Oh\r\ncontent-length: 3\r\n\r\n\xff\x00\xfe");
        },
    )
    .await;
    let error = outcome.unwrap_err();
    assert_eq!(error.status().unwrap(), 500);
    assert!(error.message().is_some());
}

#[tokio::test]
async fn nobody_listens() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let client = Client::builder(KEY)
        .realtime_url(format!("http://127.0.0.1:{port}/"))
        .build()
        .unwrap();
    let outcome = client.create(&Product::new("sku-1")).await;
    assert_eq!(kind(outcome), TransportErrorKind::Connect);
}
