//! A record's id: the text that travels in the header `Entity-Id`.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::num::NonZero;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderValue;

use crate::shown::cut;

/// The id of a record, as the header `Entity-Id` carries it.
///
/// Its text is the JSON text of the primary key's value: a text itself, an integer in decimal. It
/// is not empty, has no blank at either end and no control characters, and is written as UTF-8;
/// a reader takes UTF-8, else Latin-1, because the SDKs differ (PROTOCOL section 4).
///
/// Clones share their text.
///
/// # Examples
///
/// ```
/// use dsync_core::EntityId;
///
/// assert_eq!(EntityId::new("sku-1")?.as_str(), "sku-1");
/// assert_eq!(EntityId::new(42)?.as_str(), "42");
/// assert!(EntityId::new("a\r\nAuth-Token: b").is_err());
/// # Ok::<(), dsync_core::InvalidEntityId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(Arc<str>);

impl EntityId {
    /// An id from anything that has a text.
    ///
    /// # Errors
    ///
    /// [`InvalidEntityId`] if the text is empty or longer than 8 KiB, begins or ends with a blank, or has
    /// control characters.
    pub fn new(id: impl Display) -> Result<Self, InvalidEntityId> {
        Self::of_text(&id.to_string())
    }

    fn of_text(id: &str) -> Result<Self, InvalidEntityId> {
        /// As much as servers take for one header.
        const LONGEST: usize = 8 * 1024;

        let of = |id: &str| id.to_owned();
        if id.len() > LONGEST {
            Err(InvalidEntityId::TooLong { length: id.len() })
        } else if id.is_empty() {
            Err(InvalidEntityId::Empty)
        } else if id.contains(char::is_control) {
            Err(InvalidEntityId::ControlCharacter { id: of(id) })
        } else if id.trim() != id {
            Err(InvalidEntityId::BlankAtEnd { id: of(id) })
        } else {
            Ok(Self(id.into()))
        }
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_bytes(self.0.as_bytes())
            .expect("an id has no control characters, and no other byte is illegal in a header")
    }

    /// Reads a header's bytes as UTF-8, else as Latin-1.
    pub(crate) fn from_header(value: &HeaderValue) -> Result<Self, InvalidEntityId> {
        Self::of_text(&header_text(value))
    }
}

/// A header's bytes as UTF-8, else as Latin-1: the PHP SDK sends the one, Python's the other.
pub(crate) fn header_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}

impl Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EntityId {
    type Err = InvalidEntityId;

    fn from_str(id: &str) -> Result<Self, InvalidEntityId> {
        Self::new(id)
    }
}

/// A text that cannot be a record's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEntityId {
    /// An empty text would address all records or none.
    #[error("the entity id is empty")]
    Empty,
    /// Servers take no header that is so long.
    #[error("the entity id has {length} bytes: it can have 8,192 at most")]
    TooLong {
        /// The length of the text in bytes.
        length: usize,
    },
    /// A blank at an end is lost on its way through HTTP.
    #[error("the entity id {:?} begins or ends with a blank", cut(.id))]
    BlankAtEnd {
        /// The text.
        id: String,
    },
    /// A control character is illegal in an HTTP header.
    #[error("the entity id {:?} has a control character", cut(.id))]
    ControlCharacter {
        /// The text.
        id: String,
    },
}

/// A type that can be a primary key.
///
/// Implemented for texts, integers, `bool`, `char`, and pointers to them. Not for floats, options,
/// lists and objects: their text is not the same everywhere, or there is none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a primary key",
    label = "a primary key is a text, an integer or a boolean",
    note = "for a newtype or an enum of unit variants of your own: `#[derive(FieldValue)]`",
    note = "floats, options, lists and objects have no one text that names a record; a composite key needs a text field that you fill"
)]
pub trait ToEntityId {
    /// The id that this value stands for: its JSON text, without quotes.
    ///
    /// # Errors
    ///
    /// [`InvalidEntityId`] if the text cannot travel in a header.
    fn to_entity_id(&self) -> Result<EntityId, InvalidEntityId>;
}

macro_rules! displayed {
    ($($type:ty),+ $(,)?) => {
        $(
            impl ToEntityId for $type {
                fn to_entity_id(&self) -> Result<EntityId, InvalidEntityId> {
                    EntityId::new(self)
                }
            }
        )+
    };
}

impl ToEntityId for str {
    fn to_entity_id(&self) -> Result<EntityId, InvalidEntityId> {
        EntityId::of_text(self)
    }
}

impl ToEntityId for String {
    fn to_entity_id(&self) -> Result<EntityId, InvalidEntityId> {
        EntityId::of_text(self)
    }
}

displayed!(char, bool);
displayed!(
    u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize
);
displayed!(
    NonZero<u8>,
    NonZero<u16>,
    NonZero<u32>,
    NonZero<u64>,
    NonZero<u128>,
    NonZero<usize>
);
displayed!(
    NonZero<i8>,
    NonZero<i16>,
    NonZero<i32>,
    NonZero<i64>,
    NonZero<i128>,
    NonZero<isize>
);

macro_rules! pointed_to {
    ($($pointer:ty),+ $(,)?) => {
        $(
            impl<T: ToEntityId + ?Sized> ToEntityId for $pointer {
                fn to_entity_id(&self) -> Result<EntityId, InvalidEntityId> {
                    (**self).to_entity_id()
                }
            }
        )+
    };
}

pointed_to!(&T, Box<T>, Rc<T>, Arc<T>);

impl<T: ToEntityId + ToOwned + ?Sized> ToEntityId for Cow<'_, T> {
    fn to_entity_id(&self) -> Result<EntityId, InvalidEntityId> {
        (**self).to_entity_id()
    }
}
