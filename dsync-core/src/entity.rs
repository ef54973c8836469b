//! The three traits that the derives implement, and what they rest on.

mod foreign_types;
mod id;
mod std_types;
mod traits;

pub(crate) use id::header_text;
pub use id::{EntityId, InvalidEntityId, ToEntityId};
#[doc(hidden)]
pub use traits::{Declared, Probe, entity_id};
pub use traits::{DsyncEntity, DsyncObject, FieldValue, ListItem, PrimaryKey};
