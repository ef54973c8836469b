//! A change on its way: one attempt after the other, until it is accepted or given up.

use std::time::Duration;

use bytes::Bytes;
use dsync_core::retry::{Attempt, Decision, Outcome, RetryBudget, RetryPolicy, Stop, retry_after};
use dsync_core::wire::{Answer, RealtimeRequest};
use dsync_core::{
    AuthToken, Clock, IdempotencyKey, OwnProcess, ProcessId, SendingGuard, SystemState, TimeLimit,
    Transport, TransportError, TransportErrorKind,
};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use tracing::field::{self, Empty};
use tracing::{Instrument, Span};

use crate::ending::Ending;
use crate::key::{Key, KeyInUse};
use crate::refused::Answered;
use crate::{Error, NoEnvelope, Receipt, Refused, Unanswered, hide};

/// What carries changes to the platform.
pub(crate) struct Delivery {
    pub(crate) realtime_url: Uri,
    pub(crate) key: KeyInUse,
    pub(crate) headers: HeaderMap,
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) timeout: Duration,
    pub(crate) policy: RetryPolicy,
    pub(crate) budget: RetryBudget,
    /// Where the processes of what was accepted are noted.
    pub(crate) state: Option<SystemState>,
}

impl Delivery {
    /// Delivers a change, and tells `tracing` about it.
    pub(crate) async fn deliver(&self, request: RealtimeRequest) -> Result<Receipt, Error> {
        // Every attempt has the same name, whoever gave it.
        let request = match request.idempotency_key() {
            Some(_) => request,
            None => request.with_idempotency_key(IdempotencyKey::generate()),
        };
        let span = request_span(&request);
        let _sending = self.sending();
        let outcome = self.attempts(&request).instrument(span.clone()).await;
        span.in_scope(|| match &outcome {
            Ok(receipt) => {
                record(&span, receipt.attempts(), Some(receipt.status()));
                self.accepted(&span, &request, receipt.process_id());
            }
            Err(error) => tell(
                &span,
                error.attempts(),
                error.status(),
                error.transport_kind(),
            ),
        });
        outcome
    }

    /// Held until the process of a change is noted, or a notification of it might come before.
    pub(crate) fn sending(&self) -> Option<SendingGuard> {
        self.state.as_ref().map(SystemState::sending)
    }

    /// Tells of a change that was accepted, and notes its process. Whatever becomes of that, it was.
    pub(crate) fn accepted(
        &self,
        span: &Span,
        request: &RealtimeRequest,
        process_id: Option<&str>,
    ) {
        span.record("process_id", process_id);
        tracing::debug!("accepted");
        // A name that cannot travel in a header cannot come back in a notification either.
        let process_id = process_id.map(ProcessId::new);
        if let (Some(state), Some(Ok(process_id))) = (&self.state, process_id) {
            let process = OwnProcess::new(process_id, request, self.clock.now());
            if let Err(error) = state.add_process(process) {
                tracing::warn!(
                    %error,
                    "the process of an accepted change cannot be noted, so how it ends will not be recognised"
                );
            }
        }
    }

    async fn attempts(&self, request: &RealtimeRequest) -> Result<Receipt, Error> {
        let key = self.key.current(&*self.clock, self.timeout).await;
        let mut key = key.map_err(Error::NoAuthToken)?;
        let mut key_was_renewed = false;
        let began = self.clock.elapsed();
        let elapsed = || self.clock.elapsed().saturating_sub(began);
        // The policy's count leaves out the attempt with a new key: the one before it changed nothing.
        let (mut attempts, mut number) = (1, 1);
        let mut last_cost = None;
        loop {
            let limit = self.timeout.min(self.policy.remaining(elapsed()));
            let http = request.encode(&self.realtime_url, &key.auth_token);
            let failed = match self.attempt(http, &key, limit, attempts).await {
                Ok(answer) => {
                    self.budget.earn(last_cost.unwrap_or(RetryBudget::SUCCESS));
                    return Ok(Receipt::new(answer, attempts));
                }
                Err(failed) => failed,
            };

            let is_refused_key = failed.status() == Some(StatusCode::UNAUTHORIZED);
            let new_key = if is_refused_key && !std::mem::replace(&mut key_was_renewed, true) {
                self.new_key(&key).await
            } else {
                None
            };
            let stop = if let Some(new_key) = new_key {
                key = new_key;
                None
            } else {
                let decision = self.policy.decide(&Attempt {
                    operation: request.operation(),
                    number,
                    elapsed: elapsed(),
                    outcome: failed.outcome(),
                    now: self.clock.now(),
                    random: random(),
                });
                match decision.paid_from(&self.budget) {
                    Decision::Stop(stop) => Some(stop),
                    Decision::Wait { pause, cost } => {
                        tracing::debug!(
                            attempt = attempts,
                            status = failed.status().map(|status| status.as_u16()),
                            fault = failed.transport_kind().map(field::debug),
                            ?pause,
                            "not accepted, once more after a pause"
                        );
                        last_cost = Some(cost);
                        number += 1;
                        self.clock.sleep(pause).await;
                        None
                    }
                }
            };
            // A key or a pause may have taken longer than it should.
            let is_late = self.policy.remaining(elapsed()).is_zero();
            if let Some(stop) = stop.or(is_late.then_some(Stop::Deadline)) {
                let ending = Ending { attempts, stop };
                return Err(failed.into_error(ending, &*self.clock));
            }
            attempts += 1;
        }
    }

    /// Another key than the refused one, if its provider has one.
    pub(crate) async fn new_key(&self, refused: &Key) -> Option<Key> {
        let key = self
            .key
            .instead_of(refused, &*self.clock, self.timeout)
            .await;
        match key {
            Ok(key) => {
                tracing::debug!(is_new = key.is_some(), "the API key was refused");
                key
            }
            Err(error) => {
                tracing::warn!(%error, "the API key was refused, and no new one can be had");
                None
            }
        }
    }

    pub(crate) async fn attempt(
        &self,
        mut http: Request<Bytes>,
        key: &Key,
        limit: Duration,
        number: u32,
    ) -> Result<Answer, Failed> {
        let span = tracing::debug_span!("dsync_attempt", attempt = number, status = Empty);
        for (name, value) in &self.headers {
            http.headers_mut().append(name, value.clone());
        }
        http.extensions_mut().insert(TimeLimit(limit));
        let response = self
            .transport
            .send(http)
            .instrument(span.clone())
            .await
            .map_err(Failed::NoAnswer)?;
        let judged = judge(response, &key.auth_token);
        let status = match &judged {
            Ok(answer) => Some(answer.status()),
            Err(failed) => failed.status(),
        };
        if let Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) = status {
            self.key.note_refused(key);
        }
        span.record("status", status.map(|status| status.as_u16()));
        judged
    }
}

pub(crate) fn request_span(request: &RealtimeRequest) -> Span {
    tracing::debug_span!(
        "dsync_request",
        operation = request.operation().as_str(),
        method = request.operation().method().as_str(),
        entity_token = request.entity_token().as_str(),
        attempts = Empty,
        status = Empty,
        process_id = Empty,
    )
}

pub(crate) fn record(span: &Span, attempts: u32, status: Option<StatusCode>) {
    span.record("attempts", attempts);
    span.record("status", status.map(|status| status.as_u16()));
}

/// Tells of what was not accepted.
pub(crate) fn tell(
    span: &Span,
    attempts: u32,
    status: Option<StatusCode>,
    fault: Option<TransportErrorKind>,
) {
    record(span, attempts, status);
    tracing::debug!(fault = fault.map(field::debug), "not accepted");
}

/// An attempt that was not accepted.
pub(crate) enum Failed {
    NoAnswer(TransportError),
    Refused { status: StatusCode, answer: Answer },
    NoEnvelope { status: StatusCode, answer: Answer },
}

impl Failed {
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::NoAnswer(_) => None,
            Self::Refused { status, .. } | Self::NoEnvelope { status, .. } => Some(*status),
        }
    }

    pub(crate) fn transport_kind(&self) -> Option<TransportErrorKind> {
        match self {
            Self::NoAnswer(error) => Some(error.kind()),
            _ => None,
        }
    }

    fn outcome(&self) -> Outcome<'_> {
        match self {
            Self::NoAnswer(error) => Outcome::NoAnswer(error.kind()),
            Self::Refused { status, answer } | Self::NoEnvelope { status, answer } => {
                Outcome::Answered {
                    status: *status,
                    headers: answer.headers(),
                }
            }
        }
    }

    pub(crate) fn into_error(self, ending: Ending, clock: &dyn Clock) -> Error {
        let answered = |status, answer: Answer| {
            let retry_after = retry_after(answer.headers(), clock.now());
            Box::new(Answered {
                status,
                answer,
                retry_after,
                ending,
            })
        };
        match self {
            Self::NoAnswer(error) => Error::Transport(Unanswered { error, ending }),
            Self::Refused { status, answer } => Error::Refused(Refused(answered(status, answer))),
            Self::NoEnvelope { status, answer } => {
                Error::NoEnvelope(NoEnvelope(answered(status, answer)))
            }
        }
    }
}

#[expect(
    clippy::result_large_err,
    reason = "both sides hold an answer, which a box would not make smaller"
)]
fn judge(response: Response<Bytes>, key: &AuthToken) -> Result<Answer, Failed> {
    let http_status = response.status();
    let answer = Answer::decode(hide::in_answer(response, key));
    // Whoever redirects stands before the platform, so an envelope in that answer decides nothing.
    let status = if http_status.is_redirection() {
        http_status
    } else {
        answer.status()
    };
    if !status.is_success() {
        Err(Failed::Refused { status, answer })
    } else if !answer.is_envelope() {
        Err(Failed::NoEnvelope { status, answer })
    } else {
        Ok(answer)
    }
}

/// Where the operating system has no random numbers, the longest pause is the safe one.
fn random() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX)
}
