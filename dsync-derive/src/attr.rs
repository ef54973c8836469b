//! What attributes say: our own words, serde's, and doc comments.

pub(crate) mod doc;
pub(crate) mod dsync;
pub(crate) mod serde;
mod word;
