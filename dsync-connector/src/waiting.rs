//! Which promised changes wait, and which may be tried now. Neither a store nor a clock is here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use crate::inbox::Promised;

/// The promises that are not settled.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    promises: BTreeMap<u64, Entry>,
    /// The promises in each lane, in their order. The first of a lane goes first.
    lanes: HashMap<String, BTreeSet<u64>>,
}

#[derive(Debug)]
struct Entry {
    lanes: Vec<String>,
    next: SystemTime,
    is_running: bool,
}

impl Waiting {
    pub(crate) fn new(promises: Vec<Promised>) -> Self {
        let waiting = Self::default();
        for promised in promises {
            waiting.add(promised.number, promised.lanes, promised.next);
        }
        waiting
    }

    pub(crate) fn add(&self, number: u64, lanes: Vec<String>, next: SystemTime) {
        let mut inner = self.inner();
        for lane in &lanes {
            inner.lanes.entry(lane.clone()).or_default().insert(number);
        }
        inner.promises.insert(
            number,
            Entry {
                lanes,
                next,
                is_running: false,
            },
        );
        drop(inner);
        self.changed.notify_one();
    }

    /// Whether a change in these lanes has to wait for one that came before it.
    pub(crate) fn is_ahead_of(&self, lanes: &[String]) -> bool {
        let inner = self.inner();
        lanes.iter().any(|lane| inner.lanes.contains_key(lane))
    }

    /// Takes those that may be tried now; of the others, how long the first has to wait. Each that is
    /// taken has to be put back, or removed.
    pub(crate) fn take_due(&self, now: SystemTime, most: usize) -> (Vec<u64>, Option<Duration>) {
        let mut inner = self.inner();
        let Inner { promises, lanes } = &mut *inner;
        let mut due = Vec::new();
        let mut soonest: Option<Duration> = None;
        for (number, entry) in promises {
            let is_first =
                |lane: &String| lanes.get(lane).and_then(BTreeSet::first) == Some(number);
            if entry.is_running || !entry.lanes.iter().all(is_first) {
                continue;
            }
            let pause = entry.next.duration_since(now).unwrap_or_default();
            if pause.is_zero() && due.len() < most {
                entry.is_running = true;
                due.push(*number);
            } else {
                soonest = Some(soonest.map_or(pause, |soonest| soonest.min(pause)));
            }
        }
        (due, soonest)
    }

    pub(crate) fn put_back(&self, number: u64, next: SystemTime) {
        if let Some(entry) = self.inner().promises.get_mut(&number) {
            entry.next = next;
            entry.is_running = false;
        }
        self.changed.notify_one();
    }

    pub(crate) fn remove(&self, number: u64) {
        let mut inner = self.inner();
        if let Some(entry) = inner.promises.remove(&number) {
            for lane in &entry.lanes {
                if let Some(numbers) = inner.lanes.get_mut(lane) {
                    numbers.remove(&number);
                    if numbers.is_empty() {
                        inner.lanes.remove(lane);
                    }
                }
            }
        }
        drop(inner);
        self.changed.notify_one();
    }

    pub(crate) fn len(&self) -> usize {
        self.inner().promises.len()
    }

    /// Waits until something may be different.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Each method is a few calls on maps that cannot fail.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn lanes(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_first_of_a_record_goes_first_and_others_do_not_wait_for_it() {
        let waiting = Waiting::default();
        waiting.add(1, lanes(&["a"]), at(10));
        waiting.add(2, lanes(&["a"]), at(0));
        waiting.add(3, lanes(&["b"]), at(0));
        assert_eq!(
            waiting.take_due(at(0), 9),
            (vec![3], Some(Duration::from_secs(10)))
        );
        assert_eq!(waiting.take_due(at(10), 9), (vec![1], None));
        waiting.remove(1);
        assert_eq!(waiting.take_due(at(10), 9), (vec![2], None));
    }

    #[test]
    fn one_that_has_two_lanes_waits_in_both() {
        let waiting = Waiting::default();
        waiting.add(1, lanes(&["a"]), at(0));
        waiting.add(2, lanes(&["a", "b"]), at(0));
        waiting.add(3, lanes(&["b"]), at(0));
        assert_eq!(waiting.take_due(at(0), 9), (vec![1], None));
        assert!(waiting.is_ahead_of(&lanes(&["b"])) && !waiting.is_ahead_of(&lanes(&["c"])));
        waiting.remove(1);
        waiting.remove(2);
        assert_eq!(waiting.take_due(at(0), 9), (vec![3], None));
        waiting.remove(3);
        assert!(!waiting.is_ahead_of(&lanes(&["a", "b"])));
    }

    #[test]
    fn a_clock_set_back_makes_one_wait_and_not_vanish() {
        let waiting = Waiting::default();
        waiting.add(1, lanes(&[]), at(100));
        assert_eq!(
            waiting.take_due(at(40), 9),
            (vec![], Some(Duration::from_secs(60)))
        );
    }
}
