//! The loop of a sender: whatever happens next, what follows is decided elsewhere and begun here.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dsync_core::{Carrier, Clock};
use futures_util::StreamExt;
use futures_util::future::OptionFuture;
use futures_util::stream::FuturesUnordered;

use super::attempt::{Attempt, Attempting, attempt, check_key};
use super::control::Control;
use super::course::{Course, Moment, Verdict};
use super::forgetting::Forgetting;
use super::steps::{Due, Stepped, Steps};
use super::trouble::Trouble;
use crate::shared::Shared;
use crate::{Claim, Claimed, Event, Lease, Settled, Settlement, StoreError, StoreErrorKind};

/// A moment that has passed is not waited for, but a store may name one again and again.
const LEAST_WAIT: Duration = Duration::from_millis(10);

/// What a sender has to do with.
pub(super) struct Surroundings {
    pub(super) shared: Arc<Shared>,
    pub(super) carrier: Arc<dyn Carrier>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) control: Arc<Control>,
    /// How often is asked for news.
    pub(super) poll: Duration,
}

/// A sender at work.
pub(super) struct Driver {
    with: Surroundings,
    course: Course,
    forgetting: Forgetting,
    /// When the lease was taken, on the clock.
    began: Duration,
    steps: Steps,
    attempts: FuturesUnordered<Attempting>,
    key_check: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
    /// Whether there may be something to claim.
    look: bool,
    /// When the pause of a change ends.
    next: Option<Duration>,
    /// When is asked for news.
    ask_at: Duration,
    trouble: Option<Trouble>,
    is_stopping: bool,
    /// An error that ends it.
    end: Option<StoreError>,
}

impl Driver {
    pub(super) fn new(
        with: Surroundings,
        course: Course,
        forgetting: Forgetting,
        lease: Box<dyn Lease>,
    ) -> Self {
        Self {
            began: with.clock.elapsed(),
            with,
            course,
            forgetting,
            steps: Steps::new(lease),
            attempts: FuturesUnordered::new(),
            key_check: None,
            look: true,
            next: None,
            ask_at: Duration::ZERO,
            trouble: None,
            is_stopping: false,
            end: None,
        }
    }

    /// Sends until it is to stop, and all attempts are settled.
    pub(super) async fn run(
        mut self,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), StoreError> {
        let Surroundings {
            shared,
            clock,
            control,
            ..
        } = &self.with;
        let (shared, clock, control) = (shared.clone(), clock.clone(), control.clone());
        loop {
            // Where everything is ready at once, others have their turn all the same.
            tokio::task::consume_budget().await;
            let now = self.elapsed();
            if let Some(end) = self.begin(now) {
                return end;
            }
            control.set_paused(self.course.is_paused());
            let mut work = pin!(shared.work.notified());
            let mut resume = pin!(control.resume.notified());
            let pause = self.wake_at(now).map(|at| clock.sleep(at - now));
            let mut timer = pin!(OptionFuture::from(pause));
            poll_fn(|cx| {
                let mut woken = self.poll(cx);
                if work.as_mut().poll(cx).is_ready() {
                    self.look = true;
                    woken = true;
                }
                if resume.as_mut().poll(cx).is_ready() {
                    let event = self.course.resume();
                    self.tell(event);
                    woken = true;
                }
                if !self.is_stopping && stop.as_mut().poll(cx).is_ready() {
                    self.is_stopping = true;
                    woken = true;
                }
                woken |= matches!(timer.as_mut().poll(cx), Poll::Ready(Some(())));
                if woken {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }

    /// Begins what can be begun now. Gives the end, if this is it.
    fn begin(&mut self, now: Duration) -> Option<Result<(), StoreError>> {
        if let Some(error) = self.end.take() {
            return Some(Err(error));
        }
        self.begin_key_check(now);
        if !self.is_stopping {
            let date = self.with.clock.now();
            self.forgetting.begin(&self.with.shared.store, now, date);
        }
        if self.next.is_some_and(|next| next <= now) {
            self.next = None;
            self.look = true;
        }
        if !self.steps.is_free() {
            return None;
        }
        let has_due = self.steps.has_due();
        if self.is_stopping && !has_due && self.attempts.is_empty() {
            return Some(Ok(()));
        }
        let is_in_trouble = match &self.trouble {
            Some(trouble) if now < trouble.until() => return None,
            trouble => trouble.is_some(),
        };
        // What cannot settle is not to claim more.
        let limit = if self.is_stopping || (is_in_trouble && has_due) {
            0
        } else {
            self.course.room(now)
        };
        if has_due || (self.look && limit > 0) {
            if limit > 0 {
                self.look = false;
            }
            self.steps.advance(Claim {
                limit,
                elapsed: now,
                now: self.with.clock.now(),
            });
        } else if limit > 0 && self.ask_at <= now {
            self.steps.ask_for_news();
        }
        None
    }

    fn begin_key_check(&mut self, now: Duration) {
        match self.course.key_check_at() {
            Some(at) if !self.is_stopping => {
                if at <= now && self.key_check.is_none() {
                    self.key_check = Some(check_key(Arc::clone(&self.with.carrier)));
                }
            }
            _ => self.key_check = None,
        }
    }

    /// When something can be begun just because time passes.
    fn wake_at(&self, now: Duration) -> Option<Duration> {
        let if_going_on = |at: Option<Duration>| at.filter(|_| !self.is_stopping);
        let has_step = !self.steps.is_free();
        let trouble = self.trouble.as_ref().map(Trouble::until);
        let is_held_up = has_step || trouble.is_some_and(|until| now < until);
        let if_free = |at: Option<Duration>| if_going_on(at).filter(|_| !is_held_up);
        [
            if_going_on(self.course.key_check_at()),
            if_going_on(self.forgetting.at()),
            trouble.filter(|_| !has_step),
            if_free(self.course.opens_at()),
            if_free(self.next),
            if_free(Some(self.ask_at).filter(|_| self.course.room(now) > 0)),
        ]
        .into_iter()
        .flatten()
        // What was not begun when its time came waits for something else.
        .filter(|at| *at > now)
        .min()
    }

    /// Takes in whatever has ended. Gives whether anything has.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let mut woken = false;
        // All that have ended are settled together, for the price of one.
        while let Poll::Ready(Some(ended)) = self.attempts.poll_next_unpin(cx) {
            self.ended(ended);
            woken = true;
        }
        if let Poll::Ready(stepped) = self.steps.poll(cx) {
            self.stepped(stepped);
            woken = true;
        }
        if let Some(Poll::Ready(is_new)) = self.key_check.as_mut().map(|it| it.as_mut().poll(cx)) {
            self.key_check = None;
            let event = self.course.key_checked(is_new, self.elapsed());
            self.tell(event);
            woken = true;
        }
        woken | self.forgetting.poll(cx)
    }

    fn ended(&mut self, ended: Attempt) {
        let Attempt {
            claimed,
            ticket,
            attempted,
        } = ended;
        let now = Moment {
            elapsed: self.elapsed(),
            date: self.with.clock.now(),
            // Without random numbers the longest pause is the safe one.
            random: getrandom::u64().unwrap_or(u64::MAX),
        };
        let verdict = self.course.end(&claimed, ticket, &attempted, now);
        let Verdict {
            settlement,
            at_once,
            when_settled,
        } = verdict;
        self.tell(at_once);
        self.settle(&claimed, settlement, when_settled);
    }

    fn settle(&mut self, claimed: &Claimed, settlement: Settlement, event: Option<Event>) {
        let id = claimed.id;
        let settled = Settled { id, settlement };
        self.steps.add(Due { settled, event });
        // Its lane is free again.
        self.look = true;
    }

    fn stepped(&mut self, stepped: Stepped) {
        let now = self.elapsed();
        self.ask_at = now.saturating_add(self.with.poll);
        let (advanced, settled, limit) = match stepped {
            Stepped::Failed(error) => return self.failed(error, now),
            Stepped::News(news) => {
                self.trouble = None;
                self.look |= news;
                return;
            }
            Stepped::Advanced {
                advanced,
                settled,
                limit,
            } => (advanced, settled, limit),
        };
        self.trouble = None;
        let mut has_ended = false;
        for Due { settled, event } in settled {
            has_ended |= matches!(
                settled.settlement,
                Settlement::Delivered { .. } | Settlement::Dead { .. }
            );
            self.tell(event);
        }
        if has_ended {
            self.with.shared.ended.notify_waiters();
        }
        self.next = advanced.next.map(|next| next.max(now + LEAST_WAIT));
        self.look |= advanced.has_more || (limit > 0 && advanced.claimed.len() >= limit);
        for claimed in advanced.claimed {
            let ticket = if self.is_stopping {
                None
            } else {
                self.course.begin(now)
            };
            match ticket {
                Some(ticket) => {
                    let carrier = Arc::clone(&self.with.carrier);
                    self.attempts.push(attempt(carrier, claimed, ticket));
                }
                // Things have changed while it was claimed.
                None => self.settle(&claimed, Settlement::Unattempted, None),
            }
        }
    }

    fn failed(&mut self, error: StoreError, now: Duration) {
        self.look = true;
        let is_new = self.trouble.is_none();
        let trouble = self.trouble.get_or_insert_default();
        trouble.again(now);
        // One who is to stop does not wait for a disk to have space again.
        let is_lost = error.is_final() || error.kind() == StoreErrorKind::Refused;
        let ends = is_lost || (self.is_stopping && trouble.is_long());
        if is_new || ends {
            let error = error.clone();
            self.tell(Some(Event::StoreFailed { error }));
        }
        if ends {
            self.end = Some(error);
        }
    }

    fn tell(&self, event: Option<Event>) {
        let Some(event) = event else { return };
        super::log::log(&event);
        self.with.shared.tell(event);
    }

    /// The time since the lease was taken.
    fn elapsed(&self) -> Duration {
        self.with.clock.elapsed().saturating_sub(self.began)
    }
}
