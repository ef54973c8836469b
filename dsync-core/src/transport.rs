//! The seam between the wire format and the network.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

/// What [`Transport::send`] gives: an answer, some time.
pub type Sending<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

/// Carries one request there and brings one answer back.
///
/// The client has one over HTTP; a test may put its own in its place. An implementation repeats
/// nothing and judges nothing: an answer of status 500 is an answer. It keeps the [`TimeLimit`] that
/// the request brings. It must never show a request's headers, because the API key is among them.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use dsync_core::{Sending, Transport};
///
/// /// Accepts everything.
/// #[derive(Debug)]
/// struct Yes;
///
/// impl Transport for Yes {
///     fn send(&self, _request: http::Request<Bytes>) -> Sending<'_> {
///         Box::pin(async { Ok(http::Response::new(Bytes::from_static(b"{}"))) })
///     }
/// }
/// ```
pub trait Transport: Send + Sync {
    /// Sends the request and waits for the whole answer.
    fn send(&self, request: Request<Bytes>) -> Sending<'_>;
}

/// How long a request may take, from the first attempt at a connection to the last byte of the answer.
///
/// It stands among the extensions of the request that [`Transport::send`] gets; an implementation
/// that may take long keeps it, and gives [`TransportErrorKind::Timeout`] when it has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimit(pub Duration);

/// No answer came.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    kind: TransportErrorKind,
    message: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// How a request came to have no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// There was no connection, so the request was not sent.
    Connect,
    /// The time ran out. The request may have taken effect.
    Timeout,
    /// The answer was longer than this side takes. The request may have taken effect.
    AnswerTooLarge,
    /// The connection broke, or what came back was no HTTP. The request may have taken effect.
    Broken,
}

impl TransportError {
    /// An error of this kind. The cause must not show the request's headers.
    pub fn new(kind: TransportErrorKind, source: Option<Box<dyn Error + Send + Sync>>) -> Self {
        let message = match kind {
            TransportErrorKind::Connect => "no connection could be made",
            TransportErrorKind::Timeout => "no answer came in time",
            TransportErrorKind::AnswerTooLarge => "the answer is longer than the limit",
            TransportErrorKind::Broken => "the connection broke before the answer was complete",
        };
        Self {
            kind,
            message,
            source,
        }
    }

    /// How it failed.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}
