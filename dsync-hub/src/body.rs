//! Reads a request's body, up to a limit and for a time; and gets rid of one that nobody wants.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

/// Why there is no body.
#[derive(Debug)]
pub(crate) enum NoBody {
    /// It is longer than the limit. The rest is still to come.
    TooLarge,
    /// The connection ended before it did.
    Incomplete,
    /// The time ran out.
    TooSlow,
}

/// Reads the whole body; never keeps more than `limit` bytes.
pub(crate) async fn read(
    body: &mut Incoming,
    limit: usize,
    within: Duration,
) -> Result<Bytes, NoBody> {
    timeout(within, collect(body, limit))
        .await
        .unwrap_or(Err(NoBody::TooSlow))
}

async fn collect(body: &mut Incoming, limit: usize) -> Result<Bytes, NoBody> {
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
