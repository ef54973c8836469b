//! The same calls, without `await`.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use dsync_core::wire::RealtimeRequest;
use dsync_core::{DsyncEntity, EntityToken, PrimaryKey};
use pollster::block_on;
use serde::Serialize;

use crate::waiting::LOOK_EVERY;
use crate::{
    ChangeId, Counts, Ending, Enqueued, Entry, Filter, Flushed, OutboxError, OutboxStore,
    SqliteStore, StoreError,
};

/// An outbox for programs without an async runtime; from [`Outbox::blocking`](crate::Outbox::blocking).
///
/// It may be used inside an async program, too, but a call holds up its thread.
///
/// # Examples
///
/// ```
#[doc = include_str!("doc/transaction.txt")]
/// let outbox = outbox.blocking();
/// let kept = outbox.create(&product)?;
/// assert_eq!(outbox.counts()?.pending, 1);
/// assert!(outbox.show(kept.id().unwrap())?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Outbox<S: ?Sized = SqliteStore>(crate::Outbox<S>);

impl<S: ?Sized> From<crate::Outbox<S>> for Outbox<S> {
    fn from(outbox: crate::Outbox<S>) -> Self {
        Self(outbox)
    }
}

impl<S: ?Sized> Clone for Outbox<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: ?Sized> Outbox<S> {
    /// The outbox whose calls are async.
    #[must_use]
    pub fn into_async(self) -> crate::Outbox<S> {
        self.0
    }
}

impl<S: OutboxStore + ?Sized> Outbox<S> {
    /// Keeps a new record; see [`Outbox::create`](crate::Outbox::create).
    ///
    /// # Errors
    ///
    /// [`OutboxError`], as the async call.
    pub fn create<T>(&self, record: &T) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + Serialize,
    {
        block_on(self.0.create(record))
    }

    /// Keeps a record as it is now, whole; see [`Outbox::update`](crate::Outbox::update).
    ///
    /// # Errors
    ///
    /// [`OutboxError`], as the async call.
    pub fn update<T>(&self, record: &T) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        block_on(self.0.update(record))
    }

    /// Keeps that a record is gone; see [`Outbox::delete`](crate::Outbox::delete).
    ///
    /// # Errors
    ///
    /// [`OutboxError`], as the async call.
    pub fn delete<T>(&self, record: &T) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        block_on(self.0.delete(record))
    }

    /// Keeps that the record with this primary key is gone; see
    /// [`Outbox::delete_by_id`](crate::Outbox::delete_by_id).
    ///
    /// # Errors
    ///
    /// [`OutboxError`], as the async call.
    pub fn delete_by_id<T>(&self, id: impl Display) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + PrimaryKey,
    {
        block_on(self.0.delete_by_id::<T>(id))
    }

    /// Keeps a new record that is JSON already; see [`Outbox::create_raw`](crate::Outbox::create_raw).
    ///
    /// # Errors
    ///
    /// [`OutboxError`], as the async call.
    pub fn create_raw(
        &self,
        token: &EntityToken,
        json: impl AsRef<[u8]>,
    ) -> Result<Enqueued, OutboxError> {
        block_on(self.0.create_raw(token, json))
    }

    /// Keeps a change of a record that is JSON already; see
    /// [`Outbox::update_raw`](crate::Outbox::update_raw).
    ///
    /// # Errors
    ///
    /// [`OutboxError`], as the async call.
    pub fn update_raw(
        &self,
        token: &EntityToken,
        json: impl AsRef<[u8]>,
    ) -> Result<Enqueued, OutboxError> {
        block_on(self.0.update_raw(token, json))
    }

    /// Keeps that the record with this id is gone; see [`Outbox::delete_raw`](crate::Outbox::delete_raw).
    ///
    /// # Errors
    ///
    /// [`OutboxError`], as the async call.
    pub fn delete_raw(
        &self,
        token: &EntityToken,
        id: impl Display,
    ) -> Result<Enqueued, OutboxError> {
        block_on(self.0.delete_raw(token, id))
    }

    /// Keeps a request that is put together already; see [`Outbox::send`](crate::Outbox::send).
    ///
    /// # Errors
    ///
    /// [`OutboxError`], as the async call.
    pub fn send(&self, request: RealtimeRequest) -> Result<Enqueued, OutboxError> {
        block_on(self.0.send(request))
    }

    /// Waits until a change has ended; see [`Outbox::ended`](crate::Outbox::ended).
    ///
    /// # Errors
    ///
    /// [`StoreError`], as the async call.
    pub fn ended(&self, id: ChangeId) -> Result<Ending, StoreError> {
        loop {
            if let Some(ending) = block_on(self.0.ending(id))? {
                return Ok(ending);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits until every change that is pending now has ended; see [`Outbox::flush`](crate::Outbox::flush).
    ///
    /// # Errors
    ///
    /// [`StoreError`], as the async call.
    pub fn flush(&self, deadline: Duration) -> Result<Flushed, StoreError> {
        let begun = Instant::now();
        let Some(flush) = block_on(self.0.begin_flush())? else {
            return Ok(Flushed::default());
        };
        loop {
            let left = deadline.saturating_sub(begun.elapsed());
            if left.is_zero() || !block_on(self.0.store.is_moving(flush.last))? {
                return block_on(self.0.end_flush(flush));
            }
            thread::sleep(left.min(LOOK_EVERY));
        }
    }

    /// How many changes stand how; see [`Outbox::counts`](crate::Outbox::counts).
    ///
    /// # Errors
    ///
    /// [`StoreError`], as the async call.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        block_on(self.0.counts())
    }

    /// A page of changes; see [`Outbox::list`](crate::Outbox::list).
    ///
    /// # Errors
    ///
    /// [`StoreError`], as the async call.
    pub fn list(
        &self,
        filter: Filter,
        after: Option<ChangeId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        block_on(self.0.list(filter, after, limit))
    }

    /// All there is to a change; see [`Outbox::show`](crate::Outbox::show).
    ///
    /// # Errors
    ///
    /// [`StoreError`], as the async call.
    pub fn show(&self, id: ChangeId) -> Result<Option<Entry>, StoreError> {
        block_on(self.0.show(id))
    }

    /// Sends a dead letter again; see [`Outbox::retry`](crate::Outbox::retry).
    ///
    /// # Errors
    ///
    /// [`StoreError`], as the async call.
    pub fn retry(&self, id: ChangeId) -> Result<(), StoreError> {
        block_on(self.0.retry(id))
    }

    /// Sends all dead letters again; see [`Outbox::retry_all`](crate::Outbox::retry_all).
    ///
    /// # Errors
    ///
    /// [`StoreError`], as the async call.
    pub fn retry_all(&self) -> Result<u64, StoreError> {
        block_on(self.0.retry_all())
    }

    /// Sends a dead letter with a record that is mended; see [`Outbox::edit`](crate::Outbox::edit).
    ///
    /// # Errors
    ///
    /// [`OutboxError`], as the async call.
    pub fn edit<T>(&self, id: ChangeId, record: &T) -> Result<(), OutboxError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        block_on(self.0.edit(id, record))
    }

    /// Sends a dead letter with another body; see [`Outbox::edit_raw`](crate::Outbox::edit_raw).
    ///
    /// # Errors
    ///
    /// [`OutboxError`], as the async call.
    pub fn edit_raw(&self, id: ChangeId, json: impl AsRef<[u8]>) -> Result<(), OutboxError> {
        block_on(self.0.edit_raw(id, json))
    }

    /// Lets what follows a dead letter go; see [`Outbox::pass`](crate::Outbox::pass).
    ///
    /// # Errors
    ///
    /// [`StoreError`], as the async call.
    pub fn pass(&self, id: ChangeId) -> Result<(), StoreError> {
        block_on(self.0.pass(id))
    }

    /// Drops a dead letter; see [`Outbox::drop`](crate::Outbox::drop).
    ///
    /// # Errors
    ///
    /// [`StoreError`], as the async call.
    pub fn drop(&self, id: ChangeId) -> Result<(), StoreError> {
        block_on(self.0.drop(id))
    }
}
