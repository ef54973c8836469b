//! The same calls, without `await`.

use std::fmt::{self, Display};
use std::sync::Arc;

use dsync_core::wire::RealtimeRequest;
use dsync_core::{DsyncEntity, EntityId, EntityToken, Origin, PrimaryKey};
use serde::Serialize;

use super::Bulk;
use super::runtime::Runtime;
use crate::bulk::Encode;
use crate::requests::{Change, Requests};
use crate::{BuildError, Error, Receipt};

/// Sends changes of records to the platform, and waits for the answer; for programs without an async
/// runtime.
///
/// It is an async [`Client`](crate::Client) and a thread for its network, which is started at the
/// first call and ends with the last clone. Settings are those of
/// [`Client::builder`](crate::Client::builder):
///
/// ```no_run
/// use dsync_client::{Client, blocking};
///
/// let client = blocking::Client::from(Client::builder("the API key").build()?);
/// # Ok::<(), dsync_client::BuildError>(())
/// ```
///
/// An async client whose clone is used here must not be used elsewhere as well: connections belong to
/// the thread that made them.
///
/// # Panics
///
/// A call panics if the operating system gives no thread.
#[derive(Clone)]
pub struct Client {
    client: crate::Client,
    runtime: Arc<Runtime>,
}

impl Client {
    /// A client for DSYNC's own platform, with the defaults.
    ///
    /// # Errors
    ///
    /// [`BuildError`], which says what to do.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::blocking::Client::new("the API key")?;
    /// # Ok::<(), dsync_client::BuildError>(())
    /// ```
    pub fn new(auth_token: impl Into<String>) -> Result<Self, BuildError> {
        crate::Client::new(auth_token).map(Self::from)
    }

    /// A client from the environment, as [`Client::from_env`](crate::Client::from_env).
    ///
    /// # Errors
    ///
    /// [`BuildError`], which says what to do.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::blocking::Client::from_env()?;
    /// # Ok::<(), dsync_client::BuildError>(())
    /// ```
    pub fn from_env() -> Result<Self, BuildError> {
        crate::Client::from_env().map(Self::from)
    }

    /// A handle all of whose changes came from the platform, and are not sent; see
    /// [`Client::with_origin`](crate::Client::with_origin). It shares the thread.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// use dsync_core::Origin;
    ///
    /// let origin = Origin::new("p-1".parse()?, "shop-product-1".parse()?);
    /// let receipt = client.with_origin(origin).update(&product)?;
    /// assert!(receipt.is_echo());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "it is the new handle that has the origin"]
    pub fn with_origin(&self, origin: impl Into<Option<Origin>>) -> Self {
        Self {
            client: self.client.with_origin(origin),
            runtime: self.runtime.clone(),
        }
    }

    /// Sends a new record.
    ///
    /// # Errors
    ///
    /// [`Error`], as the async call.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// client.create(&product)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create<T>(&self, record: &T) -> Result<Receipt, Error>
    where
        T: DsyncEntity + Serialize,
    {
        self.carry(self.client.requests().create(record)?)
    }

    /// Sends a record as it is now, whole.
    ///
    /// # Errors
    ///
    /// [`Error`], as the async call.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// client.update(&product)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn update<T>(&self, record: &T) -> Result<Receipt, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.carry(self.client.requests().update(record)?)
    }

    /// Sends a record whose key has changed; see [`Client::update_with_id`](crate::Client::update_with_id).
    ///
    /// # Errors
    ///
    /// [`Error`], as the async call.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// client.update_with_id(&product, "sku-0")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn update_with_id<T>(&self, record: &T, id: impl Display) -> Result<Receipt, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let id = EntityId::new(id)?;
        self.carry(self.client.requests().update_with_id(record, id)?)
    }

    /// Says that a record is gone.
    ///
    /// # Errors
    ///
    /// [`Error`], as the async call.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// client.delete(&product)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delete<T>(&self, record: &T) -> Result<Receipt, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.carry(self.client.requests().delete(record)?)
    }

    /// Says that the record with this primary key is gone.
    ///
    /// # Errors
    ///
    /// [`Error`], as the async call.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// client.delete_by_id::<Product>("sku-1")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delete_by_id<T>(&self, id: impl Display) -> Result<Receipt, Error>
    where
        T: DsyncEntity + PrimaryKey,
    {
        let id = EntityId::new(id)?;
        self.carry(self.client.requests().delete_by_id::<T>(id)?)
    }

    /// Sends a new record that is JSON already, byte for byte.
    ///
    /// # Errors
    ///
    /// [`Error`], as the async call.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// client.create_raw(&"shop-product-1".parse()?, r#"{"sku":"sku-1"}"#)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_raw(
        &self,
        token: &EntityToken,
        json: impl AsRef<[u8]>,
    ) -> Result<Receipt, Error> {
        self.send(RealtimeRequest::create(
            token.clone(),
            json.as_ref().to_vec(),
        ))
    }

    /// Sends a change of a record that is JSON already, byte for byte.
    ///
    /// # Errors
    ///
    /// [`Error`], as the async call.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// client.update_raw(&"shop-product-1".parse()?, r#"{"sku":"sku-1"}"#)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn update_raw(
        &self,
        token: &EntityToken,
        json: impl AsRef<[u8]>,
    ) -> Result<Receipt, Error> {
        self.send(RealtimeRequest::update(
            token.clone(),
            json.as_ref().to_vec(),
        ))
    }

    /// Says that the record with this id is gone, for an entity without a struct.
    ///
    /// # Errors
    ///
    /// [`Error`], as the async call.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// client.delete_raw(&"shop-product-1".parse()?, 17)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delete_raw(&self, token: &EntityToken, id: impl Display) -> Result<Receipt, Error> {
        self.send(RealtimeRequest::delete(token.clone(), EntityId::new(id)?))
    }

    /// Sends a request that is put together already: the form with everything.
    ///
    /// # Errors
    ///
    /// [`Error`], as the async call.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// client.send(RealtimeRequest::create("shop-product-1".parse()?, "{}"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&self, request: RealtimeRequest) -> Result<Receipt, Error> {
        let client = self.client.clone();
        self.runtime.run(async move { client.send(request).await })
    }

    /// Sends many new records. Several are on their way at once; see [`Bulk`].
    ///
    /// # Errors
    ///
    /// Each [`BulkItem`](crate::BulkItem) has its own.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// for item in client.create_all(vec![product]) {
    ///     item.result?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_all<T, I>(&self, records: I) -> Bulk<I::IntoIter>
    where
        T: DsyncEntity + Serialize,
        I: IntoIterator<Item = T>,
    {
        self.bulk(Encode::new(Requests::create::<T>), records)
    }

    /// Sends many records as they are now, whole. Several are on their way at once; see [`Bulk`].
    ///
    /// # Errors
    ///
    /// Each [`BulkItem`](crate::BulkItem) has its own.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// for item in client.update_all(vec![product]) {
    ///     item.result?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn update_all<T, I>(&self, records: I) -> Bulk<I::IntoIter>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
        I: IntoIterator<Item = T>,
    {
        self.bulk(Encode::new(Requests::update::<T>), records)
    }

    /// Says of many records that they are gone. Several are on their way at once; see [`Bulk`].
    ///
    /// # Errors
    ///
    /// Each [`BulkItem`](crate::BulkItem) has its own.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../doc/blocking.txt")]
    /// # let client = blocking::Client::from(Client::builder("secret").transport(platform).build()?);
    /// for item in client.delete_all(vec![product]) {
    ///     item.result?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delete_all<T, I>(&self, records: I) -> Bulk<I::IntoIter>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
        I: IntoIterator<Item = T>,
    {
        self.bulk(Encode::new(Requests::delete::<T>), records)
    }

    fn bulk<I: IntoIterator>(&self, encode: Encode<I::Item>, records: I) -> Bulk<I::IntoIter> {
        let (client, runtime) = (self.client.clone(), self.runtime.clone());
        Bulk::new(client, runtime, encode, records.into_iter())
    }

    fn carry(&self, change: Change) -> Result<Receipt, Error> {
        let client = self.client.clone();
        self.runtime.run(async move { client.carry(change).await })
    }
}

impl From<crate::Client> for Client {
    fn from(client: crate::Client) -> Self {
        Self {
            client,
            runtime: Arc::default(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}
