//! Receives for DSYNC: the connector's RESTful program, from typed handlers.
//!
//! A program that exchanges records uses the facade `dsync`, which re-exports this under its feature
//! `connector`. In reading order:
//!
//! - [`Handler`]: what a program does with the records of one entity; [`Context`]: the request around
//!   one; [`HandlerError`]: refused, later, or failed; [`InMemory`]: a ready one;
//! - [`Connector`]: a request in, an answer out, and the doors to the network;
//! - [`ConnectorBuilder`]: what a connector can be told;
//! - [`ProcessEnded`]: how the system's own changes ended;
//! - [`Inbox`]: the seam to where promises and answers are kept.
//!
//! # What it answers
//!
//! Every answer is the protocol's envelope. The order of the checks is the order of this table.
//!
//! | check | status |
//! |---|---|
//! | the address is known | 404 |
//! | `Auth-Token` is one of the API keys | 401 |
//! | the method is one of the address | 405, with `Allow` |
//! | the body is neither packed nor larger than the limit | 415, 413 |
//! | the body comes whole and in time | 400, 408 |
//! | `Process-Id`, and `Entity-Id` but for a create | 400 |
//! | a process that came before: the same request gets the same answer, another is refused | 400 |
//! | the entity is switched on, for writes | 406 |
//! | JSON, data layout | 400, with every fault of a record in `detail.faults` |
//! | the handler: done, later, refused, failed | 201 or 200, 202, 400, 500 |

#![forbid(unsafe_code)]

mod about;
mod builder;
mod changes;
mod connector;
mod context;
mod digest;
#[cfg(any(feature = "axum", feature = "serve"))]
mod doors;
mod entity;
mod flights;
mod handler;
mod in_memory;
mod inbox;
mod jobs;
mod lanes;
mod naming;
mod notifications;
mod promises;
mod reply;
#[cfg(feature = "axum")]
mod router;
mod routes;
mod schedule;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "sqlite")]
mod sqlite;
mod sync;
mod tokio_clock;
mod waiting;

pub use builder::{BuildError, ConnectorBuilder, DEFAULT_RETRY};
pub use connector::Connector;
pub use context::Context;
pub use handler::{Handled, Handler, HandlerError, Record, RecordId};
pub use in_memory::InMemory;
pub use inbox::{
    Fingerprint, Inbox, KEPT_FOR, Keeping, KeptAnswer, KeptReport, MemoryInbox, Promise, Promised,
    Seen,
};
pub use notifications::ProcessEnded;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
