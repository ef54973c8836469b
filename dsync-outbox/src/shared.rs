//! What the handles of an outbox and its sender have in common.

use std::sync::Arc;

use tokio::sync::{Notify, broadcast};

use crate::{Event, Events, OutboxStore};

/// One outbox in this program.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn OutboxStore>,
    /// Rings when there may be something to send. One ring is kept where nobody listens.
    pub(crate) work: Notify,
    /// Rings for all who wait for changes to end.
    pub(crate) ended: Notify,
    events: broadcast::Sender<Event>,
}

impl Shared {
    pub(crate) fn new(store: Arc<dyn OutboxStore>) -> Self {
        Self {
            store,
            work: Notify::new(),
            ended: Notify::new(),
            events: Events::channel(),
        }
    }

    pub(crate) fn events(&self) -> Events {
        Events::of(&self.events)
    }

    pub(crate) fn tell(&self, event: Event) {
        // An error says that nobody listens.
        let _ = self.events.send(event);
    }
}
