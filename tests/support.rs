//! What several tests need.

pub(crate) mod cargo;
pub(crate) mod conversation;
pub(crate) mod fault_proxy;
pub(crate) mod http;
pub(crate) mod python;
