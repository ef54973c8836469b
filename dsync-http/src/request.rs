//! One request: its head, then its body, then the answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::body::{self, NoBody};
use crate::limits::Limits;
use crate::service::Service;
use crate::underway::Underway;

pub(crate) async fn answer<S: Service>(
    service: &Arc<S>,
    limits: &Limits,
    underway: &Underway,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    handle(service, limits, underway, request)
        .await
        .map(Full::new)
}

async fn handle<S: Service>(
    service: &Arc<S>,
    limits: &Limits,
    underway: &Underway,
    request: Request<Incoming>,
) -> Response<Bytes> {
    let (mut head, mut body) = request.into_parts();
    let (admitted, wants_body) = match admit(&**service, &mut head) {
        Ok(admitted) => admitted,
        Err(refused) => {
            body::discard_unread(body, &head.headers);
            return refused;
        }
    };

    let read = if !wants_body {
        body::discard_unread(body, &head.headers);
        Ok(Bytes::new())
    } else if body::is_stated_longer(&body, limits.max_body()) {
        body::discard_unread(body, &head.headers);
        Err(NoBody::TooLarge)
    } else {
        let read = body::read_body(&mut body, limits.max_body(), limits.read_timeout()).await;
        if read == Err(NoBody::TooLarge) {
            body::discard(body);
        }
        read
    };
    match read {
        Ok(bytes) => {
            let request = Request::from_parts(head, bytes);
            // What runs before there is a future is guarded, too.
            match guarded(|| service.clone().answer(admitted, request)) {
                Some(answer) => {
                    let answer = underway.run(answer).await;
                    answer.unwrap_or_else(|| service.panicked())
                }
                None => service.panicked(),
            }
        }
        Err(why) => {
            guarded(|| service.no_body(admitted, why)).unwrap_or_else(|| service.panicked())
        }
    }
}

/// What is known of the request, and whether its body is to be read.
#[expect(
    clippy::result_large_err,
    reason = "an answer is moved once a request, which a box would not make cheaper"
)]
fn admit<S: Service>(
    service: &S,
    head: &mut request::Parts,
) -> Result<(S::Admitted, bool), Response<Bytes>> {
    let admitted = guarded(|| match service.admit(head) {
        Ok(admitted) => {
            let wants_body = service.wants_body(&admitted);
            Ok((admitted, wants_body))
        }
        Err(refused) => Err(refused),
    });
    match admitted {
        Some(admitted) => admitted,
        None => Err(service.panicked()),
    }
}

/// Keeps a panic from taking the connection, and with it the sender's patience, down.
pub(crate) fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call))
        .inspect_err(|_| {
            // Without its message, which may show a record. The panic hook has had it.
            tracing::error!("the service panicked at a request");
        })
        .ok()
}
