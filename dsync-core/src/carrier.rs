//! The seam between a change that is kept and whoever carries it to the platform.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use http::StatusCode;

use crate::retry::Outcome;
use crate::transport::TransportError;
use crate::wire::{Answer, RealtimeRequest};

/// What [`Carrier::carry`] gives: how the attempt ended, some time.
pub type Carrying<'a> = Pin<Box<dyn Future<Output = Carried> + Send + 'a>>;

/// What [`Carrier::has_new_key`] gives, some time.
pub type KeyCheck<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// Carries one change to the platform, in one attempt.
///
/// The client is one; a test may put its own in its place. Whether a change that was not accepted is
/// tried again, and when, is the matter of whoever keeps it: an outbox, for instance.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use dsync_core::wire::{Answer, RealtimeRequest};
/// use dsync_core::{Carried, Carrier, Carrying, KeyCheck};
///
/// /// Accepts everything.
/// #[derive(Debug)]
/// struct Yes;
///
/// impl Carrier for Yes {
///     fn carry<'a>(&'a self, _request: &'a RealtimeRequest) -> Carrying<'a> {
///         Box::pin(async { Carried::Accepted(Answer::decode(http::Response::new(Bytes::new()))) })
///     }
///
///     fn has_new_key(&self) -> KeyCheck<'_> {
///         Box::pin(async { false })
///     }
/// }
/// ```
pub trait Carrier: Send + Sync {
    /// Makes one attempt; one more, if the first was refused for its API key and there is another key.
    ///
    /// It ends, whatever the network does, and hides the API key where an answer repeats it. If the
    /// future is dropped, the change may have taken effect or not.
    fn carry<'a>(&'a self, request: &'a RealtimeRequest) -> Carrying<'a>;

    /// Whether the API key is another one now than the one that was refused last (401, 403): asked by
    /// whoever waits for that.
    fn has_new_key(&self) -> KeyCheck<'_>;
}

/// How an attempt at a change ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Carried {
    /// The platform has accepted the change.
    Accepted(Answer),
    /// An answer came that accepts nothing.
    Refused {
        /// The status that counts. It is a 2xx where the answer is none of DSYNC's, and so says nothing.
        status: StatusCode,
        /// The answer.
        answer: Answer,
    },
    /// No answer came.
    NoAnswer(TransportError),
    /// There is no API key to send, so nothing was sent.
    NoAuthToken(Box<dyn Error + Send + Sync>),
}

impl Carried {
    /// The outcome, as the [decision to try again](crate::retry::RetryPolicy::decide) takes it; nothing of
    /// an attempt that was accepted, or that was none.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome<'_>> {
        match self {
            Self::Refused { status, answer } => Some(Outcome::Answered {
                status: *status,
                headers: answer.headers(),
            }),
            Self::NoAnswer(error) => Some(Outcome::NoAnswer(error.kind())),
            Self::Accepted(_) | Self::NoAuthToken(_) => None,
        }
    }
}
