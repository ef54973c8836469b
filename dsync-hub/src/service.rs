//! The platform as a service: what the network needs to know of it, and a line in the log for each
//! answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dsync_core::Envelope;
use dsync_core::wire::Refusal;
use dsync_http::{Limits, NoBody, Service};
use http::{Request, Response, StatusCode, request};

use crate::answered::Answered;
use crate::platform::{Admitted, Platform};

/// How long a shutdown waits for answers that are under way.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct PlatformService {
    platform: Arc<Platform>,
    read_timeout: Duration,
}

impl PlatformService {
    pub(crate) fn new(platform: Arc<Platform>, read_timeout: Duration) -> Self {
        Self {
            platform,
            read_timeout,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits::default()
            .with_max_body(self.platform.max_body())
            .with_read_timeout(self.read_timeout)
            .with_grace(GRACE)
    }

    /// The answer, which from here on is counted and in the log.
    fn noted(&self, answered: Answered) -> Response<Bytes> {
        let Answered { response, about } = answered;
        self.platform.count();
        tracing::info!(
            operation = about.operation,
            entity = about.entity,
            status = response.status().as_u16(),
            process_id = about.process_id,
            reason = about.reason,
            replayed = about.replayed.then_some(true),
            "request"
        );
        response
    }
}

impl Service for PlatformService {
    type Admitted = Admitted;

    fn admit(&self, head: &mut request::Parts) -> Result<Admitted, Response<Bytes>> {
        self.platform
            .admit(head)
            .map_err(|refused| self.noted(refused))
    }

    fn wants_body(&self, admitted: &Admitted) -> bool {
        admitted.wants_body()
    }

    fn no_body(&self, admitted: Admitted, why: NoBody) -> Response<Bytes> {
        let about = admitted.about();
        self.noted(match why {
            NoBody::TooLarge => Answered::refused(&self.platform.too_large(), about),
            NoBody::Incomplete => Answered::refused(&Refusal::BodyIncomplete, about),
            NoBody::TooSlow => {
                let message = format!("the body did not come within {:?}", self.read_timeout);
                let envelope = Envelope::new(StatusCode::REQUEST_TIMEOUT, message);
                Answered::new(&envelope, about)
            }
        })
    }

    async fn answer(
        self: Arc<Self>,
        admitted: Admitted,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        self.noted(self.platform.finish(&admitted, &request))
    }

    fn panicked(&self) -> Response<Bytes> {
        self.noted(Answered::plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the hub failed at this request, which is a fault of the hub: its log has more",
        ))
    }
}
