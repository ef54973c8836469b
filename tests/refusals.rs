//! What the hub refuses, over real sockets: the status, a message that says what to do, and nothing
//! changed.

use dsync::prelude::*;
use dsync::{AuthToken, Fault};
use dsync_hub::Hub;
use serde::Deserialize;

use crate::support::http::{Answer, exchange, request};

const KEY: &str = "key-of-the-refusals";

#[derive(DsyncEntity)]
#[dsync(entity_token = "refusals-product-1")]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
    price: f64,
    tags: Vec<String>,
}

/// Holds one product, `S-1`.
async fn hub() -> Hub {
    let hub = Hub::builder()
        .auth_token(AuthToken::new(KEY).unwrap())
        .data_layout(DataLayout::builder().entity::<Product>().build().unwrap())
        .max_body(1000)
        .start()
        .await
        .unwrap();
    let answer = send(
        &hub,
        request("POST", &HEADERS, br#"{"sku":"S-1","price":1.10,"tags":[]}"#),
    )
    .await;
    assert_eq!(answer.status, 200);
    hub
}

async fn send(hub: &Hub, bytes: Vec<u8>) -> Answer {
    let address = hub.local_addr();
    tokio::task::spawn_blocking(move || exchange(address, &bytes, false))
        .await
        .unwrap()
}

const HEADERS: [(&str, &str); 3] = [
    ("Auth-Token", KEY),
    ("Entity-Token", "refusals-product-1"),
    ("Content-Type", "application/json"),
];

const GOOD: &str = r#"{"sku":"S-2","price":1,"tags":[]}"#;

struct Case {
    name: &'static str,
    method: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
    status: u16,
    says: &'static str,
}

fn case(name: &'static str, status: u16, says: &'static str) -> Case {
    Case {
        name,
        method: "POST",
        headers: HEADERS.to_vec(),
        body: GOOD.to_owned(),
        status,
        says,
    }
}

impl Case {
    fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    fn body(self, body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self
    }

    fn with(self, header: &'static str, value: &'static str) -> Self {
        let mut case = self.without(header);
        case.headers.push((header, value));
        case
    }
}

fn table() -> Vec<Case> {
    vec![
        case("no key", 401, "the header Auth-Token is missing").without("Auth-Token"),
        case("an empty key", 401, "is wrong").with("Auth-Token", ""),
        case(
            "a wrong key",
            401,
            "the API key in the header Auth-Token is wrong",
        )
        .with("Auth-Token", "key-of-the-refusalz"),
        case("a key that goes on", 401, "is wrong").with("Auth-Token", "key-of-the-refusals-2"),
        case(
            "an unknown token",
            400,
            "no entity has the token \"refusals-order-1\"",
        )
        .with("Entity-Token", "refusals-order-1"),
        case("no token", 400, "the header Entity-Token is missing").without("Entity-Token"),
        case(
            "a token with a blank",
            400,
            "the header Entity-Token is wrong",
        )
        .with("Entity-Token", "two words"),
        case(
            "a delete without an id",
            400,
            "the header Entity-Id is missing: a delete",
        )
        .method("DELETE"),
        case("no body", 400, "must be one record as a flat JSON object").body(""),
        case("a list", 400, "but is a list: send one record a request").body("[]"),
        case("a text", 400, "but is a text").body("\"sku\""),
        case("null", 400, "but is null").body("null"),
        case(
            "broken JSON",
            400,
            "the body is not JSON that can be read: ",
        )
        .body(r#"{"sku":"S-2""#),
        case(
            "two records",
            400,
            "the body is not JSON that can be read: trailing characters",
        )
        .body(format!("{GOOD}{GOOD}")),
        case(
            "broken UTF-8 escape",
            400,
            "the body is not JSON that can be read: ",
        )
        .body(r#"{"sku":"\ud800"}"#),
        case("NaN", 400, "the body is not JSON that can be read: ")
            .body(r#"{"sku":"S-2","price":NaN,"tags":[]}"#),
        case(
            "a key that stands twice",
            400,
            "the key \"sku\" stands twice",
        )
        .body(r#"{"sku":"S-2","sku":"S-3","price":1,"tags":[]}"#),
        case(
            "a key that stands twice below",
            400,
            "the key \"a\" stands twice",
        )
        .body(r#"{"sku":"S-2","price":1,"tags":[],"more":[{"a":1,"a":2}]}"#),
        case(
            "deep nesting",
            400,
            "the body is not JSON that can be read: recursion limit exceeded",
        )
        .body(format!("{}{}", "[".repeat(450), "]".repeat(450))),
        case(
            "a missing field",
            400,
            "product.price is required, but is missing",
        )
        .body(r#"{"sku":"S-2","tags":[]}"#),
        case(
            "null in a required field",
            400,
            "product.price is required, but is null",
        )
        .body(r#"{"sku":"S-2","price":null,"tags":[]}"#),
        case(
            "a wrong type",
            400,
            "product.price must be a number, but is the text \"free\"",
        )
        .body(r#"{"sku":"S-2","price":"free","tags":[]}"#),
        case(
            "wrapped in its name",
            400,
            "product.sku is required, but is missing",
        )
        .body(format!(r#"{{"product":{GOOD}}}"#)),
        case(
            "too large",
            413,
            "the body is too large: the limit is 1000 bytes",
        )
        .body(format!("{{{}}}", " ".repeat(999))),
        case(
            "GET",
            405,
            "the method GET is no operation: POST creates, PUT updates, DELETE deletes",
        )
        .method("GET"),
        case("PATCH", 405, "the method PATCH is no operation").method("PATCH"),
        case(
            "created twice",
            400,
            "there is a product with the sku \"S-1\" already",
        )
        .body(r#"{"sku":"S-1","price":1,"tags":[]}"#),
        case(
            "update of nothing",
            400,
            "there is no product with the sku \"S-2\"",
        )
        .method("PUT"),
        case(
            "delete of nothing",
            400,
            "there is no product with the sku \"S-2\"",
        )
        .method("DELETE")
        .with("Entity-Id", "S-2"),
        case(
            "two ids",
            400,
            "the header Entity-Id says \"S-3\", but the record's \"sku\" is",
        )
        .with("Entity-Id", "S-3"),
        case(
            "an unknown id field",
            400,
            "the header Entity-Id-Field is wrong",
        )
        .method("PUT")
        .with("Entity-Id", "S-1")
        .with("Entity-Id-Field", "colour"),
    ]
}

#[tokio::test]
async fn each_has_its_status_and_message_and_changes_nothing() {
    let hub = hub().await;
    let before = hub.dump();
    for case in table() {
        let bytes = request(case.method, &case.headers, case.body.as_bytes());
        let answer = send(&hub, bytes).await;
        let message = &answer.envelope.message;
        assert_eq!(answer.status, case.status, "{}: {message}", case.name);
        assert_eq!(answer.envelope.status, case.status, "{}", case.name);
        assert!(message.contains(case.says), "{}: {message}", case.name);
        assert!(
            answer
                .head
                .to_lowercase()
                .contains("content-type: application/json\r\n")
                || answer
                    .head
                    .to_lowercase()
                    .ends_with("content-type: application/json"),
            "{}: {}",
            case.name,
            answer.head
        );
        assert!(!answer.head.contains(KEY) && !message.contains(KEY));
        assert_eq!(hub.dump(), before, "{}", case.name);
    }
    // It still serves.
    let answer = send(&hub, request("POST", &HEADERS, GOOD.as_bytes())).await;
    assert_eq!(answer.status, 200);
    assert_ne!(hub.dump(), before);
}

/// Every fault of a record stands in `detail`, by treekey.
#[tokio::test]
async fn all_faults_of_a_record_are_told_at_once() {
    #[derive(Deserialize)]
    struct Detail {
        faults: Vec<Fault>,
    }

    let hub = hub().await;
    let body = br#"{"sku":7,"price":"free","tags":[1]}"#;
    let answer = send(&hub, request("POST", &HEADERS, body)).await;
    let detail: Detail = serde_json::from_str(answer.envelope.detail.unwrap().get()).unwrap();
    let treekeys: Vec<_> = detail.faults.iter().map(Fault::treekey).collect();
    assert_eq!(treekeys, ["product.sku", "product.price", "product.tags"]);
}

/// The typed client hands the same on.
#[tokio::test]
async fn the_client_tells_what_the_hub_said() {
    let hub = hub().await;
    let client = Client::builder(KEY)
        .realtime_url(hub.realtime_url())
        .build()
        .unwrap();
    let token = EntityToken::new("refusals-product-1").unwrap();
    let error = client
        .create_raw(&token, r#"{"sku":"S-9","price":"free","tags":{}}"#)
        .await
        .unwrap_err();
    assert_eq!(error.status().unwrap(), 400);
    assert!(!error.is_retryable());
    assert!(error.message().unwrap().contains("product.price"));
    let faults = error.faults();
    let treekeys: Vec<_> = faults.iter().map(Fault::treekey).collect();
    assert_eq!(treekeys, ["product.price", "product.tags"]);

    let receipt = client
        .create_raw(
            &token,
            r#"{"sku":"S-9","price":1,"tags":[],"colour":"red"}"#,
        )
        .await
        .unwrap();
    assert_eq!(receipt.unknown_keys(), ["product.colour"]);

    let wrong = Client::builder("another-key")
        .realtime_url(hub.realtime_url())
        .build()
        .unwrap();
    let error = wrong.delete_by_id::<Product>("S-1").await.unwrap_err();
    assert_eq!(error.status().unwrap(), 401);
}

/// What only a hand-written request can do.
#[tokio::test]
async fn hostile_requests_change_nothing() {
    let hub = hub().await;
    let before = hub.dump();
    let head = |rest: &str| {
        format!(
            "POST /api/realtime HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuth-Token: {KEY}\r\nEntity-Token: refusals-product-1\r\n{rest}"
        )
    };

    // Half a body, then nothing more.
    let address = hub.local_addr();
    let half = head("Content-Length: 33\r\n\r\n{\"sku\":\"S-2\"");
    let answer = tokio::task::spawn_blocking(move || exchange(address, half.as_bytes(), true))
        .await
        .unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(hub.dump(), before);

    // A hundred megabytes announced: refused before they are sent.
    let huge = head("Content-Length: 100000000\r\n\r\n");
    assert_eq!(send(&hub, huge.into_bytes()).await.status, 413);

    // The same, unannounced.
    let mut chunked = head("Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..20 {
        chunked.extend_from_slice(b"100\r\n");
        chunked.extend_from_slice(&[b' '; 256]);
        chunked.extend_from_slice(b"\r\n");
    }
    assert_eq!(send(&hub, chunked).await.status, 413);

    // A key that is there twice is no key.
    let twice = head(&format!(
        "Auth-Token: {KEY}\r\nContent-Length: 2\r\n\r\n{{}}"
    ));
    assert_eq!(send(&hub, twice.into_bytes()).await.status, 401);

    // A wrong key is refused before the body is read.
    let unread = "POST /api/realtime HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuth-Token: x\r\nContent-Length: 900\r\n\r\n";
    assert_eq!(send(&hub, unread.as_bytes().to_vec()).await.status, 401);
    assert_eq!(hub.dump(), before);
}
