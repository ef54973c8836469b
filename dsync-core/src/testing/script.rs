//! A platform that answers from a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use serde_json::json;

use super::FakeClock;
use crate::transport::{Sending, TimeLimit, Transport, TransportError, TransportErrorKind};

/// What a [`ScriptedTransport`] does with one request.
///
/// # Examples
///
/// ```
/// use dsync_core::TransportErrorKind;
/// use dsync_core::testing::Reply;
///
/// let accepted = Reply::accepted("p-1");
/// let busy = Reply::refused(503, "try later").with_header("retry-after", "2");
/// let lost = Reply::fault(TransportErrorKind::Broken);
/// let login_page = Reply::body(200, "<html>Welcome to our hotel</html>");
/// # let _ = [accepted, busy, lost, login_page];
/// ```
#[derive(Clone, Debug)]
pub struct Reply(Result<Response<Bytes>, TransportErrorKind>);

impl Reply {
    /// The platform accepts the change, under this process id.
    #[must_use]
    pub fn accepted(process_id: &str) -> Self {
        let envelope = json!({
            "status": 200,
            "message": "OK",
            "detail": {},
            "data": {"process_id": process_id},
        });
        Self::body(200, envelope.to_string())
    }

    /// The platform refuses, in its own words.
    ///
    /// # Panics
    ///
    /// If the status is none of HTTP's, which are 100 to 999.
    #[must_use]
    #[track_caller]
    pub fn refused(status: u16, message: &str) -> Self {
        let envelope = json!({"status": status, "message": message, "detail": {}, "data": {}});
        Self::body(status, envelope.to_string())
    }

    /// Any answer: a status and a body.
    ///
    /// # Panics
    ///
    /// If the status is none of HTTP's, which are 100 to 999.
    #[must_use]
    #[track_caller]
    pub fn body(status: u16, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(body.into());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status is 100 to 999");
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self(Ok(response))
    }

    /// No answer comes. After [`TransportErrorKind::Timeout`] the time that the request had has
    /// passed on the script's clock.
    #[must_use]
    pub fn fault(kind: TransportErrorKind) -> Self {
        Self(Err(kind))
    }

    /// Adds a header to an answer.
    ///
    /// # Panics
    ///
    /// If the name or the value is none of HTTP's, or there is no answer to put it on.
    #[must_use]
    #[track_caller]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header's name");
        let value = HeaderValue::from_str(value).expect("a header's value");
        let response = self.0.as_mut().expect("a fault has no headers");
        response.headers_mut().append(name, value);
        self
    }
}

/// A platform that answers from a script, in the place of HTTP: for tests of programs that send.
///
/// Clones are handles of the same script: give one to the client, keep one to look at.
///
/// # Panics
///
/// A request that the script has no reply for panics, and so tells the test which one it was.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use dsync_core::Transport;
/// use dsync_core::testing::{Reply, ScriptedTransport};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let platform = ScriptedTransport::new([Reply::refused(503, "busy"), Reply::accepted("p-1")]);
///
/// // What a client does with it:
/// for expected in [503, 200] {
///     let answer = platform.send(http::Request::new(Bytes::from_static(b"{}"))).await?;
///     assert_eq!(answer.status(), expected);
/// }
///
/// assert_eq!(platform.requests().len(), 2);
/// assert_eq!(platform.left(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ScriptedTransport {
    script: Arc<Mutex<Script>>,
    clock: Option<FakeClock>,
}

#[derive(Debug)]
struct Script {
    replies: VecDeque<Reply>,
    requests: Vec<Request<Bytes>>,
}

impl ScriptedTransport {
    /// A script: the first reply is for the first request.
    #[must_use]
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self {
            script: Arc::new(Mutex::new(Script {
                replies: replies.into_iter().collect(),
                requests: Vec::new(),
            })),
            clock: None,
        }
    }

    /// Sets the clock on which a request's time passes where the script says that it runs out.
    #[must_use]
    pub fn with_clock(mut self, clock: FakeClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The requests that came, in their order. Their API key is marked as sensitive, so that `Debug`
    /// hides it.
    #[must_use]
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.with(|script| script.requests.clone())
    }

    /// How many replies were not asked for.
    #[must_use]
    pub fn left(&self) -> usize {
        self.with(|script| script.replies.len())
    }

    fn with<R>(&self, act: impl FnOnce(&mut Script) -> R) -> R {
        act(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn reply(&self, request: Request<Bytes>) -> Reply {
        let described = format!("{} {}", request.method(), request.uri());
        let (reply, number) = self.with(|script| {
            script.requests.push(request);
            (script.replies.pop_front(), script.requests.len())
        });
        reply.unwrap_or_else(|| panic!("the script has no reply for request {number}: {described}"))
    }
}

impl Transport for ScriptedTransport {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        Box::pin(async move {
            let limit = request.extensions().get::<TimeLimit>().copied();
            let Reply(reply) = self.reply(request);
            if let (Err(TransportErrorKind::Timeout), Some(clock)) = (&reply, &self.clock) {
                clock.advance(limit.map_or(Duration::ZERO, |TimeLimit(limit)| limit));
            }
            reply.map_err(|kind| TransportError::new(kind, None))
        })
    }
}
