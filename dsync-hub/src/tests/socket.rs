//! What only a real connection shows.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use dsync_core::AuthToken;

use super::{KEY, layout};
use crate::Hub;

pub(crate) async fn hub() -> Hub {
    let builder = Hub::builder().auth_token(AuthToken::new(KEY).unwrap());
    builder.data_layout(layout()).start().await.unwrap()
}

pub(crate) fn connect(hub: &Hub) -> TcpStream {
    let stream = TcpStream::connect(hub.local_addr()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

/// A request's head with the right key and token; `headers` is a `Name: value` a line.
pub(crate) fn head(method: &str, headers: &str) -> String {
    let mut head = format!(
        "{method} /api/realtime HTTP/1.1\r\nHost: hub\r\nAuth-Token: {KEY}\r\nEntity-Token: token-product\r\n"
    );
    for line in headers.lines() {
        head.push_str(line.trim());
        head.push_str("\r\n");
    }
    head + "\r\n"
}

fn sent(hub: &Hub, request: &str) -> TcpStream {
    let mut stream = connect(hub);
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// All that comes until the hub closes.
pub(crate) fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

pub(crate) fn exchange(hub: &Hub, request: &str) -> String {
    let mut stream = connect(hub);
    stream.write_all(request.as_bytes()).unwrap();
    rest(&mut stream)
}

/// One answer of a connection that stays open.
pub(crate) fn one_answer(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let mut byte = [0];
    while !answer.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0].into());
    }
    let length = answer
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    answer + std::str::from_utf8(&body).unwrap()
}

pub(crate) fn good(hub: &Hub, sku: &str) {
    let body = format!(r#"{{"sku":"{sku}"}}"#);
    let headers = format!("Connection: close\nContent-Length: {}", body.len());
    let answer = exchange(hub, &(head("POST", &headers) + &body));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: application/json\r\n"),
        "{answer}"
    );
    assert!(hub.record("product", sku).is_some());
}

#[tokio::test]
async fn doubled_and_trailing_slashes_are_tolerated() {
    let hub = hub().await;
    for (index, path) in ["//api/realtime", "/api/realtime/", "//api//realtime//"]
        .iter()
        .enumerate()
    {
        let body = format!(r#"{{"sku":"S-{index}"}}"#);
        let headers = format!("Connection: close\nContent-Length: {}", body.len());
        let head = head("POST", &headers).replacen("/api/realtime", path, 1);
        let answer = exchange(&hub, &(head + &body));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    assert_eq!((hub.requests(), hub.records("product").len()), (3, 3));
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused_and_changes_nothing() {
    let hub = hub().await;
    let before = hub.dump();
    for body in [r#"{"sku":"S-1"}"#, ""] {
        let mut stream = connect(&hub);
        let request = head("POST", "Content-Length: 1000") + body;
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains("the body is incomplete"), "{answer}");
    }
    // Nobody is there to be answered.
    let mut stream = connect(&hub);
    stream
        .write_all((head("POST", "Content-Length: 1000") + "{").as_bytes())
        .unwrap();
    drop(stream);
    assert_eq!(hub.dump(), before);
    good(&hub, "S-1");
}

#[tokio::test]
async fn a_sender_that_has_closed_its_side_gets_its_answer() {
    let hub = hub().await;
    let mut stream = connect(&hub);
    let request = head("POST", "Expect: 100-continue\nContent-Length: 13");
    stream.write_all(request.as_bytes()).unwrap();
    one_answer(&mut stream);

    // The hub is busy with this, so that it sees the body and the end of the other at once.
    let long = format!(r#"{{"sku":"S-0","x":[{}0]}}"#, "0,".repeat(1 << 19));
    let length = format!("Content-Length: {}\nConnection: close", long.len());
    let mut busy = connect(&hub);
    busy.write_all((head("POST", &length) + &long).as_bytes())
        .unwrap();

    stream.write_all(br#"{"sku":"S-1"}"#).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.1 200"));
    assert!(rest(&mut busy).starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_stated_length_beyond_the_limit_is_refused_before_the_body_comes() {
    let hub = hub().await;
    let mut stream = connect(&hub);
    let request = head("POST", "Content-Length: 99999999999");
    stream.write_all(request.as_bytes()).unwrap();
    let answer = one_answer(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("the limit is 10485760 bytes"), "{answer}");
    good(&hub, "S-1");
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_whether_or_not_its_length_is_stated() {
    let builder = Hub::builder().auth_token(AuthToken::new(KEY).unwrap());
    let builder = builder.data_layout(layout()).max_body(13);
    let hub = builder.start().await.unwrap();
    for (method, sku, status) in [
        ("POST", "S-1", "200"),
        ("POST", "S-12", "413"),
        ("DELETE", "S-12", "413"),
        ("DELETE", "S-1", "200"),
    ] {
        let body = format!(r#"{{"sku":"{sku}"}}"#);
        let chunked = head(method, "Entity-Id: S-1\nTransfer-Encoding: chunked")
            + &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let answer = one_answer(&mut sent(&hub, &chunked));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{method} {sku}: {answer}"
        );
    }
}

#[tokio::test]
async fn expect_100_continue_is_answered_after_the_head_was_found_good() {
    let hub = hub().await;
    let body = r#"{"sku":"S-1"}"#;
    let request = head(
        "POST",
        "Expect: 100-continue\nConnection: close\nContent-Length: 13",
    );
    let mut stream = connect(&hub);
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(one_answer(&mut stream), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.1 200"));

    // After a refusal no body comes. What comes next would be taken for one, so the hub closes.
    let began = Instant::now();
    let request = request
        .replace(KEY, "wrong")
        .replace("Connection: close\r\n", "");
    let answer = exchange(&hub, &request);
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_refusal() {
    let hub = hub().await;
    let mut stream = connect(&hub);
    let body = "x".repeat(100_000);
    let length = format!("Content-Length: {}", body.len());
    for _ in 0..3 {
        let request = head("POST", &length).replace(KEY, "wrong") + &body;
        stream.write_all(request.as_bytes()).unwrap();
        assert!(one_answer(&mut stream).starts_with("HTTP/1.1 401"));
    }
    stream
        .write_all((head("POST", "Content-Length: 13") + r#"{"sku":"S-1"}"#).as_bytes())
        .unwrap();
    assert!(one_answer(&mut stream).starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn slow_senders_are_cut_off() {
    let builder = Hub::builder().auth_token(AuthToken::new(KEY).unwrap());
    let hub = builder
        .read_timeout(Duration::from_millis(200))
        .start()
        .await
        .unwrap();
    let began = Instant::now();

    let mut slow_head = connect(&hub);
    slow_head
        .write_all(b"POST /api/realtime HTTP/1.1\r\nHost")
        .unwrap();
    assert_eq!(rest(&mut slow_head), "");
    let answer = exchange(&hub, &(head("POST", "Content-Length: 13") + "{"));
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("did not come within 200ms"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_reader_that_never_reads_is_cut_off_and_one_that_reads_is_not() {
    const LIMIT: Duration = Duration::from_secs(1);

    let builder = Hub::builder().auth_token(AuthToken::new(KEY).unwrap());
    let builder = builder.data_layout(layout()).read_timeout(LIMIT);
    let hub = builder.start().await.unwrap();
    // More than the operating system keeps for a reader.
    for index in 0..4 {
        let body = format!(r#"{{"sku":"S-{index}","x":"{}"}}"#, "x".repeat(8 << 20));
        let length = format!("Content-Length: {}\nConnection: close", body.len());
        let answer = exchange(&hub, &(head("POST", &length) + &body));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let ask = head("GET", "").replacen("/api/realtime", "/hub/records", 1);

    // Each answer has the time for itself, also on a connection that lasts longer.
    let (began, mut reading) = (Instant::now(), connect(&hub));
    while began.elapsed() < LIMIT * 3 / 2 {
        reading.write_all(ask.as_bytes()).unwrap();
        assert!(one_answer(&mut reading).len() > 32 << 20);
    }
    drop(reading);

    let mut stuck = sent(&hub, &ask);
    // The answer has begun.
    stuck.read_exact(&mut [0]).unwrap();
    let began = Instant::now();
    // It waits for answers that are under way, for five seconds.
    hub.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(4));
    let mut rest = Vec::new();
    let whole = stuck.read_to_end(&mut rest).is_ok() && rest.len() > 32 << 20;
    assert!(!whole, "{} bytes came", rest.len());
}
