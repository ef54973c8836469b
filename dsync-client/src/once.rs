//! One attempt, and one more if there is another key than the refused one: a report, and a change that
//! somebody else keeps until it is delivered.

use std::error::Error as StdError;

use bytes::Bytes;
use dsync_core::retry::{Stop, is_retryable};
use dsync_core::wire::{Answer, RealtimeRequest, Report};
use dsync_core::{AuthToken, Carried, Carrier, Carrying, KeyCheck};
use http::{Request, StatusCode};
use tracing::Instrument;
use tracing::field::Empty;

use crate::delivery::{Delivery, Failed, record, request_span, tell};
use crate::ending::Ending;
use crate::{Client, Error};

/// How one attempt ended, or the second one of two.
struct Once {
    attempts: u32,
    outcome: Result<Answer, Failed>,
}

/// Carries a change that somebody else keeps, an outbox for instance.
///
/// It is one attempt, within the [time](crate::ClientBuilder::timeout) of one, and one more after a 401
/// if the provider has another key then. Whoever keeps the change decides about further attempts, so the
/// client's [policy](crate::ClientBuilder::retry) and [budget](crate::ClientBuilder::retry_budget) play no
/// role, and the request brings its idempotency key. It is carried as it is: whether it is an echo, and
/// whether its entity is switched off, was a matter of the moment when it was kept.
///
/// The process of what is accepted is noted in the [state](crate::ClientBuilder::system_state), as that of
/// any other change, and the key is hidden in answers that repeat it.
impl Carrier for Client {
    fn carry<'a>(&'a self, request: &'a RealtimeRequest) -> Carrying<'a> {
        Box::pin(self.delivery().carry(request))
    }

    fn has_new_key(&self) -> KeyCheck<'_> {
        Box::pin(self.delivery().has_new_key())
    }
}

impl Delivery {
    /// Delivers a report.
    pub(crate) async fn report(&self, report: &Report) -> Result<(), Error> {
        let span = tracing::debug_span!(
            "dsync_report",
            process_id = report.process_id.as_str(),
            reported = report.status.as_u16(),
            attempts = Empty,
            status = Empty,
        );
        let encode = |key: &AuthToken| report.encode(&self.realtime_url, key);
        let once = self.once(encode).instrument(span.clone()).await;
        let outcome = match once {
            Ok(Once {
                attempts,
                outcome: Ok(answer),
            }) => Ok((attempts, answer.status())),
            Ok(Once {
                attempts,
                outcome: Err(failed),
            }) => {
                let stop = match failed.status() {
                    Some(status) if !is_retryable(status) => Stop::Final,
                    _ => Stop::Attempts,
                };
                Err(failed.into_error(Ending { attempts, stop }, &*self.clock))
            }
            Err(error) => Err(Error::NoAuthToken(error)),
        };
        span.in_scope(|| match &outcome {
            Ok((attempts, status)) => {
                record(&span, *attempts, Some(*status));
                tracing::debug!("accepted");
            }
            Err(error) => tell(
                &span,
                error.attempts(),
                error.status(),
                error.transport_kind(),
            ),
        });
        outcome.map(drop)
    }

    async fn carry(&self, request: &RealtimeRequest) -> Carried {
        let span = request_span(request);
        let _sending = self.sending();
        let encode = |key: &AuthToken| request.encode(&self.realtime_url, key);
        let once = self.once(encode).instrument(span.clone()).await;
        span.in_scope(|| match once {
            Ok(Once { attempts, outcome }) => match outcome {
                Ok(answer) => {
                    record(&span, attempts, Some(answer.status()));
                    self.accepted(&span, request, answer.process_id());
                    Carried::Accepted(answer)
                }
                Err(failed) => {
                    tell(&span, attempts, failed.status(), failed.transport_kind());
                    failed.into_carried()
                }
            },
            Err(error) => {
                tell(&span, 0, None, None);
                Carried::NoAuthToken(error)
            }
        })
    }

    async fn has_new_key(&self) -> bool {
        match self.key.has_new(&*self.clock, self.timeout).await {
            Ok(is_new) => is_new,
            Err(error) => {
                tracing::debug!(%error, "the API key was refused, and no new one can be had");
                false
            }
        }
    }

    async fn once(
        &self,
        encode: impl Fn(&AuthToken) -> Request<Bytes>,
    ) -> Result<Once, Box<dyn StdError + Send + Sync>> {
        let mut key = self.key.current(&*self.clock, self.timeout).await?;
        let mut attempts = 1;
        loop {
            let http = encode(&key.auth_token);
            let outcome = self.attempt(http, &key, self.timeout, attempts).await;
            if attempts == 1
                && let Err(failed) = &outcome
                && failed.status() == Some(StatusCode::UNAUTHORIZED)
                && let Some(new_key) = self.new_key(&key).await
            {
                key = new_key;
                attempts += 1;
                continue;
            }
            return Ok(Once { attempts, outcome });
        }
    }
}

impl Failed {
    fn into_carried(self) -> Carried {
        match self {
            Self::NoAnswer(error) => Carried::NoAnswer(error),
            Self::Refused { status, answer } | Self::NoEnvelope { status, answer } => {
                Carried::Refused { status, answer }
            }
        }
    }
}
