//! What the log says of a request. Neither a key nor a record is in it.

use bytes::Bytes;
use dsync_core::ProcessId;
use dsync_core::wire::RecordAccess;
use http::{Method, Response};

use crate::reply::Reply;

/// What a request was about, as far as it was understood.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) operation: &'static str,
    pub(crate) entity: Option<&'static str>,
    pub(crate) process_id: Option<ProcessId>,
}

impl About {
    pub(crate) fn new(method: &Method) -> Self {
        Self {
            operation: RecordAccess::from_method(method).map_or("", RecordAccess::as_str),
            ..Self::default()
        }
    }

    /// Tells of the answer, and gives it.
    pub(crate) fn answered(&mut self, reply: Reply) -> Response<Bytes> {
        tracing::info!(
            operation = self.operation,
            entity = self.entity,
            status = reply.status.as_u16(),
            process_id = self.process_id.as_ref().map(ProcessId::as_str),
            reason = reply.reason,
            "request"
        );
        reply.into_response()
    }
}
