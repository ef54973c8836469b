//! The wire: every operation byte for byte, and what is encoded decodes to the same.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use bytes::Bytes;
use dsync::prelude::*;
use dsync::wire::{Answer, Operation, RealtimeRequest, encode_answer, encode_record};
use dsync::{AuthToken, EntityId};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::support::http::{is_complete, split};

const KEY: &str = "key-of-the-shop";
const TOKEN: &str = "source-1-product-b5503a0ae5f3bc01b6a2da68afd33305";

/// A record whose numbers a `serde_json::Value` would change.
#[derive(Debug, PartialEq, Serialize, Deserialize, DsyncEntity)]
#[dsync(entity_token = "source-1-product-b5503a0ae5f3bc01b6a2da68afd33305")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
    price: f32,
    stock: u64,
    tags: Vec<String>,
}

fn product() -> Product {
    Product {
        sku: "Größe/7 🙂".to_owned(),
        price: 0.1,
        stock: u64::MAX,
        tags: vec!["a\"b".to_owned()],
    }
}

const BODY: &str =
    r#"{"sku":"Größe/7 🙂","price":0.1,"stock":18446744073709551615,"tags":["a\"b"]}"#;

fn request(operation: Operation) -> RealtimeRequest {
    let token = EntityToken::new(TOKEN).unwrap();
    let body = encode_record(&product()).unwrap();
    let id = product().entity_id().unwrap().unwrap();
    match operation {
        Operation::Create => RealtimeRequest::create(token, body),
        Operation::Update => RealtimeRequest::update(token, body),
        Operation::Delete => RealtimeRequest::delete(token, id.clone()),
    }
    .with_id(id, "sku")
    .unwrap()
}

/// PROTOCOL section 4 as a table. The Python SDK's update, a DELETE, would not pass it.
const TABLE: [(Operation, &str, &str); 3] = [
    (Operation::Create, "POST", BODY),
    (Operation::Update, "PUT", BODY),
    (Operation::Delete, "DELETE", ""),
];

/// The headers of every operation, in lower case and in the order of the alphabet.
const HEADERS: [(&str, &str); 5] = [
    ("auth-token", KEY),
    ("content-type", "application/json"),
    ("entity-id", "Größe/7 🙂"),
    ("entity-id-field", "sku"),
    ("entity-token", TOKEN),
];

#[test]
fn every_operation_has_its_method_headers_and_body() {
    for (operation, method, body) in TABLE {
        let http = request(operation).encode(
            &"http://127.0.0.1/api/realtime".parse().unwrap(),
            &AuthToken::new(KEY).unwrap(),
        );
        assert_eq!(http.method(), method);
        assert_eq!(http.uri(), "http://127.0.0.1/api/realtime");
        assert_eq!(http.body(), body);
        let mut headers: Vec<_> = http
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        headers.sort_unstable();
        assert_eq!(
            headers,
            HEADERS.map(|(name, value)| (name, value.as_bytes()))
        );
    }
    assert_eq!(TABLE.map(|(operation, ..)| operation), Operation::ALL);
}

/// A server that takes one request, keeps its bytes and accepts it.
fn capture() -> (String, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/realtime", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while !is_complete(&bytes) {
            let count = stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "the client hung up early: {bytes:?}");
            bytes.extend_from_slice(&buffer[..count]);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            .unwrap();
        bytes
    });
    (url, server)
}

#[tokio::test]
async fn a_plain_socket_sees_the_same() {
    for (operation, method, body) in TABLE {
        let (url, server) = capture();
        let client = Client::builder(KEY).realtime_url(url).build().unwrap();
        match operation {
            Operation::Create => client.create(&product()).await.unwrap(),
            Operation::Update => client.update(&product()).await.unwrap(),
            Operation::Delete => client.delete(&product()).await.unwrap(),
        };

        let bytes = server.join().unwrap();
        let (head, sent_body) = split(&bytes).unwrap();
        let mut lines = head.lines();
        assert_eq!(
            lines.next().unwrap(),
            format!("{method} /api/realtime HTTP/1.1")
        );
        let mut headers: Vec<_> = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                (name.to_lowercase(), value)
            })
            // What HTTP itself adds.
            .filter(|(name, _)| {
                !["accept", "content-length", "host", "user-agent"].contains(&name.as_str())
            })
            .collect();
        headers.sort_unstable();
        // Another one for each change.
        let (name, key) = headers.pop().unwrap();
        assert_eq!((name.as_str(), key.len()), ("idempotency-key", 32));
        assert_eq!(
            headers,
            HEADERS.map(|(name, value)| (name.to_owned(), value))
        );
        assert_eq!(sent_body, body.as_bytes());
    }
}

/// Raw records go out as they came, blanks and all.
#[tokio::test]
async fn raw_bytes_are_sent_as_they_are() {
    let json = " {\"b\": 1.10,\n\"a\": 123456789012345678901234567890 } ";
    let (url, server) = capture();
    let client = Client::builder(KEY).realtime_url(url).build().unwrap();
    let token = EntityToken::new(TOKEN).unwrap();
    client.create_raw(&token, json).await.unwrap();
    let bytes = server.join().unwrap();
    assert_eq!(split(&bytes).unwrap().1, json.as_bytes());
}

fn any_id() -> impl Strategy<Value = EntityId> {
    "\\PC{1,40}".prop_filter_map("an id", |text| EntityId::new(text).ok())
}

fn any_request() -> impl Strategy<Value = RealtimeRequest> {
    (
        0..3_usize,
        "[!-~]{1,60}",
        any_id(),
        proptest::option::of("[a-z_ß]{1,20}"),
        any::<Vec<u8>>(),
    )
        .prop_map(|(operation, token, id, field, body)| {
            let token = EntityToken::new(token).unwrap();
            let request = match Operation::ALL[operation] {
                Operation::Create => RealtimeRequest::create(token, body),
                Operation::Update => RealtimeRequest::update(token, body),
                Operation::Delete => RealtimeRequest::delete(token, id.clone()),
            };
            match field {
                Some(field) => request.with_id(id, field).unwrap(),
                None => request,
            }
        })
}

proptest! {
    #[test]
    fn a_request_decodes_to_what_was_encoded(request in any_request()) {
        let http = request.encode(
            &"https://api.example.org/api/realtime".parse().unwrap(),
            &AuthToken::new(KEY).unwrap(),
        );
        prop_assert_eq!(RealtimeRequest::decode(&http).unwrap(), request);
    }

    #[test]
    fn a_record_reads_back_the_same(
        sku in "\\PC{0,20}", price in any::<f32>(), stock in any::<u64>(), tags in any::<Vec<String>>()
    ) {
        prop_assume!(price.is_finite());
        let product = Product { sku, price, stock, tags };
        let bytes = encode_record(&product).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Product>(&bytes).unwrap(), product);
    }

    #[test]
    fn an_answer_decodes_to_what_was_encoded(
        status in 200_u16..600, message in "\\PC{1,40}", process_id in "[a-z0-9-]{1,40}"
    ) {
        #[derive(Serialize)]
        struct Data { process_id: String }
        let status = http::StatusCode::from_u16(status).unwrap();
        let envelope = Envelope {
            status,
            message: message.clone(),
            detail: None,
            data: Data { process_id: process_id.clone() },
        };
        let answer = Answer::decode(encode_answer(&envelope).unwrap());
        prop_assert_eq!(answer.status(), status);
        prop_assert_eq!(answer.message(), Some(&*message));
        prop_assert_eq!(answer.process_id(), Some(&*process_id));
        prop_assert_eq!(answer.is_success(), (200..300).contains(&status.as_u16()));
    }

    /// Whatever a peer sends: an answer, and no panic.
    #[test]
    fn any_bytes_are_an_answer(
        status in 100_u16..1000, mut body in any::<Vec<u8>>(), mend in any::<bool>(), at in 0..60_usize
    ) {
        if mend {
            // A good envelope with a few bytes replaced gets further than noise.
            let mut envelope =
                br#"{"status":200,"message":"OK","detail":[],"data":{"process_id":"p-1"}}"#.to_vec();
            for (index, byte) in body.drain(..).take(3).enumerate() {
                envelope[at + index] = byte;
            }
            body = envelope;
        }
        let mut http = http::Response::new(Bytes::from(body));
        *http.status_mut() = http::StatusCode::from_u16(status).unwrap();
        let _ = Answer::decode(http);
    }
}

/// The forms of `detail` and `data` that occur (PROTOCOL section 2).
#[test]
fn every_empty_form_is_read() {
    for empty in ["{}", "[]", "\"\"", "null"] {
        let body = format!(r#"{{"status":200,"message":"OK","detail":{empty},"data":{empty}}}"#);
        let answer = Answer::decode(http::Response::new(Bytes::from(body)));
        assert!(answer.is_success());
        assert_eq!(answer.message(), Some("OK"));
        assert_eq!(answer.process_id(), None);
    }
    let answer = Answer::decode(http::Response::new(Bytes::from(r#"{"status":200}"#)));
    assert!(answer.is_success() && answer.data().is_none() && answer.message().is_none());
    assert!(Answer::decode(http::Response::new(Bytes::new())).is_success());
}

/// A failure that is stated oddly is one all the same.
#[test]
fn an_odd_envelope_is_read_as_far_as_it_goes() {
    for body in [
        r#"{"status":"500","message":"no"}"#,
        r#"{"status":500.0,"message":"no"}"#,
        "\u{feff}{\"status\":500,\"message\":\"no\"}",
        r#" {"status":500,"message":"no","data":7,"detail":"x","more":[]}"#,
    ] {
        let answer = Answer::decode(http::Response::new(Bytes::from(body)));
        assert_eq!(
            (answer.status().as_u16(), answer.message()),
            (500, Some("no")),
            "{body}"
        );
        assert!(answer.is_envelope());
    }
    let body = r#"{"status":500,"message":{"e":"no"}}"#;
    let answer = Answer::decode(http::Response::new(Bytes::from(body)));
    assert_eq!(answer.message(), Some(r#"{"e":"no"}"#));
    assert!(!answer.is_success());

    let number = r#"{"data":{"process_id":17}}"#;
    let answer = Answer::decode(http::Response::new(Bytes::from(number)));
    assert_eq!(answer.process_id(), Some("17"));
}

#[test]
fn what_is_no_envelope_says_so() {
    for body in [
        "<html>Log in to hotel wifi</html>",
        "[]",
        "null",
        r#"{"status":500"#,
        "\u{1f}\u{8b}",
    ] {
        let answer = Answer::decode(http::Response::new(Bytes::from(body)));
        assert!(!answer.is_envelope(), "{body}");
        assert_eq!(answer.message(), Some(body.trim()));
    }
}

/// The classes differ: whoever wrote the envelope knew.
#[test]
fn the_envelopes_status_decides_where_the_classes_differ() {
    for (http_status, envelope_status, counts) in [
        (200, 200, 200),
        (201, 200, 201),
        (400, 422, 400),
        (200, 400, 400),
        (500, 200, 200),
        (302, 200, 302),
        (200, 302, 200),
    ] {
        let mut http =
            http::Response::new(Bytes::from(format!(r#"{{"status":{envelope_status}}}"#)));
        *http.status_mut() = http::StatusCode::from_u16(http_status).unwrap();
        assert_eq!(Answer::decode(http).status(), counts);
    }
}

#[test]
fn numbers_that_json_cannot_carry_are_found_before_sending() {
    #[derive(Serialize)]
    struct Outer {
        list: Vec<Inner>,
    }
    #[derive(Serialize)]
    struct Inner {
        number: Number,
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Number {
        Float(f64),
        Single(Option<f32>),
        Big(u128),
        Small(i128),
    }
    let error = |number| {
        encode_record(&Outer {
            list: vec![Inner { number }],
        })
        .map(|_| String::new())
        .unwrap_or_else(|error| error.to_string())
    };
    assert_eq!(
        error(Number::Float(f64::NAN)),
        "list.number is NaN, and JSON has no such number"
    );
    assert_eq!(
        error(Number::Single(Some(f32::NEG_INFINITY))),
        "list.number is -inf, and JSON has no such number"
    );
    let beyond = error(Number::Big(u128::from(u64::MAX) + 1));
    assert!(beyond.starts_with("list.number is 18446744073709551616, and integers beyond 64 bits"));
    assert!(error(Number::Small(i128::from(i64::MIN) - 1)).contains("-9223372036854775809"));
    for fine in [
        Number::Float(f64::MAX),
        Number::Single(None),
        Number::Big(u64::MAX.into()),
        Number::Small(i64::MIN.into()),
        Number::Small(u64::MAX.into()),
    ] {
        assert_eq!(error(fine), "");
    }
    assert!(encode_record(&[1]).is_err());
    assert!(encode_record(&()).is_err());
}

/// The PHP SDK sends an id as UTF-8, the Python SDK as Latin-1.
#[test]
fn an_id_is_read_as_utf8_else_as_latin1() {
    for (bytes, id) in [
        (&b"Gr\xc3\xb6\xc3\x9fe"[..], "Größe"),
        (&b"Gr\xf6\xdfe"[..], "Größe"),
        (&b"0"[..], "0"),
    ] {
        let http = http::Request::delete("/")
            .header("Entity-Token", "t")
            .header("ENTITY-ID", bytes)
            .body(Bytes::new())
            .unwrap();
        let request = RealtimeRequest::decode(&http).unwrap();
        assert_eq!(request.entity_id().unwrap().as_str(), id);
    }
}

/// DSYNC's own connector sends `[]` with a delete; it means nothing.
#[test]
fn the_body_of_a_delete_is_ignored() {
    let http = http::Request::delete("/")
        .header("Entity-Token", "t")
        .header("Entity-Id", "1")
        .body(Bytes::from("[]"))
        .unwrap();
    assert!(RealtimeRequest::decode(&http).unwrap().body().is_empty());
}
