//! What a sender is told from outside, and what can be seen of it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Shared by a sender's handle and its loop. Each ring is kept until somebody listens.
#[derive(Debug, Default)]
pub(super) struct Control {
    pub(super) stop: Notify,
    pub(super) resume: Notify,
    is_paused: AtomicBool,
}

impl Control {
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Acquire)
    }

    pub(super) fn set_paused(&self, is_paused: bool) {
        self.is_paused.store(is_paused, Ordering::Release);
    }
}
