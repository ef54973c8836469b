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

    /// Nor do the short way and the long one differ.
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
        agree(&json, extent)?;
        if let Ok(update) = Update::<Product>::read(id("7"), &json) {
            let _ = update.merge(&product(&Keys::new()));
        }
        if let Ok(read) = read_record::<Product>(&json) {
            let written = serde_json::to_vec(read.record()).unwrap();
            let again = read_record::<Product>(&written).unwrap();
            prop_assert_eq!(again.into_record(), read.into_record());
        }
    }

    /// And on what no serializer writes.
    #[test]
    fn the_short_way_is_no_other(
        json in hostile(),
        damage in option::of((any::<prop::sample::Index>(), damage())),
        extent in prop_oneof![Just(Extent::Whole), Just(Extent::Partial)],
    ) {
        let mut json = json.into_bytes();
        if let Some((place, damage)) = damage {
            let place = place.index(json.len());
            match damage {
                Damage::End => json.truncate(place),
                Damage::Removed => drop(json.remove(place)),
                Damage::Replaced(byte) => json[place] = byte,
                Damage::Inserted(byte) => json.insert(place, byte),
            }
        }
        agree(&json, extent)?;
    }
}

/// The short way takes what the long one takes and leaves as it is, and nothing else.
fn agree(json: &[u8], extent: Extent) -> Result<(), TestCaseError> {
    let as_it_is = checked::thoroughly(&LAYOUT, json, extent)
        .is_ok_and(|checked| *checked.json == *json && checked.unknown_keys.is_empty());
    prop_assert_eq!(scan::fits(&PRODUCT, json, extent), as_it_is);
    Ok(())
}

#[derive(Clone, Debug)]
enum Damage {
    End,
    Removed,
    Replaced(u8),
    Inserted(u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = || {
        prop_oneof![
            any::<u8>(),
            proptest::sample::select(&b"\0 \n\"\\{}[],:-+.eEu0189\x7f\x80"[..])
        ]
    };
    prop_oneof![
        Just(Damage::End),
        Just(Damage::Removed),
        byte().prop_map(Damage::Replaced),
        byte().prop_map(Damage::Inserted),
    ]
}

fn blank() -> impl Strategy<Value = String> {
    prop_oneof![9 => Just(String::new()), 1 => "[ \n\r\t]{1,3}"]
}

/// A text in quotes, mostly a right one.
fn written_text() -> impl Strategy<Value = String> {
    const PARTS: [&str; 27] = [
        "a",
        "eight or more",
        "é",
        "€",
        "🦀",
        "\u{7f}",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\b\\f\\r\\t",
        "\\u0000",
        "\\u00e9",
        "\\uD83E\\uDD80",
        "\\ud83e\\udd80",
        "\\uD83E",
        "\\uDD80",
        "\\uD83E\\n",
        "\\uD83E\\uD83E",
        "\\u12",
        "\\u+123",
        "\\x",
        "\\",
        "\0",
        "\n",
        "1",
        "\u{1f}",
    ];
    let right = vec(proptest::sample::select(&PARTS[..15]), 0..5);
    let any = vec(proptest::sample::select(&PARTS[..]), 0..5);
    prop_oneof![6 => right, 1 => any].prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn written_number() -> impl Strategy<Value = String> {
    const NUMBERS: [&str; 27] = [
        "0",
        "1",
        "17",
        "-0",
        "-1",
        "0.0",
        "1.0",
        "-0.5e-3",
        "1e5",
        "1E+5",
        "0e0",
        "1e-400",
        "1.7976931348623158e308",
        "18446744073709551616",
        "0e999999999999",
        "1e308",
        "1e309",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "1e",
        "1e+",
        "--1",
        "NaN",
        "0x1",
    ];
    let long = (290_usize..330, any::<bool>(), any::<bool>()).prop_map(
        |(digits, is_negative, is_fraction)| {
            let sign = if is_negative { "-" } else { "" };
            let start = if is_fraction { "0." } else { "" };
            format!("{sign}{start}{}", "9".repeat(digits))
        },
    );
    prop_oneof![
        12 => proptest::sample::select(&NUMBERS[..16]).prop_map(str::to_owned),
        1 => proptest::sample::select(&NUMBERS[..]).prop_map(str::to_owned),
        1 => long,
    ]
}

fn written_leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => written_number(),
        2 => written_number().prop_map(|number| format!("\"{number}\"")),
        4 => written_text(),
        2 => proptest::sample::select(vec![
            "null", "true", "false", "\"true\"", "\"0\"", "\"\\u0031\"", "\"\\u0074rue\"", "\" 1\"", "{}", "[]", "nul", "[1,]", "True",
        ])
        .prop_map(str::to_owned),
        1 => (120_usize..130, any::<bool>()).prop_map(|(depth, is_list)| {
            let (open, close) = if is_list { ("[", "]") } else { ("{\"a\":", "}") };
            format!("{}1{}", open.repeat(depth), close.repeat(depth))
        }),
    ]
}

fn written_key() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => known_or_not().prop_map(|key| json!(key).to_string()),
        1 => proptest::sample::select(vec!["\"s\\u006bu\"", "\"sku\\\"", "\"sk\"", "\"skus\"", "sku"]).prop_map(str::to_owned),
        1 => written_text(),
    ]
}

fn written_entries(
    entry: impl Strategy<Value = (String, String)>,
    most: usize,
) -> impl Strategy<Value = String> {
    vec((blank(), entry, blank(), blank()), 0..most).prop_map(|entries| {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(a, (key, value), b, c)| format!("{a}{key}{b}:{c}{value}{a}"))
            .collect();
        format!("{{{}}}", entries.join(","))
    })
}

fn written() -> impl Strategy<Value = String> {
    written_leaf().prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            written_entries((written_key(), inner.clone()), 4),
            vec((blank(), inner, blank()), 0..4).prop_map(|items| {
                let items: Vec<_> = items
                    .into_iter()
                    .map(|(a, item, b)| a + &item + &b)
                    .collect();
                format!("[{}]", items.join(","))
            }),
        ]
    })
}

/// A whole product, mostly, in which some values are written as nobody would.
fn hostile() -> impl Strategy<Value = String> {
    let entry = prop_oneof![
        written_text().prop_map(|text| ("sku", text)),
        written_number().prop_map(|number| ("stock", number)),
        written_number().prop_map(|number| ("price", format!("\"{number}\""))),
        written_leaf().prop_map(|leaf| ("active", leaf)),
        vec(written_text(), 0..3).prop_map(|texts| ("tags", format!("[{}]", texts.join(" , ")))),
        written_text().prop_map(|text| ("when", text)),
        written_entries((Just("\"width\"".to_owned()), written_number()), 3)
            .prop_map(|size| ("size", size)),
        written().prop_map(|value| ("lines", value)),
        written().prop_map(|value| ("more", value)),
        written_leaf().prop_map(|leaf| ("note", leaf)),
    ];
    (
        blank(),
        vec(entry, 0..6),
        any::<bool>(),
        blank(),
        any::<u8>(),
    )
        .prop_map(|(a, entries, is_complete, b, twice)| {
            let mut all: Vec<(String, String)> = Vec::new();
            if is_complete {
                all.extend(
                    needed()
                        .into_iter()
                        .map(|(key, value)| (key, value.to_string())),
                );
            }
            for (key, value) in entries {
                // Rarely it stands twice.
                match all.iter_mut().find(|(known, _)| known == key) {
                    Some(known) if twice > 20 => known.1 = value,
                    _ => all.push((key.to_owned(), value)),
                }
            }
            let all: Vec<_> = all
                .into_iter()
                .map(|(key, value)| format!("{b}\"{key}\"{a}:{b}{value}{a}"))
                .collect();
            format!("{a}{{{}}}{b}", all.join(","))
        })
}

#[test]
fn the_short_way_goes_as_far_as_the_long_one_and_no_farther() {
    let fits =
        |fields: &[FieldLayout], json: &str| scan::fits(fields, json.as_bytes(), Extent::Partial);
    let nested = |lists| format!("{{\"more\":{}{}}}", "[".repeat(lists), "]".repeat(lists));
    for (lists, is_taken) in [(125, true), (126, true), (127, false), (128, false)] {
        assert_eq!(fits(&PRODUCT, &nested(lists)), is_taken, "{lists}");
        let json = nested(lists);
        let read = checked::thoroughly(&LAYOUT, json.as_bytes(), Extent::Partial);
        assert_eq!(read.is_ok(), is_taken, "{lists}");
    }
    // The last bytes are looked at one by one.
    assert!(fits(&PRODUCT, r#"{"sku":" !#[]"}"#));
    assert!(fits(&PRODUCT, "{\"sku\":\"\u{7f}\"}"));
    assert!(!fits(&PRODUCT, "{\"sku\":\"\u{1f}\"}"));
    assert!(!fits(&PRODUCT, "{\"sku\":\"\0\"}"));
    // A name that does not stand in JSON as it is.
    let odd = [FieldLayout::new("a\"b\\u0041\n", NUMBER)];
    assert!(fits(&odd, r#"{"a\"b\\u0041\n":1}"#));
    assert!(!fits(&odd, "{\"a\"b\\u0041\n\":1}"));
}
