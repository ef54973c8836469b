//! The connector without a network.

#![expect(
    clippy::unwrap_used,
    reason = "a test's panic is its report, in helpers too"
)]

// The derives write `::dsync`.
extern crate dsync_core as dsync;

mod keys;
mod notifications;
mod promises;
#[cfg(feature = "sqlite")]
mod restart;
mod setup;
mod support;
