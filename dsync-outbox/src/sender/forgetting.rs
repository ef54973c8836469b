//! Forgetting what has ended long ago, now and then and in small steps.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use crate::{OutboxStore, StoreError};

/// Whoever waits for a change looks several times a second, so after this time all have seen its end.
const LEAST: Duration = Duration::from_secs(60);

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(60);

/// Between two steps of a round, so that others come in between.
const STEP: Duration = Duration::from_millis(50);

/// How many in a step.
const AT_ONCE: usize = 500;

type Step = Pin<Box<dyn Future<Output = Result<u64, StoreError>> + Send>>;

/// When something is forgotten, and the step that is under way.
pub(super) struct Forgetting {
    remember: Duration,
    at: Duration,
    /// The time that the next step is reckoned from.
    now: Duration,
    step: Option<Step>,
}

impl Forgetting {
    pub(super) fn new(remember: Duration) -> Self {
        Self {
            remember: remember.max(LEAST),
            at: Duration::ZERO,
            now: Duration::ZERO,
            step: None,
        }
    }

    /// When the next step begins, if none is under way.
    pub(super) fn at(&self) -> Option<Duration> {
        self.step.is_none().then_some(self.at)
    }

    /// Begins a step, if it is time.
    pub(super) fn begin(&mut self, store: &Arc<dyn OutboxStore>, now: Duration, date: SystemTime) {
        self.now = now;
        if self.at().is_none_or(|at| now < at) {
            return;
        }
        let Some(before) = date.checked_sub(self.remember) else {
            self.at = now.saturating_add(EVERY);
            return;
        };
        let store = Arc::clone(store);
        self.step = Some(Box::pin(async move { store.forget(before, AT_ONCE).await }));
    }

    /// Gives whether a step has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(Poll::Ready(forgotten)) = self.step.as_mut().map(|step| step.as_mut().poll(cx))
        else {
            return false;
        };
        self.step = None;
        let pause = match forgotten {
            Ok(count) if count >= AT_ONCE as u64 => STEP,
            Ok(_) => EVERY,
            Err(error) => {
                // Nothing is lost by it, and whoever sends meets the fault too.
                tracing::debug!(%error, "changes that have ended cannot be forgotten");
                EVERY
            }
        };
        self.at = self.now.saturating_add(pause);
        true
    }
}
