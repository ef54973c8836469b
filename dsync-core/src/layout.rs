//! The data layout: what a field is, the static tree that the derives make, treekeys, and a record
//! held against its layout.

pub(crate) mod const_checks;
mod const_text;
mod field_type;
pub(crate) mod join;
pub(crate) mod json;
pub(crate) mod lenient;
pub(crate) mod node;
mod shape;
mod tree;
pub(crate) mod treekey;
pub(crate) mod validate;
mod writer;

pub use field_type::{FieldType, UnknownFieldType};
pub use shape::{Arity, Shape};
pub use tree::{EntityLayout, FieldLayout};
pub use treekey::Treekey;
pub use validate::ValidRecord;
