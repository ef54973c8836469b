//! What becomes of a change that is kept.

use crate::{Added, ChangeId, Failure};

/// A change that is on stable storage, or that needs not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued(Option<Added>);

impl Enqueued {
    pub(crate) fn new(added: Added) -> Self {
        Self(Some(added))
    }

    /// For a change that the platform knows, because it came from there.
    pub(crate) fn echo() -> Self {
        Self(None)
    }

    /// The change's number; nothing for an [echo](Self::is_echo).
    #[must_use]
    pub fn id(&self) -> Option<ChangeId> {
        self.0.map(|added| added.id)
    }

    /// The earlier change of the same record that need not be sent any more.
    #[must_use]
    pub fn superseded(&self) -> Option<ChangeId> {
        self.0.and_then(|added| added.superseded)
    }

    /// Whether there is nothing to send: the change takes back a create that was not sent, and the program
    /// says that [nobody else publishes](crate::OutboxBuilder::sole_publisher) the record.
    #[must_use]
    pub fn needs_no_sending(&self) -> bool {
        self.0.is_some_and(|added| added.needs_no_sending)
    }

    /// Whether the change was not kept, because it came from the platform.
    #[must_use]
    pub fn is_echo(&self) -> bool {
        self.0.is_none()
    }
}

/// How a change has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The platform has accepted it.
    Delivered {
        /// The name under which the platform reports on it, if it gave one.
        process_id: Option<String>,
    },
    /// A later change of the same record says all that it said.
    Superseded {
        /// The later change.
        by: ChangeId,
    },
    /// It was refused for good, and is a dead letter.
    Dead {
        /// Whether later changes of the record wait until something is done about it.
        holds: bool,
        /// Why.
        failure: Option<Failure>,
    },
    /// It was dead, and somebody dropped it.
    Dropped,
    /// There is none of this number, or it ended so long ago that it is forgotten.
    Unknown,
}

/// What a [flush](crate::Outbox::flush) has achieved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flushed {
    /// How many of the changes that were pending at its beginning have been delivered since, or superseded
    /// by later ones.
    pub delivered: u64,
    /// How many of them are still pending, held ones among them.
    pub pending: u64,
    /// How many dead letters there are.
    pub dead: u64,
}
