//! The connector without a network.

#![expect(
    clippy::unwrap_used,
    reason = "a test's panic is its report, in helpers too"
)]

// The derives write `::dsync`.
extern crate dsync_core as dsync;

mod attempts;
mod cut_off;
mod faults;
mod fuzz;
mod keys;
mod memory;
mod notifications;
mod order;
mod promises;
mod reports;
#[cfg(feature = "sqlite")]
mod restart;
mod setup;
mod support;
mod sync;
