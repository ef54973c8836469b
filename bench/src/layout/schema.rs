//! The entity that is written: 16 rows, with what layouts have.

#![expect(dead_code, reason = "only the layout is looked at")]

use dsync::{DsyncEntity, DsyncObject, FieldLayout};
use schemars::JsonSchema;

/// What a product belongs to.
#[derive(DsyncEntity, JsonSchema)]
pub(super) struct Category {
    #[dsync(primary_key)]
    id: u32,
}

/// A product of the shop.
#[derive(DsyncEntity, JsonSchema)]
pub(super) struct Product {
    /// The number that people know it by
    #[dsync(primary_key)]
    sku: String,
    /// What it is called, in one line
    title: String,
    /// Anything else, for people to read
    remark: Option<String>,
    /// In the shop's currency, without tax
    price: Option<f64>,
    tags: Vec<String>,
    active: bool,
    #[dsync(references = Category::id)]
    category_id: u32,
    #[dsync(type = "email")]
    supplier: String,
    /// In kilograms
    weight: f32,
    #[dsync(type = "date", date_format = "YYYY-MM-DD")]
    released: Option<String>,
    /// How many there are, and where
    inventory: Inventory,
}

#[derive(DsyncObject, JsonSchema)]
struct Inventory {
    /// Those that can be sold
    quantity: u32,
    /// Below it, more are ordered
    min_quantity: Option<u32>,
    location: Location,
}

#[derive(DsyncObject, JsonSchema)]
struct Location {
    aisle: String,
    shelf: i16,
}

/// How many rows the fields give.
pub(super) fn rows(fields: &[FieldLayout]) -> usize {
    fields.iter().map(|field| 1 + rows(field.fields())).sum()
}
