//! The layout against what serde's derive does, over a corpus that names every attribute and kind of
//! type that is supported.
//!
//! For random values, with every `Option`, list and map both full and empty:
//!
//! - the leaf treekeys of the layout are the leaf paths of what is written, no more and no fewer;
//! - a field is required exactly if it is never absent or null in what is written, and cannot be
//!   absent from what is read;
//! - every value has the declared type.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;

use dsync::prelude::*;
use dsync::{FieldLayout, FieldType, Treekey};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Random leaves, and whether what may be empty is.
#[derive(Clone, Debug)]
struct Seed {
    text: String,
    number: f64,
    integer: i64,
    natural: u64,
    flag: bool,
    full: bool,
}

impl Seed {
    fn any() -> impl Strategy<Value = Self> {
        (
            any::<String>(),
            -1e300..1e300_f64,
            any::<i64>(),
            any::<u64>(),
            any::<bool>(),
        )
            .prop_map(|(text, number, integer, natural, flag)| Self {
                text,
                number,
                integer,
                natural,
                flag,
                full: true,
            })
    }

    fn perhaps<T>(&self, value: T) -> Option<T> {
        self.full.then_some(value)
    }

    fn list<T, L: FromIterator<T>>(&self, value: T) -> L {
        self.perhaps(value).into_iter().collect()
    }

    fn text(&self) -> String {
        self.text.clone()
    }
}

/// The values of a field, wherever it stands: those of every item of the lists around it.
fn values<'a>(objects: &[&'a Map<String, Value>], field: &FieldLayout) -> Vec<Option<&'a Value>> {
    objects
        .iter()
        .map(|object| object.get(field.name()))
        .collect()
}

fn items<'a>(values: &[Option<&'a Value>], field: &FieldLayout) -> Vec<&'a Value> {
    values
        .iter()
        .flatten()
        .filter(|value| !value.is_null())
        .flat_map(|value| match value {
            Value::Array(items) if field.is_multiple() => items.iter().collect::<Vec<_>>(),
            value => vec![*value],
        })
        .collect()
}

fn leaves_of_layout(parent: &Treekey<'_>, fields: &[FieldLayout], into: &mut BTreeSet<String>) {
    for field in fields {
        let treekey = parent.child(field.name());
        if field.fields().is_empty() {
            into.insert(treekey.to_string());
        }
        leaves_of_layout(&treekey, field.fields(), into);
    }
}

/// Below a field whose fields nobody lists, nothing is looked at.
fn leaves_of_record(
    parent: &Treekey<'_>,
    fields: &[FieldLayout],
    object: &Map<String, Value>,
    into: &mut BTreeSet<String>,
) {
    for (key, value) in object {
        let treekey = parent.child(key);
        let field = fields.iter().find(|field| field.name() == key);
        let below = field.map(FieldLayout::fields).unwrap_or_default();
        if below.is_empty() {
            into.insert(treekey.to_string());
            continue;
        }
        let value = [Some(value)];
        for item in items(&value, field.unwrap()) {
            leaves_of_record(&treekey, below, item.as_object().unwrap(), into);
        }
    }
}

fn has_type(field: &FieldLayout, value: &Value) -> bool {
    match field.field_type() {
        FieldType::Text | FieldType::Url | FieldType::Email | FieldType::Math => value.is_string(),
        FieldType::Date => value
            .as_str()
            .is_some_and(|text| field.date_format() != Some("YYYY-MM-DD") || is_date(text)),
        FieldType::Time | FieldType::Datetime => value.is_string(),
        FieldType::Number => value.is_number(),
        FieldType::Boolean => value.is_boolean(),
        FieldType::Object => value.is_object(),
        FieldType::Custom => true,
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    parts.len() == 3
        && parts.iter().map(|part| part.len()).eq([4, 2, 2])
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Checks one level; `absent` says whether the record can be read without the field at a path.
fn check_level(
    parent: &Treekey<'_>,
    fields: &[FieldLayout],
    objects: &[&Map<String, Value>],
    read: &dyn Fn(&str) -> bool,
) {
    for field in fields {
        let treekey = parent.child(field.name());
        let found = values(objects, field);
        let never_there = found.iter().any(|value| value.is_none_or(Value::is_null));
        assert_eq!(
            field.is_required(),
            !never_there && !read(&treekey.to_string()),
            "{treekey} is required: {}",
            field.is_required()
        );
        if field.is_multiple() {
            let lists = found.iter().flatten().filter(|value| !value.is_null());
            assert!(lists.into_iter().all(|value| value.is_array()), "{treekey}");
        }
        let items = items(&found, field);
        for item in &items {
            assert!(has_type(field, item), "{treekey} is {item}");
        }
        if !field.fields().is_empty() {
            let objects: Vec<_> = items.iter().map(|item| item.as_object().unwrap()).collect();
            check_level(&treekey, field.fields(), &objects, read);
        }
    }
}

/// Takes a key out of a record, at every place that the path leads to.
fn remove(value: &mut Value, path: &[&str]) {
    match (value, path) {
        (Value::Array(items), _) => items.iter_mut().for_each(|item| remove(item, path)),
        (Value::Object(object), [key]) => {
            object.remove(*key);
        }
        (Value::Object(object), [key, rest @ ..]) => {
            if let Some(value) = object.get_mut(*key) {
                remove(value, rest);
            }
        }
        _ => {}
    }
}

fn check<T: DsyncObject + Serialize + DeserializeOwned>(sample: impl Fn(&Seed) -> T) {
    let mut runner = TestRunner::new(Config {
        cases: 16,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&Seed::any(), |seed| {
            let full = serde_json::to_value(sample(&seed)).unwrap();
            let empty = Seed {
                full: false,
                ..seed
            };
            let empty = serde_json::to_value(sample(&empty)).unwrap();
            let root = Treekey::root("root");

            let (mut layout, mut record) = (BTreeSet::new(), BTreeSet::new());
            leaves_of_layout(&root, T::FIELDS, &mut layout);
            for value in [&full, &empty] {
                let object = value.as_object().unwrap();
                leaves_of_record(&root, T::FIELDS, object, &mut record);
            }
            // A record of an empty list shows nothing below it, and is no leaf.
            record.retain(|leaf| {
                layout.contains(leaf)
                    || !layout
                        .iter()
                        .any(|other| other.starts_with(&format!("{leaf}.")))
            });
            if layout != record {
                return Err(TestCaseError::fail(format!("{layout:?} {record:?}")));
            }

            let reads_without = |treekey: &str| {
                let path: Vec<_> = treekey.split('.').skip(1).collect();
                let mut value = full.clone();
                remove(&mut value, &path);
                serde_json::from_value::<T>(value).is_ok()
            };
            let objects = [full.as_object().unwrap(), empty.as_object().unwrap()];
            check_level(&root, T::FIELDS, &objects, &reads_without);
            Ok(())
        })
        .unwrap();
}

#[derive(Serialize, Deserialize, DsyncObject)]
struct Part {
    name: String,
    perhaps: Option<u8>,
}

fn part(seed: &Seed) -> Part {
    Part {
        name: seed.text(),
        perhaps: seed.perhaps(1),
    }
}

#[test]
fn numbers_texts_and_booleans() {
    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Leaves {
        string: String,
        boxed: Box<str>,
        counted: Rc<str>,
        shared: Arc<String>,
        cow: Cow<'static, str>,
        letter: char,
        flag: bool,
        small: u8,
        natural: u64,
        integer: i64,
        size: usize,
        wide: u128,
        single: f32,
        double: f64,
        non_zero: std::num::NonZero<u32>,
        path: std::path::PathBuf,
        address: std::net::IpAddr,
    }
    check(|seed| Leaves {
        string: seed.text(),
        boxed: seed.text().into(),
        counted: seed.text().into(),
        shared: Arc::new(seed.text()),
        cow: Cow::Owned(seed.text()),
        letter: 'ß',
        flag: seed.flag,
        small: 7,
        natural: seed.natural,
        integer: seed.integer,
        size: 7,
        wide: seed.natural.into(),
        single: 0.1,
        double: seed.number,
        non_zero: std::num::NonZero::<u32>::MIN,
        path: "a/b".into(),
        address: [127, 0, 0, 1].into(),
    });
}

#[test]
fn options_lists_and_maps() {
    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Containers {
        option: Option<String>,
        list: Vec<String>,
        option_of_list: Option<Vec<f64>>,
        queue: VecDeque<u8>,
        set: BTreeSet<String>,
        hashed: HashSet<i64>,
        array: [u8; 2],
        boxed: Box<Option<Box<bool>>>,
        map: BTreeMap<String, u8>,
        hash_map: Option<HashMap<String, Value>>,
        list_of_maps: Vec<BTreeMap<String, u8>>,
        value: Value,
    }
    check(|seed| Containers {
        option: seed.perhaps(seed.text()),
        list: seed.list(seed.text()),
        option_of_list: seed.perhaps(vec![seed.number]),
        queue: seed.list(1),
        set: seed.list(seed.text()),
        hashed: seed.list(seed.integer),
        array: [1, 2],
        boxed: Box::new(seed.perhaps(Box::new(seed.flag))),
        map: seed.list(("a.b".to_owned(), 1)),
        hash_map: seed.perhaps(HashMap::from([("x".to_owned(), Value::Null)])),
        list_of_maps: seed.list(BTreeMap::new()),
        value: seed.perhaps(Value::from(1)).unwrap_or_default(),
    });
}

#[test]
fn nested_objects() {
    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Nested {
        one: Part,
        perhaps: Option<Part>,
        many: Vec<Part>,
        deep: Vec<Deep>,
        generic: Generic<Part>,
    }
    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Deep {
        parts: Option<Vec<Part>>,
    }
    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Generic<T> {
        item: T,
        items: Vec<T>,
    }
    check(|seed| Nested {
        one: part(seed),
        perhaps: seed.perhaps(part(seed)),
        many: vec![part(seed)],
        deep: vec![Deep {
            parts: seed.perhaps(vec![part(seed)]),
        }],
        generic: Generic {
            item: part(seed),
            items: vec![part(seed)],
        },
    });
}

fn is_seven(number: &u8) -> bool {
    *number == 7
}

fn as_is<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    u8::deserialize(deserializer)
}

#[test]
fn attributes_of_fields() {
    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Fields {
        #[serde(rename = "new-name")]
        renamed: String,
        #[serde(rename(serialize = "both", deserialize = "both"))]
        renamed_both: u8,
        #[serde(default)]
        default: String,
        #[serde(default = "String::new")]
        default_path: String,
        #[serde(skip)]
        #[expect(dead_code, reason = "serde skips it, too")]
        skip: u8,
        #[serde(skip_serializing, default)]
        #[expect(dead_code, reason = "serde only reads it")]
        skip_serializing: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        skip_if: Option<Part>,
        #[serde(skip_serializing_if = "is_seven", default)]
        skip_if_seven: u8,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        skip_if_empty: Vec<Part>,
        #[serde(alias = "other")]
        alias: String,
        #[serde(deserialize_with = "as_is")]
        deserialize_with: u8,
        #[serde(bound = "")]
        bound: u8,
        r#type: u8,
        größe: f32,
    }
    check(|seed| Fields {
        renamed: seed.text(),
        renamed_both: 1,
        default: seed.text(),
        default_path: seed.text(),
        skip: 1,
        skip_serializing: 1,
        skip_if: seed.perhaps(part(seed)),
        skip_if_seven: if seed.full { 1 } else { 7 },
        skip_if_empty: seed.list(part(seed)),
        alias: seed.text(),
        deserialize_with: 1,
        bound: 1,
        r#type: 1,
        größe: 0.1,
    });
}

#[test]
fn attributes_of_structs() {
    #[derive(Serialize, Deserialize, DsyncObject)]
    #[serde(
        rename = "Other",
        rename_all = "SCREAMING-KEBAB-CASE",
        tag = "kind",
        bound = "",
        expecting = "a struct"
    )]
    struct Tagged {
        two_words: u8,
        #[serde(rename = "Own")]
        own: Option<Part>,
    }
    check(|seed| Tagged {
        two_words: 1,
        own: seed.perhaps(part(seed)),
    });

    #[derive(Default, Serialize, Deserialize, DsyncObject)]
    #[serde(
        default,
        deny_unknown_fields,
        rename_all(serialize = "camelCase", deserialize = "camelCase")
    )]
    struct Default_ {
        two_words: u8,
        text_of_it: String,
    }
    check(|seed| Default_ {
        two_words: 1,
        text_of_it: seed.text(),
    });
}

#[test]
fn flattened_structs() {
    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Outer {
        id: u8,
        #[serde(flatten)]
        inner: Inner,
        last: u8,
    }
    #[derive(Serialize, Deserialize, DsyncObject)]
    #[serde(rename_all = "UPPERCASE")]
    struct Inner {
        text: String,
        #[serde(flatten)]
        innermost: Innermost,
    }
    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Innermost {
        part: Part,
        list: Vec<Part>,
    }
    check(|seed| Outer {
        id: 1,
        inner: Inner {
            text: seed.text(),
            innermost: Innermost {
                part: part(seed),
                list: vec![part(seed)],
            },
        },
        last: 2,
    });

    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Perhaps {
        id: u8,
        #[serde(flatten)]
        part: Option<Part>,
    }
    check(|seed| Perhaps {
        id: 1,
        part: seed.perhaps(part(seed)),
    });
}

#[test]
fn newtypes_and_enums() {
    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Values {
        sku: Sku,
        skus: Vec<Sku>,
        tags: Tags,
        choice: Choice,
        choices: Option<Vec<Choice>>,
        wrapped: Wrapped,
    }
    #[derive(Serialize, Deserialize, FieldValue)]
    struct Sku(String);
    #[derive(Serialize, Deserialize, FieldValue)]
    struct Tags(Option<Vec<Sku>>);
    #[derive(Serialize, Deserialize, FieldValue)]
    #[serde(rename_all = "kebab-case")]
    enum Choice {
        InStock,
        #[serde(alias = "gone")]
        SoldOut,
    }
    #[derive(Serialize, Deserialize, FieldValue)]
    #[serde(transparent)]
    struct Wrapped {
        part: Part,
    }
    check(|seed| Values {
        sku: Sku(seed.text()),
        skus: seed.list(Sku(seed.text())),
        tags: Tags(seed.perhaps(vec![Sku(seed.text())])),
        choice: if seed.flag {
            Choice::InStock
        } else {
            Choice::SoldOut
        },
        choices: seed.perhaps(vec![Choice::SoldOut]),
        wrapped: Wrapped { part: part(seed) },
    });
}

mod seconds {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[test]
fn declared_types_and_dates() {
    #[derive(Serialize, Deserialize, DsyncObject)]
    struct Declared {
        #[dsync(type = "email")]
        email: String,
        #[dsync(type = "url")]
        urls: Vec<String>,
        #[dsync(type = "date", date_format = "YYYY-MM-DD")]
        day: Option<String>,
        #[dsync(type = "time")]
        time: String,
        #[dsync(type = "datetime")]
        datetime: Option<String>,
        #[dsync(type = "math")]
        formula: String,
        #[dsync(type = "custom")]
        anything: Part,
        #[serde(with = "seconds")]
        #[dsync(type = "text")]
        with: u64,
        #[serde(
            serialize_with = "seconds::serialize",
            deserialize_with = "seconds::deserialize"
        )]
        #[dsync(type = "text")]
        serialize_with: u64,
    }
    check(|seed| Declared {
        email: seed.text(),
        urls: seed.list(seed.text()),
        day: seed.perhaps("2026-11-24".to_owned()),
        time: seed.text(),
        datetime: seed.perhaps(seed.text()),
        formula: seed.text(),
        anything: part(seed),
        with: seed.natural,
        serialize_with: seed.natural,
    });
}
