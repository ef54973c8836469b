//! The client as its users see it: over a scripted transport, and over real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap: its panic is the report"
)]

#[cfg(feature = "blocking")]
mod blocking;
mod building;
mod bulk;
mod carrier;
mod echo;
mod environment;
mod errors;
mod keys;
mod loopback;
mod plumbing;
mod processes;
mod reports;
mod secrecy;
mod support;
#[cfg(feature = "rustls")]
mod tls;
mod tracing;
mod typed;
