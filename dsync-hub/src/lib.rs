//! The DSYNC platform on one machine, for tests and first steps.
//!
//! A [`Hub`] takes the realtime requests that a system sends, checks them as strictly as the
//! protocol allows, and keeps the records in memory for a look at them. It needs no account, no
//! Docker and no particular async runtime.
//!
//! ```
//! use dsync_core::{DataLayout, Endpoint, Field, FieldType};
//! use dsync_hub::Hub;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let product = Endpoint::new("product", "/entity/product", "shop-product-1".parse()?)
//!     .with_field(Field::new("sku", FieldType::Text).with_required(true).with_primary_key(true));
//!
//! let hub = Hub::builder()
//!     .data_layout(DataLayout::builder().endpoint(product).build()?)
//!     .start()
//!     .await?;
//!
//! // Give these two to the client, let it send, then look at what came:
//! let (url, key) = (hub.realtime_url(), hub.auth_token());
//! assert!(hub.record("product", "S-1").is_none());
//! # let _ = (url, key);
//! # Ok(())
//! # }
//! ```
//!
//! # What it answers
//!
//! Every answer is the protocol's envelope. The order of the checks is the order of this table.
//!
//! | check | status |
//! |---|---|
//! | the address is known | 404 |
//! | `Auth-Token` is the hub's API key | 401 |
//! | the method is one of the address | 405, with `Allow` |
//! | the body is not larger than the limit | 413 |
//! | the body comes whole and in time | 400, 408 |
//! | headers, entity token, JSON, data layout, identity | 400, with every fault of a record in `detail.faults` |
//!
//! A success is 200 with `data.process_id`; `detail.unknown_keys` names keys of the record that its
//! layout does not know. A refused request changes nothing.
//!
//! # Which record is meant
//!
//! A record is kept under the text of its primary key, else under `Entity-Id`, else, for a create,
//! under the process id. Where `Entity-Id-Field` names another field than the primary key, a shared
//! key, an update or delete goes to the one record whose field has that value. An update replaces
//! the whole record.
//!
//! # As a program
//!
//! `cargo run -p dsync-hub --features cli -- --layout layout.json` serves the same hub on a port of
//! its own; `--help` explains it.

#![forbid(unsafe_code)]

mod answered;
mod body;
mod builder;
mod entities;
mod hub;
mod identity;
mod platform;
mod random;
mod records;
mod server;
mod service;
#[cfg(test)]
mod tests;

pub use builder::{HubBuilder, StartError};
pub use hub::Hub;
pub use records::StoredRecord;
