//! The outbox: one call, one change on stable storage.

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use dsync_core::wire::RealtimeRequest;
use dsync_core::{Carrier, DsyncEntity, EntityId, EntityToken, Origin, PrimaryKey};
use serde::Serialize;

use crate::planner::{Plan, Planner};
use crate::shared::Shared;
use crate::{
    Enqueued, Event, Events, InTransaction, NewChange, OutboxBuilder, OutboxError, OutboxStore,
    SenderBuilder, SqliteStore, StoreError,
};

/// Keeps changes of records on stable storage until they are sent, one change a call.
///
/// Its calls are those of the client, and return when the change is kept; a [sender](Self::sender) sends
/// it, in this program or in another one. Cloning is cheap.
#[doc = include_str!("doc/promise.md")]
///
/// # Good to know
///
/// - A record's changes stay in order by the value of its primary key, whatever field names it to the
///   platform. Where an entity has no primary key, each of its records is for itself, and there is no
///   order. A raw change belongs to the record whose id it states.
/// - A change of a whole record that was never attempted is superseded by the next update of the same
///   record, so that a record which changes a thousand times while the network is gone is sent once. See
///   [`OutboxStore`]. Raw changes are not put together.
/// - A change that came from the platform is an echo, and not kept: one that is made in the
///   [scope](Origin::scope) of an [`Origin`] and [is its echo](Origin::is_echo), or by a handle
///   [with an origin](Self::with_origin). [`Enqueued::is_echo`] tells.
/// - If the future of a call is dropped, the change may be kept or not.
/// - A record whose primary key changes is deleted under the old one and created under the new one.
///
/// # Examples
///
/// ```
#[doc = include_str!("doc/example.txt")]
/// let kept = outbox.create(&product).await?;
/// let sender = outbox.sender(client).spawn().await?;
///
/// let flushed = outbox.flush(Duration::from_secs(10)).await?;
/// assert_eq!((flushed.delivered, flushed.pending, flushed.dead), (1, 0, 0));
/// sender.stop().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Outbox<S: ?Sized = SqliteStore> {
    pub(crate) planner: Arc<Planner>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Arc<S>,
    /// What all changes of this handle are because of.
    origin: Option<Origin>,
}

impl<S: ?Sized> Clone for Outbox<S> {
    fn clone(&self) -> Self {
        self.with_origin(self.origin.clone())
    }
}

impl Outbox {
    /// The outbox in a SQLite file, with the defaults of [`Outbox::builder`]. A file that does not exist is
    /// made; it may be a database of the program's own, whose tables are left alone.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file cannot be used; it says what to do. A damaged file is left as it is.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let outbox = dsync_outbox::Outbox::open("shop.db")?;
    /// # Ok::<(), dsync_outbox::StoreError>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::builder().open(path)
    }

    /// Starts an outbox with settings of its own.
    pub fn builder() -> OutboxBuilder {
        OutboxBuilder::default()
    }

    /// Makes changes part of a transaction of the program's own: they are kept when it commits, and not if
    /// it is rolled back. So a record and the news of it cannot get apart.
    ///
    /// The connection is one to the outbox's file, [`connect`](Self::connect) for instance, and has begun
    /// a transaction; best with [`Immediate`](rusqlite::TransactionBehavior::Immediate), which waits for other
    /// writers at its beginning. It is in WAL mode and its `synchronous` is FULL, or a commit would
    /// not mean what the outbox promises.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the kind [`Refused`](crate::StoreErrorKind::Refused) if one of that is not so.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/transaction.txt")]
    /// use dsync_outbox::rusqlite::TransactionBehavior;
    ///
    /// let mut connection = outbox.connect()?;
    /// connection.execute("CREATE TABLE product (sku TEXT)", ())?;
    ///
    /// let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    /// transaction.execute("INSERT INTO product VALUES (?1)", [&product.sku])?;
    /// outbox.enqueue_in(&transaction)?.create(&product)?;
    /// transaction.commit()?;
    ///
    /// assert_eq!(outbox.blocking().counts()?.pending, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enqueue_in<'a>(
        &'a self,
        connection: &'a rusqlite::Connection,
    ) -> Result<InTransaction<'a>, StoreError> {
        InTransaction::begin(self, connection)
    }

    /// Another connection to the outbox's file, set up as [`enqueue_in`](Self::enqueue_in) needs it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is none.
    pub fn connect(&self) -> Result<rusqlite::Connection, StoreError> {
        self.store.connect()
    }
}

impl<S: ?Sized> Outbox<S> {
    pub(crate) fn assemble(planner: Planner, store: Arc<S>, shared: Shared) -> Self {
        Self {
            planner: Arc::new(planner),
            shared: Arc::new(shared),
            store,
            origin: None,
        }
    }

    /// A handle all of whose changes came from the platform, whatever record they are about, and are not
    /// kept: for work that a handler gives to another task or thread, which is outside of the origin's
    /// [scope](Origin::scope). Without an origin it is a handle like any other.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// use dsync_core::Origin;
    ///
    /// let origin = Origin::new("p-1".parse()?, "shop-product-1".parse()?);
    /// assert!(outbox.with_origin(origin).update(&product).await?.is_echo());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "it is the new handle that has the origin"]
    pub fn with_origin(&self, origin: impl Into<Option<Origin>>) -> Self {
        Self {
            planner: Arc::clone(&self.planner),
            shared: Arc::clone(&self.shared),
            store: Arc::clone(&self.store),
            origin: origin.into(),
        }
    }

    /// The same calls, without `await`.
    #[must_use]
    pub fn blocking(&self) -> crate::blocking::Outbox<S> {
        crate::blocking::Outbox::from(self.clone())
    }

    /// Starts what takes changes out and has them carried: a client, usually.
    ///
    /// One sender at a time takes changes out of an outbox, in whatever program that may be.
    pub fn sender(&self, carrier: impl Carrier + 'static) -> SenderBuilder {
        SenderBuilder::new(Arc::clone(&self.shared), Arc::new(carrier))
    }

    /// What happens from now on, in this program.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// use dsync_outbox::Event;
    ///
    /// let mut events = outbox.events();
    /// let sender = outbox.sender(client).spawn().await?;
    /// outbox.create(&product).await?;
    /// assert!(matches!(events.next().await, Some(Event::Delivered { .. })));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn events(&self) -> Events {
        self.shared.events()
    }

    pub(crate) fn plan(&self) -> Plan<'_> {
        Plan {
            planner: &self.planner,
            origin: self.origin.as_ref(),
        }
    }
}

impl<S: OutboxStore + ?Sized> Outbox<S> {
    pub(crate) async fn keep(&self, change: Option<NewChange>) -> Result<Enqueued, OutboxError> {
        let Some(change) = change else {
            return Ok(Enqueued::echo());
        };
        let added = self.store.add(change).await?;
        if let Some(id) = added.superseded {
            let by = added.id;
            self.shared.tell(Event::Superseded { id, by });
            self.shared.ended.notify_waiters();
        }
        self.shared.work.notify_one();
        Ok(Enqueued::new(added))
    }

    /// Keeps a new record.
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: the record cannot be sent, or is not kept.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let kept = outbox.create(&product).await?;
    /// assert!(kept.id().is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create<T>(&self, record: &T) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + Serialize,
    {
        self.keep(self.plan().create(record)?).await
    }

    /// Keeps a record as it is now, whole.
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: the record cannot be sent, or is not kept.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let first = outbox.update(&product).await?;
    /// let second = outbox.update(&product).await?;
    /// assert_eq!(second.superseded(), first.id());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn update<T>(&self, record: &T) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.keep(self.plan().update(record)?).await
    }

    /// Keeps that a record is gone.
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: the record's id cannot be sent, or the change is not kept.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// outbox.delete(&product).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete<T>(&self, record: &T) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.keep(self.plan().delete(record)?).await
    }

    /// Keeps that the record with this primary key is gone. Where the entity has a shared key, the
    /// platform would not know it by that: [`Outbox::delete`] says it with the record.
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: the id cannot be sent, the entity has a shared key, or the change is not kept.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// outbox.delete_by_id::<Product>("sku-1").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete_by_id<T>(&self, id: impl Display) -> Result<Enqueued, OutboxError>
    where
        T: DsyncEntity + PrimaryKey,
    {
        let id = EntityId::new(id)?;
        self.keep(self.plan().delete_by_id::<T>(id)?).await
    }

    /// Keeps a new record that is JSON already, byte for byte. It names no record, so it is in no order
    /// with others: [`send`](Self::send) a request that does, where there is one.
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: it is no JSON object, or is not kept.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let token = "shop-product-1".parse()?;
    /// outbox.create_raw(&token, r#"{"sku":"sku-1","price":1.10}"#).await?;
    /// assert!(outbox.create_raw(&token, "[]").await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_raw(
        &self,
        token: &EntityToken,
        json: impl AsRef<[u8]>,
    ) -> Result<Enqueued, OutboxError> {
        self.keep(self.plan().create_raw(token, json.as_ref())?)
            .await
    }

    /// Keeps a change of a record that is JSON already, byte for byte. As
    /// [`create_raw`](Self::create_raw), it names no record.
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: it is no JSON object, or is not kept.
    pub async fn update_raw(
        &self,
        token: &EntityToken,
        json: impl AsRef<[u8]>,
    ) -> Result<Enqueued, OutboxError> {
        self.keep(self.plan().update_raw(token, json.as_ref())?)
            .await
    }

    /// Keeps that the record with this id is gone, for an entity without a struct.
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: the id cannot be sent, or the change is not kept.
    pub async fn delete_raw(
        &self,
        token: &EntityToken,
        id: impl Display,
    ) -> Result<Enqueued, OutboxError> {
        let id = EntityId::new(id)?;
        self.keep(self.plan().delete_raw(token, id)?).await
    }

    /// Keeps a request that is put together already: the form with everything. It stays in order with
    /// others of the same [entity id](RealtimeRequest::entity_id).
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: its body is no JSON object, or it is not kept.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// use dsync_core::wire::RealtimeRequest;
    ///
    /// let request = RealtimeRequest::update("shop-product-1".parse()?, r#"{"price":9}"#)
    ///     .with_id("sku-1".parse()?, "sku")?;
    /// outbox.send(request).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send(&self, request: RealtimeRequest) -> Result<Enqueued, OutboxError> {
        self.keep(self.plan().raw(request)?).await
    }
}
