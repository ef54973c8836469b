//! Time as the runtime has it.

use std::time::{Duration, SystemTime};

use dsync_core::{Clock, Sleeping};
use tokio::time::Instant;

/// Counts from its making. It is Tokio's, so a test that pauses Tokio's time pauses this one too.
#[derive(Debug)]
pub(super) struct TokioClock(Instant);

impl TokioClock {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, pause: Duration) -> Sleeping<'_> {
        Box::pin(tokio::time::sleep(pause))
    }
}
