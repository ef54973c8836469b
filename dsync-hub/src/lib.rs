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
//! | the body is not larger than the limit, that of a delete included | 413 |
//! | the body comes whole and in time | 400, 408 |
//! | the headers can be read, and the entity token is known | 400 |
//! | `Idempotency-Key` is not that of another request, nor of one that is being carried out | 422, 409 with `Retry-After` |
//! | JSON, data layout, identity | 400, with every fault of a record in `detail.faults` |
//!
//! A success is 200 with `data.process_id`; `detail.unknown_keys` names keys of the record that its
//! layout does not know. A refused request changes nothing.
//!
//! # Which record is meant
//!
//! A record has one id of its own: the text of its primary key, else `Entity-Id`, else the process id
//! of its create. Where `Entity-Id-Field` names another field than the primary key, a shared key, an
//! update or delete goes to the one record that has that value, and a create is refused if there is
//! one. The value is the body's; a body without it leaves the one that a header stated.
//!
//! In a create `Entity-Id` and the record's own value must be the same. In an update `Entity-Id` says
//! what the record has, and the body what it gets. So an update by the primary key may change the
//! primary key, and one by a shared key that shared key, unless another record has the new value. Then
//! only the new one finds the record, which keeps its place in the order of creation. An update by a
//! shared key does not change the primary key.
//!
//! - Values of different fields never meet: a record with the `u` 7 is no obstacle to one with the
//!   `t` 7. In an entity without a primary key an `Entity-Id` without `Entity-Id-Field` means what
//!   the record was created with, whatever its field, or what an update by that field changed it to.
//! - One record has one text. In a field of the type number, 5 and `"5"` are the same; `5.0`,
//!   `"5e0"` and `"-0"` name nothing and are refused. A boolean needs to be true or false.
//! - Nothing is known of a shared key before a request names it. So two records can have the same
//!   value; naming them by it is refused. And the first request that names a field reads all records
//!   of the entity once; the next ones find theirs by an index.
//! - An update replaces the whole record.
//!
//! # A change that comes twice
//!
//! A sender that got no answer sends its request again, and cannot know whether the first took effect.
//! With the same `Idempotency-Key` in each attempt it takes effect once: for 24 hours the hub gives the
//! first accepted answer again, the process id included, with the header `Idempotency-Replayed: true`,
//! whatever became of the record since. It asks for the API key first, as ever.
//!
//! - The same request is the same operation, entity, id with its field, and body byte for byte. The
//!   key with another one is refused with 422.
//! - While the first attempt is being carried out another one is refused with 409.
//! - A refused request changed nothing, so its key is free again: repeated it is checked anew, and
//!   mended it may be another one.
//! - Keys are kept in memory, as the records are.
//!
//! # As a program
//!
//! `cargo run -p dsync-hub --features cli -- --layout layout.json` serves the same hub on a port of
//! its own; `--help` explains it.

#![forbid(unsafe_code)]

mod answered;
mod attempts;
mod builder;
mod entities;
mod hub;
mod idempotency;
mod identity;
mod platform;
mod random;
mod record_key;
mod records;
mod server;
mod service;
mod shared_key;
#[cfg(test)]
mod tests;

pub use builder::{HubBuilder, StartError};
pub use hub::Hub;
pub use records::StoredRecord;
