//! Records that are named by another field than their primary key.

use std::time::{Duration, Instant};

use super::{platform, request};
use crate::record_key::{Found, RecordKey};
use crate::shared_key::SharedKey;

fn by(field: &str, id: &str) -> String {
    format!("Entity-Id: {id}\nEntity-Id-Field: {field}")
}

#[test]
fn a_create_is_refused_where_another_record_has_its_shared_key() {
    let platform = platform();
    platform.accept("POST", "product", "", r#"{"sku":"S-1","ean":"e5"}"#);
    for body in [r#"{"sku":"S-2","ean":"e5"}"#, r#"{"sku":"S-2"}"#] {
        let create = request("POST", "product", &by("ean", "e5"), body);
        platform.refuse(
            create,
            400,
            "there is a product with the ean \"e5\" already",
        );
    }
    let unnamed = request(
        "POST",
        "product",
        "Entity-Id-Field: ean",
        r#"{"sku":"S-2","ean":"e5"}"#,
    );
    platform.refuse(unnamed, 400, "the ean \"e5\" already");
    platform.accept("DELETE", "product", &by("ean", "e5"), "");
    platform.accept("POST", "product", &by("ean", "e5"), r#"{"sku":"S-2"}"#);
}

#[test]
fn a_shared_key_that_only_headers_stated_is_kept_until_the_body_has_one() {
    let platform = platform();
    let record = |id| platform.entities().record("product", id).unwrap();
    platform.accept("POST", "product", &by("ean", "E1"), r#"{"sku":"SH"}"#);
    let update = r#"{"sku":"SH","price":1}"#;
    platform.accept("PUT", "product", &by("ean", "E1"), update);
    assert_eq!(record("SH"), update);
    // An update that says nothing of it, and a null, which counts as absent, leave it.
    platform.accept("PUT", "product", "", r#"{"sku":"SH"}"#);
    platform.accept("PUT", "product", "", r#"{"sku":"SH","ean":null}"#);
    platform.accept("PUT", "product", &by("ean", "E1"), r#"{"sku":"SH"}"#);

    platform.accept("PUT", "product", "", r#"{"sku":"SH","ean":"E2"}"#);
    let old = request("DELETE", "product", &by("ean", "E1"), "");
    platform.refuse(old, 400, "there is no product with the ean \"E1\"");
    // An update that names the record by it, but has none in its body, states it as a create does.
    platform.accept("PUT", "product", &by("ean", "E2"), r#"{"sku":"SH"}"#);
    platform.accept(
        "PUT",
        "product",
        &by("ean", "E2"),
        r#"{"sku":"SH","ean":"E2"}"#,
    );
    // What the header stated is not back when the body's is gone.
    platform.accept("PUT", "product", "", r#"{"sku":"SH"}"#);
    for ean in ["E1", "E2"] {
        let gone = request("DELETE", "product", &by("ean", ean), "");
        platform.refuse(gone, 400, "there is no product with the ean");
    }
}

#[test]
fn a_field_becomes_a_shared_key_when_a_request_first_names_it() {
    let platform = platform();
    platform.accept("POST", "item", "", r#"{"id":1,"ean":"4","nr":"5.0"}"#);
    platform.accept("POST", "item", "", r#"{"id":2,"ean":"5","nr":7}"#);
    platform.accept(
        "PUT",
        "item",
        &by("ean", "4"),
        r#"{"id":1,"ean":"4","nr":8}"#,
    );
    platform.accept("PUT", "item", "", r#"{"id":2,"ean":"6","nr":7}"#);
    platform.accept(
        "PUT",
        "item",
        &by("nr", "8"),
        r#"{"id":1,"ean":"5","nr":"8"}"#,
    );
    platform.accept("DELETE", "item", &by("ean", "5"), "");
    let gone = request("DELETE", "item", &by("nr", "8"), "");
    platform.refuse(gone, 400, "there is no item with the nr \"8\"");
    platform.accept("DELETE", "item", &by("ean", "6"), "");
    assert_eq!(platform.entities().records("item"), []);
}

#[test]
fn values_of_different_fields_never_meet() {
    let platform = platform();
    let (code, text) = (by("code", "7"), by("text", "7"));
    platform.accept("POST", "note", &code, r#"{"code":"7"}"#);
    platform.accept("POST", "note", &text, r#"{"text":"7"}"#);
    platform.refuse(
        request("POST", "note", &text, "{}"),
        400,
        "there is a note with the text \"7\" already",
    );
    // Without a field it is what a record came with, and both came with this.
    let plain = |method| request(method, "note", "Entity-Id: 7", "{}");
    platform.refuse(
        plain("DELETE"),
        400,
        "more than one note has the Entity-Id \"7\"",
    );
    platform.refuse(plain("POST"), 400, "the Entity-Id \"7\" already");
    platform.accept("DELETE", "note", &code, "");
    platform.accept("PUT", "note", "Entity-Id: 7", r#"{"text":"7","code":"8"}"#);
    platform.accept("DELETE", "note", &by("code", "8"), "");

    // A primary key is of its own as well.
    platform.accept("POST", "item", &by("ean", "4"), "{}");
    let primary = request("DELETE", "item", "Entity-Id: 4", "");
    platform.refuse(primary, 400, "there is no item with the id \"4\"");
    platform.accept("POST", "item", "", r#"{"id":4}"#);
    let record = |id| platform.entities().record("item", id);
    assert_eq!(record("4").unwrap(), r#"{"id":4}"#);
    platform.accept("DELETE", "item", "Entity-Id: 4", "");
    assert_eq!(record("4").unwrap(), "{}");
    platform.accept("DELETE", "item", &by("ean", "4"), "");
    assert_eq!(record("4"), None);
}

#[test]
fn an_id_that_only_a_header_stated_is_a_primary_key_too() {
    let platform = platform();
    platform.accept("POST", "item", "Entity-Id: 5", r#"{"ean":"4"}"#);
    let other = request("PUT", "item", &by("ean", "4"), r#"{"id":6,"ean":"4"}"#);
    platform.refuse(other, 400, "cannot change the primary key");
    platform.accept("PUT", "item", &by("ean", "4"), r#"{"id":"5","ean":"4"}"#);
}

#[test]
fn a_record_is_found_without_a_look_at_the_others() {
    const RECORDS: u32 = 3_000;

    let platform = platform();
    let began = Instant::now();
    for method in ["POST", "PUT"] {
        for index in 0..RECORDS {
            let body = format!(r#"{{"sku":"S-{index}","ean":"{index}"}}"#);
            let headers = by("ean", &index.to_string());
            let answer = platform.handle(request(method, "product", &headers, &body));
            assert_eq!(answer.status(), 200);
        }
    }
    // Well under a second; a look at all records each time takes minutes.
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_index_does_not_search() {
    const RECORDS: u64 = 30_000;

    let began = Instant::now();
    let mut shared = SharedKey::new(None);
    for index in 0..RECORDS {
        shared.set(RecordKey(index), Some(index.to_string()));
    }
    for index in 0..RECORDS {
        let found = shared.find(&index.to_string());
        assert_eq!(found, Found::One(RecordKey(index)));
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}
