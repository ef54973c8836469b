//! The inbox of a program that does not outlive itself.

use std::collections::{BTreeMap, HashMap, VecDeque};
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
#[derive(Debug, Default)]
pub struct MemoryInbox {
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    processes: HashMap<ProcessId, (Seen, SystemTime)>,
    /// In the order in which they are forgotten. An id stands here once for each time that it was
    /// written, and counts the last time only.
    by_age: VecDeque<(SystemTime, ProcessId)>,
    promises: BTreeMap<u64, Promise>,
    reports: BTreeMap<u64, KeptReport>,
    last: u64,
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
        self.by_age.push_back((now, id.clone()));
        self.processes.insert(id.clone(), (seen, now));
        let is_old = |since: SystemTime| now.duration_since(since).is_ok_and(|age| age >= KEPT_FOR);
        while let Some((since, id)) = self.by_age.front()
            && (is_old(*since) || self.by_age.len() > MOST)
        {
            let is_last = self
                .processes
                .get(id)
                .is_some_and(|(_, written)| written == since);
            if is_last && !self.is_promised(id) {
                self.processes.remove(id);
            }
            self.by_age.pop_front();
        }
    }

    /// Looked at only for what is old, so that it may take its time.
    fn is_promised(&self, id: &ProcessId) -> bool {
        let mut promises = self.promises.values();
        promises.any(|promise| promise.request.process_id() == id)
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
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
        self.with(|contents| {
            let (seen, since) = contents.processes.get(id)?;
            let is_old = now.duration_since(*since).is_ok_and(|age| age >= KEPT_FOR);
            (!is_old || contents.is_promised(id)).then(|| seen.clone())
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

    fn answer<'a>(
        &'a self,
        id: &'a ProcessId,
        answer: &'a KeptAnswer,
        _now: SystemTime,
    ) -> Keeping<'a, ()> {
        self.with(|contents| {
            if let Some((seen, _)) = contents.processes.get_mut(id) {
                seen.answer = Some(answer.clone());
            }
        })
    }

    fn forget<'a>(&'a self, id: &'a ProcessId) -> Keeping<'a, ()> {
        self.with(|contents| {
            contents.processes.remove(id);
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
            contents.remember(promise.request.process_id(), seen, promise.since);
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
            contents.promises.remove(&number);
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
