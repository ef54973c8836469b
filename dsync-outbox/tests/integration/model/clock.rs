//! The program's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use dsync_core::{Clock, Sleeping};
use tokio::time::Instant;

/// A clock that ticks every [`TICK`](Self::TICK) only. Jitter is shorter, so what has waited for it goes on
/// with the next tick, and a schedule is the same each time, although the sender's jitter is not.
///
/// Its date is the date and time in a schedule, and can be set.
#[derive(Clone, Debug)]
pub(crate) struct Ticks {
    origin: Instant,
    date: SystemTime,
    set_by: Arc<AtomicI64>,
}

impl Ticks {
    pub(crate) const TICK: Duration = Duration::from_secs(16);

    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            date: SystemTime::now(),
            set_by: Arc::new(AtomicI64::new(0)),
        }
    }

    /// Sets the date, by so many seconds from what it is really.
    pub(crate) fn set(&self, seconds: i64) {
        self.set_by.store(seconds, Ordering::Relaxed);
    }

    /// The tick at a time or after it.
    pub(crate) fn tick_after(time: Duration) -> Duration {
        let ticks = time.as_nanos().div_ceil(Self::TICK.as_nanos());
        Self::TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
    }
}

impl Clock for Ticks {
    fn elapsed(&self) -> Duration {
        let passed = self.origin.elapsed().as_nanos() / Self::TICK.as_nanos();
        Self::TICK * u32::try_from(passed).unwrap_or(u32::MAX)
    }

    fn now(&self) -> SystemTime {
        let date = self.date + self.origin.elapsed();
        let set_by = self.set_by.load(Ordering::Relaxed);
        let by = Duration::from_secs(set_by.unsigned_abs());
        if set_by < 0 { date - by } else { date + by }
    }

    fn sleep(&self, pause: Duration) -> Sleeping<'_> {
        let until = Self::tick_after(self.elapsed() + pause);
        Box::pin(tokio::time::sleep_until(self.origin + until))
    }
}
