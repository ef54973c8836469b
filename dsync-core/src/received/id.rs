//! The id of a record, as the type that it stands for and back.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entity::{EntityId, InvalidEntityId};
use crate::layout::lenient::is_number;
use crate::layout::{FieldLayout, FieldType};
use crate::shown::cut;
use crate::wire::Refusal;
use crate::wire::headers::ENTITY_ID;

/// Reads the text of `Entity-Id` as the type of the field whose value it is: a text, a number, a boolean,
/// a newtype of one of them, an enum of unit variants.
///
/// # Errors
///
/// [`Refusal::HeaderInvalid`] if the text is no such value.
///
/// # Examples
///
/// ```
/// use dsync_core::{EntityId, FieldLayout, FieldType, Shape, read_id};
///
/// let sku = FieldLayout::new("sku", Shape::leaf(FieldType::Text));
/// let id = FieldLayout::new("id", Shape::leaf(FieldType::Number));
///
/// assert_eq!(read_id::<String>(&sku, &EntityId::new("42")?)?, "42");
/// assert_eq!(read_id::<u32>(&id, &EntityId::new("42")?)?, 42);
/// assert!(read_id::<u32>(&id, &EntityId::new("S-1")?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_id<I: DeserializeOwned>(field: &FieldLayout, id: &EntityId) -> Result<I, Refusal> {
    let text = id.as_str();
    let quoted = serde_json::Value::from(text);
    // Bare JSON, where the text is that.
    let bare = match field.field_type() {
        FieldType::Number | FieldType::Math | FieldType::Custom if is_number(text) => Some(text),
        FieldType::Custom if matches!(text, "true" | "false") => Some(text),
        FieldType::Boolean => match text {
            "true" | "1" => Some("true"),
            "false" | "0" => Some("false"),
            _ => None,
        },
        _ => None,
    };
    let as_text = || I::deserialize(quoted);
    let read = match (field.field_type(), bare) {
        (FieldType::Number | FieldType::Boolean, Some(bare)) => {
            // A text type may stand for a number, so it is the second try; the first one's error is told.
            serde_json::from_str(bare).or_else(|error| as_text().map_err(|_| error))
        }
        (FieldType::Number, None) => return Err(refuse(field, text, "it must be a number")),
        (FieldType::Boolean, None) => return Err(refuse(field, text, "it must be true or false")),
        (_, Some(bare)) => as_text().or_else(|error| serde_json::from_str(bare).map_err(|_| error)),
        (_, None) => as_text(),
    };
    read.map_err(|error| refuse(field, text, &super::decode::problem(&error)))
}

fn refuse(field: &FieldLayout, text: &str, problem: &str) -> Refusal {
    Refusal::HeaderInvalid {
        header: ENTITY_ID,
        problem: format!(
            "{:?} cannot be the {} of a record: {}",
            cut(text),
            field.name(),
            cut(problem)
        ),
    }
}

/// The id that a value stands for: its JSON text, without quotes.
///
/// For a type that is no [`ToEntityId`](crate::ToEntityId), such as one that only serde knows.
///
/// # Errors
///
/// [`UnfitId`] if the value has no such text, or it cannot travel in a header.
///
/// # Examples
///
/// ```
/// use dsync_core::id_text;
///
/// assert_eq!(id_text("S-1")?.as_str(), "S-1");
/// assert_eq!(id_text(&42_u64)?.as_str(), "42");
/// assert!(id_text(&1.5).is_err());
/// # Ok::<(), dsync_core::UnfitId>(())
/// ```
pub fn id_text<I: Serialize + ?Sized>(id: &I) -> Result<EntityId, UnfitId> {
    let json = serde_json::to_string(id).map_err(|error| UnfitId::Serialize {
        message: error.to_string(),
    })?;
    let found = match json.as_bytes() {
        [b'"', ..] => {
            let text: String = serde_json::from_str(&json).map_err(|error| UnfitId::Serialize {
                message: error.to_string(),
            })?;
            return Ok(EntityId::new(text)?);
        }
        b"true" | b"false" => return Ok(EntityId::new(json)?),
        [b'-', digits @ ..] | digits
            if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) =>
        {
            return Ok(EntityId::new(json)?);
        }
        [b'n', ..] => "null",
        [b'[', ..] => "a list",
        [b'{', ..] => "an object",
        _ => "a number with a fraction",
    };
    Err(UnfitId::NoText { found })
}

/// A value that cannot be the id of a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnfitId {
    /// Its text cannot travel in a header.
    #[error(transparent)]
    Text(#[from] InvalidEntityId),
    /// It has no one text that names a record.
    #[error("an entity id is a text, an integer or a boolean, but this is {found}")]
    NoText {
        /// What it is instead.
        found: &'static str,
    },
    /// Its own `Serialize` failed.
    #[error("the entity id cannot be written as JSON: {message}")]
    Serialize {
        /// Its error.
        message: String,
    },
}
