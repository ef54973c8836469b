//! The seam between a program and the network.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, request};

use crate::body::NoBody;

/// What is served: a request in, an answer out.
///
/// A request comes in two steps, its head and then its body, so that a sender who has no business
/// here is refused before anything is read. The crate's page has an example.
pub trait Service: Send + Sync + 'static {
    /// What is known of a request whose head was found good. Only this lets its body be read.
    type Admitted: Send + 'static;

    /// Looks at the head, before the body is read. May change it: [`answer`](Self::answer) gets what
    /// is left here, with keys hidden for example.
    ///
    /// # Errors
    ///
    /// The answer to a request that goes no further.
    #[expect(
        clippy::result_large_err,
        reason = "an answer is moved once a request, which a box would not make cheaper"
    )]
    fn admit(&self, head: &mut request::Parts) -> Result<Self::Admitted, Response<Bytes>>;

    /// Whether the body is to be read. If not it is thrown away, and [`answer`](Self::answer) gets
    /// an empty one. Without this method: yes, always.
    fn wants_body(&self, admitted: &Self::Admitted) -> bool {
        let _ = admitted;
        true
    }

    /// The answer where the body cannot be had.
    fn no_body(&self, admitted: Self::Admitted, why: NoBody) -> Response<Bytes>;

    /// Answers. What has begun goes on to its end, though its sender goes away: only the end of the
    /// grace after a shutdown drops it.
    fn answer(
        self: Arc<Self>,
        admitted: Self::Admitted,
        request: Request<Bytes>,
    ) -> impl Future<Output = Response<Bytes>> + Send;

    /// The answer where another method of this trait panicked. The next request is served as ever.
    fn panicked(&self) -> Response<Bytes>;
}
