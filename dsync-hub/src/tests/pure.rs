//! What is accepted, and every refusal, without a network.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dsync_http::Service;
use http::Request;
use serde_json::json;

use super::{KEY, LIMIT, json, platform, request};
use crate::service::PlatformService;

const S1: &str = r#"{ "sku":"S-1", "price":0.1 }"#;

#[test]
fn every_operation_has_its_effect_and_keeps_the_bytes_that_came() {
    let platform = platform();
    let record = |id| platform.entities().record("product", id);
    platform.accept("POST", "product", "", S1);
    assert_eq!(record("S-1").unwrap(), S1);

    let update = "{\"sku\":\"S-1\",\"price\":1.50,\"inventory\":{\"qty\":\"3\"}}\n";
    platform.accept(
        "PUT",
        "product",
        "Entity-Id: S-1\nEntity-Id-Field: sku",
        update,
    );
    assert_eq!(record("S-1").unwrap(), update);

    // DSYNC's own connector sends `[]` with a delete.
    platform.accept("DELETE", "product", "Entity-Id: S-1", "[]");
    assert_eq!(record("S-1"), None);
    assert_eq!(platform.answered(), 3);
}

#[test]
fn records_are_listed_by_their_first_creation() {
    let platform = platform();
    for sku in ["b", "c", "a"] {
        platform.accept("POST", "product", "", &format!(r#"{{"sku":"{sku}"}}"#));
    }
    platform.accept("PUT", "product", "", r#"{"sku":"b","price":2}"#);
    platform.accept("DELETE", "product", "Entity-Id: c", "");
    platform.accept("POST", "product", "", r#"{"sku":"c"}"#);
    let ids: Vec<_> = platform.entities().records("product");
    let ids: Vec<_> = ids.iter().map(|record| &record.entity_id).collect();
    assert_eq!(ids, ["b", "a", "c"]);
    let dump: serde_json::Value = serde_json::from_str(&platform.dump()).unwrap();
    assert_eq!(dump["entities"][0]["records"][0]["record"]["price"], 2);
    assert_eq!(dump["entities"][1]["entity_name"], "note");
}

#[test]
fn unknown_keys_are_kept_and_named() {
    let platform = platform();
    let body = r#"{"sku":"S-1","colour":"red","inventory":{"qty":1,"shelf":"A"}}"#;
    let answer = platform.accept("POST", "product", "", body);
    assert_eq!(
        answer["detail"],
        json!({"unknown_keys": ["product.inventory.shelf", "product.colour"]})
    );
    assert_eq!(
        platform.accept("POST", "product", "", r#"{"sku":"S-2"}"#)["detail"],
        json!({})
    );
}

#[test]
fn every_refusal_says_what_is_wrong_and_changes_nothing() {
    let platform = platform();
    platform.accept("POST", "product", "", S1);
    let wrapped = r#"{"product":{"sku":"S-2"}}"#;
    let rows = [
        (request("POST", "product", "", ""), "but is empty"),
        (request("POST", "product", "", "{"), "the body is not JSON"),
        (
            request("POST", "product", "", "{} {}"),
            "the body is not JSON",
        ),
        (
            request("POST", "product", "", "[{\"sku\":\"S-2\"}]"),
            "one record a request",
        ),
        (request("POST", "product", "", "null"), "but is null"),
        (
            request("POST", "product", "", wrapped),
            "product.sku is required",
        ),
        (
            request("POST", "product", "", r#"{"sku":null}"#),
            "product.sku is required",
        ),
        (
            request("POST", "nothing", "", S1),
            "no entity has the token \"token-nothing\"",
        ),
        (
            request("DELETE", "product", "", ""),
            "the header Entity-Id is missing",
        ),
        (
            request("DELETE", "product", "Entity-Id: ", ""),
            "the header Entity-Id is wrong",
        ),
        (
            request("DELETE", "product", "Entity-Id: S-2", ""),
            "there is no product with the sku",
        ),
        (
            request("DELETE", "product", "Entity-Id: S-1\nEntity-Id: S-1", ""),
            "more than once",
        ),
        (
            request("POST", "product", "Entity-Token: token-note", S1),
            "the header Entity-Token is wrong: it is there more than once",
        ),
        (
            request("POST", "product", "", r#"{"sku":"S-2","sku":"S-3"}"#),
            "\"sku\"",
        ),
        (
            request("PUT", "product", "", r#"{"sku":"S-2"}"#),
            "there is no product with the sku",
        ),
        (
            request("POST", "product", "", S1),
            "there is a product with the sku \"S-1\" already",
        ),
    ];
    for (request, words) in rows {
        platform.refuse(request, 400, words);
    }

    let many = r#"{"price":"abc","inventory":{}}"#;
    let answer = platform.refuse(request("PUT", "product", "", many), 400, "3 faults");
    let faults = answer["detail"]["faults"].as_array().unwrap();
    let treekeys: Vec<_> = faults.iter().map(|fault| &fault["treekey"]).collect();
    assert_eq!(
        treekeys,
        ["product.sku", "product.price", "product.inventory.qty"]
    );
}

#[test]
fn the_checks_come_in_their_order() {
    let platform = platform();
    let large = " ".repeat(LIMIT + 1);
    let head = |method: &str, key: &str, length: Option<&str>, body: &str| {
        let mut request = Request::builder().method(method).uri("/api/realtime");
        if !key.is_empty() {
            request = request.header("Auth-Token", key);
        }
        if let Some(length) = length {
            request = request.header("Content-Length", length);
        }
        request.body(Bytes::from(body.to_owned())).unwrap()
    };
    // Each is wrong in everything that a later row is about.
    platform.refuse(
        head("PATCH", "", Some("99999"), &large),
        401,
        "Auth-Token is missing",
    );
    platform.refuse(
        head("PATCH", "wrong", Some("99999"), &large),
        401,
        "Auth-Token is wrong",
    );
    platform.refuse(
        head("PATCH", KEY, Some("99999"), &large),
        405,
        "POST creates",
    );
    platform.refuse(
        head("POST", KEY, Some("99999"), ""),
        413,
        "the limit is 4096 bytes",
    );
    // Also where the body means nothing.
    platform.refuse(
        head("DELETE", KEY, Some("99999"), ""),
        413,
        "the limit is 4096 bytes",
    );
    platform.refuse(head("POST", KEY, None, "{"), 400, "Entity-Token is missing");
    platform.refuse(
        request("POST", "nothing", "", "{"),
        400,
        "no entity has the token",
    );
    platform.refuse(
        request("POST", "product", "Entity-Id-Field: x", "{"),
        400,
        "not JSON",
    );
    let body = r#"{"price":"x"}"#;
    platform.refuse(
        request("POST", "product", "Entity-Id-Field: x", body),
        400,
        "2 faults",
    );

    // As large as the limit is not too large.
    let length = format!("Content-Length: {LIMIT}");
    platform.accept("POST", "product", &length, S1);
}

#[test]
fn addresses_have_their_methods() {
    let platform = platform();
    platform.accept("POST", "product", "", S1);
    let ask = |method: &str, path: &str, key: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Auth-Token", key);
        platform.handle(request.body(Bytes::new()).unwrap())
    };
    for path in [
        "/api/realtime",
        "//api/realtime",
        "/api/realtime/",
        "/api/realtime?x=1",
    ] {
        let answer = ask("GET", path, KEY);
        assert_eq!(answer.status(), 405, "{path}");
        assert_eq!(answer.headers()["allow"], "POST, PUT, DELETE");
        json(&answer);
    }
    let answer = ask("POST", "/hub/records", KEY);
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["allow"]),
        (405, &"GET".parse().unwrap())
    );
    assert_eq!(ask("GET", "/hub/records", "wrong").status(), 401);
    assert_eq!(ask("POST", "/hub/records", "wrong").status(), 401);
    for path in ["/", "/api", "/api/realtime/x", "/API/realtime"] {
        let answer = ask("POST", path, KEY);
        assert_eq!(answer.status(), 404, "{path}");
        let message = json(&answer)["message"].to_string();
        assert!(message.contains("/api/realtime") && message.contains("/hub/records"));
    }

    let answer = ask("GET", "//hub/records", KEY);
    assert_eq!(answer.status(), 200);
    let text = std::str::from_utf8(answer.body()).unwrap();
    assert!(
        text.contains(&platform.dump()) && text.contains(S1),
        "{text}"
    );
    json(&answer);
}

#[test]
fn an_admitted_head_shows_no_key_and_a_refused_one_neither() {
    let platform = platform();
    let keys = [(KEY, true), ("SECRET-OTHER", false)];
    for ((key, good), path) in keys
        .into_iter()
        .flat_map(|key| [(key, "/api/realtime"), (key, "/nothing")])
    {
        let request = Request::builder().method("POST").uri(path);
        let request = request
            .header("Auth-Token", key)
            .header("Entity-Id", "S-1")
            .body(());
        let (mut head, ()) = request.unwrap().into_parts();
        let admitted = platform.admit(&mut head).is_ok();
        assert_eq!(admitted, good && path == "/api/realtime");
        let shown = format!("{head:?}");
        assert!(!shown.contains(key) && shown.contains("S-1"), "{shown}");
    }
}

#[test]
fn a_panic_becomes_an_answer_and_the_next_request_is_served() {
    let platform = Arc::new(platform());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _held = platform.entities();
        panic!("a test of what a panic does")
    }));
    assert!(panicked.is_err());
    let service = PlatformService::new(platform.clone(), Duration::from_secs(1));
    assert_eq!(json(&service.panicked())["status"], 500);
    assert_eq!(platform.answered(), 1);
    platform.accept("POST", "product", "", S1);
}
