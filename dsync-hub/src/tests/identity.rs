//! Which record a request means.

use super::{platform, request};
use crate::platform::Platform;

/// The ids that an entity's records are kept under.
fn ids(platform: &Platform, entity: &str) -> Vec<String> {
    let records = platform.entities().records(entity);
    records.into_iter().map(|record| record.entity_id).collect()
}

#[test]
fn a_record_is_kept_under_its_primary_key_else_entity_id_else_the_process_id() {
    let rows = [
        ("product", "", r#"{"sku":"S-1"}"#, "S-1"),
        ("product", "Entity-Id: S-1", r#"{"sku":"S-1"}"#, "S-1"),
        (
            "product",
            "Entity-Id: 4\nEntity-Id-Field: ean",
            r#"{"sku":"S-1","ean":"4"}"#,
            "S-1",
        ),
        ("product", "", r#"{"sku":"Straße 1 \u2713"}"#, "Straße 1 ✓"),
        (
            "item",
            "",
            r#"{"id":18446744073709551615}"#,
            "18446744073709551615",
        ),
        ("item", "", r#"{"id":"-7"}"#, "-7"),
        ("item", "Entity-Id: -7", r#"{"id":-7}"#, "-7"),
        ("item", "Entity-Id: 5", r#"{"id":null}"#, "5"),
        (
            "item",
            "Entity-Id: 4\nEntity-Id-Field: ean",
            r#"{"ean":"4"}"#,
            "4",
        ),
        ("item", "Entity-Id-Field: ean", r#"{"ean":"4"}"#, "4"),
        ("flag", "", r#"{"on":true}"#, "true"),
        ("note", "Entity-Id: N 1", r#"{"text":"t"}"#, "N 1"),
        (
            "note",
            "Entity-Id: N\nEntity-Id-Field: code",
            r#"{"code":"N"}"#,
            "N",
        ),
    ];
    for (entity, headers, body, id) in rows {
        let platform = platform();
        platform.accept("POST", entity, headers, body);
        assert_eq!(ids(&platform, entity), [id], "{headers} {body}");
        // The same again is refused, whatever named it.
        platform.refuse(request("POST", entity, headers, body), 400, "already");
    }
    for (entity, body) in [("note", r#"{"text":"t"}"#), ("item", r#"{"ean":"4"}"#)] {
        let platform = platform();
        let answer = platform.accept("POST", entity, "", body);
        let id = answer["data"]["process_id"].as_str().unwrap().to_owned();
        assert_eq!(ids(&platform, entity), [id.as_str()]);
        platform.accept("POST", entity, "", body);
        platform.accept("PUT", entity, &format!("Entity-Id: {id}"), "{}");
        platform.accept("DELETE", entity, &format!("Entity-Id: {id}"), "");
        assert_eq!(ids(&platform, entity).len(), 1);
    }
}

#[test]
fn a_creates_header_and_record_must_say_the_same() {
    let platform = platform();
    let rows = [
        (
            "product",
            "Entity-Id: S-2",
            r#"{"sku":"S-1"}"#,
            "the record's \"sku\" is \"S-1\"",
        ),
        (
            "product",
            "Entity-Id: s-1\nEntity-Id-Field: sku",
            r#"{"sku":"S-1"}"#,
            "must be the same",
        ),
        (
            "product",
            "Entity-Id: 5\nEntity-Id-Field: ean",
            r#"{"sku":"S-1","ean":"4"}"#,
            "\"ean\" is \"4\"",
        ),
        (
            "item",
            "Entity-Id: 07",
            r#"{"id":7}"#,
            "the record's \"id\" is \"7\"",
        ),
        (
            "note",
            "Entity-Id: a\nEntity-Id-Field: code",
            r#"{"code":"b"}"#,
            "\"code\" is \"b\"",
        ),
    ];
    for (entity, headers, body, words) in rows {
        platform.refuse(request("POST", entity, headers, body), 400, words);
    }
}

#[test]
fn entity_id_field_names_a_field() {
    let platform = platform();
    let body = r#"{"sku":"S-1"}"#;
    platform.accept("POST", "product", "", body);
    let rows = [
        ("eam", "product has no field \"eam\""),
        ("inventory.qty", "at its first level"),
        ("", "Entity-Id-Field is wrong"),
    ];
    for (field, words) in rows {
        let headers = format!("Entity-Id: S-1\nEntity-Id-Field: {field}");
        for method in ["POST", "PUT", "DELETE"] {
            platform.refuse(request(method, "product", &headers, body), 400, words);
        }
    }
}

#[test]
fn a_value_that_cannot_name_a_record_is_a_fault_at_its_treekey() {
    let platform = platform();
    let rows = [
        ("product", "sku", r#""""#, "is empty"),
        ("product", "sku", r#"" S-1""#, "a blank"),
        ("product", "sku", r#""a\u0000b""#, "a control character"),
        ("product", "sku", r#""a\r\nb""#, "a control character"),
        ("item", "id", "1.5", "no integer"),
        ("item", "id", "1e2", "no integer"),
        ("item", "id", "5.0", "needs an integer"),
        ("item", "id", "-0", "needs an integer"),
        ("item", "id", "18446744073709551616", "no integer"),
        ("item", "id", r#""5e0""#, "needs an integer"),
        ("item", "id", r#""5.0""#, "needs an integer"),
        ("item", "id", r#""-0""#, "needs an integer"),
        (
            "item",
            "id",
            r#""18446744073709551616""#,
            "needs an integer",
        ),
        // These are no numbers to the layout already.
        ("item", "id", r#""+5""#, "must be a number"),
        ("item", "id", r#"" 5""#, "must be a number"),
        ("item", "id", r#""05""#, "must be a number"),
        ("item", "nr", r#""5.0""#, "needs an integer"),
        ("item", "nr", "5.0", "needs an integer"),
        ("flag", "on", "1", "needs true or false"),
        ("flag", "on", r#""0""#, "needs true or false"),
        ("flag", "any", "[1]", "a list"),
        ("flag", "any", "{}", "an object"),
    ];
    for (entity, field, value, words) in rows {
        for method in ["POST", "PUT"] {
            let headers = format!("Entity-Id-Field: {field}");
            let body = format!(r#"{{"{field}":{value}}}"#);
            let answer = platform.refuse(request(method, entity, &headers, &body), 400, words);
            let fault = &answer["detail"]["faults"][0];
            assert_eq!(fault["treekey"], format!("{entity}.{field}"));
        }
    }
}

#[test]
fn an_update_or_a_delete_needs_a_record_that_is_held() {
    let platform = platform();
    platform.accept("POST", "note", "Entity-Id: a", "{}");
    platform.refuse(
        request("PUT", "note", "", "{}"),
        400,
        "nothing says which record",
    );
    platform.refuse(
        request("PUT", "item", "Entity-Id-Field: ean", "{}"),
        400,
        "nothing says",
    );
    platform.refuse(
        request("PUT", "note", "Entity-Id: b", "{}"),
        400,
        "no note with the Entity-Id \"b\"",
    );
    platform.refuse(
        request("DELETE", "note", "Entity-Id: b", ""),
        400,
        "there is no note",
    );
    // Held by another entity is not held.
    platform.refuse(
        request("DELETE", "item", "Entity-Id: a", ""),
        400,
        "there is no item",
    );
}

#[test]
fn a_number_and_its_text_are_the_same_record() {
    let platform = platform();
    platform.accept("POST", "item", "", r#"{"id":5,"nr":"7"}"#);
    platform.refuse(request("POST", "item", "", r#"{"id":"5"}"#), 400, "already");
    let shared = "Entity-Id: 7\nEntity-Id-Field: nr";
    platform.accept("PUT", "item", shared, r#"{"id":"5","nr":7}"#);
    assert_eq!(ids(&platform, "item"), ["5"]);
    platform.accept("DELETE", "item", "Entity-Id: 5", "");

    platform.accept("POST", "flag", "", r#"{"on":true}"#);
    platform.refuse(
        request("POST", "flag", "", r#"{"on":"true"}"#),
        400,
        "already",
    );
}

#[test]
fn a_header_gives_no_record_a_name_that_its_field_cannot_have() {
    let platform = platform();
    for (headers, body) in [
        ("Entity-Id: 5.0", "{}"),
        ("Entity-Id: +5", r#"{"id":null}"#),
        ("Entity-Id: 5e0\nEntity-Id-Field: nr", r#"{"id":1}"#),
    ] {
        let create = request("POST", "item", headers, body);
        platform.refuse(create, 400, "Entity-Id is wrong");
    }
    platform.refuse(
        request("DELETE", "item", "Entity-Id: 5.0", ""),
        400,
        "there is no item with the id \"5.0\"",
    );
}

#[test]
fn a_shared_key_finds_the_one_record_that_has_its_value() {
    let platform = platform();
    let by = |ean: &str| format!("Entity-Id: {ean}\nEntity-Id-Field: ean");
    platform.accept("POST", "product", "", r#"{"sku":"S-1","ean":"4"}"#);
    platform.accept("POST", "product", "", r#"{"sku":"S-2","ean":"5"}"#);
    platform.accept("POST", "product", "", r#"{"sku":"S-3","ean":"5"}"#);
    platform.accept("POST", "product", "", r#"{"sku":"6"}"#);

    let update = r#"{"sku":"S-1","ean":"4","price":1}"#;
    platform.accept("PUT", "product", &by("4"), update);
    assert_eq!(
        platform.entities().record("product", "S-1").unwrap(),
        update
    );

    for method in ["PUT", "DELETE"] {
        let ask = |ean: &str, sku: &str| {
            let body = format!(r#"{{"sku":"{sku}","ean":"{ean}"}}"#);
            request(method, "product", &by(ean), &body)
        };
        platform.refuse(
            ask("5", "S-2"),
            400,
            "more than one product has the ean \"5\"",
        );
        platform.refuse(
            ask("7", "S-1"),
            400,
            "there is no product with the ean \"7\"",
        );
        // A primary key of that text is another thing.
        platform.refuse(ask("6", "6"), 400, "there is no product with the ean \"6\"");
    }
    let other = r#"{"sku":"S-9","ean":"4"}"#;
    let answer = platform.refuse(
        request("PUT", "product", &by("4"), other),
        400,
        "cannot change",
    );
    assert_eq!(answer["detail"]["faults"][0]["treekey"], "product.sku");
    let long = format!(r#"{{"sku":"{}","ean":"4"}}"#, "S".repeat(3000));
    let answer = platform.refuse(
        request("PUT", "product", &by("4"), &long),
        400,
        "cannot change",
    );
    assert!(answer.to_string().len() < 1000, "{answer}");

    platform.accept("DELETE", "product", &by("4"), "");
    assert_eq!(ids(&platform, "product"), ["S-2", "S-3", "6"]);
}

#[test]
fn a_record_that_came_without_its_primary_key_is_found_and_may_get_one() {
    let platform = platform();
    let by = |ean: &str| format!("Entity-Id: {ean}\nEntity-Id-Field: ean");
    platform.accept("POST", "item", &by("4"), "{}");
    platform.accept("POST", "item", "", r#"{"id":2,"ean":"5"}"#);
    platform.accept("PUT", "item", &by("4"), r#"{"ean":"4"}"#);
    assert_eq!(ids(&platform, "item"), ["4", "2"]);

    let taken = r#"{"id":2,"ean":"4"}"#;
    platform.refuse(
        request("PUT", "item", &by("4"), taken),
        400,
        "the id \"2\" already",
    );
    platform.accept("PUT", "item", &by("4"), r#"{"id":1,"ean":"4"}"#);
    assert_eq!(ids(&platform, "item"), ["1", "2"]);
    platform.accept("PUT", "item", "", r#"{"id":1}"#);
    // Neither the value that it came under nor the one that it is kept under is its shared key.
    for ean in ["4", "1"] {
        let delete = request("DELETE", "item", &by(ean), "");
        platform.refuse(delete, 400, "there is no item with the ean");
    }
}
