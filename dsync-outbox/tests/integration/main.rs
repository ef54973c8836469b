//! The outbox as its users have it.

#![expect(
    clippy::unwrap_used,
    reason = "a test's panic is its report, in helpers too"
)]

mod model;
mod stores;
mod whole;
