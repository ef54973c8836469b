//! Reads a request's body, up to a limit and for a time; and gets rid of one that nobody wants.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

/// Why there is no body.
// Exhaustive: each is answered in its own way, so a new one is to be seen by every service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBody {
    /// It is longer than the limit.
    #[error("the body is longer than the limit")]
    TooLarge,
    /// The connection ended before it did.
    #[error("the body is incomplete")]
    Incomplete,
    /// The time ran out.
    #[error("the body did not come in time")]
    TooSlow,
}

/// Reads the whole body; never keeps more than `limit` bytes, and waits no longer than `within`.
///
/// [`serve`](crate::serve) does this for each request. It is here for programs that get their
/// requests from another server.
///
/// # Errors
///
/// Why there is no body. Of one that is [too large](NoBody::TooLarge) the rest is still to come,
/// or all of it if its stated length told.
pub async fn read_body<B>(body: &mut B, limit: usize, within: Duration) -> Result<Bytes, NoBody>
where
    B: Body<Data = Bytes> + Unpin,
{
    if is_stated_longer(body, limit) {
        return Err(NoBody::TooLarge);
    }
    let mut collecting = pin!(collect(body, limit));
    // Most bodies have come with their heads, and need no timer.
    let begun = poll_fn(|context| Poll::Ready(collecting.as_mut().poll(context))).await;
    match begun {
        Poll::Ready(read) => read,
        Poll::Pending => timeout(within, collecting)
            .await
            .unwrap_or(Err(NoBody::TooSlow)),
    }
}

/// Whether its stated length is beyond the limit already, so that none of it needs to be read.
pub(crate) fn is_stated_longer(body: &impl Body, limit: usize) -> bool {
    body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX)
}

async fn collect<B>(body: &mut B, limit: usize) -> Result<Bytes, NoBody>
where
    B: Body<Data = Bytes> + Unpin,
{
    // A stated length is not believed: memory grows with what really comes. And the bytes are
    // copied, because a record that is kept as a slice would keep its connection's buffer too.
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| NoBody::Incomplete)?;
        if let Some(data) = frame.data_ref() {
            if all.len() + data.len() > limit {
                return Err(NoBody::TooLarge);
            }
            all.extend_from_slice(data);
        }
    }
    Ok(Bytes::from(all))
}

/// Throws away what comes of a refused body, for a while, beside the answer. Closing at once would
/// reset the connection, and a sender in the midst of its body would see that instead of the answer.
pub(crate) fn discard(mut body: Incoming) {
    const WHILE: Duration = Duration::from_secs(2);

    if !body.is_end_stream() {
        tokio::spawn(timeout(WHILE, async move {
            while let Some(Ok(_)) = body.frame().await {}
        }));
    }
}

/// [`discard`] for a body of which nothing was read.
pub(crate) fn discard_unread(body: Incoming, headers: &HeaderMap) {
    // Who waits for `100 Continue` sends nothing after a refusal; what comes next is no body.
    if !headers.contains_key(EXPECT) {
        discard(body);
    }
}
