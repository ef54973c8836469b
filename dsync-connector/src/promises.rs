//! 202 and after: changes that a handler could not carry out at once are tried again, and reported on.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use dsync_core::StateError;
use dsync_core::retry::{Attempt, Decision, Outcome, RetryPolicy};
use dsync_core::wire::{EntityRequest, Operation, RecordAccess, Report};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::value::to_raw_value;

use crate::Connector;
use crate::connector::logged;
use crate::entity::Done;
use crate::handler::{Handled, HandlerError, Kind};
use crate::inbox::{Fingerprint, KEPT_FOR, KeptReport, Promise};
use crate::reply::Reply;
use crate::waiting::Waiting;

/// How many promised changes are tried at a time.
const AT_ONCE: usize = 16;

/// How long to wait where the inbox itself fails.
const WITHOUT_INBOX: Duration = Duration::from_secs(5);

/// A change that may have to be kept.
pub(crate) struct Promising {
    pub(crate) entity: &'static str,
    pub(crate) request: EntityRequest,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) lanes: Vec<String>,
}

/// What is promised, and what is to be reported.
#[derive(Debug)]
pub(crate) struct Promises {
    pub(crate) waiting: Waiting,
    reports: Mutex<BTreeMap<u64, Reporting>>,
    workers: AtomicUsize,
    report_retry: RetryPolicy,
}

#[derive(Debug)]
struct Reporting {
    report: Report,
    since: SystemTime,
    attempts: u32,
    next: SystemTime,
    is_running: bool,
}

impl Promises {
    pub(crate) fn new(waiting: Waiting, reports: Vec<KeptReport>) -> Self {
        let promises = Self {
            waiting,
            reports: Mutex::default(),
            workers: AtomicUsize::new(0),
            // Until it is accepted, or nobody remembers the process.
            report_retry: RetryPolicy::new()
                .with_max_attempts(u32::MAX)
                .with_backoff(Duration::from_secs(1), Duration::from_secs(600))
                .with_deadline(KEPT_FOR),
        };
        for kept in reports {
            promises.add_report(kept.number, kept.report, kept.since);
        }
        promises
    }

    fn add_report(&self, number: u64, report: Report, now: SystemTime) {
        let reporting = Reporting {
            report,
            since: now,
            attempts: 0,
            next: now,
            is_running: false,
        };
        self.reports().insert(number, reporting);
        self.waiting.wake();
    }

    fn take_due_reports(
        &self,
        now: SystemTime,
        most: usize,
    ) -> (Vec<(u64, Report)>, Option<Duration>) {
        let mut due = Vec::new();
        let mut soonest: Option<Duration> = None;
        for (number, reporting) in &mut *self.reports() {
            let pause = reporting.next.duration_since(now).unwrap_or_default();
            if reporting.is_running {
                continue;
            }
            if pause.is_zero() && due.len() < most {
                reporting.is_running = true;
                reporting.attempts += 1;
                due.push((*number, reporting.report.clone()));
            } else {
                soonest = Some(soonest.map_or(pause, |soonest| soonest.min(pause)));
            }
        }
        (due, soonest)
    }

    /// Has a report sent again later; `false` if it was tried long enough.
    fn put_report_back(&self, number: u64, now: SystemTime) -> bool {
        let mut reports = self.reports();
        let Some(reporting) = reports.get_mut(&number) else {
            return false;
        };
        let elapsed = now.duration_since(reporting.since).unwrap_or_default();
        let (policy, attempts) = (&self.report_retry, reporting.attempts);
        let Some(pause) = decide(policy, Operation::Update, attempts, elapsed, None, now) else {
            return false;
        };
        reporting.next = now.checked_add(pause).unwrap_or(now);
        reporting.is_running = false;
        true
    }

    fn reports(&self) -> MutexGuard<'_, BTreeMap<u64, Reporting>> {
        // Each use is a few assignments that cannot fail.
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connector {
    /// Carries out what was promised, and reports on it, until the future is dropped: that is how it
    /// ends. What it was at is tried again by the next one, also after a restart where the inbox is a
    /// file.
    ///
    /// [`serve`](Self::serve) does this by itself. Beside [`router`](Self::router) and
    /// [`handle`](Self::handle) it has to run as a task of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dsync_connector::Connector;
    /// # fn f(connector: &Connector) {
    /// let worker = connector.clone();
    /// tokio::spawn(async move { worker.work().await });
    /// # }
    /// ```
    pub async fn work(&self) {
        /// Counts this one as long as it runs.
        struct Working<'a>(&'a AtomicUsize);
        impl Drop for Working<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::AcqRel);
            }
        }

        let (promises, clock) = (&self.0.promises, &self.0.clock);
        promises.workers.fetch_add(1, Ordering::AcqRel);
        let _working = Working(&promises.workers);
        let mut running: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        loop {
            let now = clock.now();
            let free = AT_ONCE.saturating_sub(running.len());
            let (due, pause) = promises.waiting.take_due(now, free);
            running.extend(due.into_iter().map(|number| {
                let trying = Trying {
                    waiting: &promises.waiting,
                    number,
                    next: Some(now),
                };
                self.try_promise(trying).boxed()
            }));
            let free = AT_ONCE.saturating_sub(running.len());
            let (due, report_pause) = promises.take_due_reports(now, free);
            running.extend(
                due.into_iter()
                    .map(|(number, report)| self.send_last(number, report).boxed()),
            );

            // With all hands full only an end makes a difference.
            let is_full = running.len() >= AT_ONCE;
            let pause = [pause, report_pause].into_iter().flatten().min();
            let ended = async {
                if running.next().await.is_none() {
                    std::future::pending::<()>().await;
                }
            };
            let woken = async {
                match pause {
                    _ if is_full => std::future::pending().await,
                    Some(pause) => {
                        let (slept, changed) = (clock.sleep(pause), promises.waiting.changed());
                        select(pin!(slept), pin!(changed)).await;
                    }
                    None => promises.waiting.changed().await,
                }
            };
            select(pin!(ended), pin!(woken)).await;
        }
    }

    /// Keeps a change, and answers 202. Boxed, as it is seldom.
    pub(crate) fn promise(
        &self,
        promising: Promising,
        attempts: u32,
        pause: Option<Duration>,
        reason: String,
    ) -> BoxFuture<'_, Reply> {
        Box::pin(self.keep_promise(promising, attempts, pause, reason))
    }

    async fn keep_promise(
        &self,
        promising: Promising,
        attempts: u32,
        pause: Option<Duration>,
        reason: String,
    ) -> Reply {
        let inner = &*self.0;
        let Promising {
            entity,
            request,
            fingerprint,
            lanes,
        } = promising;
        let now = inner.clock.now();
        // One that was not tried yet waits for nothing but the one before it.
        let pause = match self.pause(&request, attempts, Duration::ZERO, pause) {
            Some(pause) if attempts > 0 => pause,
            _ => Duration::ZERO,
        };
        let promise = Promise {
            entity: entity.to_owned(),
            request,
            lanes,
            attempts,
            since: now,
            next: now.checked_add(pause).unwrap_or(now),
        };
        let reply = Reply::promised(&reason);
        let kept = inner
            .inbox
            .promise(&promise, fingerprint, &reply.kept())
            .await;
        match kept {
            Ok(number) => {
                inner
                    .promises
                    .waiting
                    .add(number, promise.lanes, promise.next);
                if inner.promises.workers.load(Ordering::Acquire) == 0 {
                    tracing::warn!(
                        "a change was promised, and nobody carries it out: run `Connector::work`"
                    );
                }
                reply
            }
            Err(error) => self.not_kept(&error),
        }
    }

    /// Tries a promised change once.
    async fn try_promise(&self, mut trying: Trying<'_>) {
        trying.next = match self.try_kept(trying.number).await {
            Ok(next) => next,
            Err(error) => {
                self.not_kept(&error);
                let now = self.0.clock.now();
                Some(now.checked_add(WITHOUT_INBOX).unwrap_or(now))
            }
        };
    }

    /// When the next try is; nothing if the promise is settled.
    async fn try_kept(&self, number: u64) -> Result<Option<SystemTime>, StateError> {
        let inner = &*self.0;
        let Some(promise) = inner.inbox.promised(number).await? else {
            return Ok(None);
        };
        let process_id = promise.request.process_id();
        let attempt = promise.attempts.saturating_add(1);
        inner.inbox.tried(number, attempt, promise.next).await?;
        let error = match self.run_promise(&promise, attempt).await {
            Ok(done) => {
                tracing::info!(entity = promise.entity, %process_id, attempt, "a promise was kept");
                let data = to_raw_value(&done.data())
                    .expect("a text and raw JSON are always written as JSON");
                let report = Report::new(process_id.clone(), done.status, "OK");
                self.settle(number, report.with_data(data)).await?;
                return Ok(None);
            }
            Err(error) => error,
        };
        logged(&promise.entity, &error);

        let now = inner.clock.now();
        let elapsed = now.duration_since(promise.since).unwrap_or_default();
        let message = error.for_the_platform(&promise.entity);
        let pause = match &error.0 {
            Kind::Later { pause, .. } => self.pause(&promise.request, attempt, elapsed, *pause),
            _ if error.may_have_taken_effect() => {
                self.pause(&promise.request, attempt, elapsed, None)
            }
            _ => None,
        };
        match pause {
            Some(pause) => {
                let next = now.checked_add(pause).unwrap_or(now);
                inner.inbox.tried(number, attempt, next).await?;
                tracing::info!(entity = promise.entity, %process_id, attempt, ?pause, "a promise has to wait");
                if let Some(reporter) = &inner.reporter {
                    let report = Report::new(process_id.clone(), StatusCode::ACCEPTED, message);
                    // The next one says more, so this one is not kept.
                    if let Err(error) = reporter.report(&report).await {
                        tracing::warn!(error = &error as &dyn std::error::Error, %process_id, "a report was not accepted");
                    }
                }
                Ok(Some(next))
            }
            None => {
                tracing::warn!(entity = promise.entity, %process_id, attempt, "a promise was given up");
                let report = Report::new(
                    process_id.clone(),
                    StatusCode::INTERNAL_SERVER_ERROR,
                    message,
                );
                self.settle(number, report).await?;
                Ok(None)
            }
        }
    }

    async fn run_promise(&self, promise: &Promise, attempt: u32) -> Handled<Done> {
        let mut entities = self.0.entities.iter();
        let entity = entities.find(|entity| entity.entity.layout().name() == promise.entity);
        let entity = entity.ok_or_else(|| {
            HandlerError::refused(format!(
                "this connector has no {:?} any more",
                promise.entity
            ))
        })?;
        let shared_key = self.shared_key(entity);
        // A record's own `Deserialize` may panic, as a handler may.
        let prepared = self.in_time(Box::pin(async {
            let prepared = entity
                .entity
                .prepare(&promise.request, shared_key.as_deref());
            Ok(prepared?)
        }));
        let mut prepared = prepared.await?;
        let request = &promise.request;
        let context = self.change_context(entity, request, &prepared, attempt, shared_key);
        let lanes = std::mem::take(&mut prepared.lanes);
        let inside = self.0.lanes.enter(lanes).await;
        let turn = self.turn(entity, &context, &prepared, inside).await;
        let turn = turn.map_err(|(error, _)| error)?;
        self.run(context, prepared, &turn).await
    }

    async fn settle(&self, number: u64, report: Report) -> Result<(), StateError> {
        let inner = &*self.0;
        let now = inner.clock.now();
        let kept = inner.reporter.as_ref().map(|_| &report);
        if let Some(number) = inner.inbox.settle(number, kept, now).await? {
            inner.promises.add_report(number, report, now);
        }
        Ok(())
    }

    /// Sends a last report once.
    async fn send_last(&self, number: u64, report: Report) {
        let inner = &*self.0;
        let Some(reporter) = &inner.reporter else {
            return;
        };
        let process_id = &report.process_id;
        let is_over = match reporter.report(&report).await {
            Ok(()) => true,
            Err(error) => {
                let cause = &error as &dyn std::error::Error;
                tracing::warn!(error = cause, is_final = error.is_final(), %process_id, "a report was not accepted");
                error.is_final()
            }
        };
        if !is_over && inner.promises.put_report_back(number, inner.clock.now()) {
            return;
        }
        inner.promises.reports().remove(&number);
        if let Err(error) = inner.inbox.reported(number).await {
            // It is sent once more after a restart.
            tracing::error!(error = &error as &dyn std::error::Error, "the inbox failed");
        }
    }

    /// How long until the next try; nothing if there is none.
    fn pause(
        &self,
        request: &EntityRequest,
        attempt: u32,
        elapsed: Duration,
        least: Option<Duration>,
    ) -> Option<Duration> {
        let operation = match request.access() {
            RecordAccess::Change(operation) => operation,
            RecordAccess::Read => Operation::Update,
        };
        decide(
            &self.0.retry,
            operation,
            attempt,
            elapsed,
            least,
            self.0.clock.now(),
        )
    }
}

/// The decision that all who send share; a handler that says later is like an answer of 503.
fn decide(
    policy: &RetryPolicy,
    operation: Operation,
    number: u32,
    elapsed: Duration,
    least: Option<Duration>,
    now: SystemTime,
) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    if let Some(least) = least {
        headers.insert(
            RETRY_AFTER,
            HeaderValue::from(least.as_secs_f64().ceil() as u64),
        );
    }
    let decision = policy.decide(&Attempt {
        operation,
        number,
        elapsed,
        outcome: Outcome::Answered {
            status: StatusCode::SERVICE_UNAVAILABLE,
            headers: &headers,
        },
        now,
        // Where there are no random numbers, the longest pause is the safe one.
        random: getrandom::u64().unwrap_or(u64::MAX),
    });
    match decision {
        Decision::Wait { pause, .. } => Some(pause),
        Decision::Stop(_) => None,
    }
}

/// A promise that is being tried. Its end is a drop, so that one whose worker has gone is tried again.
struct Trying<'a> {
    waiting: &'a Waiting,
    number: u64,
    /// When the next try is; nothing if the promise is settled.
    next: Option<SystemTime>,
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        match self.next {
            Some(next) => self.waiting.put_back(self.number, next),
            None => self.waiting.remove(self.number),
        }
    }
}
