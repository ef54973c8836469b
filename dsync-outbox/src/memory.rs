//! An outbox in memory: for tests.

mod contents;
mod lease;
mod row;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use self::contents::Contents;
use self::lease::MemoryLease;
use crate::store::{Added, Lease, Mending, NewChange, OutboxStore, Storing};
use crate::{ChangeId, Counts, Entry, Filter, StoreError, StoreErrorKind};

/// Keeps an outbox in memory, for tests: it ends with the program.
///
/// Clones are handles of the same outbox. Other stores are held against this one, by
/// [`check_store`](crate::testing::check_store) among others.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
///
/// use dsync_core::wire::RealtimeRequest;
/// use dsync_core::{EntityToken, IdempotencyKey};
/// use dsync_outbox::{Coalescing, MemoryStore, NewChange, OutboxStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # pollster::block_on(async {
/// let store = MemoryStore::new();
/// let added = store
///     .add(NewChange {
///         record: None,
///         request: RealtimeRequest::create(EntityToken::new("shop-product-1")?, r#"{"sku":"S-1"}"#),
///         idempotency_key: IdempotencyKey::generate(),
///         coalescing: Coalescing::Never,
///         now: SystemTime::now(),
///     })
///     .await?;
/// assert_eq!(store.counts(None).await?.pending, 1);
/// assert_eq!(store.clone().last().await?, Some(added.id));
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Default)]
struct Shared {
    contents: Mutex<Contents>,
}

impl MemoryStore {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // What may fail in a call fails before anything is changed.
        let contents = self.0.contents.lock();
        contents.unwrap_or_else(PoisonError::into_inner)
    }

    /// A call: it is carried out when its future is polled, at once.
    fn call<'a, T: 'a>(
        &'a self,
        act: impl FnOnce(&mut Contents) -> Result<T, StoreError> + Send + 'a,
    ) -> Storing<'a, T> {
        Box::pin(async move { act(&mut self.contents()) })
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl OutboxStore for MemoryStore {
    fn add(&self, change: NewChange) -> Storing<'_, Added> {
        self.call(|contents| Ok(contents.add(change)))
    }

    fn lease(&self) -> Storing<'_, Box<dyn Lease>> {
        Box::pin(async {
            MemoryLease::take(self.clone()).map(|lease| Box::new(lease) as Box<dyn Lease>)
        })
    }

    fn counts(&self, up_to: Option<ChangeId>) -> Storing<'_, Counts> {
        self.call(move |contents| Ok(contents.counts(up_to)))
    }

    fn last(&self) -> Storing<'_, Option<ChangeId>> {
        self.call(|contents| Ok(contents.last()))
    }

    fn is_moving(&self, up_to: ChangeId) -> Storing<'_, bool> {
        self.call(move |contents| Ok(contents.is_moving(up_to)))
    }

    fn list(
        &self,
        filter: Filter,
        after: Option<ChangeId>,
        limit: usize,
    ) -> Storing<'_, Vec<Entry>> {
        self.call(move |contents| Ok(contents.list(filter, after, limit)))
    }

    fn show(&self, id: ChangeId) -> Storing<'_, Option<Entry>> {
        self.call(move |contents| Ok(contents.show(id)))
    }

    fn mend(&self, id: ChangeId, mending: Mending) -> Storing<'_, ()> {
        self.call(move |contents| contents.mend(id, mending))
    }

    fn retry_all(&self) -> Storing<'_, u64> {
        self.call(Contents::retry_all)
    }

    fn forget(&self, before: SystemTime, limit: usize) -> Storing<'_, u64> {
        self.call(move |contents| Ok(contents.forget(before, limit)))
    }
}

fn refused(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, message)
}
