//! The client for programs without an async runtime.
//!
//! [`Client`] has the calls of the async [`crate::Client`], and is made from one. What goes over the
//! network runs on a thread of its own, so it also works inside an async program, where it blocks the
//! thread that calls.
//!
//! # Examples
//!
//! ```
#![doc = include_str!("doc/blocking.txt")]
//! let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
//! let receipt = client.create(&product)?;
//! assert_eq!(receipt.process_id(), Some("p-1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bulk;
mod client;
mod runtime;

pub use bulk::Bulk;
pub use client::Client;
