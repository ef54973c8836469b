//! What several tests need.

pub(crate) mod cargo;
pub(crate) mod http;
pub(crate) mod python;
