//! The SDK for DSYNC connectors: the data layout comes from your structs, records travel as typed
//! realtime requests.
//!
//! DSYNC exchanges records between business systems in near real time. A system publishes a *data
//! layout* (its entities, fields and treekeys) and sends its changes as *realtime requests*.
//!
//! # Examples
//!
//! A platform on this machine, a record that travels there, and what it became:
//!
#![cfg_attr(feature = "derive", doc = "```")]
#![cfg_attr(not(feature = "derive"), doc = "```text")]
//! use dsync::prelude::*;
//! use serde::Serialize;
//!
//! /// A product of the shop.
//! #[derive(Serialize, DsyncEntity)]
//! struct Product {
//!     /// A product SKU
//!     #[dsync(primary_key)]
//!     sku: String,
//!     price: Option<f64>,
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = dsync_hub::Hub::start().await?;
//! hub.register(DataLayout::builder().entity::<Product>().build()?)?;
//!
//! let client = Client::builder(hub.auth_token().expose())
//!     .realtime_url(hub.realtime_url())
//!     .build()?;
//! let product = Product { sku: "S-1".to_owned(), price: Some(0.1) };
//! let receipt = client.create(&product).await?;
//!
//! assert!(receipt.process_id().is_some());
//! assert_eq!(hub.record("product", "S-1").unwrap(), r#"{"sku":"S-1","price":0.1}"#);
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! - [`guide`]: every word of the attributes, every type, sending, never losing a change, receiving, and the
//!   way from the Python and PHP SDKs and to dsync.com;
//! - [`DsyncEntity`](macro@DsyncEntity) and [`DsyncObject`](macro@DsyncObject): the derives, with
//!   every word that their attribute takes;
//! - [`EntityLayout`]: what a derive makes; [`treekey!`]: one of its keys as text; [`DataLayout`]:
//!   the layout of a whole system, also one that is known only at run time;
//! - [`Client`]: sends, and tries again where that may help; [`Error`]: what can go wrong; `Outbox`: keeps
//!   what is to be sent, and loses nothing;
//! - [`retry`]: what is tried again, how often and when; [`testing`]: a platform from a script and a
//!   clock for your own tests;
//! - [`wire`]: requests and answers as bytes, for a transport or a platform of your own.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `derive` | yes | the derive macros |
//! | `client` | yes | [`Client`], and with it an HTTP library |
//! | `blocking` | yes | [`blocking::Client`], for programs without an async runtime |
//! | `connector` | no | `Connector`, the receiving half, with a server and an axum router |
//! | `outbox` | no | `Outbox`: changes on stable storage until they are sent, in order for one record |
//! | `sqlite` | no | `connector::SqliteStore`: what a connector remembers, in a file |
//! | `rustls` | yes | TLS for the client, by rustls and aws-lc-rs |
//! | `rustls-ring` | no | TLS by rustls and ring, which needs less to be built: turn off `rustls`; without either only plain HTTP works |
//! | `chrono04`, `jiff1`, `time03`, `rust_decimal1`, `uuid1`, `url2`, `indexmap2`, `smallvec1`, `arrayvec07` | no | field types for that crate's types, see [`guide::types`] |
//!
//! With `default-features = false, features = ["derive"]` no HTTP library is built.

#![forbid(unsafe_code)]

#[cfg(feature = "blocking")]
pub use dsync_client::blocking;
#[cfg(feature = "client")]
pub use dsync_client::{
    BuildError, Bulk, BulkItem, Client, ClientBuilder, Error, NoEnvelope, Progress, Receipt,
    Refused, Unanswered, reqwest,
};
#[cfg(feature = "connector")]
pub use dsync_connector as connector;
#[cfg(feature = "connector")]
pub use dsync_connector::{
    Connector, ConnectorBuilder, Context, Handled, Handler, HandlerError, InMemory, ProcessEnded,
};
pub use dsync_core::{
    Arity, AuthToken, AuthTokenProvider, Carried, Carrier, Carrying, ChangeEncoder, ChangeError,
    Clock, DataLayout, DataLayoutBuilder, DsyncEntity, DsyncObject, Endpoint, EntityId,
    EntityLayout, EntityState, EntityToken, EntityTokens, Envelope, Fault, Faults, Field,
    FieldLayout, FieldType, FieldValue, IdempotencyKey, InvalidAuthToken, InvalidEntityId,
    InvalidEntityToken, InvalidIdempotencyKey, InvalidProcessId, KeyCheck, ListItem, MergeError,
    Opaque, Origin, OwnProcess, PrimaryKey, ProcessId, Providing, Received, ReportError, Reporter,
    Reporting, Sending, SendingGuard, Shape, Sleeping, StateError, StateStore, Switch, SystemState,
    TimeLimit, ToEntityId, Transport, TransportError, TransportErrorKind, Treekey, UnfitId,
    UnknownFieldType, Update, ValidRecord, dates, id_text, read_id, read_record, retry, testing,
    treekey, wire,
};
#[cfg(feature = "derive")]
pub use dsync_derive::{DsyncEntity, DsyncObject, FieldValue};
#[cfg(feature = "outbox")]
pub use dsync_outbox as outbox;
#[cfg(feature = "outbox")]
pub use dsync_outbox::{ChangeId, Ending, Enqueued, Outbox, OutboxBuilder, OutboxError};

#[doc(hidden)]
pub use dsync_core::__private;

/// What most programs need: `use dsync::prelude::*;`.
pub mod prelude {
    #[cfg(feature = "client")]
    pub use dsync_client::Client;
    pub use dsync_core::{
        DataLayout, DsyncEntity, DsyncObject, EntityLayout, EntityToken, Envelope, FieldValue,
        treekey,
    };
    #[cfg(feature = "derive")]
    pub use dsync_derive::{DsyncEntity, DsyncObject, FieldValue};
}

/// Pages to read. They have no items; their examples run as tests.
pub mod guide {
    #[doc = include_str!("guide/attributes.md")]
    pub mod attributes {}

    #[doc = include_str!("guide/types.md")]
    pub mod types {}

    #[cfg(all(feature = "blocking", feature = "derive"))]
    #[doc = include_str!("guide/sending.md")]
    pub mod sending {}

    #[cfg(all(feature = "outbox", feature = "client", feature = "derive"))]
    #[doc = include_str!("guide/keeping.md")]
    pub mod keeping {}

    #[cfg(all(feature = "connector", feature = "client", feature = "derive"))]
    #[doc = include_str!("guide/receiving.md")]
    pub mod receiving {}

    #[cfg(all(feature = "connector", feature = "client"))]
    #[doc = include_str!("guide/platform.md")]
    pub mod platform {}

    #[doc = include_str!("guide/migrating.md")]
    pub mod migrating {}
}

/// The README's code runs as a test.
#[cfg(all(
    doctest,
    feature = "client",
    feature = "connector",
    feature = "derive",
    feature = "outbox"
))]
#[doc = include_str!("../../README.md")]
struct Readme;
