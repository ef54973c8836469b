//! A clock that a test moves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::clock::{Clock, Sleeping};

/// A clock on which time passes only when somebody sleeps, and then at once.
///
/// Clones are handles of the same clock. It begins at the epoch of Unix. What is given a time limit by
/// a sleep on it has to be ready at once: a provider of API keys, for instance.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use dsync_core::Clock;
/// use dsync_core::testing::FakeClock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let clock = FakeClock::new();
/// clock.sleep(Duration::from_secs(60)).await; // at once
/// assert_eq!(clock.elapsed(), Duration::from_secs(60));
/// assert_eq!(clock.sleeps(), [Duration::from_secs(60)]);
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct FakeClock {
    time: Arc<Mutex<Time>>,
}

#[derive(Debug, Default)]
struct Time {
    elapsed: Duration,
    sleeps: Vec<Duration>,
}

impl FakeClock {
    /// A clock at its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets time pass without anybody sleeping.
    pub fn advance(&self, time: Duration) {
        self.with(|own| own.elapsed += time);
    }

    /// How long was slept, each time.
    #[must_use]
    pub fn sleeps(&self) -> Vec<Duration> {
        self.with(|time| time.sleeps.clone())
    }

    fn with<R>(&self, act: impl FnOnce(&mut Time) -> R) -> R {
        act(&mut self.time.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clock for FakeClock {
    fn elapsed(&self) -> Duration {
        self.with(|time| time.elapsed)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.elapsed()
    }

    fn sleep(&self, pause: Duration) -> Sleeping<'_> {
        Box::pin(async move {
            self.with(|time| {
                time.elapsed += pause;
                time.sleeps.push(pause);
            });
        })
    }
}
