//! The seam between decisions about time and time itself.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

/// What [`Clock::sleep`] gives: nothing, when the time has passed.
pub type Sleeping<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Tells the time and lets it pass.
///
/// The client has one on its runtime; in a test, [`FakeClock`](crate::testing::FakeClock) lets a
/// minute pass in no time.
pub trait Clock: Send + Sync {
    /// The time since some moment that stays the same. It never goes back.
    fn elapsed(&self) -> Duration;

    /// The date and time, as the system has it.
    fn now(&self) -> SystemTime;

    /// Waits.
    fn sleep(&self, pause: Duration) -> Sleeping<'_>;
}
