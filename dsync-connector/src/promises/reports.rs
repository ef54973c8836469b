//! What the platform is told about a promised change.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use dsync_core::retry::RetryPolicy;
use dsync_core::wire::{Operation, Report};
use dsync_core::{ReportError, Reporter};

use super::tries::Tried;
use super::{CUT_OFF, WITHOUT_INBOX, decide};
use crate::Connector;
use crate::inbox::{KEPT_FOR, KeptReport};
use crate::schedule::Schedule;

/// How long one report may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How a last report is sent: until it is accepted, or nobody remembers the process.
const RETRY: RetryPolicy = RetryPolicy::new()
    .with_max_attempts(u32::MAX)
    .with_backoff(Duration::from_secs(1), Duration::from_secs(600))
    .with_deadline(KEPT_FOR);

/// The platform is told that a promise has to wait, and only then it waits.
pub(super) struct Telling<'a> {
    pub(super) report: Report,
    pub(super) tried: Tried<'a>,
}

/// The last reports that the platform has not accepted yet.
#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_number: HashMap<u64, Entry>,
    /// Those that are not being sent.
    schedule: Schedule,
}

#[derive(Debug)]
struct Entry {
    report: Report,
    since: SystemTime,
    attempts: u32,
}

impl Reports {
    /// Adds a report, unless it is known.
    pub(super) fn add(&self, number: u64, report: Report, since: SystemTime, due: Duration) {
        let mut inner = self.inner();
        if inner.by_number.contains_key(&number) {
            return;
        }
        let entry = Entry {
            report,
            since,
            attempts: 0,
        };
        inner.by_number.insert(number, entry);
        inner.schedule.insert(number, due);
    }

    /// Takes those that are to be sent now.
    pub(super) fn take_due(&self, now: Duration, most: usize) -> Vec<Last<'_>> {
        let mut inner = self.inner();
        let due = inner.schedule.take_due(now, most);
        let due = due.into_iter().filter_map(|number| {
            let entry = inner.by_number.get_mut(&number)?;
            entry.attempts += 1;
            Some(Last {
                reports: self,
                number,
                report: entry.report.clone(),
                since: entry.since,
                attempt: entry.attempts,
                next: Some(now + CUT_OFF),
            })
        });
        due.collect()
    }

    pub(super) fn pause(&self, now: Duration) -> Option<Duration> {
        self.inner().schedule.pause(now)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Each use is a few calls on maps that cannot fail.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A last report that is being sent. Its end is a drop, so that one whose worker has gone is sent again.
pub(super) struct Last<'a> {
    reports: &'a Reports,
    number: u64,
    report: Report,
    since: SystemTime,
    attempt: u32,
    /// When it is sent again; nothing if it is over.
    next: Option<Duration>,
}

impl Drop for Last<'_> {
    fn drop(&mut self) {
        let mut inner = self.reports.inner();
        match self.next {
            Some(next) => inner.schedule.insert(self.number, next),
            None => {
                inner.by_number.remove(&self.number);
            }
        }
    }
}

impl Connector {
    /// Takes up a report that the inbox has.
    pub(crate) fn add_report(&self, kept: KeptReport) {
        let now = self.0.clock.elapsed();
        self.0
            .promises
            .reports
            .add(kept.number, kept.report, kept.since, now);
    }

    /// Sends a last report once.
    pub(super) async fn tell_last(&self, mut last: Last<'_>) {
        let is_over = match self.tell(&last.report).await {
            Ok(()) => true,
            Err(error) => {
                let process_id = &last.report.process_id;
                let cause = &error as &dyn std::error::Error;
                tracing::warn!(error = cause, is_final = error.is_final(), %process_id, "a report was not accepted");
                error.is_final()
            }
        };
        let clock = &self.0.clock;
        let now = clock.now();
        let elapsed = now.duration_since(last.since).unwrap_or_default();
        let pause = decide(&RETRY, Operation::Update, last.attempt, elapsed, None, now);
        match pause {
            Some(pause) if !is_over => last.next = Some(clock.elapsed() + pause),
            _ => match self.0.inbox.reported(last.number).await {
                Ok(()) => last.next = None,
                Err(error) => {
                    // It is sent once more, which does no harm.
                    self.not_kept(&error);
                    last.next = Some(clock.elapsed() + WITHOUT_INBOX);
                }
            },
        }
    }

    /// Tells that a promise has to wait. The next report says more, so this one is not kept.
    pub(super) async fn tell_progress(&self, telling: Telling<'_>) {
        if let Err(error) = self.tell(&telling.report).await {
            let process_id = &telling.report.process_id;
            let cause = &error as &dyn std::error::Error;
            tracing::warn!(error = cause, %process_id, "a report was not accepted");
        }
        drop(telling.tried);
    }

    async fn tell(&self, report: &Report) -> Result<(), ReportError> {
        let Some(reporter) = &self.0.reporter else {
            return Ok(());
        };
        let reporter: &dyn Reporter = &**reporter;
        let told = tokio::time::timeout(LIMIT, reporter.report(report)).await;
        told.unwrap_or_else(|late| Err(ReportError::new(false, late)))
    }
}
