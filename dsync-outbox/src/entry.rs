//! What can be seen of an outbox.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use dsync_core::wire::Operation;
use dsync_core::{EntityId, EntityToken, IdempotencyKey};

use crate::ChangeId;

/// A change in an outbox, as it can be seen.
///
/// `Debug` leaves out the record.
#[derive(Clone)]
#[non_exhaustive]
pub struct Entry {
    /// Its number.
    pub id: ChangeId,
    /// How it stands.
    pub state: State,
    /// What happened to the record.
    pub operation: Operation,
    /// Which entity the record belongs to.
    pub entity_token: EntityToken,
    /// The record whose changes stay in order: its primary key. Nothing where it has none.
    pub record: Option<EntityId>,
    /// What names the change on every attempt.
    pub idempotency_key: IdempotencyKey,
    /// When it was put in.
    pub enqueued: SystemTime,
    /// How many attempts have begun. When a dead letter is retried, those before count as one.
    pub attempts: u32,
    /// Why the last attempt that has ended was not accepted.
    pub failure: Option<Failure>,
    /// When it ended, where it has.
    pub ended: Option<SystemTime>,
    /// The record's JSON; empty for a delete. Nothing in a list, nor when it was delivered, superseded or
    /// dropped.
    pub body: Option<Bytes>,
}

impl Entry {
    /// A change that is pending, and was never attempted: for a store.
    #[must_use]
    pub fn new(
        id: ChangeId,
        operation: Operation,
        entity_token: EntityToken,
        record: Option<EntityId>,
        idempotency_key: IdempotencyKey,
        enqueued: SystemTime,
    ) -> Self {
        Self {
            id,
            state: State::Pending,
            operation,
            entity_token,
            record,
            idempotency_key,
            enqueued,
            attempts: 0,
            failure: None,
            ended: None,
            body: None,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("operation", &self.operation)
            .field("entity_token", &self.entity_token)
            .field("record", &self.record)
            .field("attempts", &self.attempts)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// How it stands with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It will be sent, or is being sent.
    Pending,
    /// It will be sent, but not before the dead letter of the same record that it follows is retried,
    /// dropped or passed.
    Held {
        /// The dead letter.
        by: ChangeId,
    },
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
    /// It was refused for good. It stays until somebody retries, mends or drops it.
    Dead {
        /// Whether later changes of the record wait for that.
        holds: bool,
    },
    /// It was dead, and somebody dropped it.
    Dropped,
}

impl State {
    /// Whether nothing will happen to it by itself.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        !matches!(self, Self::Pending | Self::Held { .. })
    }
}

/// Why an attempt was not accepted.
///
/// # Examples
///
/// ```
/// use dsync_outbox::Failure;
///
/// let failure = Failure::new("product.price is required").with_answer(400, None);
/// assert_eq!(failure.to_string(), "product.price is required (status 400)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The status, where an answer came. A 2xx is that of an answer that was none of DSYNC's.
    pub status: Option<u16>,
    /// The reason, for people: the platform's own words where an answer came.
    pub message: String,
    /// The answer's `detail`, as it came: JSON. A hub names the record's faults in it.
    pub detail: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{} (status {status})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Failure {
    /// A failure without an answer.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            status: None,
            message: message.into(),
            detail: None,
        }
    }

    /// Adds what the platform answered.
    #[must_use]
    pub fn with_answer(self, status: u16, detail: Option<String>) -> Self {
        Self {
            status: Some(status),
            detail,
            ..self
        }
    }
}

/// How many changes stand how in an outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Pending ones, held ones among them.
    pub pending: u64,
    /// Dead letters.
    pub dead: u64,
    /// Pending ones that wait behind a dead letter.
    pub held: u64,
    /// When the oldest pending one was put in.
    pub oldest: Option<SystemTime>,
}

/// Which changes a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// Pending ones, held ones among them, and dead letters.
    #[default]
    Open,
    /// Pending ones, held ones among them.
    Pending,
    /// Dead letters.
    Dead,
    /// Those that have ended well or were dropped, as long as they are remembered.
    Ended,
}
