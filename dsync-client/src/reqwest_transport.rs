//! The transport over HTTP.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dsync_core::{Sending, Transport, TransportError, TransportErrorKind};
use http::{Request, Response};
use reqwest::redirect;

use crate::BuildError;

/// How long a connection without a request is kept. Servers close theirs after 5 s at the earliest
/// (Apache, Node.js and uvicorn by default), and a request that meets the close is lost: a create
/// may not be repeated unasked. So the client closes first.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

const USER_AGENT: &str = concat!("dsync-rust/", env!("CARGO_PKG_VERSION"));

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_answer: usize,
}

impl Limits {
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let zero = |setting| Err(BuildError::ZeroLimit { setting });
        if self.timeout.is_zero() {
            zero("timeout")
        } else if self.connect_timeout.is_zero() {
            zero("connect_timeout")
        } else if self.max_answer == 0 {
            zero("max_answer")
        } else {
            Ok(())
        }
    }
}

pub(crate) struct ReqwestTransport {
    client: reqwest::Client,
    max_answer: usize,
}

impl ReqwestTransport {
    pub(crate) fn new(is_https: bool, limits: Limits) -> Result<Self, BuildError> {
        if is_https && !cfg!(feature = "rustls") {
            return Err(BuildError::NoTls);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .timeout(limits.timeout)
            .connect_timeout(limits.connect_timeout)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            // A followed redirect turns POST into GET and takes the API key along.
            .redirect(redirect::Policy::none());
        if !is_https {
            // A proxy carries https in a tunnel, but would read the API key in plain http, also where
            // the address is this machine.
            builder = builder.no_proxy();
            // Nothing will be verified, so the certificates of the operating system are not read, and
            // need not be there.
            #[cfg(feature = "rustls")]
            {
                builder = builder.tls_certs_only([]);
            }
        }
        let client = builder.build().map_err(|error| BuildError::HttpClient {
            source: Box::new(error.without_url()),
        })?;
        Ok(Self {
            client,
            max_answer: limits.max_answer,
        })
    }

    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let request = reqwest::Request::try_from(request).map_err(failure)?;
        let mut response = self.client.execute(request).await.map_err(failure)?;
        let body = self.body(&mut response).await?;

        let mut answer = Response::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }

    async fn body(&self, response: &mut reqwest::Response) -> Result<Bytes, TransportError> {
        let too_large = || TransportError::new(TransportErrorKind::AnswerTooLarge, None);

        let max = self.max_answer;
        if response
            .content_length()
            .is_some_and(|announced| usize::try_from(announced).map_or(true, |len| len > max))
        {
            return Err(too_large());
        }

        // Nearly every answer is one chunk, which is taken without a copy.
        let Some(first) = response.chunk().await.map_err(failure)? else {
            return Ok(Bytes::new());
        };
        if first.len() > max {
            return Err(too_large());
        }
        let Some(second) = response.chunk().await.map_err(failure)? else {
            return Ok(first);
        };
        let mut body = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if chunk.len() > max - body.len() {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
            next = response.chunk().await.map_err(failure)?;
        }
        Ok(body.freeze())
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        Box::pin(self.carry(request))
    }
}

fn failure(error: reqwest::Error) -> TransportError {
    // A connection that took too long is both, and what matters is that nothing was sent. That a
    // request cannot be put together, which no repetition would heal, `address::parse` rules out.
    let kind = if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else {
        TransportErrorKind::Broken
    };
    // The address may have a query that belongs in no log.
    TransportError::new(kind, Some(Box::new(error.without_url())))
}
