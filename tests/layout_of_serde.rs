//! The layout is what serde writes.

use std::collections::BTreeSet;

use dsync::prelude::*;
use dsync::{FieldLayout, FieldType};
use serde::Serialize;
use serde_json::Value;

/// The paths that stand in a layout, in dots.
fn paths_of_layout(fields: &[FieldLayout], prefix: &str, into: &mut BTreeSet<String>) {
    for field in fields {
        let path = format!("{prefix}{}", field.name());
        paths_of_layout(field.fields(), &format!("{path}."), into);
        into.insert(path);
    }
}

/// The paths that stand in a record, in dots; a list adds nothing.
fn paths_of_record(value: &Value, prefix: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = format!("{prefix}{key}");
                paths_of_record(value, &format!("{path}."), into);
                into.insert(path);
            }
        }
        Value::Array(items) => {
            for item in items {
                paths_of_record(item, prefix, into);
            }
        }
        _ => {}
    }
}

#[track_caller]
fn assert_same_keys<T: DsyncObject + Serialize>(full: &T) {
    let (mut layout, mut record) = (BTreeSet::new(), BTreeSet::new());
    paths_of_layout(T::FIELDS, "", &mut layout);
    paths_of_record(&serde_json::to_value(full).unwrap(), "", &mut record);
    assert_eq!(layout, record);
}

macro_rules! renamed_by {
    ($($rule:literal)+) => {
        $({
            #[derive(Default, Serialize, DsyncObject)]
            #[serde(rename_all = $rule)]
            struct Renamed {
                plain: u8,
                two_words: u8,
                with_1_digit: u8,
                ends_with_digit2: u8,
                _leading_score: u8,
                r#type: u8,
                größe_über: u8,
                #[serde(rename = "Own-Name")]
                own_name: u8,
            }
            assert_same_keys(&Renamed::default());
        })+
    };
}

#[test]
fn every_naming_rule_gives_serdes_names() {
    renamed_by! {
        "lowercase" "UPPERCASE" "PascalCase" "camelCase" "snake_case" "SCREAMING_SNAKE_CASE"
        "kebab-case" "SCREAMING-KEBAB-CASE"
    }
}

#[derive(Default, Serialize, DsyncObject)]
#[serde(rename = "Other", deny_unknown_fields)]
struct Attributes {
    #[serde(rename(serialize = "same", deserialize = "same"))]
    both: u8,
    #[serde(alias = "other", bound = "")]
    harmless: u8,
    #[serde(skip)]
    #[expect(dead_code, reason = "it is skipped")]
    skipped: u8,
    #[serde(skip_serializing)]
    #[expect(dead_code, reason = "it is skipped")]
    not_written: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    may_be_left_out: Vec<Nested>,
    #[serde(default)]
    may_be_missing: u8,
    optional: Option<u8>,
    #[dsync(optional)]
    said_optional: u8,
    #[dsync(required)]
    said_required: Option<u8>,
}

#[derive(Default, Serialize, DsyncObject)]
#[serde(rename_all = "camelCase")]
struct Nested {
    some_text: String,
}

#[test]
fn attributes_of_fields_are_honoured() {
    assert_same_keys(&Attributes {
        may_be_left_out: vec![Nested::default()],
        ..Attributes::default()
    });
    let required: Vec<_> = Attributes::FIELDS
        .iter()
        .filter(|field| field.is_required())
        .map(FieldLayout::name)
        .collect();
    assert_eq!(required, ["same", "harmless", "said_required"]);
}

/// With a default for the whole struct, a reader does without any field.
#[test]
fn a_containers_default_makes_every_field_optional() {
    #[derive(Default, Serialize, serde::Deserialize, DsyncObject)]
    #[serde(default)]
    struct Settings {
        a: u8,
        b: String,
    }
    assert_same_keys(&Settings::default());
    assert!(Settings::FIELDS.iter().all(|field| !field.is_required()));
}

/// The name that is not serde's needs a word of its own.
#[test]
fn a_name_of_our_own_goes_before_serdes() {
    #[derive(DsyncObject, Serialize, serde::Deserialize)]
    struct Odd {
        #[serde(rename(serialize = "out", deserialize = "in"))]
        #[dsync(name = "out")]
        value: u8,
    }
    assert_same_keys(&Odd { value: 1 });
}

macro_rules! shapes {
    ($($type:ty => $field_type:ident, $multiple:literal, $optional:literal;)+) => {
        $({
            let shape = <$type as FieldValue>::SHAPE;
            assert_eq!(
                (shape.field_type(), shape.is_multiple(), shape.is_optional()),
                (FieldType::$field_type, $multiple, $optional),
                stringify!($type)
            );
        })+
    };
}

#[test]
fn types_of_the_standard_library() {
    use std::borrow::Cow;
    use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
    use std::net::IpAddr;
    use std::num::NonZero;
    use std::path::PathBuf;
    use std::sync::Arc;

    shapes! {
        String => Text, false, false;
        &str => Text, false, false;
        Cow<'_, str> => Text, false, false;
        char => Text, false, false;
        PathBuf => Text, false, false;
        IpAddr => Text, false, false;
        bool => Boolean, false, false;
        u8 => Number, false, false;
        i128 => Number, false, false;
        f32 => Number, false, false;
        NonZero<u64> => Number, false, false;
        Option<u8> => Number, false, true;
        Box<Option<Arc<str>>> => Text, false, true;
        Vec<u8> => Number, true, false;
        VecDeque<bool> => Boolean, true, false;
        Option<BTreeSet<String>> => Text, true, true;
        HashSet<char> => Text, true, false;
        [f64; 3] => Number, true, false;
        &[u16] => Number, true, false;
        Vec<Nested> => Object, true, false;
        HashMap<String, u8> => Custom, false, false;
        Vec<BTreeMap<String, u8>> => Custom, true, false;
        Value => Custom, false, true;
        Vec<Value> => Custom, true, false;
        serde_json::Map<String, Value> => Custom, false, false;
    }
}

/// The type word changes the type and nothing else, through aliases and on types that have none.
#[test]
fn the_type_word_keeps_what_the_rust_type_says() {
    type Addresses = Vec<String>;
    #[derive(Serialize)]
    struct Foreign;

    #[derive(DsyncObject)]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Declared<'a> {
        #[dsync(type = "email")]
        one: &'a str,
        #[dsync(type = "email")]
        many: Option<Vec<String>>,
        #[dsync(type = "email")]
        alias: Addresses,
        #[dsync(type = "text")]
        foreign: Foreign,
        #[dsync(type = "text")]
        perhaps_foreign: Option<Box<Foreign>>,
        #[dsync(type = "text")]
        foreigners: Vec<Foreign>,
        #[dsync(type = "custom")]
        object: Nested,
    }

    let found: Vec<_> = Declared::FIELDS
        .iter()
        .map(|field| {
            (
                field.name(),
                field.field_type().as_str(),
                field.is_multiple(),
                field.is_required(),
                field.fields().len(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("one", "email", false, true, 0),
            ("many", "email", true, false, 0),
            ("alias", "email", true, true, 0),
            ("foreign", "text", false, true, 0),
            ("perhaps_foreign", "text", false, false, 0),
            ("foreigners", "text", true, true, 0),
            ("object", "custom", false, true, 0),
        ]
    );
}

#[test]
fn generics_take_what_they_are_used_with() {
    #[derive(DsyncObject)]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Page<T, const N: usize> {
        first: Option<T>,
        items: Vec<T>,
        corners: [u8; N],
    }

    let fields = <Page<Nested, 4> as DsyncObject>::FIELDS;
    assert_eq!(fields[0].fields()[0].name(), "someText");
    assert!(!fields[0].is_required());
    assert!(fields[1].is_multiple() && fields[2].is_multiple());
    let numbers = <Page<u8, 4> as DsyncObject>::FIELDS;
    assert_eq!(numbers[1].field_type(), FieldType::Number);
}

/// The way out that the error about recursion names, for a type alone and for a circle.
#[test]
fn a_type_word_closes_a_circle() {
    #[derive(DsyncObject)]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Category {
        #[dsync(type = "custom")]
        children: Vec<Category>,
        shop: Shop,
    }
    #[derive(DsyncObject)]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Shop {
        #[dsync(type = "custom")]
        best: Option<Box<Category>>,
        #[dsync(skip)]
        all: Vec<Category>,
    }

    let [children, shop] = Category::FIELDS else {
        panic!("two fields");
    };
    assert!(children.is_multiple() && children.field_type() == FieldType::Custom);
    assert_eq!(shop.fields().len(), 1);
    assert!(!shop.fields()[0].is_required());
}

#[derive(Default, Serialize, DsyncObject)]
#[serde(tag = "kind")]
struct Flattened {
    own: u8,
    #[serde(flatten)]
    nested: Nested,
    #[serde(flatten)]
    perhaps: Option<Other>,
    #[serde(flatten)]
    more: std::collections::BTreeMap<String, Value>,
    last: u8,
}

#[derive(Default, Serialize, DsyncObject)]
struct Other {
    required_there: u8,
    #[serde(flatten)]
    deeper: Deeper,
}

#[derive(Default, Serialize, DsyncObject)]
struct Deeper {
    deep: Nested,
}

/// A flattened part's fields stand at the level of the struct, in their order; a tag is a field.
#[test]
fn flattened_parts_and_tags_are_fields_of_the_struct() {
    assert_same_keys(&Flattened {
        perhaps: Some(Other::default()),
        ..Flattened::default()
    });
    let found: Vec<_> = Flattened::FIELDS
        .iter()
        .map(|field| (field.name(), field.is_required()))
        .collect();
    assert_eq!(
        found,
        [
            ("kind", false),
            ("own", true),
            ("someText", true),
            ("required_there", false),
            ("deep", false),
            ("last", true),
        ]
    );
}

#[test]
fn a_flattened_parts_primary_key_counts_where_the_word_stands() {
    #[derive(Serialize, DsyncObject)]
    struct Base {
        #[dsync(primary_key)]
        #[serde(rename = "Id")]
        id: u32,
    }
    #[derive(Serialize, DsyncEntity)]
    struct WithKey {
        #[serde(flatten)]
        #[dsync(primary_key)]
        base: Base,
    }
    #[derive(Serialize, DsyncEntity)]
    struct WithoutKey {
        #[serde(flatten)]
        base: Base,
    }

    assert_eq!(WithKey::layout().primary_key().unwrap().name(), "Id");
    assert!(WithoutKey::layout().primary_key().is_none());
    let id = WithKey {
        base: Base { id: 7 },
    }
    .entity_id()
    .unwrap();
    assert_eq!(id.unwrap().as_str(), "7");
    let none = WithoutKey {
        base: Base { id: 7 },
    }
    .entity_id()
    .unwrap();
    assert!(none.is_none());
    assert_eq!(treekey!(WithKey.id), "with_key.Id");
}

#[test]
fn what_is_only_written_or_only_read_is_read_only_or_left_out() {
    #[derive(Serialize, serde::Deserialize, DsyncObject)]
    struct Ways {
        /// Set by the shop.
        #[serde(skip_deserializing)]
        written: u8,
        #[serde(default)]
        #[dsync(read_only)]
        said: u8,
        #[serde(skip_serializing)]
        #[expect(dead_code, reason = "it is only read")]
        read: u8,
        #[serde(skip_serializing, default)]
        #[dsync(read_only)]
        #[expect(dead_code, reason = "it is only read")]
        listed: u8,
        plain: u8,
    }

    let found: Vec<_> = Ways::FIELDS
        .iter()
        .map(|field| {
            (
                field.name(),
                field.is_read_only(),
                field.is_required(),
                field.description(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("written", true, false, Some("Read only. Set by the shop.")),
            ("said", true, false, Some("Read only.")),
            ("listed", true, false, Some("Read only.")),
            ("plain", false, true, None),
        ]
    );
}

/// The platform never sends a read-only field, so what the derive lets pass can be read without it.
#[test]
fn a_record_is_read_without_what_is_read_only() {
    fn seven() -> u8 {
        7
    }

    mod in_tens {
        pub(super) fn serialize<S: serde::Serializer>(
            value: &Option<u8>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serde::Serialize::serialize(&value.map(|value| value / 10), serializer)
        }

        pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<u8>, D::Error> {
            let value: Option<u8> = serde::Deserialize::deserialize(deserializer)?;
            Ok(value.map(|value| value * 10))
        }
    }

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize, DsyncEntity)]
    struct Product {
        /// The system gives the id itself.
        #[dsync(primary_key, read_only)]
        #[serde(default)]
        id: u32,
        name: String,
        #[dsync(read_only)]
        rating: Option<f32>,
        #[dsync(read_only)]
        behind_a_pointer: Box<Option<u8>>,
        #[dsync(read_only)]
        #[serde(default = "seven")]
        path: u8,
        #[dsync(read_only)]
        #[serde(skip_deserializing)]
        not_read: u8,
        #[dsync(read_only, ignore_serde(default))]
        #[serde(default)]
        ignored: u8,
        #[dsync(read_only, type = "number")]
        #[serde(with = "in_tens", default)]
        other_code: Option<u8>,
        part: Part,
    }
    #[derive(Debug, Default, PartialEq, Serialize, serde::Deserialize, DsyncObject)]
    #[serde(default)]
    #[dsync(ignore_serde(default))]
    struct Part {
        colour: String,
        #[dsync(read_only)]
        stock: u32,
    }
    // What is read is another type, so this one's fields may be anything.
    #[derive(Serialize, serde::Deserialize, DsyncObject)]
    #[serde(from = "Part")]
    struct FromAnother {
        #[dsync(read_only)]
        stock: u32,
    }
    impl From<Part> for FromAnother {
        fn from(part: Part) -> Self {
            Self { stock: part.stock }
        }
    }

    let key = Product::layout().primary_key().unwrap();
    assert!(key.is_read_only() && !key.is_required());
    assert_eq!(
        key.description(),
        Some("Read only. The system gives the id itself.")
    );
    let read: Product =
        serde_json::from_str(r#"{"name":"Chair","part":{"colour":"red"}}"#).unwrap();
    assert_eq!(
        read,
        Product {
            id: 0,
            name: "Chair".to_owned(),
            rating: None,
            behind_a_pointer: Box::new(None),
            path: 7,
            not_read: 0,
            ignored: 0,
            other_code: None,
            part: Part {
                colour: "red".to_owned(),
                stock: 0,
            },
        }
    );
    let read: FromAnother = serde_json::from_str("{}").unwrap();
    assert_eq!(read.stock, 0);
}

/// Code that writes a text of a list makes it one text, unless the user says otherwise.
#[test]
fn what_other_code_writes_is_what_the_user_says() {
    mod joined {
        pub(super) fn serialize<S: serde::Serializer>(
            list: &[u8],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&list.len())
        }
    }

    #[derive(Serialize, DsyncObject)]
    struct Written {
        #[serde(with = "joined")]
        #[dsync(type = "text")]
        list: Vec<u8>,
        #[serde(serialize_with = "joined::serialize")]
        #[dsync(type = "number", multiple)]
        many: Vec<u8>,
        #[serde(rename = "ignored", with = "joined")]
        #[dsync(ignore_serde(rename, with))]
        plain: Vec<u8>,
    }

    let found: Vec<_> = Written::FIELDS
        .iter()
        .map(|field| {
            (
                field.name(),
                field.field_type().as_str(),
                field.is_multiple(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("list", "text", false),
            ("many", "number", true),
            ("plain", "number", true),
        ]
    );
}
