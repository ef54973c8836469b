//! The eleven types that a field of a data layout can have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::suggest::did_you_mean;

/// What kind of value a field holds.
///
/// Source: the `type` key of the Python and PHP SDKs' fields, which define all eleven (PROTOCOL
/// section 3, a fact). Every number is `number`, whatever its width.
///
/// What the texts of a `url`, `email`, `date`, `time` or `datetime` look like is not written down
/// anywhere, so validation takes any text for them.
///
/// # Examples
///
/// ```
/// use dsync_core::FieldType;
///
/// assert_eq!(FieldType::Email.as_str(), "email");
/// assert_eq!("datetime".parse(), Ok(FieldType::Datetime));
/// let error = "emial".parse::<FieldType>().unwrap_err();
/// assert!(error.to_string().contains("did you mean `email`?"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// A text of any length.
    Text,
    /// A number: an integer or a decimal fraction.
    Number,
    /// A text that holds a web address.
    Url,
    /// A text that holds an e-mail address.
    Email,
    /// A date, or a date with a time of day where the field has a date format that says so.
    Date,
    /// A time of day.
    Time,
    /// A date with a time of day.
    Datetime,
    /// True or false.
    Boolean,
    /// Fields of its own: the only type whose field has children.
    Object,
    /// A formula. What it looks like in a record is unknown.
    Math,
    /// Anything else. What it looks like in a record is unknown.
    Custom,
}

impl FieldType {
    /// All eleven, in the order in which the SDKs list them.
    pub const ALL: [Self; 11] = [
        Self::Text,
        Self::Number,
        Self::Url,
        Self::Email,
        Self::Date,
        Self::Time,
        Self::Datetime,
        Self::Boolean,
        Self::Object,
        Self::Math,
        Self::Custom,
    ];

    /// The word that stands for this type in a data layout's JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Url => "url",
            Self::Email => "email",
            Self::Date => "date",
            Self::Time => "time",
            Self::Datetime => "datetime",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Math => "math",
            Self::Custom => "custom",
        }
    }

    /// Whether a date format may stand on a field of this type.
    pub(crate) const fn takes_date_format(self) -> bool {
        matches!(self, Self::Date | Self::Time | Self::Datetime)
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no field type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{word}` is no field type{}; the types are text, number, url, email, date, time, datetime, boolean, object, math and custom",
    did_you_mean(.word, FieldType::ALL.map(FieldType::as_str))
)]
pub struct UnknownFieldType {
    word: String,
}

impl UnknownFieldType {
    pub(crate) fn word(&self) -> &str {
        &self.word
    }
}

impl FromStr for FieldType {
    type Err = UnknownFieldType;

    fn from_str(word: &str) -> Result<Self, UnknownFieldType> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == word)
            .ok_or_else(|| UnknownFieldType {
                word: word.to_owned(),
            })
    }
}

impl Serialize for FieldType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for FieldType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
