//! A whole record.

use super::*;

#[test]
fn what_is_right_is_read_as_it_came() {
    let product = read(
        r#""price":0.1,"weight":0.1,"age":255,"active":true,"tags":["a","\u0000","🦀"],"colour":"red",
           "size":{"width":3,"label":null},"lines":[{"sku":"L","amount":{"qty":2}}],"more":{"a":[1,{}]}"#,
    )
    .unwrap();
    assert_eq!(product.price, Some(0.1));
    assert_eq!(product.weight, Some(0.1_f32));
    assert_eq!(product.tags, ["a", "\0", "🦀"]);
    assert_eq!(product.colour, Some(Colour::Red));
    assert_eq!(product.lines[0].amount.qty, 2);
}

#[test]
fn a_read_only_field_is_dropped_at_every_depth_whatever_it_is() {
    let received = read_record::<Product>(
        body(
            r#""id":{"not":"a number"},"created_at":[1],
               "size":{"width":1,"measured_at":5,"inner":{"seen_at":{},"depth":2}},
               "lines":[{"sku":"L","amount":{"qty":2},"line_id":"no number"}]"#,
        )
        .as_bytes(),
    )
    .unwrap();
    assert_eq!(received.unknown_keys(), [""; 0]);
    let product = received.into_record();
    assert_eq!((product.id, product.created_at), (0, None));
    assert_eq!(product.size.measured_at, None);
    assert_eq!(product.size.inner.unwrap().seen_at, None);
    assert_eq!(product.lines[0].line_id, None);
    // And where it would have been right.
    let product =
        read(r#""id":7,"created_at":"now","size":{"width":1,"measured_at":"now"}"#).unwrap();
    assert_eq!((product.id, product.created_at), (0, None));
    assert_eq!(product.size.measured_at, None);
}

#[test]
fn every_fault_is_told_at_once() {
    let refused = read_record::<Product>(br#"{"stock":"many","tags":"a","size":{"width":null}}"#);
    assert_eq!(
        faults(refused),
        [
            "product.sku is required, but is missing",
            "product.stock must be a number, but is the text \"many\"",
            "product.tags must be a list, but is the text \"a\"",
            "product.size.width is required, but is null",
        ]
    );
}

#[test]
fn numbers_and_booleans_may_come_as_texts() {
    let product = read(
        r#""price":"1.10","age":"7","active":"1","floors":["3",4],"zip":"10115",
           "lines":[{"sku":"L","amount":{"qty":"2"}}]"#,
    )
    .unwrap();
    assert_eq!(
        (product.price, product.age, product.active),
        (Some(1.1), Some(7), true)
    );
    // Below a flatten, where serde does not say which field refused.
    assert_eq!(product.address.floors, [3, 4]);
    assert_eq!(product.address.zip, Some(10_115));
    assert_eq!(product.lines[0].amount.qty, 2);
    let product = read(r#""active":0,"ean":4006381333931"#);
    // A text in Rust, so a number is one that it refuses, and there is nothing else to try.
    assert_eq!(
        faults(product),
        ["product.ean cannot be read: invalid type: integer `4006381333931`, expected a string"]
    );
}

#[test]
fn a_type_that_reads_texts_gets_them() {
    for more in ["", r#","age":"7","price":"1.10""#] {
        let product = read(&format!(
            r#""exact":"12345678901234567890.1000","ean":"4006381333931"{more}"#
        ))
        .unwrap();
        assert_eq!(product.exact.unwrap().0, "12345678901234567890.1000");
        assert_eq!(product.ean.unwrap(), "4006381333931");
    }
    // Below a flatten and beside one, where others want numbers and no nulls.
    for more in [
        r#""share":"0.50""#,
        r#""floors":null"#,
        r#""floors":null,"share":"0.50","zip":"10115","tags":null,"price":"0.50","age":"7""#,
    ] {
        let product = read(&format!(r#""exact":"9.5000","rate":"1.10",{more}"#)).unwrap();
        assert_eq!(product.exact.unwrap().0, "9.5000", "{more}");
        assert_eq!(product.address.rate.unwrap().0, "1.10", "{more}");
    }
    assert_eq!(read(r#""exact":1.5"#).unwrap().exact.unwrap().0, "1.5");
}

#[test]
fn null_counts_as_absent_where_the_type_does_not_take_it() {
    let product = read(
        r#""tags":null,"active":null,"size":null,"price":null,"colour":null,"more":null,
           "lines":[{"sku":"L","amount":{"qty":2},"marks":null},{"sku":"M","amount":{"qty":2},"marks":["a"]}]"#,
    )
    .unwrap();
    assert_eq!(
        (product.tags, product.active, product.size),
        (vec![], false, Size::default())
    );
    assert_eq!(product.lines[0].marks, [""; 0]);
    assert_eq!(product.lines[1].marks, ["a"]);
    // Below a flatten, beside an Option that wants its null.
    let product = read(r#""floors":null,"city":null,"age":"3""#).unwrap();
    assert_eq!((product.address.floors, product.age), (vec![], Some(3)));
    // The Option with a `with` module and no default: absent is what it refuses.
    assert_eq!(
        faults(read_record::<Product>(br#"{"sku":"S-1","stock":1}"#)),
        ["product.when is required, but is missing"]
    );
}

/// Each of the two nulls stops the type, one by being there and one by being gone. Trying has an end.
#[test]
fn a_null_that_nothing_stands_for_is_a_fault() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "nothing is read")]
    struct Strange {
        #[serde(with = "when")]
        when: Option<String>,
        #[serde(flatten)]
        part: Part,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "nothing is read")]
    struct Part {
        zip: u32,
    }
    impl DsyncObject for Strange {
        const FIELDS: &'static [FieldLayout] = &PRODUCT;
    }
    impl DsyncEntity for Strange {
        const LAYOUT: &'static EntityLayout = &LAYOUT;
    }
    assert_eq!(
        faults(read_record::<Strange>(body(r#""zip":null"#).as_bytes())),
        ["product cannot be read: invalid type: null, expected u32"]
    );
}

#[test]
fn what_the_type_refuses_is_one_fault_at_its_place() {
    for (more, fault) in [
        (
            r#""age":300"#,
            "product.age cannot be read: invalid value: integer `300`, expected u8",
        ),
        (
            r#""age":"300","tags":null"#,
            "product.age cannot be read: invalid value: integer `300`, expected u8",
        ),
        (
            r#""lines":[{"sku":"L","amount":{"qty":1}},{"sku":"M","amount":{"qty":-5}}]"#,
            "product.lines.amount.qty cannot be read: invalid value: integer `-5`, expected u32 (item 2 of the list)",
        ),
        (
            r#""colour":"blue""#,
            "product.colour cannot be read: unknown variant `blue`, expected `red` or `green`",
        ),
        // serde's flatten loses the place.
        (
            r#""floors":[1,300]"#,
            "product cannot be read: invalid value: integer `300`, expected u8",
        ),
        (
            r#""floors":[1,"300"],"zip":null"#,
            "product cannot be read: invalid value: integer `300`, expected u8",
        ),
    ] {
        assert_eq!(faults(read(more)), [fault], "{more}");
    }
}

#[test]
fn unknown_keys_are_named_and_no_fault() {
    let received = read_record::<Product>(
        body(r#""extra":1,"size":{"width":1,"height":2},"lines":[{"sku":"L","amount":{"qty":2,"unit":"kg"}}]"#)
            .as_bytes(),
    )
    .unwrap();
    assert_eq!(
        received.unknown_keys(),
        [
            "product.size.height",
            "product.lines.amount.unit",
            "product.extra"
        ]
    );
    // Unless the type itself says so.
    assert_eq!(
        faults(read_record::<Order>(br#"{"number":1,"extra":1}"#)),
        ["order.extra cannot be read: unknown field `extra`, expected `number` or `total`"]
    );
}

#[test]
fn integers_keep_every_digit() {
    for number in [0, 9_007_199_254_740_993, u64::MAX] {
        for json in [
            format!("{{\"number\":{number}}}"),
            format!("{{\"number\":\"{number}\"}}"),
        ] {
            let order = read_record::<Order>(json.as_bytes()).unwrap().into_record();
            assert_eq!(order.number, number, "{json}");
        }
    }
}

#[test]
fn a_body_that_is_no_record() {
    for (json, part) in [
        (r#"{"number":1,"number":2}"#.to_owned(), "stands twice"),
        (r#"{"number":1,"num\u0062er":2}"#.to_owned(), "stands twice"),
        (
            r#"{"number":1,"x":{"a":1,"\u0061":2}}"#.to_owned(),
            "stands twice",
        ),
        ("[".repeat(1_000), "recursion limit"),
        (
            format!(
                "{{\"number\":1,\"x\":{}{}}}",
                "[".repeat(1_000),
                "]".repeat(1_000)
            ),
            "recursion limit",
        ),
        ("".to_owned(), "is empty"),
        ("[]".to_owned(), "is a list"),
        ("{\"number\":1} x".to_owned(), "trailing"),
        ("{\"number\":1,\"total\":1e999}".to_owned(), "out of range"),
    ] {
        let refusal = read_record::<Order>(json.as_bytes()).unwrap_err();
        assert!(refusal.to_string().contains(part), "{json}: {refusal}");
        let update = Update::<Order>::read(id("1"), json.as_bytes()).unwrap_err();
        assert_eq!(update, refusal);
    }
    assert!(read_record::<Order>(b"{\"number\":1,\"\xff\":2}").is_err());
    // Inside what the layout does not look into, too.
    let refusal = read(r#""more":{"a":[{"b":1,"\u0062":2}]}"#).unwrap_err();
    assert!(matches!(refusal, Refusal::BodyNotJson { .. }), "{refusal}");
}

#[test]
fn a_long_list_is_no_trouble() {
    let line = |qty: &str| format!(r#"{{"sku":"L","amount":{{"qty":{qty}}},"marks":null}}"#);
    let mut lines = vec![line("\"2\""); 9_999];
    lines.push(line("3"));
    let product = read(&format!("\"lines\":[{}]", lines.join(","))).unwrap();
    assert_eq!(product.lines.len(), 10_000);
    lines.push(line("-1"));
    let refused = read(&format!("\"lines\":[{}]", lines.join(",")));
    assert_eq!(
        faults(refused),
        [
            "product.lines.amount.qty cannot be read: invalid value: integer `-1`, expected u32 (item 10001 of the list)"
        ]
    );
}

#[test]
fn a_layout_may_have_more_fields_than_a_machine_has_bits() {
    let names: Vec<&'static str> = (0..300).map(|n| &*format!("f{n}").leak()).collect();
    let fields: Vec<_> = names
        .iter()
        .map(|name| FieldLayout::new(name, NUMBER))
        .collect();
    let json = |names: &[&str]| {
        let entries: Vec<_> = names.iter().map(|name| format!("{name:?}:1")).collect();
        format!("{{{}}}", entries.join(","))
    };
    let fits = |names: &[&str], extent| scan::fits(&fields, json(names).as_bytes(), extent);
    assert!(fits(&names, Extent::Whole));
    assert!(!fits(&names[..299], Extent::Whole));
    assert!(!fits(&names[1..], Extent::Whole));
    assert!(fits(&names[5..200], Extent::Partial));
    for twice in [0, 127, 128, 299] {
        assert!(!fits(&[names[twice], names[twice]], Extent::Partial));
        assert!(!fits(&[&*names, &[names[twice]]].concat(), Extent::Whole));
    }
}
