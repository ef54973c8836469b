//! One attempt at one change.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use dsync_core::{Carried, Carrier};
use futures_util::FutureExt;

use super::course::Ticket;
use crate::Claimed;

/// An attempt under way.
pub(super) type Attempting = Pin<Box<dyn Future<Output = Attempt> + Send>>;

/// An attempt that has ended.
pub(super) struct Attempt {
    pub(super) claimed: Claimed,
    pub(super) ticket: Ticket,
    pub(super) attempted: Attempted,
}

/// How it ended.
pub(super) enum Attempted {
    Carried(Carried),
    /// The carrier panicked, with these words. The change may have taken effect.
    Panicked(String),
}

/// Makes the attempt. A carrier that panics takes nobody else down with it.
pub(super) fn attempt(carrier: Arc<dyn Carrier>, claimed: Claimed, ticket: Ticket) -> Attempting {
    Box::pin(async move {
        let carrying = AssertUnwindSafe(async { carrier.carry(&claimed.request).await });
        let attempted = match carrying.catch_unwind().await {
            Ok(carried) => Attempted::Carried(carried),
            Err(panic) => Attempted::Panicked(words(&*panic)),
        };
        Attempt {
            claimed,
            ticket,
            attempted,
        }
    })
}

/// Whether there is a new key; a carrier that panics has none.
pub(super) fn check_key(carrier: Arc<dyn Carrier>) -> Pin<Box<dyn Future<Output = bool> + Send>> {
    Box::pin(async move {
        let asking = AssertUnwindSafe(async { carrier.has_new_key().await });
        asking.catch_unwind().await.unwrap_or(false)
    })
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}
