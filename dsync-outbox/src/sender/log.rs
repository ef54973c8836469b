//! What a sender tells `tracing`: neither the record nor the API key.

use crate::Event;

pub(super) fn log(event: &Event) {
    match event {
        Event::Delivered { id, process_id } => {
            tracing::debug!(%id, process_id, "delivered");
        }
        Event::Retrying {
            id,
            attempt,
            pause,
            failure,
        } => {
            let reason = &failure.message;
            tracing::debug!(%id, attempt, ?pause, status = failure.status, reason, "not accepted, once more after a pause");
        }
        Event::Dead { id, holds, failure } => {
            let reason = &failure.message;
            tracing::warn!(%id, holds, status = failure.status, reason, "refused for good: see it, then retry, mend or drop it");
        }
        Event::Waiting { pause, failure } => {
            let reason = &failure.message;
            tracing::debug!(
                ?pause,
                status = failure.status,
                reason,
                "nothing is sent for a while"
            );
        }
        Event::Paused { failure } => {
            let reason = &failure.message;
            tracing::warn!(
                status = failure.status,
                reason,
                "nothing is sent: the API key is refused, or the way to the platform"
            );
        }
        Event::Resumed => tracing::debug!("it is sent again"),
        Event::StoreFailed { error } => {
            tracing::warn!(%error, "the store of the outbox cannot be used");
        }
        Event::Superseded { .. } | Event::Missed { .. } => {}
    }
}
