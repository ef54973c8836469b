//! The number of a change in its outbox.

use std::fmt::{self, Display};
use std::str::FromStr;

/// Names a change in its outbox, for as long as the outbox exists: no number comes twice. A later change
/// has a larger one.
///
/// It is 1 to 2^63 - 1, and says nothing outside of its outbox; the platform knows a change by its
/// [`IdempotencyKey`](dsync_core::IdempotencyKey).
///
/// # Examples
///
/// ```
/// use dsync_outbox::ChangeId;
///
/// let id: ChangeId = "17".parse()?;
/// assert_eq!((id.to_string(), id.number()), ("17".to_owned(), 17));
/// # Ok::<(), dsync_outbox::InvalidChangeId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId(i64);

impl ChangeId {
    /// The id with a number, for a store; nothing where that is zero or less.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        if number > 0 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ChangeId {
    type Err = InvalidChangeId;

    fn from_str(text: &str) -> Result<Self, InvalidChangeId> {
        text.parse().ok().and_then(Self::new).ok_or(InvalidChangeId)
    }
}

/// A text that is no number of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the number of a change is a whole number from 1, as `list` shows it")]
pub struct InvalidChangeId;
