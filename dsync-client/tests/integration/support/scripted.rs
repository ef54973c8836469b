//! A platform that answers from a script and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use dsync_client::{Client, ClientBuilder};
use dsync_core::retry::RetryPolicy;
use dsync_core::{Sending, Transport, TransportError};
use http::{Request, Response, StatusCode};

use super::{ACCEPTED, KEY};

type Outcome = Result<Response<Bytes>, TransportError>;

/// Answers what was queued, in order; after that it accepts everything.
#[derive(Clone, Default)]
pub(crate) struct Scripted {
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
    outcomes: Arc<Mutex<VecDeque<Outcome>>>,
}

impl Scripted {
    pub(crate) fn then(self, outcome: Outcome) -> Self {
        self.outcomes.lock().unwrap().push_back(outcome);
        self
    }

    pub(crate) fn answer(
        self,
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) -> Self {
        let mut response = Response::new(body.into());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        self.then(Ok(response))
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder(KEY)
            .transport(self.clone())
            .retry(RetryPolicy::never())
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// The one request there was.
    pub(crate) fn request(&self) -> Request<Bytes> {
        let mut requests = self.requests.lock().unwrap();
        assert_eq!(requests.len(), 1, "one call, one request");
        requests.pop().unwrap()
    }

    /// All requests, in their order.
    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.requests.lock().unwrap().is_empty()
    }
}

impl Transport for Scripted {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        self.requests.lock().unwrap().push(request);
        let outcome = self.outcomes.lock().unwrap().pop_front();
        Box::pin(async move {
            outcome.unwrap_or_else(|| Ok(Response::new(Bytes::from_static(ACCEPTED.as_bytes()))))
        })
    }
}
