//! Taking the lease, at once or when whoever has it is gone.

use std::pin::{Pin, pin};
use std::time::Duration;

use dsync_core::Clock;
use futures_util::future::{Either, select};

use crate::{Lease, OutboxStore, StoreError, StoreErrorKind};

/// How often one who stands by tries.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// The lease; nothing if somebody has it and this one stands by.
pub(super) async fn take(
    store: &dyn OutboxStore,
    stands_by: bool,
) -> Result<Option<Box<dyn Lease>>, StoreError> {
    match store.lease().await {
        Ok(lease) => Ok(Some(lease)),
        Err(error) if stands_by && error.kind() == StoreErrorKind::Leased => Ok(None),
        Err(error) => Err(error),
    }
}

/// The lease, as soon as it can be had; nothing if it is to stop before.
pub(super) async fn wait(
    store: &dyn OutboxStore,
    clock: &dyn Clock,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<Option<Box<dyn Lease>>, StoreError> {
    loop {
        let turn = pin!(async {
            clock.sleep(TRY_EVERY).await;
            store.lease().await
        });
        match select(turn, stop.as_mut()).await {
            Either::Left((Ok(lease), _)) => return Ok(Some(lease)),
            Either::Left((Err(error), _)) if error.is_final() => return Err(error),
            Either::Left((Err(error), _)) => tracing::trace!(%error, "there is no lease yet"),
            Either::Right(((), _)) => return Ok(None),
        }
    }
}
