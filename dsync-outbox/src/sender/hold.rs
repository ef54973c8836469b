//! How long the host is left alone.

use std::time::Duration;

use dsync_core::TransportErrorKind;
use dsync_core::retry::{Attempt, Decision, Outcome, RetryPolicy};
use dsync_core::wire::Operation;

use super::course::Moment;

/// Pauses of a host that cannot be reached.
const BACKOFF: RetryPolicy = RetryPolicy::new()
    .with_max_attempts(u32::MAX)
    .with_deadline(Duration::MAX)
    .with_backoff(Duration::from_millis(200), Duration::from_secs(10));

/// Until when nothing is sent.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// The platform has asked for it.
    asked: Duration,
    /// It cannot be reached, or is in trouble.
    backing_off: Duration,
    /// How many pauses there were in a row.
    rounds: u32,
    /// How many pauses there ever were.
    count: u64,
}

impl Hold {
    pub(super) fn is_on(&self, now: Duration) -> bool {
        now < self.until()
    }

    pub(super) fn until(&self) -> Duration {
        self.asked.max(self.backing_off)
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The platform asks for a pause.
    pub(super) fn ask(&mut self, until: Duration) {
        self.asked = self.asked.max(until);
    }

    /// An attempt failed that began when there had been so many pauses. Of many attempts that fail
    /// together one makes a pause: the others say nothing new.
    pub(super) fn back_off(&mut self, began_at: u64, now: Moment) {
        if began_at != self.count {
            return;
        }
        self.count += 1;
        self.rounds = self.rounds.saturating_add(1);
        let decision = BACKOFF.decide(&Attempt {
            operation: Operation::Update,
            number: self.rounds.min(u32::MAX - 1),
            elapsed: Duration::ZERO,
            outcome: Outcome::NoAnswer(TransportErrorKind::Connect),
            now: now.date,
            random: now.random,
        });
        if let Decision::Wait { pause, .. } = decision {
            self.backing_off = now.elapsed.saturating_add(pause);
        }
    }

    /// The platform is there. What it has asked for stands.
    pub(super) fn end_backing_off(&mut self) {
        self.backing_off = Duration::ZERO;
        self.rounds = 0;
    }

    /// It is tried all the same.
    pub(super) fn end(&mut self) {
        self.asked = Duration::ZERO;
        self.backing_off = Duration::ZERO;
    }
}
