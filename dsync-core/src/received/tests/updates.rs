//! A change of a record.

use serde_json::json;
use serde_json::value::RawValue;

use super::*;

fn update(json: &str) -> Update<Product> {
    Update::read(id("7"), json.as_bytes()).unwrap()
}

fn current() -> Product {
    Product {
        id: 7,
        sku: "S-1".to_owned(),
        stock: 5,
        price: Some(0.1),
        weight: Some(0.1),
        exact: Some(Exact("1.10".to_owned())),
        age: Some(3),
        active: true,
        tags: vec!["old".to_owned()],
        when: Some("2026-01-01".to_owned()),
        size: Size {
            width: 1,
            label: Some("small".to_owned()),
            measured_at: Some("then".to_owned()),
            inner: Some(Box::new(Inner {
                depth: Some(1),
                seen_at: Some("before".to_owned()),
            })),
        },
        lines: vec![Line {
            sku: "L".to_owned(),
            line_id: Some(9),
            ..Line::default()
        }],
        more: json!({"a": 0.1}),
        note: Some("note".to_owned()),
        created_at: Some("first".to_owned()),
        ..Product::default()
    }
}

#[test]
fn the_keys_that_are_there() {
    let update = update(
        r#"{"stock":"9007199254740993","id":1,"extra":1,"size":{"width":1,"measured_at":0},"note":null, "price" : 1.10 }"#,
    );
    assert_eq!(update.id().as_str(), "7");
    assert_eq!(
        update.keys().collect::<Vec<_>>(),
        ["stock", "size", "note", "price"]
    );
    assert_eq!(update.unknown_keys(), ["product.extra"]);
    assert!(update.contains("note") && !update.contains("id") && !update.contains("extra"));
    assert_eq!(update.value("price").unwrap().get(), "1.10");
    assert_eq!(update.value("stock").unwrap().get(), "\"9007199254740993\"");
    assert_eq!(update.value("size").unwrap().get(), r#"{"width":1}"#);
    assert_eq!(
        update.get::<u64>("stock").unwrap().unwrap(),
        9_007_199_254_740_993
    );
    assert_eq!(update.get::<Option<String>>("note").unwrap().unwrap(), None);
    assert_eq!(update.get::<Size>("size").unwrap().unwrap().width, 1);
    assert!(update.get::<u64>("sku").is_none());
    assert_eq!(
        faults(update.get::<u8>("stock").unwrap()),
        ["product.stock cannot be read: invalid value: integer `9007199254740993`, expected u8"]
    );
    assert!(update.get::<String>("note").unwrap().is_err());
    let copy = update.clone();
    assert_eq!(copy.keys().count(), 4);
    // What a record holds is no matter of a log.
    assert_eq!(
        format!("{copy:?}"),
        r#"Update { id: EntityId("7"), keys: ["stock", "extra", "size", "note", "price"], .. }"#
    );
}

#[test]
fn only_what_is_there_has_to_fit() {
    assert!(update("{}").is_empty());
    assert!(update(r#"{"id":"x","created_at":null}"#).is_empty());
    assert!(!update(r#"{"extra":1}"#).is_empty());
    assert_eq!(
        faults(Update::<Product>::read(
            id("7"),
            br#"{"sku":null,"stock":"many","size":{"label":"x"},"lines":[{"amount":{"qty":1}}]}"#
        )),
        [
            "product.sku is required, but is null",
            "product.stock must be a number, but is the text \"many\"",
            "product.size.width is required, but is missing",
            "product.lines.sku is required, but is missing (item 1 of the list)",
        ]
    );
}

#[test]
fn what_is_absent_stays_and_what_is_there_is_replaced() {
    let current = current();
    assert_eq!(update("{}").merge(&current).unwrap(), current);
    let merged = update(
        r#"{"stock":"6","tags":["new"],"exact":"2.50","note":"\u0000🦀","lines":[{"sku":"N","amount":{"qty":1}}],
            "more":{"b":1},"city":"Köln","floors":["1"],"id":99,"created_at":"never"}"#,
    )
    .merge(&current)
    .unwrap();
    let expected = Product {
        stock: 6,
        tags: vec!["new".to_owned()],
        exact: Some(Exact("2.50".to_owned())),
        note: Some("\0🦀".to_owned()),
        lines: vec![Line {
            sku: "N".to_owned(),
            amount: Amount { qty: 1 },
            ..Line::default()
        }],
        more: json!({"b": 1}),
        address: Address {
            city: Some("Köln".to_owned()),
            floors: vec![1],
            ..Address::default()
        },
        ..current
    };
    assert_eq!(merged, expected);
}

#[test]
fn null_clears() {
    let merged = update(
        r#"{"price":null,"tags":null,"when":null,"size":null,"lines":null,"note":null,"active":null,"floors":null}"#,
    )
    .merge(&Product {
        address: Address {
            floors: vec![1],
            ..Address::default()
        },
        ..current()
    })
    .unwrap();
    let expected = Product {
        price: None,
        tags: vec![],
        when: None,
        size: Size::default(),
        lines: vec![],
        note: None,
        active: false,
        ..current()
    };
    assert_eq!(merged, expected);
}

#[test]
fn what_is_read_only_inside_an_object_stays() {
    let merged = update(r#"{"size":{"width":2,"measured_at":"x","inner":{"depth":null}},"lines":[{"sku":"L","amount":{"qty":1}}]}"#)
        .merge(&current())
        .unwrap();
    assert_eq!((merged.size.width, merged.size.label), (2, None));
    assert_eq!(merged.size.measured_at.unwrap(), "then");
    let inner = merged.size.inner.unwrap();
    assert_eq!(
        (inner.depth, inner.seen_at.unwrap()),
        (None, "before".to_owned())
    );
    // Which item of a list would be which, nobody knows.
    assert_eq!(merged.lines[0].line_id, None);
    // An object that is not there any more has nothing in it.
    let merged = update(r#"{"size":{"width":2}}"#).merge(&current()).unwrap();
    assert_eq!(
        (merged.size.inner, merged.size.measured_at.unwrap()),
        (None, "then".to_owned())
    );
}

#[test]
fn numbers_keep_every_digit() {
    let current = current();
    let merged = update(r#"{"stock":7}"#).merge(&current).unwrap();
    assert_eq!((merged.price, merged.weight), (Some(0.1), Some(0.1_f32)));
    assert_eq!(merged.exact.as_ref().unwrap().0, "1.10");
    let order = |number, total| Order { number, total };
    for number in [9_007_199_254_740_993, u64::MAX] {
        let update = Update::<Order>::read(id("1"), br#"{"total":"0.1"}"#).unwrap();
        assert_eq!(
            update.merge(&order(number, None)).unwrap(),
            order(number, Some(0.1))
        );
        let json = format!("{{\"number\":{number}}}");
        let update = Update::<Order>::read(id("1"), json.as_bytes()).unwrap();
        assert_eq!(
            update.merge(&order(1, Some(0.1))).unwrap(),
            order(number, Some(0.1))
        );
    }
}

/// On a type that keeps the JSON itself, so that nothing but the merge could have changed it.
#[test]
fn what_a_merge_carries_is_not_rewritten() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Kept {
        number: Box<RawValue>,
        total: Box<RawValue>,
    }
    impl DsyncObject for Kept {
        const FIELDS: &'static [FieldLayout] = &ORDER;
    }
    impl DsyncEntity for Kept {
        const LAYOUT: &'static EntityLayout = &ORDER_LAYOUT;
    }
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    for json in [
        "1.10",
        "0.1",
        "1E2",
        "-0",
        "9007199254740993",
        "123456789012345678901234567890",
        "\"1.10\"",
    ] {
        let current = Kept {
            number: raw(json),
            total: raw("1"),
        };
        let body = format!("{{\"total\": {json} }}");
        let update = Update::<Kept>::read(id("1"), body.as_bytes()).unwrap();
        let merged = update.merge(&current).unwrap();
        assert_eq!((merged.number.get(), merged.total.get()), (json, json));
    }
}

#[test]
fn whose_fault_it_is() {
    let refused = update(r#"{"age":300}"#).merge(&current()).unwrap_err();
    assert_eq!(refused.status(), 400);
    assert_eq!(
        refused.refusal().unwrap().to_string(),
        "the record does not fit the data layout: product.age cannot be read: invalid value: integer `300`, expected u8"
    );
    let unwritable = Product {
        price: Some(f64::NAN),
        ..current()
    };
    let error = update(r#"{"stock":7}"#).merge(&unwritable).unwrap_err();
    assert_eq!((error.status().as_u16(), error.refusal()), (500, None));
    assert_eq!(
        error.to_string(),
        "the record as it is now cannot be merged: price is NaN, and JSON has no such number"
    );
    // A type that does not read what it writes.
    #[derive(Debug, Serialize, Deserialize)]
    struct Odd {
        #[serde(rename(serialize = "written"))]
        number: u64,
    }
    impl DsyncObject for Odd {
        const FIELDS: &'static [FieldLayout] = &ORDER;
    }
    impl DsyncEntity for Odd {
        const LAYOUT: &'static EntityLayout = &ORDER_LAYOUT;
    }
    let update = Update::<Odd>::read(id("1"), br#"{"total":1}"#).unwrap();
    let error = update.merge(&Odd { number: 1 }).unwrap_err();
    assert_eq!((error.status().as_u16(), error.refusal()), (500, None));
    assert_eq!(
        error.to_string(),
        "the record as it is now cannot be merged, because it does not read what it writes: order.number is required, but is missing"
    );
}

#[test]
fn a_change_of_the_primary_key_is_seen() {
    let changes = |id_text: &str, json: &str| {
        Update::<Order>::read(id(id_text), json.as_bytes())
            .unwrap()
            .changes_primary_key()
    };
    assert!(!changes("1", "{}"));
    assert!(!changes("1", r#"{"number":1}"#));
    assert!(!changes("1", r#"{"number":"1"}"#));
    assert!(changes("1", r#"{"number":2}"#));
    assert!(changes("1", r#"{"number":"2"}"#));
    // A read-only one is dropped.
    assert!(!update(r#"{"id":8}"#).changes_primary_key());
}
