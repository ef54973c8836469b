//! The answer that is under way on a connection, which the connection's end does not end.
//!
//! hyper drops an answer when it finds that its connection is broken, and what it was about to do
//! would be half done. It is put aside instead, and finished by the task that served the connection.
//! A task for each answer would do the same and cost more: a connection has one answer at a time.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;

use crate::request::guarded;

type Answer = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

/// Where a connection's answer goes when hyper drops it.
#[derive(Default)]
pub(crate) struct Underway(Mutex<Option<Answer>>);

impl Underway {
    /// The answer, or as much of it as hyper waits for; nothing if it panicked.
    pub(crate) fn run(
        &self,
        answer: impl Future<Output = Response<Bytes>> + Send + 'static,
    ) -> impl Future<Output = Option<Response<Bytes>>> + Send {
        Running {
            answer: Some(Box::pin(answer)),
            underway: self,
        }
    }

    /// Carries to its end what hyper has dropped.
    pub(crate) async fn finish(&self) {
        let left = self.left().take();
        if let Some(answer) = left {
            tracing::debug!("the sender went away, its request is carried out");
            Running {
                answer: Some(answer),
                underway: self,
            }
            .await;
        }
    }

    fn left(&self) -> MutexGuard<'_, Option<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Running<'a> {
    /// There until it is ready.
    answer: Option<Answer>,
    underway: &'a Underway,
}

impl Future for Running<'_> {
    type Output = Option<Response<Bytes>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Response<Bytes>>> {
        let Some(answer) = &mut self.answer else {
            // It was given already.
            return Poll::Pending;
        };
        let polled = match guarded(|| answer.as_mut().poll(context)) {
            Some(polled) => polled.map(Some),
            None => Poll::Ready(None),
        };
        if polled.is_ready() {
            self.answer = None;
        }
        polled
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            *self.underway.left() = Some(answer);
        }
    }
}
