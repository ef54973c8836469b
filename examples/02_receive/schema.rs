//! The records of the shop: annotated structs, as the platform sees them and as the handler gets them.

use dsync::prelude::*;
use serde::{Deserialize, Serialize};

/// A product of the shop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DsyncEntity)]
#[dsync(entity_token = "receive-2-product-c2f4de3a90b84e0f8b7a5ce19d2f6a31")]
pub(crate) struct Product {
    /// What names a product everywhere
    #[dsync(primary_key)]
    pub(crate) sku: String,
    pub(crate) name: String,
    /// Without VAT; without a price it cannot be bought
    pub(crate) price: Option<f64>,
    pub(crate) active: bool,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) inventory: Inventory,
    /// When the shop got it, in UTC
    #[dsync(read_only, type = "datetime", date_format = "YYYY-MM-DD HH:mm:ss")]
    pub(crate) created_at: Option<String>,
}

/// How many there are: a part of a product, which does not travel alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DsyncObject)]
pub(crate) struct Inventory {
    pub(crate) qty: u32,
    /// Below this the shop orders more
    pub(crate) min_qty: Option<u32>,
}

/// An order. The shop numbers its orders itself, so whoever sends one knows it by its reference: a
/// shared key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DsyncEntity)]
#[dsync(entity_token = "receive-2-order-7d80a3c1f5e249b6b1d94e7f02c86ad5")]
pub(crate) struct Order {
    /// What the shop calls it
    #[dsync(primary_key, read_only)]
    #[serde(default)]
    pub(crate) id: u32,
    /// What the sender calls it
    pub(crate) reference: Option<String>,
    #[dsync(type = "email")]
    pub(crate) customer: String,
    pub(crate) paid: bool,
    pub(crate) note: Option<String>,
    pub(crate) lines: Vec<Line>,
}

/// So many of one product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DsyncObject)]
pub(crate) struct Line {
    #[dsync(references = Product::sku)]
    pub(crate) sku: String,
    pub(crate) qty: u32,
    /// The price at that time
    pub(crate) price: Option<f64>,
}
