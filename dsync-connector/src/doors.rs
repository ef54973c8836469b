//! The connector behind a network: what its server and its router have in common.

use bytes::Bytes;
use dsync_core::wire::Refusal;
use dsync_http::NoBody;
use http::{Response, StatusCode};

use crate::Connector;
use crate::about::About;
use crate::reply::Reply;

impl Connector {
    /// The answer where the body did not come.
    pub(crate) fn without_body(&self, why: NoBody) -> Response<Bytes> {
        let reply = match why {
            NoBody::TooLarge => return self.too_large(),
            NoBody::Incomplete => Reply::refused(&Refusal::BodyIncomplete),
            NoBody::TooSlow => Reply::plain(
                StatusCode::REQUEST_TIMEOUT,
                format!("the body did not come within {:?}", self.0.read_timeout),
            ),
        };
        About::default().answered(reply)
    }

    /// The answer where the connector itself panicked.
    pub(crate) fn failed_response(&self) -> Response<Bytes> {
        About::default().answered(Reply::failed())
    }
}
