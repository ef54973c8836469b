//! The name of a process: one change on its way.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderValue;

use crate::entity::header_text;
use crate::shown::cut;

/// Names a process: one change on its way (PROTOCOL section 1).
///
/// The platform gives it, and nothing says what it looks like; so it is any text that can travel in the
/// header `Process-Id`: 1 to 255 bytes, no blank at either end, no control character.
///
/// Clones share their text.
///
/// # Examples
///
/// ```
/// use dsync_core::ProcessId;
///
/// let process_id: ProcessId = "8f2c-1".parse()?;
/// assert_eq!(process_id.as_str(), "8f2c-1");
/// assert!(ProcessId::new("").is_err());
/// # Ok::<(), dsync_core::InvalidProcessId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(Arc<str>);

impl ProcessId {
    /// A process id from its text.
    ///
    /// # Errors
    ///
    /// [`InvalidProcessId`] if the text is empty, longer than 255 bytes, begins or ends with a blank,
    /// or has a control character.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidProcessId> {
        const LONGEST: usize = 255;

        let text = text.as_ref();
        let is_id = (1..=LONGEST).contains(&text.len())
            && text.trim() == text
            && !text.contains(char::is_control);
        if is_id {
            Ok(Self(text.into()))
        } else {
            let text = text.to_owned();
            Err(InvalidProcessId { text })
        }
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_bytes(self.0.as_bytes())
            .expect("a process id has no control characters, and no other byte is illegal")
    }

    pub(crate) fn from_header(value: &HeaderValue) -> Result<Self, InvalidProcessId> {
        Self::new(header_text(value))
    }
}

impl Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProcessId {
    type Err = InvalidProcessId;

    fn from_str(text: &str) -> Result<Self, InvalidProcessId> {
        Self::new(text)
    }
}

/// A text that cannot be a process id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{:?} is no process id: it needs 1 to 255 bytes, no blank at an end and no control character",
    cut(.text)
)]
pub struct InvalidProcessId {
    text: String,
}
