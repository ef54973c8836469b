//! What is to be done, and when. Neither a clock nor a lock is here.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Numbers of things that wait for a moment of a clock that never goes back.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    by_moment: BTreeSet<(Duration, u64)>,
    by_number: HashMap<u64, Duration>,
}

impl Schedule {
    pub(crate) fn insert(&mut self, number: u64, moment: Duration) {
        self.remove(number);
        self.by_moment.insert((moment, number));
        self.by_number.insert(number, moment);
    }

    pub(crate) fn remove(&mut self, number: u64) {
        if let Some(moment) = self.by_number.remove(&number) {
            self.by_moment.remove(&(moment, number));
        }
    }

    /// Takes those whose moment has come, the longest due first.
    pub(crate) fn take_due(&mut self, now: Duration, most: usize) -> Vec<u64> {
        let mut due = Vec::new();
        while due.len() < most
            && let Some(&(moment, number)) = self.by_moment.first()
            && moment <= now
        {
            self.remove(number);
            due.push(number);
        }
        due
    }

    /// How long until the next moment.
    pub(crate) fn pause(&self, now: Duration) -> Option<Duration> {
        let (moment, _) = self.by_moment.first()?;
        Some(moment.saturating_sub(now))
    }
}
