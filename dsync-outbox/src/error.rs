//! What is wrong with a store.

use std::error::Error;
use std::sync::Arc;

/// The store cannot do what it should. The message says what to do about it.
///
/// Clones share their cause, because one failed commit fails many calls.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What kind of a fault a store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// There is no space left. It goes on when there is some.
    Full,
    /// The file, or its folder, may not be written.
    ReadOnly,
    /// Somebody else has kept it locked for seconds.
    Busy,
    /// What is stored cannot be read. Nothing is begun anew.
    Damaged,
    /// The disk did not confirm what was written. Nothing is accepted any more: what is written later
    /// could not be trusted either.
    NotSynced,
    /// It was written by a later version of this library.
    Newer,
    /// Another sender has the lease.
    Leased,
    /// The call cannot be carried out as things stand: the message says why.
    Refused,
    /// Anything else.
    Other,
}

impl StoreError {
    /// An error that says what cannot be done, and what may help.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Arc::new(source)),
            ..self
        }
    }

    /// What kind of a fault it is.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the store is given up: no later call succeeds either, before the program is restarted.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::Damaged | StoreErrorKind::NotSynced | StoreErrorKind::Newer
        )
    }
}
