//! Tests of the whole workspace: what no crate can show alone.
//!
//! Weakest kind first: layouts, then the wire, then programs that talk to each other.

#![expect(
    clippy::unwrap_used,
    reason = "a test's panic is its report, in helpers too"
)]

mod support;

// The compiler's lists of types that would do depend on the features.
#[cfg(not(feature = "foreign-types"))]
mod compile_errors;
mod connector;
mod corpus;
mod dependencies;
mod fault_proxy;
mod guide;
mod guide_receiving;
mod layout_matches;
mod layout_of_serde;
mod layout_of_the_sdks;
mod layout_rules;
mod lenient;
#[cfg(target_os = "linux")]
mod memory;
mod names_and_texts;
mod nesting;
mod outbox;
mod python_client;
mod race;
mod references;
mod refusals;
mod schema_of_others;
mod secrets;
mod sending;
mod types;
mod validation;
mod values;
mod wire;
