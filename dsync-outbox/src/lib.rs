//! Keeps changes on stable storage until they are sent, in order for one record.
//!
//! A program that exchanges records uses the facade `dsync` with its feature `outbox`, which re-exports
//! this.
#![doc = include_str!("doc/promise.md")]
//!
//! In reading order:
//!
//! - [`Outbox`]: keeps changes, one a call; [`InTransaction`]: within a transaction of the program's own;
//! - [`SenderBuilder`], [`Sender`]: takes them out and has them carried to the platform;
//! - [`Entry`], [`State`], [`Counts`], [`Event`]: what can be seen of it;
//! - [`OutboxError`], [`StoreError`]: what is wrong, and what may help;
//! - [`OutboxStore`] and [`Lease`]: the seam between the outbox and where it is kept, for stores of your own;
//!   [`SqliteStore`] and [`MemoryStore`] are two.

#![forbid(unsafe_code)]

pub mod blocking;
mod builder;
mod change_id;
mod enqueued;
mod entry;
mod error;
mod event;
mod looking;
mod memory;
mod outbox;
mod planner;
mod sender;
mod shared;
mod sqlite;
mod store;
pub mod testing;
mod transaction;
mod waiting;

pub use builder::OutboxBuilder;
pub use change_id::{ChangeId, InvalidChangeId};
pub use enqueued::{Ending, Enqueued, Flushed};
pub use entry::{Counts, Entry, Failure, Filter, State};
pub use error::{OutboxError, StoreError, StoreErrorKind};
pub use event::{Event, Events};
pub use memory::MemoryStore;
pub use outbox::Outbox;
pub use sender::{AfterRefusal, Sender, SenderBuilder};
pub use sqlite::SqliteStore;
pub use store::{
    Added, Advanced, Claim, Claimed, Coalescing, Lease, Mending, NewChange, OutboxStore, Settled,
    Settlement, Storing,
};
pub use transaction::InTransaction;

/// SQLite for Rust, in the version whose connections [`Outbox::enqueue_in`] takes.
pub use rusqlite;
