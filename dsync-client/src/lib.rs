//! Sends typed records to DSYNC as realtime requests.
//!
//! A program that exchanges records uses the facade `dsync`, which re-exports this. In reading order:
//!
//! - [`Client`]: creates, updates and deletes records, one change a call;
//! - [`Bulk`]: sends many records, several at once;
//! - [`Receipt`]: what the platform says to a change that it accepted;
//! - [`Error`]: why a change was not sent or not accepted, and whether to try again;
//! - [`ClientBuilder`]: the address, the limits, and the seam for tests.
//!
//! A change that was not accepted is tried again where that may help, under the same
//! `Idempotency-Key`; see [`ClientBuilder::retry`]. A hub that knows that key carries out one change
//! once. Whether DSYNC's own platform does is not known (PROTOCOL section 8): there, a repeated create
//! is at least once.
//!
//! # Examples
//!
//! The platform here is a [`Transport`](dsync_core::Transport) that answers from a script. Without
//! [`ClientBuilder::transport`] the client speaks HTTP, on a Tokio runtime.
//!
//! ```
//! use bytes::Bytes;
//! use dsync_client::Client;
//! use dsync_core::{
//!     DsyncEntity, DsyncObject, EntityId, EntityLayout, FieldLayout, FieldType, InvalidEntityId,
//!     PrimaryKey, Sending, Shape, ToEntityId, Transport,
//! };
//!
//! /// A product of the shop. The traits are what `#[derive(DsyncEntity)]` implements.
//! #[derive(serde::Serialize)]
//! struct Product {
//!     sku: String,
//! }
//!
//! impl DsyncObject for Product {
//!     const FIELDS: &'static [FieldLayout] =
//!         &[FieldLayout::new("sku", Shape::leaf(FieldType::Text)).with_primary_key()];
//! }
//!
//! impl DsyncEntity for Product {
//!     const LAYOUT: &'static EntityLayout =
//!         &EntityLayout::new("product", "/entity/product", "shop-product-1", Self::FIELDS);
//!
//!     fn entity_id(&self) -> Result<Option<EntityId>, InvalidEntityId> {
//!         self.sku.to_entity_id().map(Some)
//!     }
//! }
//!
//! impl PrimaryKey for Product {
//!     fn primary_key(&self) -> &dyn ToEntityId {
//!         &self.sku
//!     }
//! }
//!
//! /// Accepts everything.
//! struct Platform;
//!
//! impl Transport for Platform {
//!     fn send(&self, request: http::Request<Bytes>) -> Sending<'_> {
//!         assert_eq!(request.headers()["entity-token"], "shop-product-1");
//!         Box::pin(async {
//!             Ok(http::Response::new(Bytes::from_static(
//!                 br#"{"status":200,"message":"OK","detail":[],"data":{"process_id":"p-1"}}"#,
//!             )))
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("secret").transport(Platform).build()?;
//!
//! let product = Product { sku: "sku-1".to_owned() };
//! let receipt = client.create(&product).await?;
//! assert_eq!(receipt.process_id(), Some("p-1"));
//!
//! client.update(&product).await?;
//! client.delete_by_id::<Product>("sku-1").await?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod address;
#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
mod bulk;
mod client;
mod delivery;
mod ending;
mod error;
mod hide;
mod key;
mod once;
mod receipt;
mod refused;
mod requests;
mod reqwest_transport;
mod tokio_clock;
mod unanswered;

pub use builder::{BuildError, ClientBuilder};
pub use bulk::{Bulk, BulkItem, Progress};
pub use client::Client;
pub use error::Error;
pub use receipt::Receipt;
pub use refused::{NoEnvelope, Refused};
pub use unanswered::Unanswered;

/// The HTTP library, in the version whose settings [`ClientBuilder::reqwest`] takes.
pub use reqwest;
