//! A store that does not do what it should, and may do so again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// Calls that failed, one after the other.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    failures: u32,
    until: Duration,
}

impl Trouble {
    /// Another call has failed.
    pub(super) fn again(&mut self, now: Duration) {
        let factor = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.until = now.saturating_add(FIRST.saturating_mul(factor).min(LONGEST));
    }

    /// Before that nothing is asked of the store.
    pub(super) fn until(&self) -> Duration {
        self.until
    }

    /// Whether it has lasted for some seconds.
    pub(super) fn is_long(&self) -> bool {
        self.failures > 4
    }
}
