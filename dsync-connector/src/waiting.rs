//! Which promised changes wait, and which may be tried now. Neither a store nor a clock is here.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::schedule::Schedule;

/// The promises that are not settled.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    promises: HashMap<u64, Entry>,
    /// The promises in each lane, in their order.
    lanes: HashMap<String, BTreeSet<u64>>,
    /// Those that nothing is ahead of, and that are not being tried.
    schedule: Schedule,
}

#[derive(Debug)]
struct Entry {
    lanes: Vec<String>,
    due: Duration,
    is_running: bool,
    /// When it was tried first, if it was not at its request, because it waited for another one.
    began: Option<Duration>,
}

/// The lane in which every promise of an entity is, and holds up none.
pub(crate) fn entity_lane(entity: &str) -> String {
    format!("e\n{entity}")
}

/// The lane of promises of which it is not known which record they are about: they wait for all of their
/// entity that came before them, and all that comes after waits for them.
pub(crate) fn whole_lane(entity: &str) -> String {
    format!("w\n{entity}")
}

impl Inner {
    /// Whether nothing is ahead of a promise.
    fn is_first(&self, number: u64, entry: &Entry) -> bool {
        let first_of = |lane: &str| self.lanes.get(lane).and_then(BTreeSet::first).copied();
        entry.lanes.iter().all(|lane| match lane.split_once('\n') {
            Some(("e", entity)) => {
                first_of(&whole_lane(entity)).is_none_or(|first| first >= number)
            }
            Some(("w", entity)) => first_of(&entity_lane(entity)) == Some(number),
            _ => first_of(lane) == Some(number),
        })
    }

    fn schedule(&mut self, number: u64) {
        if let Some(entry) = self.promises.get(&number)
            && !entry.is_running
            && self.is_first(number, entry)
        {
            self.schedule.insert(number, entry.due);
        }
    }
}

impl Waiting {
    /// Adds a promise, unless it is known.
    pub(crate) fn add(&self, number: u64, lanes: Vec<String>, due: Duration) {
        let mut inner = self.inner();
        if inner.promises.contains_key(&number) {
            return;
        }
        for lane in &lanes {
            inner.lanes.entry(lane.clone()).or_default().insert(number);
        }
        let entry = Entry {
            lanes,
            due,
            is_running: false,
            began: None,
        };
        inner.promises.insert(number, entry);
        inner.schedule(number);
        drop(inner);
        self.wake();
    }

    /// Whether a change of an entity in these lanes has to wait for one that came before it.
    pub(crate) fn is_ahead_of<'a>(
        &self,
        entity: &str,
        mut lanes: impl Iterator<Item = &'a String>,
    ) -> bool {
        let inner = self.inner();
        // Nothing waits, most of the time.
        !inner.promises.is_empty()
            && (lanes.any(|lane| inner.lanes.contains_key(lane))
                || inner.lanes.contains_key(&whole_lane(entity)))
    }

    /// Takes those that may be tried now. Each has to be put back, or removed.
    pub(crate) fn take_due(&self, now: Duration, most: usize) -> Vec<u64> {
        let mut inner = self.inner();
        let due = inner.schedule.take_due(now, most);
        for number in &due {
            if let Some(entry) = inner.promises.get_mut(number) {
                entry.is_running = true;
            }
        }
        due
    }

    /// How long until one may be tried that is not taken.
    pub(crate) fn pause(&self, now: Duration) -> Option<Duration> {
        self.inner().schedule.pause(now)
    }

    /// Notes that a promise is tried for the first time.
    pub(crate) fn begin(&self, number: u64, now: Duration) {
        if let Some(entry) = self.inner().promises.get_mut(&number) {
            entry.began = Some(now);
        }
    }

    /// When a promise was tried first, if it was here, and not at its request.
    pub(crate) fn began(&self, number: u64) -> Option<Duration> {
        self.inner().promises.get(&number)?.began
    }

    pub(crate) fn put_back(&self, number: u64, due: Duration) {
        let mut inner = self.inner();
        if let Some(entry) = inner.promises.get_mut(&number) {
            entry.due = due;
            entry.is_running = false;
        }
        inner.schedule(number);
        drop(inner);
        self.wake();
    }

    pub(crate) fn remove(&self, number: u64) {
        let mut inner = self.inner();
        let Some(entry) = inner.promises.remove(&number) else {
            return;
        };
        inner.schedule.remove(number);
        let mut next = BTreeSet::new();
        for lane in &entry.lanes {
            if let Some(numbers) = inner.lanes.get_mut(lane) {
                numbers.remove(&number);
                next.extend(numbers.first());
                if numbers.is_empty() {
                    inner.lanes.remove(lane);
                }
            }
            match lane.split_once('\n') {
                Some(("e", entity)) => {
                    let whole = inner.lanes.get(&whole_lane(entity));
                    next.extend(whole.and_then(BTreeSet::first));
                }
                // It held up all of its entity.
                Some(("w", entity)) => {
                    let all = inner.lanes.get(&entity_lane(entity));
                    next.extend(all.into_iter().flatten());
                }
                _ => {}
            }
        }
        for number in next {
            inner.schedule(number);
        }
        drop(inner);
        self.wake();
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

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
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
        assert_eq!(waiting.take_due(at(0), 9), [3]);
        assert_eq!(waiting.pause(at(0)), Some(at(10)));
        assert_eq!(waiting.take_due(at(10), 9), [1]);
        assert_eq!(waiting.pause(at(10)), None);
        waiting.remove(1);
        assert_eq!(waiting.take_due(at(10), 9), [2]);
    }

    #[test]
    fn one_that_has_two_lanes_waits_in_both() {
        let waiting = Waiting::default();
        waiting.add(1, lanes(&["a"]), at(0));
        waiting.add(2, lanes(&["a", "b"]), at(0));
        waiting.add(3, lanes(&["b"]), at(0));
        assert_eq!(waiting.take_due(at(0), 9), [1]);
        assert!(waiting.is_ahead_of("x", lanes(&["b"]).iter()));
        assert!(!waiting.is_ahead_of("x", lanes(&["c"]).iter()));
        waiting.remove(1);
        waiting.remove(2);
        assert_eq!(waiting.take_due(at(0), 9), [3]);
        waiting.remove(3);
        assert!(!waiting.is_ahead_of("x", lanes(&["a", "b"]).iter()));
    }

    #[test]
    fn one_whose_record_is_not_known_stands_between_all_before_and_all_after() {
        let waiting = Waiting::default();
        waiting.add(1, lanes(&["e\nx", "a"]), at(0));
        waiting.add(2, lanes(&["e\nx", "w\nx", "b"]), at(0));
        waiting.add(3, lanes(&["e\nx", "c"]), at(0));
        waiting.add(4, lanes(&["e\ny", "d"]), at(0));
        assert!(waiting.is_ahead_of("x", lanes(&["z"]).iter()));
        assert!(!waiting.is_ahead_of("y", lanes(&["z"]).iter()));
        assert_eq!(waiting.take_due(at(0), 9), [1, 4]);
        waiting.put_back(1, at(0));
        assert_eq!(waiting.take_due(at(0), 9), [1]);
        waiting.remove(1);
        assert_eq!(waiting.take_due(at(0), 9), [2]);
        waiting.remove(2);
        assert_eq!(waiting.take_due(at(0), 9), [3]);
    }
}
