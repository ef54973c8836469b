//! What the shop publishes: its orders.

use dsync::prelude::*;
use serde::{Deserialize, Serialize};

/// An order, as the platform gets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DsyncEntity)]
#[dsync(entity_token = "outbox-4-order-9c2e51d07b8f4a36a1d4e6f0c8b37a52")]
pub(crate) struct Order {
    /// The shop's own number; none comes twice
    #[dsync(primary_key)]
    pub(crate) number: u32,
    pub(crate) customer: String,
    pub(crate) paid: bool,
    pub(crate) note: Option<String>,
    pub(crate) lines: Vec<Line>,
}

/// So many of one product: a part of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DsyncObject)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) qty: u32,
    /// The price at that time
    pub(crate) price: f64,
}
