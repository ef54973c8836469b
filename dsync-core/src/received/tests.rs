//! One entity with everything that makes reading hard, and the tests of each way to read it.

mod ids;
mod properties;
mod records;
mod updates;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::*;
use crate::entity::{DsyncObject, EntityId};
use crate::layout::{EntityLayout, FieldLayout, FieldType, Shape};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Product {
    #[serde(default)]
    id: u64,
    sku: String,
    stock: u32,
    price: Option<f64>,
    weight: Option<f32>,
    exact: Option<Exact>,
    age: Option<u8>,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    tags: Vec<String>,
    /// Without a `default`: an absent key stops serde's derive, null does not.
    #[serde(with = "when")]
    when: Option<String>,
    colour: Option<Colour>,
    #[serde(default)]
    size: Size,
    #[serde(default)]
    lines: Vec<Line>,
    #[serde(flatten)]
    address: Address,
    /// A number by its type word, a text in Rust.
    #[serde(default)]
    ean: Option<String>,
    #[serde(default)]
    more: serde_json::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Size {
    width: u32,
    label: Option<String>,
    #[serde(default)]
    measured_at: Option<String>,
    #[serde(default)]
    inner: Option<Box<Inner>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Inner {
    depth: Option<u32>,
    #[serde(default)]
    seen_at: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Line {
    sku: String,
    amount: Amount,
    #[serde(default)]
    marks: Vec<String>,
    #[serde(default)]
    line_id: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Amount {
    qty: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Address {
    city: Option<String>,
    #[serde(default)]
    floors: Vec<u8>,
    zip: Option<u32>,
    share: Option<f64>,
    rate: Option<Exact>,
}

/// As `rust_decimal` does it: written as a text, and read from one or from a float.
#[derive(Clone, Debug, Default, PartialEq)]
struct Exact(String);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ExactVisitor;

        impl Visitor<'_> for ExactVisitor {
            type Value = Exact;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a decimal")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Exact, E> {
                Ok(Exact(value.to_owned()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Exact, E> {
                Ok(Exact(value.to_string()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Exact, E> {
                Ok(Exact(value.to_string()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Exact, E> {
                Ok(Exact(value.to_string()))
            }
        }

        deserializer.deserialize_any(ExactVisitor)
    }
}

mod when {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        when: &Option<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        when.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<String>, D::Error> {
        Option::deserialize(deserializer)
    }
}

const TEXT: Shape = Shape::leaf(FieldType::Text);
const NUMBER: Shape = Shape::leaf(FieldType::Number);

// Some as the derives write them, and some as hands do: their keys are read in two ways.
static SIZE: [FieldLayout; 4] = [
    FieldLayout::plain("width", NUMBER, ""),
    FieldLayout::plain("label", TEXT.optional(), ""),
    FieldLayout::new("measured_at", TEXT.optional()).with_read_only(),
    FieldLayout::plain("inner", Shape::object(&INNER).optional(), ""),
];
static INNER: [FieldLayout; 2] = [
    FieldLayout::plain("depth", NUMBER.optional(), ""),
    FieldLayout::new("seen_at", TEXT.optional()).with_read_only(),
];
static LINE: [FieldLayout; 4] = [
    FieldLayout::plain("sku", TEXT, ""),
    FieldLayout::plain("amount", Shape::object(&AMOUNT), ""),
    FieldLayout::plain("marks", TEXT.multiple().optional(), ""),
    FieldLayout::new("line_id", NUMBER.optional()).with_read_only(),
];
static AMOUNT: [FieldLayout; 1] = [FieldLayout::new("qty", NUMBER)];
static PRODUCT: [FieldLayout; 22] = [
    FieldLayout::new("id", NUMBER)
        .with_primary_key()
        .with_read_only(),
    FieldLayout::plain("sku", TEXT, ""),
    FieldLayout::plain("stock", NUMBER, ""),
    FieldLayout::plain("price", NUMBER.optional(), ""),
    FieldLayout::new("weight", NUMBER.optional()),
    FieldLayout::new("exact", NUMBER.optional()),
    FieldLayout::new("age", NUMBER.optional()),
    FieldLayout::plain("active", Shape::leaf(FieldType::Boolean).optional(), ""),
    FieldLayout::plain("tags", TEXT.multiple().optional(), ""),
    FieldLayout::new("when", Shape::leaf(FieldType::Datetime).optional()),
    FieldLayout::plain("colour", TEXT.optional(), ""),
    FieldLayout::plain("size", Shape::object(&SIZE).optional(), ""),
    FieldLayout::plain("lines", Shape::object(&LINE).multiple().optional(), ""),
    FieldLayout::new("city", TEXT.optional()),
    FieldLayout::plain("floors", NUMBER.multiple().optional(), ""),
    FieldLayout::new("zip", NUMBER.optional()),
    FieldLayout::new("share", NUMBER.optional()),
    FieldLayout::new("rate", NUMBER.optional()),
    FieldLayout::new("ean", NUMBER.optional()),
    FieldLayout::plain("more", Shape::leaf(FieldType::Custom).optional(), ""),
    FieldLayout::plain("note", TEXT.optional(), ""),
    FieldLayout::new("created_at", TEXT.optional()).with_read_only(),
];
static LAYOUT: EntityLayout = EntityLayout::new("product", "/entity/product", "t", &PRODUCT);

impl DsyncObject for Product {
    const FIELDS: &'static [FieldLayout] = &PRODUCT;
}

impl DsyncEntity for Product {
    const LAYOUT: &'static EntityLayout = &LAYOUT;
}

/// An entity whose id is its own to set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    number: u64,
    total: Option<f64>,
}

static ORDER: [FieldLayout; 2] = [
    FieldLayout::new("number", NUMBER).with_primary_key(),
    FieldLayout::new("total", NUMBER.optional()),
];
static ORDER_LAYOUT: EntityLayout = EntityLayout::new("order", "/entity/order", "o", &ORDER);

impl DsyncObject for Order {
    const FIELDS: &'static [FieldLayout] = &ORDER;
}

impl DsyncEntity for Order {
    const LAYOUT: &'static EntityLayout = &ORDER_LAYOUT;
}

/// The body with what every product needs, and more.
fn body(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(r#"{{"sku":"S-1","stock":1,"when":null{comma}{more}}}"#)
}

fn read(more: &str) -> Result<Product, Refusal> {
    read_record(body(more).as_bytes()).map(Received::into_record)
}

/// The faults that a refusal is about, as text.
fn faults<T>(result: Result<T, Refusal>) -> Vec<String> {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(Refusal::Record(faults)) => faults.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("another refusal: {other}"),
    }
}

fn id(text: &str) -> EntityId {
    EntityId::new(text).unwrap()
}
