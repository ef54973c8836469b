//! The record that is kept, and the names of many.

use std::sync::atomic::{AtomicU64, Ordering};

use dsync::prelude::*;
use serde::Serialize;

/// About 300 bytes of JSON.
#[derive(Clone, Serialize, DsyncEntity)]
#[dsync(entity_token = "bench-order-1")]
pub(super) struct Order {
    #[dsync(primary_key)]
    number: String,
    customer: String,
    email: String,
    currency: String,
    total: f64,
    paid: bool,
    lines: Vec<Line>,
}

#[derive(Clone, Serialize, DsyncObject)]
struct Line {
    sku: String,
    quantity: u32,
    price: f64,
}

impl Order {
    pub(super) fn new(number: String) -> Self {
        let line = |sku: &str, quantity, price| Line {
            sku: sku.to_owned(),
            quantity,
            price,
        };
        Self {
            number,
            customer: "Ada Lovelace, 12 St James's Square, London".to_owned(),
            email: "ada@example.com".to_owned(),
            currency: "GBP".to_owned(),
            total: 102.45,
            paid: true,
            lines: vec![
                line("engine-difference-2", 1, 89.95),
                line("card-jacquard-24", 10, 1.25),
            ],
        }
    }
}

/// In which order the records' primary keys come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    Sequential,
    Random,
}

/// Gives each record a key of its own, the same in each run.
pub(super) struct Numbers {
    keys: Keys,
    next: AtomicU64,
}

impl Numbers {
    pub(super) fn new(keys: Keys) -> Self {
        Self {
            keys,
            next: AtomicU64::new(1),
        }
    }

    pub(super) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        match self.keys {
            Keys::Sequential => format!("order-{number:016}"),
            Keys::Random => format!("order-{:016x}", scatter(number)),
        }
    }
}

/// The finalizer of SplitMix64: one to one, and without any order.
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
