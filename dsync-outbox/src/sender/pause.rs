//! Whether the queue is paused, because the key or the way is refused.

use std::time::Duration;

/// A pause, or none.
#[derive(Debug)]
pub(super) struct Pause {
    key_check: Duration,
    probe: Duration,
    now: Option<Now>,
    /// How often it was resumed. An attempt that began before that knows nothing of what came after.
    resumed: u64,
}

/// A pause that is on.
#[derive(Debug)]
struct Now {
    /// Nothing while it is not about the key.
    key_check_at: Option<Duration>,
    probe_at: Duration,
    is_probing: bool,
}

impl Pause {
    pub(super) fn new(key_check: Duration, probe: Duration) -> Self {
        Self {
            key_check,
            probe,
            now: None,
            resumed: 0,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.now.is_some()
    }

    pub(super) fn resumed(&self) -> u64 {
        self.resumed
    }

    /// The way, or the key, is refused to an attempt that began after so many times of resuming. Gives whether
    /// that begins a pause. Only one for the key's sake ends by another key: there is one for ever, once it was
    /// replaced.
    pub(super) fn begin(&mut self, resumed: u64, is_key: bool, now: Duration) -> bool {
        if resumed != self.resumed {
            return false;
        }
        let begins = self.now.is_none();
        if let Some(own) = &mut self.now {
            own.key_check_at = own.key_check_at.or(is_key.then_some(now));
        } else {
            self.now = Some(Now {
                key_check_at: is_key.then_some(now),
                probe_at: now.saturating_add(self.probe),
                is_probing: false,
            });
        }
        begins
    }

    /// Gives whether there was a pause.
    pub(super) fn end(&mut self) -> bool {
        self.resumed += 1;
        self.now.take().is_some()
    }

    pub(super) fn may_probe(&self, now: Duration) -> bool {
        self.probe_at().is_some_and(|at| at <= now)
    }

    /// When the next probe begins, if none is under way.
    pub(super) fn probe_at(&self) -> Option<Duration> {
        let now = self.now.as_ref().filter(|now| !now.is_probing)?;
        Some(now.probe_at)
    }

    /// Gives whether the attempt that begins is a probe.
    pub(super) fn begin_probe(&mut self) -> bool {
        self.now.as_mut().is_some_and(|now| {
            now.is_probing = true;
            true
        })
    }

    /// A probe of the pause after so many times of resuming did not end it.
    pub(super) fn probe_failed(&mut self, resumed: u64, now: Duration) {
        let (probe, is_this) = (self.probe, resumed == self.resumed);
        if let Some(own) = self.now.as_mut().filter(|_| is_this) {
            own.is_probing = false;
            own.probe_at = now.saturating_add(probe);
        }
    }

    pub(super) fn key_check_at(&self) -> Option<Duration> {
        self.now.as_ref()?.key_check_at
    }

    pub(super) fn key_checked(&mut self, now: Duration) {
        let next = now.saturating_add(self.key_check);
        if let Some(own) = self.now.as_mut() {
            own.key_check_at = Some(next);
        }
    }
}
