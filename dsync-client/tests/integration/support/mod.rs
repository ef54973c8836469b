//! What the tests share.

mod child;
mod entities;
mod scripted;
mod server;

pub(crate) use child::{in_child, is_child};
pub(crate) use entities::{Labelled, Note, Product, Unmarked};
pub(crate) use scripted::Scripted;
pub(crate) use server::{Connection, Server};

/// The API key of all tests. It must show up nowhere.
pub(crate) const KEY: &str = "S3cr3t-key/of=the+system";

/// An answer as the hub gives it.
pub(crate) const ACCEPTED: &str =
    r#"{"status":200,"message":"OK","detail":{},"data":{"process_id":"p-1"}}"#;
