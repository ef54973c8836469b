//! Everything that a sender is told before it begins.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dsync_core::retry::RetryPolicy;
use dsync_core::{Carrier, Clock};
use tokio::sync::oneshot;

use super::Sender;
use super::clock::TokioClock;
use super::control::Control;
use super::course::{Course, Refusal};
use super::driver::{Driver, Surroundings};
use super::forgetting::Forgetting;
use super::lease;
use super::pause::Pause;
use crate::shared::Shared;
use crate::{Claimed, Failure, Lease, StoreError, StoreErrorKind};

/// What becomes of the later changes of a record when one was refused for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AfterRefusal {
    /// They wait until somebody retries, mends, drops or passes the dead letter: the order stays what it
    /// was.
    #[default]
    Hold,
    /// They are sent without it.
    Pass,
}

/// Sets up a [`Sender`].
///
/// | setting | default |
/// |---|---|
/// | [`in_flight`](Self::in_flight) | 32 |
/// | [`retry`](Self::retry) | never gives up, pauses up to 200 ms at first, up to 60 s at last |
/// | [`retry_creates`](Self::retry_creates) | yes |
/// | [`after_refusal`](Self::after_refusal) | the record's later changes are held |
/// | [`key_check`](Self::key_check) | 5 s |
/// | [`probe`](Self::probe) | 5 minutes |
/// | [`poll`](Self::poll) | 100 ms |
/// | [`remember`](Self::remember) | 7 days |
/// | [`standby`](Self::standby) | no: if another one sends, that is an error |
/// | [`clock`](Self::clock) | that of the Tokio runtime |
///
/// # What follows an attempt
///
/// | it ended | then |
/// |---|---|
/// | accepted | the change is delivered |
/// | no answer, 408, 425, 429, 5xx but 501 and 505, a 2xx that is none of DSYNC's | the change is tried again after a pause; a `Retry-After` keeps all changes back |
/// | no connection, no API key | nothing is sent for a while, up to 10 s at last |
/// | the third failure of such kinds without an answer of the platform's own | as with no connection, and one change at a time until the platform accepts or refuses one |
/// | 401, 403, 407, a redirect, a 404 or 405 that is none of DSYNC's | nothing is sent until somebody [resumes](Sender::resume), or a probe is accepted or refused for another reason; after a 401 or 403 also until there is another key |
/// | 409 to a second or later attempt | the change is tried again after a pause; nothing else waits |
/// | any other refusal | the change is a dead letter |
/// | the carrier panics | as with no answer: it may have taken effect |
///
/// # Examples
///
/// ```
#[doc = include_str!("../doc/example.txt")]
/// use dsync_outbox::AfterRefusal;
///
/// let sender = outbox
///     .sender(client)
///     .in_flight(8)
///     .after_refusal(|change, _failure| match change.request.entity_token().as_str() {
///         "shop-log-1" => AfterRefusal::Pass,
///         _ => AfterRefusal::Hold,
///     })
///     .spawn()
///     .await?;
/// # sender.stop().await?;
/// # drop((outbox, product));
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until `spawn`, `spawn_thread` or `run_until` is called"]
pub struct SenderBuilder {
    shared: Arc<Shared>,
    carrier: Arc<dyn Carrier>,
    in_flight: usize,
    policy: RetryPolicy,
    after_refusal: Refusal,
    key_check: Duration,
    probe: Duration,
    poll: Duration,
    remember: Duration,
    stands_by: bool,
    clock: Option<Arc<dyn Clock>>,
}

impl SenderBuilder {
    pub(crate) fn new(shared: Arc<Shared>, carrier: Arc<dyn Carrier>) -> Self {
        Self {
            shared,
            carrier,
            in_flight: 32,
            policy: RetryPolicy::new()
                .with_max_attempts(u32::MAX)
                .with_deadline(Duration::MAX)
                .with_backoff(Duration::from_millis(200), Duration::from_secs(60)),
            after_refusal: Box::new(|_, _| AfterRefusal::default()),
            key_check: Duration::from_secs(5),
            probe: Duration::from_secs(5 * 60),
            poll: Duration::from_millis(100),
            remember: Duration::from_secs(7 * 24 * 60 * 60),
            stands_by: false,
            clock: None,
        }
    }

    /// Sets how many attempts may be under way at once. Zero is one.
    pub fn in_flight(mut self, attempts: usize) -> Self {
        self.in_flight = attempts.max(1);
        self
    }

    /// Sets how often, how long and how fast a change is tried. When its attempts are used up, or its
    /// deadline has come, it is a dead letter.
    ///
    /// Attempts of earlier runs count, those that were refused for the key count, and the deadline counts from
    /// the first attempt ever, of a retried dead letter from the first one since. While no connection can be made the pauses are not the policy's.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Says whether a create is sent again although it may have taken effect: see
    /// [`RetryPolicy::with_retry_creates`]. With `false` it is a dead letter then.
    ///
    /// A create whose program ended during the attempt is sent again all the same: nothing says how the
    /// attempt went.
    pub fn retry_creates(mut self, retry: bool) -> Self {
        self.policy = self.policy.with_retry_creates(retry);
        self
    }

    /// Decides what becomes of the later changes of a record when one was refused for good. It should not
    /// take long, because nothing is sent meanwhile. If it panics, they are held.
    pub fn after_refusal(
        mut self,
        decide: impl Fn(&Claimed, &Failure) -> AfterRefusal + Send + Sync + 'static,
    ) -> Self {
        self.after_refusal = Box::new(decide);
        self
    }

    /// Sets how often the carrier is asked for a new API key while the one it has is refused.
    pub fn key_check(mut self, every: Duration) -> Self {
        self.key_check = every.max(LEAST_PERIOD);
        self
    }

    /// Sets how often one change is tried while the platform refuses the key, or the way there, although
    /// there is no new key: what refuses may be a firewall that comes to its senses.
    pub fn probe(mut self, every: Duration) -> Self {
        self.probe = every.max(LEAST_PERIOD);
        self
    }

    /// Sets how often is looked for changes that another program has put in, or a transaction. Those of
    /// this outbox's own calls are seen at once.
    pub fn poll(mut self, every: Duration) -> Self {
        self.poll = every.max(LEAST_PERIOD);
        self
    }

    /// Sets how long it is remembered how a change has ended, for [`ended`](crate::Outbox::ended) and
    /// [`show`](crate::Outbox::show). A minute at least. Dead letters are kept until somebody does
    /// something about them.
    pub fn remember(mut self, ended: Duration) -> Self {
        self.remember = ended;
        self
    }

    /// Says that this one stands by if another one sends from the outbox, here or in another program, and
    /// takes over when that is gone. Without it, that is an error of the kind
    /// [`Leased`](StoreErrorKind::Leased).
    pub fn standby(mut self, stands_by: bool) -> Self {
        self.stands_by = stands_by;
        self
    }

    /// Sets where time comes from: the date, and the pauses.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sends within this future, until `stop` is ready and all attempts under way have ended and are
    /// settled.
    ///
    /// If it is dropped before, the changes whose attempts were under way are pending, and will be sent once
    /// more with the same idempotency key. It needs a Tokio runtime with time enabled, if no
    /// [`clock`](Self::clock) is set, and whatever the carrier needs.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if another one sends, or the store has to be given up; or if it has failed for
    /// some seconds while this one was to stop.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/example.txt")]
    /// outbox.create(&product).await?;
    /// let flushed = async {
    ///     outbox.flush(Duration::from_secs(10)).await.ok();
    /// };
    /// outbox.sender(client).run_until(flushed).await?;
    /// assert_eq!(outbox.counts().await?.pending, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), StoreError> {
        let lease = lease::take(&*self.shared.store, self.stands_by).await?;
        self.run(lease, Arc::default(), stop).await
    }

    /// Sends in a task of the Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if another one sends, or the lease cannot be taken.
    pub async fn spawn(self) -> Result<Sender, StoreError> {
        let lease = lease::take(&*self.shared.store, self.stands_by).await?;
        let control = Arc::<Control>::default();
        let (end, ended) = oneshot::channel();
        tokio::spawn(self.run_controlled(lease, Arc::clone(&control), end));
        Ok(Sender::new(control, ended))
    }

    /// Sends in a thread with a runtime of its own, for programs without one. Returns when the lease is
    /// taken, or, for one who [stands by](Self::standby), when it was tried.
    ///
    /// The program waits for the thread by [`Sender::stop_blocking`], not by itself at its end.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if another one sends, the lease cannot be taken, or there can be no thread.
    pub fn spawn_thread(self) -> Result<Sender, StoreError> {
        let control = Arc::<Control>::default();
        let (end, ended) = oneshot::channel();
        let (begin, begun) = oneshot::channel();
        let controlled = Arc::clone(&control);
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(begin.send(Err(no_thread(error)))),
            };
            runtime.block_on(async {
                match lease::take(&*self.shared.store, self.stands_by).await {
                    Ok(lease) => {
                        // An error says that nobody waits, so it is to stop.
                        if begin.send(Ok(())).is_ok() {
                            self.run_controlled(lease, controlled, end).await;
                        }
                    }
                    Err(error) => drop(begin.send(Err(error))),
                }
            });
        };
        thread::Builder::new()
            .name("dsync-outbox-sender".to_owned())
            .spawn(work)
            .map_err(no_thread)?;
        let begun = pollster::block_on(begun);
        begun.unwrap_or_else(|error| Err(no_thread(error)))?;
        Ok(Sender::new(control, ended))
    }

    async fn run_controlled(
        self,
        lease: Option<Box<dyn Lease>>,
        control: Arc<Control>,
        end: oneshot::Sender<Result<(), StoreError>>,
    ) {
        let stop = Arc::clone(&control);
        let result = self.run(lease, control, stop.stop.notified()).await;
        // Nobody has to wait for it.
        let _ = end.send(result);
    }

    async fn run(
        self,
        lease: Option<Box<dyn Lease>>,
        control: Arc<Control>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StoreError> {
        let clock = self.clock.unwrap_or_else(|| Arc::new(TokioClock::new()));
        let mut stop = pin!(stop);
        let lease = match lease {
            Some(lease) => lease,
            None => match lease::wait(&*self.shared.store, &*clock, stop.as_mut()).await? {
                Some(lease) => lease,
                None => return Ok(()),
            },
        };
        let pause = Pause::new(self.key_check, self.probe);
        let course = Course::new(self.policy, self.after_refusal, self.in_flight, pause);
        let surroundings = Surroundings {
            shared: self.shared,
            carrier: self.carrier,
            clock,
            control,
            poll: self.poll,
        };
        let forgetting = Forgetting::new(self.remember);
        Driver::new(surroundings, course, forgetting, lease)
            .run(stop)
            .await
    }
}

/// A shorter one would keep a processor busy.
const LEAST_PERIOD: Duration = Duration::from_millis(1);

fn no_thread(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    let message = "the sender's thread cannot be started: see the cause";
    StoreError::new(StoreErrorKind::Other, message).with_source(error)
}

impl fmt::Debug for SenderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderBuilder")
            .field("in_flight", &self.in_flight)
            .field("policy", &self.policy)
            .field("key_check", &self.key_check)
            .field("probe", &self.probe)
            .field("poll", &self.poll)
            .field("remember", &self.remember)
            .field("stands_by", &self.stands_by)
            .finish_non_exhaustive()
    }
}
