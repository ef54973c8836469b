//! The inbox of a program that does not outlive itself.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use dsync_core::wire::Report;
use dsync_core::{ProcessId, StateError};

use super::{
    Fingerprint, Inbox, KEPT_FOR, Keeping, KeptAnswer, KeptReport, Promise, Promised, Seen,
};

/// How many processes are remembered. Seven days of a busy platform must not fill the memory.
const MOST: usize = 100_000;

/// Remembers in memory: the last 100,000 processes of the last seven days, and every promise.
///
/// A program that restarts has forgotten all of it, promises included. It is for tests, and for handlers
/// that never say later; the feature `sqlite` brings one that remembers.
#[derive(Default)]
pub struct MemoryInbox {
    contents: Mutex<Contents>,
}

#[derive(Default)]
struct Contents {
    /// Where in `by_age` a process is, counted from the first that ever was. What it does not point at is
    /// there no more: it was written again further behind, or forgotten.
    places: HashMap<ProcessId, u64>,
    by_age: VecDeque<Remembered>,
    /// How many were taken from the front of `by_age`.
    gone: u64,
    promises: BTreeMap<u64, Promise>,
    /// Their processes are not forgotten.
    promised: HashSet<ProcessId>,
    reports: BTreeMap<u64, KeptReport>,
    last: u64,
}

struct Remembered {
    id: ProcessId,
    seen: Seen,
    since: SystemTime,
}

/// Shows how much there is, and no record.
impl fmt::Debug for MemoryInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let contents = self.contents();
        f.debug_struct("MemoryInbox")
            .field("processes", &contents.places.len())
            .field("promises", &contents.promises.len())
            .field("reports", &contents.reports.len())
            .finish()
    }
}

impl MemoryInbox {
    /// An inbox that remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // Each method is a few calls on maps that cannot fail.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T: Send + 'static>(&self, act: impl FnOnce(&mut Contents) -> T) -> Keeping<'_, T> {
        Box::pin(ready(Ok(act(&mut self.contents()))))
    }
}

impl Contents {
    fn remember(&mut self, id: &ProcessId, seen: Seen, now: SystemTime) {
        self.push(Remembered {
            id: id.clone(),
            seen,
            since: now,
        });
        if self.by_age.len() == MOST {
            // From here on each new one takes an old one's place, which leaves a mark in the map: with room for
            // as many marks it is seldom tidied up.
            self.places.reserve(MOST);
        }
        // As many as one call adds, and one more: nobody waits for a thousand to be forgotten.
        for _ in 0..2 {
            let is_over = self.by_age.len() > MOST;
            let first = self
                .by_age
                .pop_front_if(|first| is_over || is_old(first.since, now));
            let Some(first) = first else {
                break;
            };
            let place = self.gone;
            self.gone += 1;
            match self.places.entry(first.id.clone()) {
                Entry::Occupied(held) if *held.get() == place => {
                    held.remove();
                    if self.promised.contains(&first.id) {
                        self.push(first);
                    }
                }
                _ => {}
            }
        }
    }

    fn seen(&mut self, id: &ProcessId, now: SystemTime) -> Option<Seen> {
        let known = self.get(id)?;
        if is_old(known.since, now) && !self.promised.contains(id) {
            return None;
        }
        self.get(id).map(|known| known.seen.clone())
    }

    fn push(&mut self, remembered: Remembered) {
        let place = self.gone + self.by_age.len() as u64;
        self.places.insert(remembered.id.clone(), place);
        self.by_age.push_back(remembered);
    }

    fn get(&mut self, id: &ProcessId) -> Option<&mut Remembered> {
        let place = self.places.get(id)? - self.gone;
        self.by_age.get_mut(usize::try_from(place).ok()?)
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

fn is_old(since: SystemTime, now: SystemTime) -> bool {
    now.duration_since(since).is_ok_and(|age| age >= KEPT_FOR)
}

impl Inbox for MemoryInbox {
    fn promises(&self) -> Result<Vec<Promised>, StateError> {
        let contents = self.contents();
        let promised = contents.promises.iter().map(|(&number, promise)| Promised {
            number,
            lanes: promise.lanes.clone(),
            attempts: promise.attempts,
            since: promise.since,
            next: promise.next,
        });
        Ok(promised.collect())
    }

    fn reports(&self) -> Result<Vec<KeptReport>, StateError> {
        Ok(self.contents().reports.values().cloned().collect())
    }

    fn seen<'a>(&'a self, id: &'a ProcessId, now: SystemTime) -> Keeping<'a, Option<Seen>> {
        self.with(|contents| contents.seen(id, now))
    }

    fn seen_or_begin<'a>(
        &'a self,
        id: &'a ProcessId,
        request: Fingerprint,
        now: SystemTime,
    ) -> Keeping<'a, Option<Seen>> {
        self.with(|contents| {
            let seen = contents.seen(id, now);
            if seen.is_none() {
                let begun = Seen {
                    request,
                    attempts: 1,
                    answer: None,
                };
                contents.remember(id, begun, now);
            }
            seen
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a ProcessId,
        request: Fingerprint,
        attempts: u32,
        now: SystemTime,
    ) -> Keeping<'a, ()> {
        let seen = Seen {
            request,
            attempts,
            answer: None,
        };
        self.with(|contents| contents.remember(id, seen, now))
    }

    fn answer<'a>(&'a self, id: &'a ProcessId, answer: KeptAnswer) -> Keeping<'a, ()> {
        self.with(|contents| {
            if let Some(known) = contents.get(id) {
                known.seen.answer = Some(answer);
            }
        })
    }

    fn forget<'a>(&'a self, id: &'a ProcessId) -> Keeping<'a, ()> {
        self.with(|contents| {
            contents.places.remove(id);
        })
    }

    fn promise<'a>(
        &'a self,
        promise: &'a Promise,
        request: Fingerprint,
        answer: &'a KeptAnswer,
    ) -> Keeping<'a, u64> {
        self.with(|contents| {
            let seen = Seen {
                request,
                attempts: promise.attempts,
                answer: Some(answer.clone()),
            };
            let id = promise.request.process_id();
            contents.promised.insert(id.clone());
            contents.remember(id, seen, promise.since);
            let number = contents.number();
            contents.promises.insert(number, promise.clone());
            number
        })
    }

    fn promised(&self, number: u64) -> Keeping<'_, Option<Promise>> {
        self.with(|contents| contents.promises.get(&number).cloned())
    }

    fn tried(&self, number: u64, attempts: u32, next: SystemTime) -> Keeping<'_, ()> {
        self.with(|contents| {
            if let Some(promise) = contents.promises.get_mut(&number) {
                promise.attempts = attempts;
                promise.next = next;
            }
        })
    }

    fn settle<'a>(
        &'a self,
        number: u64,
        report: Option<&'a Report>,
        now: SystemTime,
    ) -> Keeping<'a, Option<u64>> {
        self.with(|contents| {
            if let Some(promise) = contents.promises.remove(&number) {
                contents.promised.remove(promise.request.process_id());
            }
            report.map(|report| {
                let number = contents.number();
                let kept = KeptReport {
                    number,
                    report: report.clone(),
                    since: now,
                };
                contents.reports.insert(number, kept);
                number
            })
        })
    }

    fn reported(&self, number: u64) -> Keeping<'_, ()> {
        self.with(|contents| {
            contents.reports.remove(&number);
        })
    }
}
