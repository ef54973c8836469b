//! Why a change cannot be put together.

use crate::entity::InvalidEntityId;
use crate::token::InvalidEntityToken;
use crate::wire::{InvalidIdField, RecordError};

/// Why there is no request of a change: the record, its layout, or what the platform has told does not
/// allow one. It is the same however often it is tried.
///
/// # Examples
///
/// ```
#[doc = include_str!("example.txt")]
/// let nameless = Product { sku: String::new(), ean: None };
/// let error = encoder.create(&nameless).unwrap_err();
/// assert!(matches!(error, ChangeError::EntityId(InvalidEntityId::Empty)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The record cannot be written as one JSON object.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The record's id cannot travel in a header.
    #[error(transparent)]
    EntityId(#[from] InvalidEntityId),
    /// The name of the record's primary key cannot travel in a header, or that of its shared key.
    #[error(transparent)]
    IdField(#[from] InvalidIdField),
    /// The token in a hand-written layout is none.
    #[error(transparent)]
    EntityToken(#[from] InvalidEntityToken),
    /// The record has an id, but no field of its hand-written layout is the primary key.
    #[error(
        "the records of {entity:?} have an id, but no field of its layout is marked as the primary key"
    )]
    NoPrimaryKeyField {
        /// The entity's name.
        entity: &'static str,
    },
    /// The platform recognises records of the entity by another field than the primary key, and that
    /// field's value is not at hand.
    #[error(
        "the platform knows the records of {entity:?} by their {shared_key:?}, so the value of the primary key says nothing there: delete with the whole record, or send a request that names that field"
    )]
    SharedKey {
        /// The entity's name.
        entity: &'static str,
        /// The field.
        shared_key: String,
    },
    /// The shared key of the record holds a value that cannot name it.
    #[error(
        "the record's {shared_key:?}, by which the platform knows the records of {entity:?}, must be a text, an integer or a boolean, but is {found}"
    )]
    SharedKeyValue {
        /// The entity's name.
        entity: &'static str,
        /// The field.
        shared_key: String,
        /// What the value is.
        found: &'static str,
    },
}
