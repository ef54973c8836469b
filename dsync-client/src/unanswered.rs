//! Attempts that no answer came to.

use std::error::Error as StdError;
use std::fmt;

use dsync_core::{TransportError, TransportErrorKind};

use crate::ending::Ending;

/// No answer came. [`Error`](crate::Error) has its accessors.
#[derive(Debug)]
pub struct Unanswered {
    pub(crate) error: TransportError,
    pub(crate) ending: Ending,
}

impl Unanswered {
    /// How the last attempt failed.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.error.kind()
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.error, self.ending)
    }
}

impl StdError for Unanswered {
    /// The cause behind what the message says already.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}
