//! Updates that give a record another id.

use proptest::prelude::*;

use super::{platform, request};
use crate::platform::Platform;

fn list(platform: &Platform, entity: &str) -> Vec<(String, String)> {
    let records = platform.entities().records(entity).into_iter();
    records
        .map(|record| {
            let body = String::from_utf8(record.body.to_vec()).unwrap();
            (record.entity_id, body)
        })
        .collect()
}

fn ids(platform: &Platform, entity: &str) -> Vec<String> {
    list(platform, entity)
        .into_iter()
        .map(|(id, _)| id)
        .collect()
}

fn by(field: &str, id: &str) -> String {
    format!("Entity-Id: {id}\nEntity-Id-Field: {field}")
}

#[test]
fn an_update_changes_the_primary_key_of_the_record_that_its_header_names() {
    for field in ["", "\nEntity-Id-Field: sku"] {
        let platform = platform();
        for sku in ["a", "b", "c"] {
            platform.accept("POST", "product", "", &format!(r#"{{"sku":"{sku}"}}"#));
        }
        let old = format!("Entity-Id: a{field}");
        let body = r#"{"sku":"d","price":1}"#;
        platform.accept("PUT", "product", &old, body);
        assert_eq!(ids(&platform, "product"), ["d", "b", "c"]);
        assert_eq!(platform.entities().record("product", "d").unwrap(), body);
        assert_eq!(platform.entities().record("product", "a"), None);

        for method in ["PUT", "DELETE"] {
            let gone = request(method, "product", &old, body);
            platform.refuse(gone, 400, "there is no product with the sku \"a\"");
        }
        let taken = request("PUT", "product", "Entity-Id: d", r#"{"sku":"b"}"#);
        platform.refuse(taken, 400, "there is a product with the sku \"b\" already");
        platform.accept("PUT", "product", "", r#"{"sku":"d"}"#);
        // The old one is free, the new one is not.
        platform.refuse(request("POST", "product", "", body), 400, "already");
        platform.accept("POST", "product", "", r#"{"sku":"a"}"#);
        assert_eq!(ids(&platform, "product"), ["d", "b", "c", "a"]);
        platform.accept("DELETE", "product", "Entity-Id: d", "");
    }
}

#[test]
fn an_id_that_came_in_place_of_the_primary_key_gives_way_to_it() {
    let platform = platform();
    let answer = platform.accept("POST", "item", "", "{}");
    let process_id = answer["data"]["process_id"].as_str().unwrap().to_owned();
    platform.accept("POST", "item", "Entity-Id: 5", "{}");
    assert_eq!(ids(&platform, "item"), [process_id.as_str(), "5"]);
    let old = format!("Entity-Id: {process_id}");
    let taken = request("PUT", "item", &old, r#"{"id":5}"#);
    platform.refuse(taken, 400, "the id \"5\" already");
    platform.accept("PUT", "item", &old, r#"{"id":6}"#);
    platform.accept("PUT", "item", "Entity-Id: 5", r#"{"id":"7"}"#);
    assert_eq!(ids(&platform, "item"), ["6", "7"]);
    platform.refuse(request("PUT", "item", &old, "{}"), 400, "there is no item");
}

#[test]
fn an_update_that_names_a_record_by_its_shared_key_may_change_that() {
    let platform = platform();
    platform.accept("POST", "product", "", r#"{"sku":"S-1","ean":"1"}"#);
    platform.accept("POST", "product", "", r#"{"sku":"S-2","ean":"2"}"#);
    let rename = |sku: &str, old: &str, new: &str| {
        let body = format!(r#"{{"sku":"{sku}","ean":"{new}"}}"#);
        request("PUT", "product", &by("ean", old), &body)
    };
    platform.refuse(
        rename("S-1", "1", "2"),
        400,
        "there is a product with the ean \"2\" already",
    );
    platform.refuse(
        rename("S-9", "1", "3"),
        400,
        "cannot change the primary key",
    );
    assert_eq!(platform.handle(rename("S-1", "1", "3")).status(), 200);
    platform.refuse(
        rename("S-1", "1", "4"),
        400,
        "no product with the ean \"1\"",
    );
    assert_eq!(platform.handle(rename("S-1", "3", "1")).status(), 200);
    assert_eq!(ids(&platform, "product"), ["S-1", "S-2"]);
}

#[test]
fn a_record_that_is_kept_under_its_shared_key_is_found_by_the_new_one_only() {
    let platform = platform();
    let (code, text) = (by("code", "7"), by("text", "7"));
    platform.accept("POST", "note", &code, r#"{"code":"7"}"#);
    platform.accept("POST", "note", &text, r#"{"text":"7"}"#);
    platform.accept("PUT", "note", &code, r#"{"code":"8"}"#);
    assert_eq!(ids(&platform, "note"), ["8", "7"]);
    platform.refuse(request("PUT", "note", &code, "{}"), 400, "no note");

    // Another field's value of the same text is another thing.
    platform.accept(
        "PUT",
        "note",
        &by("code", "8"),
        r#"{"code":"8","text":"8"}"#,
    );
    platform.accept(
        "PUT",
        "note",
        &by("text", "8"),
        r#"{"code":"8","text":"9"}"#,
    );
    assert_eq!(ids(&platform, "note"), ["8", "7"]);
    platform.accept("DELETE", "note", "Entity-Id: 8", "");

    // So is an id of its own.
    platform.accept("POST", "note", "Entity-Id: 6", r#"{"code":"6"}"#);
    platform.accept("PUT", "note", &by("code", "6"), r#"{"code":"5"}"#);
    assert_eq!(ids(&platform, "note"), ["7", "6"]);

    platform.accept("POST", "item", &by("ean", "4"), "{}");
    platform.accept("PUT", "item", &by("ean", "4"), r#"{"ean":"5"}"#);
    assert_eq!(ids(&platform, "item"), ["5"]);
    platform.accept("PUT", "item", &by("ean", "5"), r#"{"id":1,"ean":"6"}"#);
    assert_eq!(ids(&platform, "item"), ["1"]);
}

#[test]
fn a_shared_key_that_only_headers_stated_stays_when_the_primary_key_changes() {
    let platform = platform();
    platform.accept("POST", "product", &by("ean", "4"), r#"{"sku":"a"}"#);
    platform.accept("PUT", "product", "Entity-Id: a", r#"{"sku":"b"}"#);
    platform.accept("PUT", "product", &by("ean", "4"), r#"{"sku":"b"}"#);
    assert_eq!(ids(&platform, "product"), ["b"]);
}

/// A request about products: by `ean` or, without a field, by `sku`. All ids are of the same few.
#[derive(Clone, Debug)]
struct Ask {
    method: &'static str,
    header: Option<String>,
    by_ean: bool,
    sku: String,
    ean: Option<String>,
}

fn ask() -> impl Strategy<Value = Ask> {
    let id = || (0..4u8).prop_map(|id| id.to_string());
    let method = prop_oneof![Just("POST"), Just("PUT"), Just("DELETE")];
    let (header, ean) = (prop::option::of(id()), prop::option::of(id()));
    (method, header, any::<bool>(), id(), ean).prop_map(|(method, header, by_ean, sku, ean)| Ask {
        method,
        header,
        by_ean,
        sku,
        ean,
    })
}

/// The rules once more, as simple as can be.
#[derive(Debug, Default)]
struct Model(Vec<Product>);

#[derive(Clone, Debug, PartialEq)]
struct Product {
    sku: String,
    ean: Option<String>,
    /// Whether the ean is not in the body.
    stated: bool,
    body: String,
}

impl Model {
    /// Whether the request is accepted.
    fn change(&mut self, ask: &Ask, body: &str) -> bool {
        if ask.method == "DELETE" && ask.header.is_none() {
            return false;
        }
        // Without a value the field's name says nothing.
        let by_ean = ask.by_ean && (ask.header.is_some() || ask.ean.is_some());
        let in_body = match by_ean {
            true => ask.ean.as_ref(),
            false => Some(&ask.sku),
        };
        let in_body = in_body.filter(|_| ask.method != "DELETE");
        let named = ask.header.as_ref().or(in_body).unwrap();
        let differ = in_body.is_some_and(|id| id != named);
        if ask.method == "POST" {
            return !differ && self.create(ask, body, by_ean.then_some(named));
        }

        let meant: Vec<_> = (0..self.0.len())
            .filter(|&index| match &self.0[index] {
                product if by_ean => product.ean.as_ref() == Some(named),
                product => product.sku == *named,
            })
            .collect();
        let [index] = meant[..] else { return false };
        if ask.method == "DELETE" {
            self.0.remove(index);
            return true;
        }
        let mut others = (0..self.0.len()).filter(|&other| other != index);
        let taken = others.any(|other| match &self.0[other] {
            product if by_ean => differ && product.ean == ask.ean,
            product => product.sku == ask.sku,
        });
        let held = &self.0[index];
        if taken || by_ean && held.sku != ask.sku {
            return false;
        }
        let stated = match by_ean {
            true => Some(named.clone()),
            false => held.ean.clone().filter(|_| held.stated),
        };
        self.0[index] = Product::new(ask, body, stated);
        true
    }

    fn create(&mut self, ask: &Ask, body: &str, by_ean: Option<&String>) -> bool {
        let taken = self.0.iter().any(|product| {
            product.sku == ask.sku || by_ean.is_some() && product.ean.as_ref() == by_ean
        });
        if !taken {
            self.0.push(Product::new(ask, body, by_ean.cloned()));
        }
        !taken
    }
}

impl Product {
    fn new(ask: &Ask, body: &str, stated: Option<String>) -> Self {
        Self {
            sku: ask.sku.clone(),
            ean: ask.ean.clone().or(stated),
            stated: ask.ean.is_none(),
            body: body.to_owned(),
        }
    }
}

proptest! {
    #[test]
    fn any_sequence_of_changes_does_what_the_model_does(asks in prop::collection::vec(ask(), 0..40)) {
        let (platform, mut model) = (platform(), Model::default());
        let mut accepted = 0;
        for (index, ask) in asks.iter().enumerate() {
            let mut headers = String::new();
            if let Some(id) = &ask.header {
                headers.push_str(&format!("Entity-Id: {id}\n"));
            }
            if ask.by_ean {
                headers.push_str("Entity-Id-Field: ean\n");
            }
            let ean = ask.ean.as_ref().map_or("null".to_owned(), |ean| format!("\"{ean}\""));
            let body = format!(r#"{{"sku":"{}","ean":{ean},"price":{index}}}"#, ask.sku);
            let answer = platform.handle(request(ask.method, "product", &headers, &body));
            let expected = model.change(ask, &body);
            prop_assert_eq!(answer.status() == 200, expected, "{:?}: {:?}", ask, answer);
            accepted += u64::from(expected);

            let held = model.0.iter().map(|product| (product.sku.clone(), product.body.clone()));
            prop_assert_eq!(list(&platform, "product"), held.collect::<Vec<_>>());
        }
        prop_assert_eq!(platform.changes(), accepted);
    }
}
