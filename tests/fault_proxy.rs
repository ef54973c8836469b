//! The proxy that the tests of retries stand on: each of its faults as a plain socket sees it, and
//! which requests the hub carried out.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use dsync::AuthToken;
use dsync::prelude::*;
use dsync_hub::Hub;
use http::Method;

use crate::support::fault_proxy::{Fault, FaultProxy, response};
use crate::support::http::is_complete;

const KEY: &str = "key-of-the-proxy";

#[derive(DsyncEntity)]
#[dsync(entity_token = "fault-proxy-product-1")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
}

async fn hub() -> Hub {
    Hub::builder()
        .auth_token(AuthToken::new(KEY).unwrap())
        .data_layout(DataLayout::builder().entity::<Product>().build().unwrap())
        .start()
        .await
        .unwrap()
}

/// The ids of the records that were created, in their order.
fn created(hub: &Hub) -> Vec<String> {
    hub.records("product")
        .iter()
        .map(|record| record.entity_id.to_string())
        .collect()
}

fn create(sku: &str) -> Vec<u8> {
    let body = format!(r#"{{"sku":"{sku}"}}"#);
    format!(
        "POST /api/realtime HTTP/1.1\r\nHost: hub\r\nAuth-Token: {KEY}\r\n\
         Entity-Token: fault-proxy-product-1\r\nContent-Type: application/json\r\n\
         Idempotency-Key: change-of-{sku}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A client that does nothing by itself.
struct Client(TcpStream);

impl Client {
    fn of(proxy: &FaultProxy) -> Self {
        let address = proxy.url().strip_prefix("http://").unwrap();
        let (address, path) = address.split_once('/').unwrap();
        assert_eq!(path, "api/realtime");
        Self::connect(address.parse().unwrap())
    }

    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        // Far beyond what any answer takes: a proxy that hangs fails the test.
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Self(stream)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// One answer, on a connection that stays.
    fn answer(&mut self) -> String {
        let mut bytes = Vec::new();
        while !is_complete(&bytes) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
        }
        String::from_utf8(bytes).unwrap()
    }

    /// What comes until the connection ends, and how it ends.
    fn rest(&mut self) -> (Vec<u8>, io::Result<()>) {
        let mut bytes = Vec::new();
        let end = self.0.read_to_end(&mut bytes).map(drop);
        (bytes, end)
    }

    fn expect_closed(&mut self) {
        let (bytes, end) = self.rest();
        assert_eq!(String::from_utf8(bytes).unwrap(), "");
        end.unwrap();
    }

    fn expect_reset(&mut self) {
        let (bytes, end) = self.rest();
        assert!(bytes.is_empty());
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

/// A hub that gives these answers to requests of this length, all on one connection, and tells what
/// it was sent.
fn recorder(
    answers: Vec<&'static str>,
    request: usize,
) -> (SocketAddr, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        for answer in answers {
            let mut bytes = vec![0; request];
            stream.read_exact(&mut bytes).unwrap();
            all.extend(bytes);
            stream.write_all(answer.as_bytes()).unwrap();
        }
        stream.read_to_end(&mut all).unwrap();
        all
    });
    (address, thread)
}

#[test]
fn forwarding_changes_no_byte_and_keeps_both_connections() {
    const ANSWERS: [&str; 3] = [
        "HTTP/1.1 200 Fine\r\nX-oDD:  two  blanks\r\ncontent-LENGTH: 3\r\n\r\n{ }",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n",
    ];
    // A header that is not UTF-8, and a body with the end of a head in it.
    let request =
        b"PUT / HTTP/1.1\r\nentity-ID: Gr\xf6\xdfe\r\nCONTENT-length:   6\r\n\r\n\r\n\r\n\xff\0";
    let (address, upstream) = recorder(ANSWERS.to_vec(), request.len());
    let proxy = FaultProxy::script(address, []);

    let mut client = Client::of(&proxy);
    for answer in ANSWERS {
        client.send(request);
        assert_eq!(client.answer(), answer);
    }
    assert_eq!(proxy.connections_accepted(), 1);
    drop(client);
    assert_eq!(upstream.join().unwrap(), request.repeat(ANSWERS.len()));
}

#[tokio::test]
async fn requests_are_told_apart_however_their_bytes_come() {
    let hub = hub().await;
    let proxy = FaultProxy::script(hub.local_addr(), []);

    let mut client = Client::of(&proxy);
    for byte in create("slow") {
        client.send(&[byte]);
    }
    client.answer();
    client.send(&[create("first"), create("second")].concat());
    client.answer();
    client.answer();
    // The other direction of a closed half still works.
    client.send(&create("last"));
    client.0.shutdown(Shutdown::Write).unwrap();
    client.answer();
    client.expect_closed();
    assert_eq!(created(&hub), ["slow", "first", "second", "last"]);
}

#[tokio::test]
async fn a_policy_is_told_whose_request_it_is() {
    let hub = hub().await;
    let proxy = FaultProxy::start(hub.local_addr(), |seen| {
        match seen.idempotency_key.as_deref() {
            Some("change-of-bad") => Fault::Answer(response(503, &[], "")),
            _ => Fault::Forward,
        }
    });

    let mut one = Client::of(&proxy);
    one.send(&create("good"));
    assert!(one.answer().starts_with("HTTP/1.1 200 "));
    let mut other = Client::of(&proxy);
    other.send(b"DELETE /api/realtime HTTP/1.1\r\nHost: hub\r\n\r\n");
    assert!(other.answer().starts_with("HTTP/1.1 401 "));
    one.send(&create("bad"));
    assert!(one.answer().starts_with("HTTP/1.1 503 "));

    let seen: Vec<_> = proxy
        .requests()
        .into_iter()
        .map(|seen| {
            assert_eq!(
                seen.auth_token.as_deref(),
                seen.idempotency_key.as_ref().map(|_| KEY)
            );
            (
                seen.total,
                seen.connection,
                seen.number_on_connection,
                seen.method,
                seen.idempotency_key.unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (0, 0, 0, Method::POST, "change-of-good".to_owned()),
            (1, 1, 0, Method::DELETE, String::new()),
            (2, 0, 1, Method::POST, "change-of-bad".to_owned()),
        ]
    );
    assert_eq!(created(&hub), ["good"]);
}

#[tokio::test]
async fn a_reset_comes_before_the_body() {
    let hub = hub().await;
    let proxy = FaultProxy::script(
        hub.local_addr(),
        [Fault::ResetBeforeReading, Fault::ResetBeforeReading],
    );

    let mut client = Client::of(&proxy);
    client.send(b"POST /api/realtime HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
    client.expect_reset();
    let mut client = Client::of(&proxy);
    client.send(&create("whole"));
    client.expect_reset();
    assert_eq!(hub.requests(), 0);
}

#[tokio::test]
async fn a_dropped_request_takes_no_effect_and_a_dropped_answer_hides_one() {
    let hub = hub().await;
    let faults = [Fault::DropAfterReading, Fault::DropAnswer];
    let proxy = FaultProxy::script(hub.local_addr(), faults);

    for sku in ["unread", "unheard"] {
        let mut client = Client::of(&proxy);
        client.send(&create(sku));
        client.expect_closed();
    }
    assert_eq!(created(&hub), ["unheard"]);
    assert_eq!(hub.requests(), 1);
}

#[test]
fn half_an_answer_is_its_first_half() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789";
    let (address, upstream) = recorder(vec![ANSWER], create("half").len());
    let proxy = FaultProxy::script(address, [Fault::HalfAnswer]);

    let mut client = Client::of(&proxy);
    client.send(&create("half"));
    let (bytes, end) = client.rest();
    assert_eq!(bytes, ANSWER.as_bytes()[..ANSWER.len() / 2]);
    end.unwrap();
    assert_eq!(upstream.join().unwrap(), create("half"));
}

#[tokio::test]
async fn a_stall_takes_effect_and_ends_with_its_client_or_the_proxy() {
    let hub = hub().await;
    let proxy = FaultProxy::script(hub.local_addr(), [Fault::Stall, Fault::Stall]);

    let mut impatient = Client::of(&proxy);
    impatient.send(&create("stalled"));
    impatient
        .0
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let kind = impatient.rest().1.unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert_eq!(created(&hub), ["stalled"]);
    assert_eq!(proxy.connections_open(), 1);
    drop(impatient);
    proxy.all_connections_closed().await;

    let mut patient = Client::of(&proxy);
    patient.send(&create("patient"));
    while created(&hub).len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(proxy);
    patient.expect_closed();
}

#[tokio::test]
async fn garbage_is_no_http() {
    let hub = hub().await;
    let proxy = FaultProxy::script(hub.local_addr(), [Fault::Garbage]);

    let mut client = Client::of(&proxy);
    client.send(&create("garbage"));
    let (bytes, end) = client.rest();
    assert!(!bytes.is_empty() && !bytes.starts_with(b"HTTP"));
    end.unwrap();
    assert_eq!(hub.requests(), 0);
}

#[tokio::test]
async fn an_answer_of_its_own_comes_with_or_without_the_effect() {
    let hub = hub().await;
    let busy = response(429, &[("retry-after", "2")], "busy");
    let broken = response(500, &[("connection", "close")], "");
    let faults = [Fault::Answer(busy), Fault::AnswerAfterForwarding(broken)];
    let proxy = FaultProxy::script(hub.local_addr(), faults);

    let mut client = Client::of(&proxy);
    client.send(&create("busy"));
    assert_eq!(
        client.answer(),
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\ncontent-length: 4\r\n\r\nbusy"
    );
    client.send(&create("done"));
    assert_eq!(
        client.answer(),
        "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    client.expect_closed();
    assert_eq!(created(&hub), ["done"]);
}

#[tokio::test]
async fn an_idle_connection_closes_under_the_next_request() {
    let hub = hub().await;
    let proxy = FaultProxy::script(hub.local_addr(), [Fault::CloseIdle, Fault::Garbage]);

    let mut client = Client::of(&proxy);
    client.send(&create("first"));
    let answer = client.answer();
    assert!(
        !answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    assert_eq!(proxy.connections_open(), 1);
    client.send(&create("second"));
    client.expect_closed();
    assert_eq!(created(&hub), ["first"]);

    // The request that found it closed is seen, and takes nothing from the script.
    assert_eq!(proxy.requests().len(), 2);
    let mut client = Client::of(&proxy);
    client.send(&create("third"));
    assert!(!client.rest().0.starts_with(b"HTTP"));
}

#[tokio::test]
async fn what_the_hub_closes_is_closed() {
    let hub = hub().await;
    let proxy = FaultProxy::script(hub.local_addr(), []);

    let mut polite = Client::of(&proxy);
    let request = String::from_utf8(create("polite")).unwrap();
    polite.send(
        request
            .replacen("Host", "Connection: close\r\nHost", 1)
            .as_bytes(),
    );
    assert!(polite.rest().0.starts_with(b"HTTP/1.1 200 "));

    let mut idle = Client::of(&proxy);
    idle.send(&create("idle"));
    idle.answer();
    hub.shutdown().await;
    idle.expect_closed();
    let mut late = Client::of(&proxy);
    late.send(&create("late"));
    late.expect_closed();
    assert_eq!(created(&hub), ["polite", "idle"]);
}

fn text_of(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[tokio::test]
async fn a_panic_of_the_proxy_is_the_tests() {
    let hub = hub().await;
    let proxy = FaultProxy::start(hub.local_addr(), |_| panic!("what a policy asserts"));
    let mut client = Client::of(&proxy);
    client.send(&create("dropped"));
    let _ = client.rest();
    let panic = catch_unwind(AssertUnwindSafe(|| drop(proxy))).unwrap_err();
    assert_eq!(text_of(panic), "what a policy asserts");

    let proxy = FaultProxy::script(hub.local_addr(), []);
    let mut client = Client::of(&proxy);
    client.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    let _ = client.rest();
    let waiting = tokio::spawn(async move { proxy.all_connections_closed().await });
    let panic = waiting.await.unwrap_err().into_panic();
    assert!(text_of(panic).contains("does not know transfer-encoding"));
    assert_eq!(hub.requests(), 0);
}

#[tokio::test]
async fn many_clients_at_once_get_their_own_answers() {
    const CLIENTS: usize = 32;
    const EACH: usize = 20;
    let hub = hub().await;
    let proxy = FaultProxy::script(hub.local_addr(), []);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let proxy = &proxy;
            scope.spawn(move || {
                let mut stream = Client::of(proxy);
                for number in 0..EACH {
                    stream.send(&create(&format!("{client}-{number}")));
                    assert!(stream.answer().starts_with("HTTP/1.1 200 "));
                }
            });
        }
    });
    assert_eq!(created(&hub).len(), CLIENTS * EACH);
    assert_eq!(proxy.requests().len(), CLIENTS * EACH);
    assert_eq!(proxy.connections_accepted(), CLIENTS);
    proxy.all_connections_closed().await;
}
