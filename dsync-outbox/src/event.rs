//! What happens in an outbox, for whoever wants to know it at once.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver};

use crate::{ChangeId, Failure, StoreError};

/// Something that has happened, in this program: another one that sends from the same outbox has events
/// of its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The platform has accepted a change.
    Delivered {
        /// The change.
        id: ChangeId,
        /// The name under which the platform reports on it, if it gave one.
        process_id: Option<String>,
    },
    /// A change was put in that says all that an earlier one said.
    Superseded {
        /// The earlier one.
        id: ChangeId,
        /// The later one.
        by: ChangeId,
    },
    /// An attempt was not accepted, and there will be another one.
    Retrying {
        /// The change.
        id: ChangeId,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// How long from now on at least.
        pause: Duration,
        /// Why.
        failure: Failure,
    },
    /// A change was refused for good: it is a dead letter.
    Dead {
        /// The change.
        id: ChangeId,
        /// Whether later changes of the record wait until something is done about it.
        holds: bool,
        /// Why.
        failure: Failure,
    },
    /// Nothing is sent for a while, because the platform asked for it, cannot be reached or is in trouble, or
    /// because there is no API key.
    Waiting {
        /// How long from now on at least.
        pause: Duration,
        /// Why.
        failure: Failure,
    },
    /// Nothing is sent until the API key changes, or the way to the platform: it refuses whatever comes.
    Paused {
        /// Why.
        failure: Failure,
    },
    /// It is sent again after a pause.
    Resumed,
    /// The store cannot be used. If the error is [final](StoreError::is_final), or of the kind
    /// [`Refused`](crate::StoreErrorKind::Refused), the sender has ended.
    StoreFailed {
        /// Why.
        error: StoreError,
    },
    /// So many events came so fast that this many of them were not kept for this reader.
    Missed {
        /// How many.
        count: u64,
    },
}

/// The events of an outbox, from the moment on when this was made.
///
/// It keeps the last 1,024 events that were not read yet.
#[derive(Debug)]
pub struct Events(Receiver<Event>);

impl Events {
    /// How many events a reader may be behind.
    const KEPT: usize = 1024;

    pub(crate) fn channel() -> broadcast::Sender<Event> {
        broadcast::Sender::new(Self::KEPT)
    }

    pub(crate) fn of(channel: &broadcast::Sender<Event>) -> Self {
        Self(channel.subscribe())
    }

    /// The next event; nothing when the outbox is closed.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(count)) => Some(Event::Missed { count }),
            Err(RecvError::Closed) => None,
        }
    }
}
