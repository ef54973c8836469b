//! Why a change is not in the outbox, and what is wrong with a store.

use std::error::Error;
use std::sync::Arc;

use dsync_core::wire::RecordError;
use dsync_core::{ChangeError, InvalidEntityId};
use dsync_sqlite::{FileError, FileErrorKind};

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
    /// Somebody else has kept it locked for seconds, or a transaction that began by reading came too late.
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

    /// What is wrong with the file of a store.
    pub(crate) fn of_file(error: FileError) -> Self {
        let kind = match error.kind() {
            FileErrorKind::Full => StoreErrorKind::Full,
            FileErrorKind::ReadOnly => StoreErrorKind::ReadOnly,
            FileErrorKind::Busy => StoreErrorKind::Busy,
            FileErrorKind::Damaged => StoreErrorKind::Damaged,
            FileErrorKind::NotSynced => StoreErrorKind::NotSynced,
            FileErrorKind::Newer => StoreErrorKind::Newer,
            FileErrorKind::Refused => StoreErrorKind::Refused,
            FileErrorKind::Other => StoreErrorKind::Other,
        };
        Self {
            kind,
            message: error.to_string(),
            source: error.cause(),
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

/// Why a change is not in the outbox.
///
/// # Examples
///
/// ```
/// # use dsync_outbox::{OutboxError, StoreErrorKind};
/// fn advice(error: &OutboxError) -> &'static str {
///     match error {
///         OutboxError::Store(error) if error.kind() == StoreErrorKind::Full => "free some space",
///         OutboxError::Store(error) if error.is_final() => "look at the disk, then restart",
///         OutboxError::Change(_) => "the record cannot travel: mend it",
///         _ => "see the message",
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The change cannot be put together: it is the same however often it is tried.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The entity is switched off: it has no job, so nobody wants its changes. Only an outbox that is told
    /// to [refuse](crate::OutboxBuilder::refuse_switched_off) gives it.
    #[error(
        "the entity {entity:?} is switched off: link it with a job on the platform's canvas, or let the outbox keep its changes all the same"
    )]
    SwitchedOff {
        /// The entity's name.
        entity: &'static str,
    },
    /// The store did not take it, and the change is not there; only after
    /// [`NotSynced`](StoreErrorKind::NotSynced) it may be there or not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<InvalidEntityId> for OutboxError {
    fn from(error: InvalidEntityId) -> Self {
        Self::Change(error.into())
    }
}

impl From<RecordError> for OutboxError {
    fn from(error: RecordError) -> Self {
        Self::Change(error.into())
    }
}
