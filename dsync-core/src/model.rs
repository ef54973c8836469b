//! The owned model: layouts that are known only at run time, built step by step or read from JSON.

mod check;
mod data_layout;
mod endpoint;
mod field;

pub use data_layout::{DataLayout, DataLayoutBuilder};
pub use endpoint::Endpoint;
pub use field::Field;
