//! A record as the bytes that travel.

use bytes::Bytes;
use serde::Serialize;

use super::numbers::{self, NumberProblem};
use super::request::parse_object;

/// Writes a record as JSON, once; these bytes are what is sent and kept.
///
/// # Errors
///
/// [`RecordError`], before anything is sent: a float that is not finite or an integer beyond 64
/// bits, with the place where it stands; a value that is no JSON object; an error of the record's
/// own `Serialize`.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
///
/// use dsync_core::wire::encode_record;
///
/// let record = BTreeMap::from([("price", 0.1_f32)]);
/// assert_eq!(encode_record(&record)?, r#"{"price":0.1}"#);
///
/// let record = BTreeMap::from([("price", f32::NAN)]);
/// assert_eq!(encode_record(&record).unwrap_err().to_string(), "price is NaN, and JSON has no such number");
/// # Ok::<(), dsync_core::wire::RecordError>(())
/// ```
pub fn encode_record<T: Serialize + ?Sized>(record: &T) -> Result<Bytes, RecordError> {
    // serde_json writes NaN as null, which would look like an absent value.
    numbers::check(record)?;
    let json = serde_json::to_vec(record).map_err(|source| RecordError::Serialize {
        message: source.to_string(),
    })?;
    // Compact JSON has no blank in front.
    if json.first() == Some(&b'{') {
        Ok(Bytes::from(json))
    } else {
        Err(RecordError::NotAnObject)
    }
}

/// Checks that bytes which were written elsewhere are one JSON object. They are not changed.
///
/// # Errors
///
/// [`RecordError::NotJson`] if they are not.
pub fn check_object(json: &[u8]) -> Result<(), RecordError> {
    parse_object(json)
        .map(drop)
        .map_err(|refusal| RecordError::NotJson {
            message: refusal.to_string(),
        })
}

/// A record that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A number that JSON, or a reader of it, cannot hold.
    #[error("{}{problem}", place(.path))]
    Number {
        /// Where it stands in the record, in dots.
        path: String,
        /// What is wrong with it.
        problem: NumberProblem,
    },
    /// The record is JSON, but no object.
    #[error(
        "the record does not serialize as a JSON object: a record is a struct with named fields"
    )]
    NotAnObject,
    /// Raw bytes that are no JSON object.
    #[error("{message}")]
    NotJson {
        /// What is wrong with them.
        message: String,
    },
    /// The record's own `Serialize` failed.
    #[error("the record cannot be written as JSON: {message}")]
    Serialize {
        /// Its error.
        message: String,
    },
}

fn place(path: &str) -> String {
    if path.is_empty() {
        "the record ".to_owned()
    } else {
        format!("{path} ")
    }
}
