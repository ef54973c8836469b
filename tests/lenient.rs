//! Lenient reading: what a strict reader could not take becomes what it can, and nothing else changes.

use std::borrow::Cow;

use dsync::prelude::*;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, DsyncEntity)]
struct Order {
    id: u64,
    paid: bool,
    total: Option<f64>,
    flags: Vec<bool>,
    note: String,
    lines: Vec<Line>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, DsyncObject)]
struct Line {
    quantity: u32,
    #[dsync(name = "größe")]
    #[serde(rename = "größe")]
    size: f32,
}

fn read(json: &str) -> String {
    let owned = DataLayout::builder().entity::<Order>().build().unwrap();
    let by_owned = owned.endpoints()[0]
        .read_leniently(json.as_bytes())
        .unwrap();
    let by_static = Order::layout().read_leniently(json.as_bytes()).unwrap();
    assert_eq!(by_owned, by_static);
    String::from_utf8(by_static.into_owned()).unwrap()
}

#[test]
fn texts_become_numbers_and_booleans_where_the_layout_says_so() {
    let lenient = r#"{"id":"18446744073709551615","paid":"true","total":"1.10","flags":["0",1,true],
        "note":"7","lines":[{"quantity":"2","größe":0.1}, {"quantity":3,"größe":"1e-3"}],"more":"1"}"#;
    let strict = concat!(
        r#"{"id":18446744073709551615,"paid":true,"total":1.10,"flags":[false,true,true],"#,
        r#""note":"7","lines":[{"quantity":2,"größe":0.1},{"quantity":3,"größe":1e-3}],"more":"1"}"#
    );
    assert_eq!(read(lenient), strict);
    let order: Order = serde_json::from_str(strict).unwrap();
    assert_eq!((order.id, order.total), (u64::MAX, Some(1.1)));
}

/// What is wrong stays wrong, for `validate` to find.
#[test]
fn what_is_no_number_or_boolean_stays_a_text() {
    for json in [
        r#"{"id":"","paid":"yes","total":"NaN","flags":"1","lines":{}}"#,
        r#"{"id":" 1","paid":2,"total":"1 ","flags":[[1]],"lines":["1"]}"#,
        r#"{"id":"0x10","paid":null,"total":null,"flags":null,"lines":[null]}"#,
        r#"[1]"#,
        r#""text""#,
        r#"null"#,
    ] {
        assert_eq!(read(json), json);
    }
    assert!(Order::layout().read_leniently(b"{").is_err());
    assert!(Order::layout().read_leniently(b"\xff").is_err());
}

proptest! {
    /// A record as serde writes it needs no change, and gets none.
    #[test]
    fn a_strict_record_is_given_back_as_it_is(
        id in any::<u64>(), paid in any::<bool>(), total in proptest::option::of(-1e300..1e300_f64),
        flags in any::<Vec<bool>>(), note in any::<String>(), quantities in any::<Vec<u32>>()
    ) {
        let lines = quantities.into_iter().map(|quantity| Line { quantity, size: 0.1 }).collect();
        let order = Order { id, paid, total, flags, note, lines };
        let json = serde_json::to_vec(&order).unwrap();
        let read = Order::layout().read_leniently(&json).unwrap();
        prop_assert!(matches!(read, Cow::Borrowed(_)));
        prop_assert_eq!(&*read, &*json);
    }

    /// With every number and boolean written as a text, the same record is read.
    #[test]
    fn a_lenient_record_reads_as_the_strict_one(
        id in any::<u64>(), paid in any::<bool>(), total in -1e300..1e300_f64, quantity in any::<u32>()
    ) {
        let lenient = format!(
            r#"{{"id":"{id}","paid":"{paid}","total":"{total}","flags":["{}"],"note":"","lines":[{{"quantity":"{quantity}","größe":"0.1"}}]}}"#,
            u8::from(paid)
        );
        let read = Order::layout().read_leniently(lenient.as_bytes()).unwrap();
        let strict = format!(
            r#"{{"id":{id},"paid":{paid},"total":{total},"flags":[{paid}],"note":"","lines":[{{"quantity":{quantity},"größe":0.1}}]}}"#
        );
        prop_assert_eq!(std::str::from_utf8(&read).unwrap(), strict);
    }
}
