//! What holds for every record, and for bytes that are none.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

type Keys = BTreeMap<String, Value>;

fn text() -> impl Strategy<Value = Value> {
    "\\PC{0,6}|[\0\n\"\\\\🦀]{0,3}".prop_map(Value::from)
}

fn size() -> impl Strategy<Value = Value> {
    (any::<u32>(), option::of(text()), option::of(any::<u32>())).prop_map(|(width, label, depth)| {
        json!({"width": width, "label": label, "inner": depth.map(|depth| json!({"depth": depth}))})
    })
}

fn line() -> impl Strategy<Value = Value> {
    (text(), any::<u32>(), vec(text(), 0..3))
        .prop_map(|(sku, qty, marks)| json!({"sku": sku, "amount": {"qty": qty}, "marks": marks}))
}

/// Any of the fields that can be written, each with a value that it can have. Texts and integers only: a
/// `Value`, which the model is made of, loses digits of others.
fn keys() -> impl Strategy<Value = Keys> {
    let value = prop_oneof![
        text().prop_map(|value| ("sku", value)),
        any::<u32>().prop_map(|value| ("stock", value.into())),
        option::of(any::<u8>()).prop_map(|value| ("age", json!(value))),
        any::<bool>().prop_map(|value| ("active", value.into())),
        option::of(vec(text(), 0..4)).prop_map(|value| ("tags", json!(value))),
        option::of(text()).prop_map(|value| ("when", json!(value))),
        option::of(prop_oneof![Just("red"), Just("green")])
            .prop_map(|value| ("colour", json!(value))),
        option::of(size()).prop_map(|value| ("size", json!(value))),
        option::of(vec(line(), 0..3)).prop_map(|value| ("lines", json!(value))),
        option::of(text()).prop_map(|value| ("city", json!(value))),
        option::of(vec(any::<u8>(), 0..3)).prop_map(|value| ("floors", json!(value))),
        option::of(any::<u32>()).prop_map(|value| ("zip", json!(value))),
        option::of(text()).prop_map(|value| ("note", json!(value))),
        any_json().prop_map(|value| ("more", value)),
    ];
    vec(value, 0..10).prop_map(|entries| {
        let entries = entries.into_iter();
        entries
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text(),
        any::<u64>().prop_map(|number| number.to_string().into()),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(known_or_not(), inner, 0..5).prop_map(|map| Value::from(Map::from_iter(map))),
        ]
    })
}

/// A key of the layout, mostly, so that the value gets somewhere.
fn known_or_not() -> impl Strategy<Value = String> {
    let names: Vec<_> = PRODUCT
        .iter()
        .chain(&SIZE)
        .chain(&INNER)
        .chain(&LINE)
        .chain(&AMOUNT)
        .map(|field| field.name().to_owned())
        .collect();
    prop_oneof![5 => proptest::sample::select(names), 1 => "\\PC{0,3}"]
}

/// The keys without which there is no product.
fn needed() -> Keys {
    Keys::from([
        ("sku".to_owned(), json!("S-1")),
        ("stock".to_owned(), json!(1)),
        ("when".to_owned(), Value::Null),
    ])
}

/// A record of these keys, with what it needs beside them, and with what only its own system sets.
fn product(keys: &Keys) -> Product {
    let mut all = needed();
    all.extend(keys.clone());
    let product = read_record::<Product>(&serde_json::to_vec(&all).unwrap()).unwrap();
    assert_eq!(product.unknown_keys(), [""; 0]);
    let mut product = product.into_record();
    product.id = 7;
    product.created_at = Some("first".to_owned());
    product.size.measured_at = Some("then".to_owned());
    product
}

/// What a merge is, on values.
fn model(current: &Product, keys: &Keys) -> Value {
    let Value::Object(mut record) = json!(current) else {
        panic!("a record is an object");
    };
    for (key, value) in keys {
        let mut value = match (key.as_str(), value) {
            ("tags" | "lines" | "floors", Value::Null) => json!([]),
            ("size", Value::Null) => json!(Size::default()),
            // Left out where there is none.
            ("note", Value::Null) => {
                record.remove(key);
                continue;
            }
            (_, value) => value.clone(),
        };
        if key == "size" && keys[key].is_object() {
            let before = record[key].clone();
            value["measured_at"] = before["measured_at"].clone();
            if value["inner"].is_object() {
                value["inner"]["seen_at"] = before["inner"]["seen_at"].clone();
            }
        }
        if key == "lines" {
            for line in value.as_array_mut().unwrap() {
                line["line_id"] = Value::Null;
            }
        }
        record.insert(key.clone(), value);
    }
    record.into()
}

proptest! {
    #[test]
    fn a_merge_is_what_the_model_says(before in keys(), keys in keys()) {
        let current = product(&before);
        let json = serde_json::to_vec(&keys).unwrap();
        let update = Update::<Product>::read(id("7"), &json).unwrap();
        let merged = update.merge(&current).unwrap();
        prop_assert_eq!(json!(merged), model(&current, &keys));
        prop_assert_eq!(update.merge(&merged).unwrap(), merged);
        let nothing = Update::<Product>::read(id("7"), b"{}").unwrap();
        prop_assert_eq!(nothing.merge(&current).unwrap(), current);
    }

    #[test]
    fn a_record_is_read_again_as_it_was_written(keys in keys()) {
        let written = Product { id: 0, created_at: None, ..product(&keys) };
        let json = serde_json::to_vec(&written).unwrap();
        let mut read = read_record::<Product>(&json).unwrap().into_record();
        // It is read-only, so it did not come along.
        prop_assert_eq!(read.size.measured_at.take(), None);
        read.size.measured_at.clone_from(&written.size.measured_at);
        prop_assert_eq!(read, written);
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = read_record::<Product>(&bytes);
        let _ = Update::<Product>::read(id("7"), &bytes);
    }

    /// The short way and the long one agree, on every object and every mutilation of a right one.
    #[test]
    fn no_json_is_a_panic(
        keys in keys(),
        others in btree_map(known_or_not(), any_json(), 0..4),
        is_complete in any::<bool>(),
        extent in prop_oneof![Just(Extent::Whole), Just(Extent::Partial)],
    ) {
        let mut all = if is_complete { needed() } else { Keys::new() };
        all.extend(keys);
        all.extend(others);
        let json = serde_json::to_vec(&all).unwrap();
        let checked = checked::thoroughly(&LAYOUT, &json, extent);
        if scan::fits(&PRODUCT, &json, extent) {
            let checked = checked.unwrap();
            prop_assert_eq!(&*checked.json, &json[..]);
            prop_assert_eq!(checked.unknown_keys, Vec::<String>::new());
        } else if let Ok(checked) = checked {
            // It does not say no where nothing is to be changed or told.
            prop_assert!(*checked.json != json[..] || !checked.unknown_keys.is_empty());
        }
        if let Ok(update) = Update::<Product>::read(id("7"), &json) {
            let _ = update.merge(&product(&Keys::new()));
        }
        if let Ok(read) = read_record::<Product>(&json) {
            let written = serde_json::to_vec(read.record()).unwrap();
            let again = read_record::<Product>(&written).unwrap();
            prop_assert_eq!(again.into_record(), read.into_record());
        }
    }
}
