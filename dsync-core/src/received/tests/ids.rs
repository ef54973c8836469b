//! The id in the header, as a type and back.

use std::collections::BTreeMap;

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sku(String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Number(u64);

fn field(field_type: FieldType) -> FieldLayout {
    FieldLayout::new("key", Shape::leaf(field_type))
}

fn there_and_back<I>(field_type: FieldType, value: I, text: &str)
where
    I: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug,
{
    let id = id_text(&value).unwrap();
    assert_eq!(id.as_str(), text);
    assert_eq!(read_id::<I>(&field(field_type), &id).unwrap(), value);
}

#[test]
fn an_id_is_read_as_what_it_stands_for() {
    there_and_back(
        FieldType::Text,
        "S 1 ä\u{1f980}\"\\".to_owned(),
        "S 1 ä🦀\"\\",
    );
    // A text that looks like something else stays one.
    there_and_back(FieldType::Text, "0042".to_owned(), "0042");
    there_and_back(FieldType::Text, "true".to_owned(), "true");
    there_and_back(FieldType::Text, Sku("null".to_owned()), "null");
    there_and_back(FieldType::Text, Colour::Green, "green");
    there_and_back(FieldType::Number, u64::MAX, "18446744073709551615");
    there_and_back(
        FieldType::Number,
        i128::MIN,
        "-170141183460469231731687303715884105728",
    );
    there_and_back(FieldType::Number, Number(0), "0");
    there_and_back(FieldType::Boolean, true, "true");
    // A number by its word, a text in Rust.
    there_and_back(FieldType::Number, "42".to_owned(), "42");
    assert!(read_id::<bool>(&field(FieldType::Boolean), &id("1")).unwrap());
}

#[test]
fn what_an_id_cannot_be_is_refused() {
    for (field_type, text) in [
        (FieldType::Number, "S-1"),
        (FieldType::Number, "-1"),
        (FieldType::Number, "1.5"),
        (FieldType::Number, "300"),
        (FieldType::Number, "[1]"),
        (FieldType::Number, "01"),
        (FieldType::Text, "1"),
        (FieldType::Boolean, "yes"),
    ] {
        let refusal = read_id::<u8>(&field(field_type), &id(text)).unwrap_err();
        assert_eq!(refusal.status(), 400);
        assert!(
            refusal
                .to_string()
                .starts_with("the header Entity-Id is wrong: "),
            "{refusal}"
        );
    }
    let refusal = read_id::<u8>(&field(FieldType::Number), &id("300")).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the header Entity-Id is wrong: \"300\" cannot be the key of a record: invalid value: integer `300`, expected u8"
    );
}

#[test]
fn what_has_no_text_is_no_id() {
    for found in [
        id_text(&1.5).unwrap_err(),
        id_text(&1e300).unwrap_err(),
        id_text(&f64::NAN).unwrap_err(),
        id_text(&None::<u8>).unwrap_err(),
        id_text(&[1]).unwrap_err(),
        id_text(&BTreeMap::from([("a", 1)])).unwrap_err(),
    ] {
        assert!(matches!(found, UnfitId::NoText { .. }), "{found}");
    }
    for text in ["", " a", "a\n"] {
        assert!(matches!(id_text(text).unwrap_err(), UnfitId::Text(_)));
    }
}
