//! What follows from how attempts end: for the change, and for all that are not sent yet. No I/O, no
//! clock, no chance: all of that comes in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use dsync_core::retry::{self, Decision, Outcome, RetryPolicy, is_retryable};
use dsync_core::{Carried, TransportErrorKind};
use http::StatusCode;

use super::attempt::Attempted;
use super::failure::{failure, last};
use super::hold::Hold;
use super::pause::Pause;
use crate::{AfterRefusal, Claimed, Event, Failure, Settlement};

/// So many failures one after another, and the platform is taken to be in trouble.
const CAREFUL_FROM: u32 = 3;

/// What a program may say about a refused change.
pub(super) type Refusal = Box<dyn Fn(&Claimed, &Failure) -> AfterRefusal + Send + Sync>;

/// How the sending goes.
pub(super) struct Course {
    policy: RetryPolicy,
    after_refusal: Refusal,
    most_in_flight: usize,
    in_flight: usize,
    /// Failures that may pass by themselves, without a sign of the platform in between.
    failures: u32,
    hold: Hold,
    pause: Pause,
}

/// When an attempt began, as far as it matters at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    /// How often the host had been held.
    hold: u64,
    /// How often the queue had been resumed.
    resumed: u64,
    /// Whether it finds out if a pause is over.
    is_probe: bool,
}

/// A moment, and a random number for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// The time since the lease was taken.
    pub(super) elapsed: Duration,
    /// The date and time.
    pub(super) date: SystemTime,
    /// All values alike.
    pub(super) random: u64,
}

/// What follows from the end of an attempt.
pub(super) struct Verdict {
    pub(super) settlement: Settlement,
    /// What is told at once, because it is about all changes.
    pub(super) at_once: Option<Event>,
    /// What is told when the settlement is on stable storage.
    pub(super) when_settled: Option<Event>,
}

impl Course {
    pub(super) fn new(
        policy: RetryPolicy,
        after_refusal: Refusal,
        most_in_flight: usize,
        pause: Pause,
    ) -> Self {
        Self {
            policy,
            after_refusal,
            most_in_flight,
            in_flight: 0,
            failures: 0,
            hold: Hold::default(),
            pause,
        }
    }

    /// How many attempts may begin now.
    pub(super) fn room(&self, now: Duration) -> usize {
        if self.hold.is_on(now) {
            return 0;
        }
        if self.pause.is_on() {
            return usize::from(self.pause.may_probe(now));
        }
        let most = if self.failures >= CAREFUL_FROM {
            1
        } else {
            self.most_in_flight
        };
        most.saturating_sub(self.in_flight)
    }

    /// When there is room just because time passes.
    pub(super) fn opens_at(&self) -> Option<Duration> {
        if self.pause.is_on() {
            Some(self.pause.probe_at()?.max(self.hold.until()))
        } else {
            Some(self.hold.until())
        }
    }

    /// Begins an attempt, if there still is room.
    pub(super) fn begin(&mut self, now: Duration) -> Option<Ticket> {
        if self.room(now) == 0 {
            return None;
        }
        self.in_flight += 1;
        Some(Ticket {
            hold: self.hold.count(),
            resumed: self.pause.resumed(),
            is_probe: self.pause.begin_probe(),
        })
    }

    /// An attempt has ended.
    pub(super) fn end(
        &mut self,
        claimed: &Claimed,
        ticket: Ticket,
        attempted: &Attempted,
        now: Moment,
    ) -> Verdict {
        self.in_flight -= 1;
        let verdict = self.judge(claimed, ticket, attempted, now);
        if ticket.is_probe {
            self.pause.probe_failed(ticket.resumed, now.elapsed);
        }
        verdict
    }

    fn judge(
        &mut self,
        claimed: &Claimed,
        ticket: Ticket,
        attempted: &Attempted,
        now: Moment,
    ) -> Verdict {
        let id = claimed.id;
        match attempted {
            Attempted::Carried(Carried::Accepted(answer)) => {
                self.platform_is_there();
                let process_id = answer.process_id().map(str::to_owned);
                return Verdict {
                    at_once: self.probed(ticket),
                    when_settled: Some(Event::Delivered {
                        id,
                        process_id: process_id.clone(),
                    }),
                    settlement: Settlement::Delivered { process_id },
                };
            }
            Attempted::Carried(Carried::NoAuthToken(_)) => {
                self.failures = self.failures.saturating_add(1);
                return Verdict {
                    settlement: Settlement::Unattempted,
                    at_once: self.back_off(ticket, now, &failure(attempted)),
                    when_settled: None,
                };
            }
            _ => {}
        }
        let failure = failure(attempted);
        let (outcome, answer) = match attempted {
            Attempted::Carried(carried) => (carried.outcome(), answer(carried)),
            Attempted::Panicked(_) => (None, None),
        };
        if let Some((status, is_envelope)) = answer
            && is_of_the_way(status, is_envelope)
        {
            let is_key = matches!(status.as_u16(), 401 | 403);
            let began = self.pause.begin(ticket.resumed, is_key, now.elapsed);
            return Verdict {
                at_once: began.then(|| Event::Paused {
                    failure: failure.clone(),
                }),
                ..again(claimed, now, Duration::ZERO, failure)
            };
        }
        // What is not known here may have taken effect.
        let outcome = outcome.unwrap_or(Outcome::NoAnswer(TransportErrorKind::Broken));
        let decision = self.policy.decide(&retry::Attempt {
            operation: claimed.request.operation(),
            number: claimed.attempt,
            elapsed: now
                .date
                .duration_since(claimed.first_attempt)
                .unwrap_or_default(),
            outcome,
            now: now.date,
            random: now.random,
        });
        let at_once = match answer {
            Some((status, is_envelope)) if !is_retryable(status) => {
                if is_envelope {
                    self.platform_is_there();
                }
                self.probed(ticket)
            }
            _ => self.fail(ticket, &outcome, now, &failure),
        };
        let verdict = match decision {
            Decision::Wait { pause, .. } => {
                // It is the host that is waited for, and not this change.
                let pause = match outcome {
                    Outcome::NoAnswer(TransportErrorKind::Connect) => Duration::ZERO,
                    _ => pause,
                };
                again(claimed, now, pause, failure)
            }
            Decision::Stop(stop) => self.dead(claimed, last(failure, stop, claimed.attempt)),
        };
        Verdict { at_once, ..verdict }
    }

    /// A failure that may pass by itself.
    fn fail(
        &mut self,
        ticket: Ticket,
        outcome: &Outcome<'_>,
        now: Moment,
        failure: &Failure,
    ) -> Option<Event> {
        self.failures = self.failures.saturating_add(1);
        let asked = match outcome {
            Outcome::Answered { headers, .. } => retry::retry_after(headers, now.date),
            _ => None,
        };
        let was_on = self.hold.is_on(now.elapsed);
        if let Some(asked) = asked {
            self.hold.ask(now.elapsed.saturating_add(asked));
        }
        let is_connect = matches!(outcome, Outcome::NoAnswer(TransportErrorKind::Connect));
        if is_connect || self.failures >= CAREFUL_FROM {
            self.hold.back_off(ticket.hold, now);
        }
        self.waiting(was_on, now, failure)
    }

    fn back_off(&mut self, ticket: Ticket, now: Moment, failure: &Failure) -> Option<Event> {
        let was_on = self.hold.is_on(now.elapsed);
        self.hold.back_off(ticket.hold, now);
        self.waiting(was_on, now, failure)
    }

    fn waiting(&self, was_on: bool, now: Moment, failure: &Failure) -> Option<Event> {
        (!was_on && self.hold.is_on(now.elapsed)).then(|| Event::Waiting {
            pause: self.hold.until().saturating_sub(now.elapsed),
            failure: failure.clone(),
        })
    }

    fn platform_is_there(&mut self) {
        self.failures = 0;
        self.hold.end_backing_off();
    }

    /// A probe shows that the way is free.
    fn probed(&mut self, ticket: Ticket) -> Option<Event> {
        let ends = ticket.is_probe && ticket.resumed == self.pause.resumed();
        (ends && self.pause.end()).then_some(Event::Resumed)
    }

    fn dead(&self, claimed: &Claimed, failure: Failure) -> Verdict {
        let after = catch_unwind(AssertUnwindSafe(|| (self.after_refusal)(claimed, &failure)));
        // Holding back is what can be mended.
        let holds = after.unwrap_or_default() == AfterRefusal::Hold;
        Verdict {
            settlement: Settlement::Dead {
                holds,
                failure: failure.clone(),
            },
            at_once: None,
            when_settled: Some(Event::Dead {
                id: claimed.id,
                holds,
                failure,
            }),
        }
    }

    /// Somebody says that it is to be tried now.
    pub(super) fn resume(&mut self) -> Option<Event> {
        self.hold.end();
        self.pause.end().then_some(Event::Resumed)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.pause.is_on()
    }

    /// When it is to be asked for a new key.
    pub(super) fn key_check_at(&self) -> Option<Duration> {
        self.pause.key_check_at()
    }

    /// It was asked for a new key.
    pub(super) fn key_checked(&mut self, is_new: bool, now: Duration) -> Option<Event> {
        self.pause.key_checked(now);
        (is_new && self.pause.end()).then_some(Event::Resumed)
    }
}

fn again(claimed: &Claimed, now: Moment, pause: Duration, failure: Failure) -> Verdict {
    Verdict {
        settlement: Settlement::Again {
            at: now.elapsed.saturating_add(pause),
            failure: failure.clone(),
        },
        at_once: None,
        when_settled: Some(Event::Retrying {
            id: claimed.id,
            attempt: claimed.attempt,
            pause,
            failure,
        }),
    }
}

/// The status of an answer, and whether it is one of DSYNC's.
fn answer(carried: &Carried) -> Option<(StatusCode, bool)> {
    match carried {
        Carried::Refused { status, answer } => Some((*status, answer.is_envelope())),
        _ => None,
    }
}

/// Whether it is the key or the way to the platform that is refused, and not the change. A 404 or 405 that is
/// none of DSYNC's is a page of another server, whose address somebody has taken for the platform's.
fn is_of_the_way(status: StatusCode, is_envelope: bool) -> bool {
    match status.as_u16() {
        401 | 403 | 407 => true,
        404 | 405 => !is_envelope,
        _ => status.is_redirection(),
    }
}
