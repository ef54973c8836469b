//! The inbox of a program that does not outlive itself.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use dsync_core::wire::Report;
use dsync_core::{ProcessId, StateError};
use http::StatusCode;
use smallvec::SmallVec;

use super::{
    Fingerprint, Inbox, KEPT_FOR, Keeping, KeptAnswer, KeptReport, Promise, Promised, Seen,
};
use crate::digest::{Digest, DigestMap, digest};

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
    places: DigestMap<u64>,
    by_age: VecDeque<Remembered>,
    /// How many were taken from the front of `by_age`.
    gone: u64,
    promises: BTreeMap<u64, Promise>,
    /// Their processes are not forgotten.
    promised: HashSet<Digest>,
    reports: BTreeMap<u64, KeptReport>,
    last: u64,
}

/// A process. Everything is in one place, so that to forget the oldest is to look at nothing else: each look
/// elsewhere into so much memory takes as long as reading a record.
struct Remembered {
    key: Digest,
    request: Fingerprint,
    attempts: u32,
    answer: Option<(StatusCode, SmallVec<[u8; SHORT]>)>,
    since: SystemTime,
}

/// How long a usual answer is.
const SHORT: usize = 104;

impl Remembered {
    fn seen(&self) -> Seen {
        Seen {
            request: self.request,
            attempts: self.attempts,
            answer: self.answer.as_ref().map(|(status, body)| KeptAnswer {
                status: *status,
                body: Bytes::copy_from_slice(body),
            }),
        }
    }

    fn set_answer(&mut self, status: StatusCode, body: &[u8]) {
        self.answer = Some((status, SmallVec::from_slice(body)));
    }
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
        Keeping::now(Ok(act(&mut self.contents())))
    }
}

impl Contents {
    fn remember(&mut self, remembered: Remembered) {
        let now = remembered.since;
        self.push(remembered);
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
            match self.places.entry(first.key) {
                Entry::Occupied(held) if *held.get() == place => {
                    held.remove();
                    if !self.promised.is_empty() && self.promised.contains(&first.key) {
                        self.push(first);
                    }
                }
                _ => {}
            }
        }
    }

    fn seen(&mut self, id: &ProcessId, now: SystemTime) -> Option<Seen> {
        let key = digest(id.as_str());
        let is_promised = !self.promised.is_empty() && self.promised.contains(&key);
        let known = self.get(key)?;
        (is_promised || !is_old(known.since, now)).then(|| known.seen())
    }

    fn push(&mut self, remembered: Remembered) {
        let place = self.gone + self.by_age.len() as u64;
        self.places.insert(remembered.key, place);
        self.by_age.push_back(remembered);
    }

    fn get(&mut self, key: Digest) -> Option<&mut Remembered> {
        let place = self.places.get(&key)? - self.gone;
        self.by_age.get_mut(usize::try_from(place).ok()?)
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

/// A process that has no answer yet.
fn begun(id: &ProcessId, request: Fingerprint, attempts: u32, since: SystemTime) -> Remembered {
    Remembered {
        key: digest(id.as_str()),
        request,
        attempts,
        answer: None,
        since,
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
                contents.remember(begun(id, request, 1, now));
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
        self.with(|contents| contents.remember(begun(id, request, attempts, now)))
    }

    fn answer<'a>(
        &'a self,
        id: &'a ProcessId,
        status: StatusCode,
        body: &'a Bytes,
    ) -> Keeping<'a, ()> {
        self.with(|contents| {
            if let Some(known) = contents.get(digest(id.as_str())) {
                known.set_answer(status, body);
            }
        })
    }

    fn forget<'a>(&'a self, id: &'a ProcessId) -> Keeping<'a, ()> {
        self.with(|contents| {
            contents.places.remove(&digest(id.as_str()));
        })
    }

    fn promise<'a>(
        &'a self,
        promise: &'a Promise,
        request: Fingerprint,
        answer: &'a KeptAnswer,
    ) -> Keeping<'a, u64> {
        self.with(|contents| {
            let id = promise.request.process_id();
            contents.promised.insert(digest(id.as_str()));
            let mut remembered = begun(id, request, promise.attempts, promise.since);
            remembered.set_answer(answer.status, &answer.body);
            contents.remember(remembered);
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
                let id = promise.request.process_id();
                contents.promised.remove(&digest(id.as_str()));
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
