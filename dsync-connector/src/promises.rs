//! 202 and after: changes that a handler could not carry out at once are tried again, and reported on.

mod reports;
mod tries;

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use dsync_core::retry::{Attempt, Decision, Outcome, RetryPolicy};
use dsync_core::wire::{EntityRequest, Operation, RecordAccess};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::Connector;
use crate::inbox::{Fingerprint, Promise, Promised};
use crate::reply::Reply;
use crate::waiting::{Waiting, entity_lane};
use reports::{Reports, Telling};
use tries::Tried;

/// How many promised changes are tried at a time, and how many reports are sent.
const AT_ONCE: usize = 16;

/// How long to wait where the inbox itself fails.
const WITHOUT_INBOX: Duration = Duration::from_secs(5);

/// How long to wait after a try or a report that did not come to its end.
const CUT_OFF: Duration = Duration::from_secs(1);

/// Longer than this nobody waits, whatever a clock says that was set back meanwhile.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A change that may have to be kept.
pub(crate) struct Promising {
    pub(crate) entity: &'static str,
    pub(crate) request: EntityRequest,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) lanes: Vec<String>,
}

/// What is promised, and what is to be reported.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    pub(crate) waiting: Waiting,
    reports: Reports,
    workers: AtomicUsize,
    /// Whether the inbox may have more than is known here.
    unsure: AtomicBool,
}

/// Something is being written whose end may not be heard of, because the future is dropped or the inbox
/// fails. Then what the inbox has is looked up.
struct Unsure<'a>(Option<&'a Promises>);

impl Unsure<'_> {
    fn heard(mut self) {
        self.0 = None;
    }
}

impl Drop for Unsure<'_> {
    fn drop(&mut self) {
        if let Some(promises) = self.0 {
            promises.unsure.store(true, Ordering::Release);
            promises.waiting.wake();
        }
    }
}

impl Promises {
    fn unsure(&self) -> Unsure<'_> {
        Unsure(Some(self))
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
        struct Working<'a>(&'a Promises);
        impl Drop for Working<'_> {
            fn drop(&mut self) {
                self.0.workers.fetch_sub(1, Ordering::AcqRel);
                // Another one may have slept because this one was awake.
                self.0.waiting.wake();
            }
        }

        let (promises, clock) = (&self.0.promises, &self.0.clock);
        promises.workers.fetch_add(1, Ordering::AcqRel);
        let _working = Working(promises);
        let mut trying: FuturesUnordered<BoxFuture<'_, Option<Telling<'_>>>> =
            FuturesUnordered::new();
        let mut telling: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        loop {
            let is_sure = self.look_up();
            let now = clock.elapsed();
            let free = AT_ONCE.saturating_sub(trying.len());
            let due = promises.waiting.take_due(now, free);
            trying.extend(due.into_iter().map(|number| {
                let tried = Tried::new(&promises.waiting, number, now);
                // What panics is put back, as its guard is dropped.
                let job = AssertUnwindSafe(self.try_promise(tried)).catch_unwind();
                job.map(Result::unwrap_or_default).boxed()
            }));
            if self.0.reporter.is_some() {
                let free = AT_ONCE.saturating_sub(telling.len());
                let due = promises.reports.take_due(now, free);
                telling.extend(due.into_iter().map(|last| {
                    let job = AssertUnwindSafe(self.tell_last(last)).catch_unwind();
                    job.map(drop).boxed()
                }));
            }

            let pauses = [
                // With all hands full only an end makes a difference.
                (trying.len() < AT_ONCE)
                    .then(|| promises.waiting.pause(now))
                    .flatten(),
                (telling.len() < AT_ONCE && self.0.reporter.is_some())
                    .then(|| promises.reports.pause(now))
                    .flatten(),
                (!is_sure).then_some(WITHOUT_INBOX),
            ];
            let woken = async {
                match pauses.into_iter().flatten().min() {
                    Some(pause) => {
                        let (slept, changed) = (clock.sleep(pause), promises.waiting.changed());
                        select(pin!(slept), pin!(changed)).await;
                    }
                    None => promises.waiting.changed().await,
                }
            };
            let tried = async {
                match trying.next().await {
                    Some(tried) => tried,
                    None => std::future::pending().await,
                }
            };
            let told = async {
                if telling.next().await.is_none() {
                    std::future::pending::<()>().await;
                }
            };
            let quiet = async {
                select(pin!(told), pin!(woken)).await;
            };
            let tried = match select(pin!(tried), pin!(quiet)).await {
                futures_util::future::Either::Left((tried, _)) => tried,
                futures_util::future::Either::Right(_) => None,
            };
            if let Some(progress) = tried {
                // Beside the tries, so that a platform that does not answer holds up no other promise.
                let job = AssertUnwindSafe(self.tell_progress(progress)).catch_unwind();
                telling.push(job.map(drop).boxed());
            }
        }
    }

    /// Learns what the inbox has, where something may have been missed. `false` if it cannot be learnt.
    pub(crate) fn look_up(&self) -> bool {
        let inner = &*self.0;
        // Looked at before it is taken, as every change asks.
        let unsure = &inner.promises.unsure;
        if !unsure.load(Ordering::Acquire) || !unsure.swap(false, Ordering::AcqRel) {
            return true;
        }
        let kept = inner
            .inbox
            .promises()
            .and_then(|promises| Ok((promises, inner.inbox.reports()?)));
        match kept {
            Ok((promised, reports)) => {
                promised
                    .into_iter()
                    .for_each(|promised| self.add_promised(promised));
                reports
                    .into_iter()
                    .for_each(|report| self.add_report(report));
                true
            }
            Err(error) => {
                self.not_kept(&error);
                inner.promises.unsure.store(true, Ordering::Release);
                false
            }
        }
    }

    /// Takes up a promise that the inbox has.
    pub(crate) fn add_promised(&self, promised: Promised) {
        let clock = &self.0.clock;
        let pause = promised
            .next
            .duration_since(clock.now())
            .unwrap_or_default();
        let due = clock.elapsed().saturating_add(pause.min(LONGEST));
        self.0
            .promises
            .waiting
            .add(promised.number, promised.lanes, due);
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
        least: Option<Duration>,
        reason: String,
    ) -> Reply {
        let inner = &*self.0;
        let Promising {
            entity,
            request,
            fingerprint,
            mut lanes,
        } = promising;
        lanes.push(entity_lane(entity));
        let now = inner.clock.now();
        let pause = match attempts {
            // One that was not tried yet waits for nothing but the one before it.
            0 => Duration::ZERO,
            // It is tried at least once more, whatever the policy says.
            _ => self
                .pause(&request, attempts, Duration::ZERO, least)
                .unwrap_or(least.unwrap_or(Duration::from_secs(1))),
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
        let unsure = inner.promises.unsure();
        let kept = inner
            .inbox
            .promise(&promise, fingerprint, &reply.kept())
            .await;
        match kept {
            Ok(number) => {
                let due = inner.clock.elapsed().saturating_add(pause);
                inner.promises.waiting.add(number, promise.lanes, due);
                unsure.heard();
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
        let now = self.0.clock.now();
        decide(&self.0.retry, operation, attempt, elapsed, least, now)
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
        let seconds = least.as_secs() + u64::from(least.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
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
