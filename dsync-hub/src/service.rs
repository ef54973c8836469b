//! One request over the network: its head, then its body, then the platform.

use std::time::Duration;

use bytes::Bytes;
use dsync_core::Envelope;
use dsync_core::wire::Refusal;
use http::header::EXPECT;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::answered::Answered;
use crate::body::{self, NoBody};
use crate::platform::{Platform, guarded};

pub(crate) async fn answer(
    platform: &Platform,
    read_timeout: Duration,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let Answered { response, about } = handle(platform, read_timeout, request).await;
    platform.count();
    tracing::info!(
        operation = about.operation,
        entity = about.entity,
        status = response.status().as_u16(),
        process_id = about.process_id,
        reason = about.reason,
        replayed = about.replayed.then_some(true),
        "request"
    );
    response.map(Full::new)
}

async fn handle(
    platform: &Platform,
    read_timeout: Duration,
    request: Request<Incoming>,
) -> Answered {
    let (mut head, mut body) = request.into_parts();
    let admitted = match platform.admit(&mut head) {
        Ok(admitted) => admitted,
        Err(refused) => {
            discard_unread(body, &head.headers);
            return refused;
        }
    };
    if !admitted.wants_body() {
        discard_unread(body, &head.headers);
        let request = Request::from_parts(head, Bytes::new());
        return guarded(|| platform.finish(&admitted, &request));
    }

    let refused = |refusal| Answered::refused(&refusal, admitted.about());
    match body::read(&mut body, platform.max_body(), read_timeout).await {
        Ok(bytes) => {
            let request = Request::from_parts(head, bytes);
            guarded(|| platform.finish(&admitted, &request))
        }
        Err(NoBody::TooLarge) => {
            body::discard(body);
            refused(platform.too_large())
        }
        Err(NoBody::Incomplete) => refused(Refusal::BodyIncomplete),
        Err(NoBody::TooSlow) => {
            let message = format!("the body did not come within {read_timeout:?}");
            let envelope = Envelope::new(StatusCode::REQUEST_TIMEOUT, message);
            Answered::new(&envelope, admitted.about())
        }
    }
}

fn discard_unread(body: Incoming, headers: &HeaderMap) {
    // Who waits for `100 Continue` sends nothing after a refusal; what comes next is no body.
    if !headers.contains_key(EXPECT) {
        body::discard(body);
    }
}
