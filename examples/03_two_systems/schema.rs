//! What both systems exchange.

use dsync::prelude::*;
use serde::{Deserialize, Serialize};

/// A product, of a shop or of a warehouse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DsyncEntity)]
#[dsync(entity_token = "two-systems-3-product-41f9a0c77d1e4b6c9a3f08e5d2b76c10")]
pub(crate) struct Product {
    #[dsync(primary_key)]
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) price: Option<f64>,
    /// Beyond what a float can count
    pub(crate) barcode: u64,
    pub(crate) active: bool,
    pub(crate) tags: Vec<String>,
    pub(crate) inventory: Inventory,
}

/// A part of a product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DsyncObject)]
pub(crate) struct Inventory {
    pub(crate) qty: u32,
    pub(crate) min_qty: Option<u32>,
}

impl Product {
    /// One of many, no two alike, with what often goes wrong on the way.
    pub(crate) fn number(number: u32) -> Self {
        const NAMES: [&str; 6] = [
            "Tea",
            "Größe \"M\" \\ 🙂",
            "NUL \0 and\nlines",
            "0123",
            "null",
            "",
        ];
        // Floats of every size: the shortest text that means each of them has up to 17 digits.
        let price = 0.1 * f64::from(number) + f64::from(number).sqrt() * 1e-7;
        Self {
            sku: format!("Größe-{number} 🙂"),
            name: NAMES[number as usize % NAMES.len()].to_owned(),
            price: (!number.is_multiple_of(4)).then_some(price),
            barcode: u64::MAX - u64::from(number),
            active: number.is_multiple_of(2),
            tags: (0..number % 3).map(|tag| format!("tag-{tag}")).collect(),
            inventory: Inventory {
                qty: number,
                min_qty: number.is_multiple_of(5).then_some(3),
            },
        }
    }

    /// The same, changed.
    pub(crate) fn revised(&self) -> Self {
        Self {
            price: self.price.map(|price| price / 3.0),
            active: !self.active,
            tags: vec!["revised".to_owned()],
            ..self.clone()
        }
    }
}
