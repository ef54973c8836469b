//! Keeps changes on stable storage until they are sent, in order for one record.
//!
//! A program that exchanges records uses the facade `dsync` with its feature `outbox`, which re-exports
//! this.
#![doc = include_str!("doc/promise.md")]
//!
//! In reading order:
//!
//! - [`OutboxStore`] and [`Lease`]: the seam between the outbox and where it is kept;
//! - [`Entry`], [`State`], [`Counts`]: what can be seen of it;
//! - [`StoreError`]: what is wrong with a store, and what may help.

#![forbid(unsafe_code)]

mod change_id;
mod entry;
mod error;
mod event;
#[expect(dead_code, reason = "the sender comes next")]
mod shared;
mod store;

pub use change_id::{ChangeId, InvalidChangeId};
pub use entry::{Counts, Entry, Failure, Filter, State};
pub use error::{StoreError, StoreErrorKind};
pub use event::{Event, Events};
pub use store::{
    Added, Advanced, Claim, Claimed, Coalescing, Lease, Mending, NewChange, OutboxStore, Settled,
    Settlement, Storing,
};
