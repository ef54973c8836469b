//! The hub's promises: over the pure function, and over a real socket where the network matters.

mod hostile;
mod idempotency;
mod identity;
mod lifecycle;
mod pure;
mod registry;
mod renames;
mod shared_keys;
mod socket;

use bytes::Bytes;
use dsync_core::{AuthToken, DataLayout, Endpoint, Field, FieldType};
use http::{Method, Request, Response};
use serde_json::Value;

use crate::platform::Platform;

pub(crate) const KEY: &str = "key-2b1f9c";
const LIMIT: usize = 4096;

/// Four ways to have a key: product (required), note (none), item (optional, a number), and flag
/// (a boolean).
pub(crate) fn layout() -> DataLayout {
    let endpoint = |name: &'static str| {
        let token = format!("token-{name}").parse().unwrap();
        Endpoint::new(name, format!("/entity/{name}"), token)
    };
    let text = |name: &'static str| Field::new(name, FieldType::Text);
    DataLayout::builder()
        .endpoint(
            endpoint("product")
                .with_field(text("sku").with_required(true).with_primary_key(true))
                .with_field(text("ean"))
                .with_field(Field::new("price", FieldType::Number))
                .with_field(Field::object(
                    "inventory",
                    [Field::new("qty", FieldType::Number).with_required(true)],
                )),
        )
        .endpoint(
            endpoint("note")
                .with_field(text("code"))
                .with_field(text("text")),
        )
        .endpoint(
            endpoint("item")
                .with_field(Field::new("id", FieldType::Number).with_primary_key(true))
                .with_field(text("ean"))
                .with_field(Field::new("nr", FieldType::Number)),
        )
        .endpoint(
            endpoint("flag")
                .with_field(Field::new("on", FieldType::Boolean).with_primary_key(true))
                .with_field(Field::new("any", FieldType::Custom)),
        )
        .build()
        .unwrap()
}

pub(crate) fn platform() -> Platform {
    let platform = Platform::new(AuthToken::new(KEY).unwrap(), LIMIT, true);
    platform.entities().register(&layout()).unwrap();
    platform
}

/// A realtime request with the right key; `headers` is `Name: value` a line.
pub(crate) fn request(method: &str, entity: &str, headers: &str, body: &str) -> Request<Bytes> {
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri("/api/realtime")
        .header("Auth-Token", KEY)
        .header("Entity-Token", format!("token-{entity}"));
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name.trim(), value.as_bytes());
    }
    request.body(Bytes::from(body.to_owned())).unwrap()
}

pub(crate) fn json(response: &Response<Bytes>) -> Value {
    assert_eq!(response.headers()["content-type"], "application/json");
    let json: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(json["status"], response.status().as_u16());
    for key in ["message", "detail", "data"] {
        assert!(json.get(key).is_some(), "{key} in {json}");
    }
    json
}

impl Platform {
    pub(crate) fn dump(&self) -> String {
        self.entities().dump()
    }

    pub(crate) fn accept(&self, method: &str, entity: &str, headers: &str, body: &str) -> Value {
        let answer = json(&self.handle(request(method, entity, headers, body)));
        assert_eq!(answer["status"], 200, "{answer}");
        assert_eq!(answer["data"]["process_id"].as_str().unwrap().len(), 32);
        answer
    }

    /// Refused with these words, and nothing changed.
    pub(crate) fn refuse(&self, request: Request<Bytes>, status: u16, words: &str) -> Value {
        let (before, shown) = (self.dump(), format!("{request:?}"));
        let answer = json(&self.handle(request));
        assert_eq!(answer["status"], status, "{shown}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(words), "{shown}: {message}");
        assert_eq!(self.dump(), before, "{shown} changed something");
        answer
    }
}
