//! Records against their layout: what is a fault, what is none, and that neither grows without bound.

use dsync::prelude::*;
use serde_json::{Value, json};

#[derive(DsyncEntity)]
#[expect(dead_code, reason = "only the layout is looked at")]
struct Everything {
    text: Option<String>,
    number: Option<f64>,
    boolean: Option<bool>,
    #[dsync(type = "email")]
    email: Option<String>,
    #[dsync(type = "math")]
    math: Option<String>,
    #[dsync(type = "custom")]
    custom: Option<Value>,
    #[dsync(type = "object")]
    object: Option<serde_json::Map<String, Value>>,
    list: Option<Vec<f64>>,
}

fn fault(record: &Value) -> Option<String> {
    Everything::layout()
        .validate(record)
        .err()
        .map(|faults| faults.to_string())
}

#[test]
fn what_fits() {
    for record in [
        json!({}),
        json!({"text": null, "number": null, "list": null}),
        json!({"text": "", "email": "not looked into", "math": "a + b"}),
        json!({"math": 1}),
        json!({"number": -0.5}),
        json!({"number": u64::MAX}),
        json!({"number": "-1.5e3"}),
        json!({"boolean": false}),
        json!({"boolean": 0}),
        json!({"boolean": 1}),
        json!({"boolean": "true"}),
        json!({"boolean": "0"}),
        json!({"custom": [{"a": 1}, null]}),
        json!({"object": {"whatever": [1]}}),
        json!({"list": []}),
        json!({"list": [1, "2"]}),
    ] {
        assert_eq!(fault(&record), None, "{record}");
    }
}

#[test]
fn what_does_not() {
    for (record, says) in [
        (json!([]), "everything must be an object, but is a list"),
        (json!("x"), "must be an object, but is the text \"x\""),
        (json!({"text": 1}), "must be a text, but is the number 1"),
        (json!({"text": ["a"]}), "must be a text, but is a list"),
        (json!({"text": true}), "must be a text, but is a boolean"),
        (
            json!({"number": "abc"}),
            "must be a number, but is the text \"abc\"",
        ),
        (json!({"number": "1 "}), "must be a number"),
        (json!({"number": " 1"}), "must be a number"),
        (json!({"number": "NaN"}), "must be a number"),
        (json!({"number": ""}), "must be a number"),
        (
            json!({"number": true}),
            "must be a number, but is a boolean",
        ),
        (
            json!({"boolean": 2}),
            "must be true or false, but is the number 2",
        ),
        (json!({"boolean": "yes"}), "must be true or false"),
        (json!({"email": 1}), "must be a text with an e-mail address"),
        (json!({"math": []}), "must be a text or a number"),
        (json!({"object": "x"}), "must be an object"),
        (json!({"list": 1}), "must be a list, but is the number 1"),
        (
            json!({"list": [1, null]}),
            "but is null (item 2 of the list)",
        ),
        (
            json!({"number": "a text that is longer than anybody reads"}),
            "a text that begins \"a text that is longe\"",
        ),
    ] {
        let fault = fault(&record).unwrap_or_else(|| panic!("{record} is fine"));
        assert!(fault.contains(says), "{fault}");
    }
}

/// An answer must not become longer than the request that caused it.
#[test]
fn reports_are_bounded() {
    let many = json!({"list": vec!["x"; 10_000]});
    let faults = Everything::layout().validate(&many).unwrap_err();
    assert_eq!((faults.len(), faults.iter().count()), (10_000, 100));
    assert_eq!(faults.omitted(), 9_900);
    assert!(faults.to_string().ends_with("; and 9900 more"));

    let keys: serde_json::Map<_, _> = (0..10_000)
        .map(|number| (format!("key{number:05}"), Value::Null))
        .collect();
    let valid = Everything::layout().validate(&Value::Object(keys)).unwrap();
    assert_eq!(valid.unknown_keys().len(), 50);

    let long = json!({"x".repeat(2_000_000): 1});
    let valid = Everything::layout().validate(&long).unwrap();
    assert!(valid.unknown_keys()[0].len() < 300);
}
