//! Changes in a transaction of the program's own.

use std::fmt::Display;

use dsync_core::wire::RealtimeRequest;
use dsync_core::{DsyncEntity, EntityId, EntityToken, PrimaryKey};
use rusqlite::Connection;
use serde::Serialize;

use crate::{Enqueued, NewChange, Outbox, OutboxError, StoreError};

/// The calls of an outbox as parts of a transaction: see [`Outbox::enqueue_in`].
///
/// A sender learns of the changes a moment after the commit. What they supersede is superseded by the
/// commit, and no [`Event`](crate::Event) tells of it. A change's number is its own from the commit on: if
/// the transaction is rolled back, another change gets it.
#[derive(Debug)]
#[must_use = "it is its calls that put changes in"]
pub struct InTransaction<'a> {
    outbox: &'a Outbox,
    connection: &'a Connection,
}

impl<'a> InTransaction<'a> {
    pub(crate) fn begin(
        outbox: &'a Outbox,
        connection: &'a Connection,
    ) -> Result<Self, StoreError> {
        outbox.store.check_transaction(connection)?;
        Ok(Self { outbox, connection })
    }

    fn keep(&self, change: Option<NewChange>) -> Result<Enqueued, OutboxError> {
        let Some(change) = change else {
            return Ok(Enqueued::echo());
        };
        let added = self.outbox.store.add_in(self.connection, &change)?;
        Ok(Enqueued::new(added))
    }

    /// Puts in a new record.
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: the record cannot be sent, or SQLite does not take it. The transaction goes on;
    /// whether it may be committed all the same is for the program to say.
    pub fn create<T>(&self, record: &T) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + Serialize,
    {
        self.keep(self.outbox.plan().create(record)?)
    }

    /// Puts in a record as it is now, whole.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn update<T>(&self, record: &T) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.keep(self.outbox.plan().update(record)?)
    }

    /// Puts in that a record is gone.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn delete<T>(&self, record: &T) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.keep(self.outbox.plan().delete(record)?)
    }

    /// Puts in that the record with this primary key is gone; see [`Outbox::delete_by_id`].
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn delete_by_id<T>(&self, id: impl Display) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + PrimaryKey,
    {
        let id = EntityId::new(id)?;
        self.keep(self.outbox.plan().delete_by_id::<T>(id)?)
    }

    /// Puts in a new record that is JSON already; see [`Outbox::create_raw`].
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_raw(
        &self,
        token: &EntityToken,
        json: impl AsRef<[u8]>,
    ) -> Result<Enqueued, OutboxError> {
        self.keep(self.outbox.plan().create_raw(token, json.as_ref())?)
    }

    /// Puts in a change of a record that is JSON already; see [`Outbox::update_raw`].
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn update_raw(
        &self,
        token: &EntityToken,
        json: impl AsRef<[u8]>,
    ) -> Result<Enqueued, OutboxError> {
        self.keep(self.outbox.plan().update_raw(token, json.as_ref())?)
    }

    /// Puts in that the record with this id is gone; see [`Outbox::delete_raw`].
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn delete_raw(
        &self,
        token: &EntityToken,
        id: impl Display,
    ) -> Result<Enqueued, OutboxError> {
        let id = EntityId::new(id)?;
        self.keep(self.outbox.plan().delete_raw(token, id)?)
    }

    /// Puts in a request that is put together already; see [`Outbox::send`].
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn send(&self, request: RealtimeRequest) -> Result<Enqueued, OutboxError> {
        self.keep(self.outbox.plan().raw(request)?)
    }
}
