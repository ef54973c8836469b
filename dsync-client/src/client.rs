//! The client: one call, one request.

use std::env::{self, VarError};
use std::fmt::{self, Display};
use std::sync::Arc;

use dsync_core::wire::{RealtimeRequest, Report, check_object};
use dsync_core::{
    AuthTokenProvider, DsyncEntity, EntityId, EntityToken, Origin, PrimaryKey, ReportError,
    Reporter, Reporting,
};
use futures_core::Stream;
use futures_util::stream;
use http::StatusCode;
use serde::Serialize;

use crate::bulk::Encode;
use crate::delivery::Delivery;
use crate::requests::{Change, Requests};
use crate::{BuildError, Bulk, ClientBuilder, Error, Receipt};

const AUTH_TOKEN_VARIABLE: &str = "DSYNC_AUTH_TOKEN";
const REALTIME_URL_VARIABLE: &str = "DSYNC_REALTIME_URL";

/// Sends changes of records to the platform, one change a call (PROTOCOL section 4).
///
/// Cloning is cheap, and all clones share their connections: make one client for a system, and keep
/// it. It needs a Tokio runtime with I/O and time enabled, the same one for all calls, because its
/// connections live there.
///
/// - Any 2xx is a success, unless what came with it is neither nothing nor a JSON object: then it was
///   no platform that answered, but a login page, for instance ([`Error::NoEnvelope`]).
/// - Redirects are not followed: they would hand the API key to another address, and turn a POST into
///   a GET.
/// - A change that was not accepted is tried again where that may help, as the
///   [policy](crate::ClientBuilder::retry) says, with the same `Idempotency-Key` on every attempt: a
///   hub that knows it carries the change out once.
/// - A 401 asks the provider of the API key once more, and is tried again once if the key is another.
/// - If the future of a call is dropped, the change may have taken effect or not.
/// - A change that came from the platform is an echo, and not sent back there: one that is made in the
///   [scope](Origin::scope) of an [`Origin`] and [is its echo](Origin::is_echo), or by a handle
///   [with an origin](Self::with_origin). The scope that counts is the one in which the call is polled
///   first. [`Receipt::is_echo`] tells; what cannot be encoded is an error all the same.
/// - The proxies of the environment (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) are used for https,
///   where they see a tunnel. Plain http goes straight to its host, because a proxy would read the
///   API key.
/// - Each call is a [`tracing`] span `dsync_request` of the level debug, with an event at its end:
///   operation, method, entity token, attempts, status, process id; a report is a span `dsync_report`.
///   Each attempt is a span `dsync_attempt` in it. An echo is one event. Neither the API key nor the
///   record is in them.
///
/// # Examples
///
/// ```
#[doc = include_str!("doc/example.txt")]
/// let receipt = client.create(&product).await?;
/// assert_eq!(receipt.process_id(), Some("p-1"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// What all changes of this handle are because of.
    origin: Option<Origin>,
}

pub(crate) struct Inner {
    requests: Requests,
    delivery: Delivery,
}

impl Client {
    /// A client for DSYNC's own platform, with the defaults of [`Client::builder`].
    ///
    /// # Errors
    ///
    /// [`BuildError`], which says what to do.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::new("the API key")?;
    /// # Ok::<(), dsync_client::BuildError>(())
    /// ```
    pub fn new(auth_token: impl Into<String>) -> Result<Self, BuildError> {
        Self::builder(auth_token).build()
    }

    /// A client from the environment: the API key from `DSYNC_AUTH_TOKEN`, and, where it is set, the
    /// address from `DSYNC_REALTIME_URL`.
    ///
    /// # Errors
    ///
    /// [`BuildError`], which says what to do. A variable that is set, but empty, is an error: nothing
    /// is sent to DSYNC's own platform by a slip.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::from_env()?;
    /// # Ok::<(), dsync_client::BuildError>(())
    /// ```
    pub fn from_env() -> Result<Self, BuildError> {
        let auth_token = variable(AUTH_TOKEN_VARIABLE)?.ok_or(BuildError::VariableMissing {
            name: AUTH_TOKEN_VARIABLE,
            purpose: "set it to the API key of the system",
        })?;
        let builder = Self::builder(auth_token);
        match variable(REALTIME_URL_VARIABLE)? {
            Some(url) => builder.realtime_url(url),
            None => builder,
        }
        .build()
    }

    /// Starts a client with settings of its own. The key is the system's API key.
    pub fn builder(auth_token: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(auth_token)
    }

    /// Starts a client whose API key may change while it runs. The provider is asked at the first
    /// request, and once more when the platform answers 401.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use dsync_client::Client;
    /// use dsync_core::AuthToken;
    ///
    /// type Error = Box<dyn std::error::Error + Send + Sync>;
    ///
    /// let client = Client::builder_with(|| -> Result<AuthToken, Error> {
    ///     Ok(AuthToken::new(std::fs::read_to_string("/run/secrets/dsync")?.trim_end())?)
    /// })
    /// .build()?;
    /// # Ok::<(), dsync_client::BuildError>(())
    /// ```
    pub fn builder_with(provider: impl AuthTokenProvider + 'static) -> ClientBuilder {
        ClientBuilder::of_provider(provider)
    }

    pub(crate) fn assemble(requests: Requests, delivery: Delivery) -> Self {
        Self {
            inner: Arc::new(Inner { requests, delivery }),
            origin: None,
        }
    }

    /// A handle all of whose changes came from the platform, whatever record they are about, and are not
    /// sent: for work that a handler gives to another task or thread, which is outside of the origin's
    /// [scope](Origin::scope). The program says so, and nothing is compared.
    ///
    /// Without an origin it is a handle like any other: give it the `Option` that is at hand.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// use dsync_core::Origin;
    ///
    /// let origin = Origin::new("p-1".parse()?, "shop-product-1".parse()?);
    /// # async fn save(client: Client, product: Product) -> Result<(), Error> {
    /// #     assert!(client.update(&product).await?.is_echo());
    /// #     Ok(())
    /// # }
    /// origin
    ///     .scope(async {
    ///         let client = client.with_origin(Origin::current());
    ///         tokio::spawn(save(client, product)).await
    ///     })
    ///     .await??;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "it is the new handle that has the origin"]
    pub fn with_origin(&self, origin: impl Into<Option<Origin>>) -> Self {
        Self {
            inner: self.inner.clone(),
            origin: origin.into(),
        }
    }

    pub(crate) fn delivery(&self) -> &Delivery {
        &self.inner.delivery
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.inner.requests
    }

    /// Carries a change whose body is known to be right, unless it is an echo.
    pub(crate) async fn carry(&self, change: Change) -> Result<Receipt, Error> {
        let Change {
            request,
            switched_off,
        } = change;
        if let Some(origin) = self.origin_of(&request) {
            tracing::debug!(
                operation = request.operation().as_str(),
                entity_token = request.entity_token().as_str(),
                process_id = origin.process_id().as_str(),
                "not sent: it came from the platform by this process"
            );
            return Ok(Receipt::echo());
        }
        self.requests().check_switch(switched_off)?;
        self.delivery().deliver(request).await
    }

    /// The origin that a change would be an echo of.
    fn origin_of(&self, request: &RealtimeRequest) -> Option<Origin> {
        let own = || self.origin.clone();
        let current = || Origin::current().filter(|origin| origin.is_echo(request));
        own().or_else(current)
    }

    /// Sends a new record.
    ///
    /// Where the entity has a primary key, the request names the record by it.
    ///
    /// # Errors
    ///
    /// [`Error`]: the record cannot be sent, no answer came, or the platform refused.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let receipt = client.create(&product).await?;
    /// assert!(receipt.process_id().is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create<T>(&self, record: &T) -> Result<Receipt, Error>
    where
        T: DsyncEntity + Serialize,
    {
        self.carry(self.requests().create(record)?).await
    }

    /// Sends a record as it is now, whole.
    ///
    /// # Errors
    ///
    /// [`Error`]: the record cannot be sent, no answer came, or the platform refused.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// client.update(&product).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn update<T>(&self, record: &T) -> Result<Receipt, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.carry(self.requests().update(record)?).await
    }

    /// Says that a record is gone.
    ///
    /// # Errors
    ///
    /// [`Error`]: the record's id cannot be sent, no answer came, or the platform refused.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// client.delete(&product).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete<T>(&self, record: &T) -> Result<Receipt, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.carry(self.requests().delete(record)?).await
    }

    /// Sends a record whose key has changed, whole: the one that was known by `id` is this one now.
    ///
    /// The id is the old value of the shared key where the entity has one, else of the primary key.
    ///
    /// # Errors
    ///
    /// [`Error`]: the record or the id cannot be sent, no answer came, or the platform refused.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// client.update_with_id(&product, "sku-0").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn update_with_id<T>(&self, record: &T, id: impl Display) -> Result<Receipt, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let id = EntityId::new(id)?;
        self.carry(self.requests().update_with_id(record, id)?)
            .await
    }

    /// Says that the record with this primary key is gone. Where the entity has a shared key, the
    /// platform would not know it by that: [`Client::delete`] says it with the record.
    ///
    /// # Errors
    ///
    /// [`Error`]: the id cannot be sent, the entity has a shared key, no answer came, or the platform
    /// refused.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// client.delete_by_id::<Product>("sku-1").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete_by_id<T: DsyncEntity + PrimaryKey>(
        &self,
        id: impl Display,
    ) -> Result<Receipt, Error> {
        let id = EntityId::new(id)?;
        self.carry(self.requests().delete_by_id::<T>(id)?).await
    }

    /// Sends many new records. Several are on their way at once; see [`Bulk`].
    ///
    /// The records come from anything that can be iterated: a list, a cursor of a database.
    ///
    /// # Errors
    ///
    /// Each [`BulkItem`](crate::BulkItem) has its own.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let mut bulk = client.create_all(vec![product]);
    /// while let Some(item) = bulk.next().await {
    ///     item.result?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_all<T, I>(&self, records: I) -> Bulk<impl Stream<Item = T> + use<T, I>>
    where
        T: DsyncEntity + Serialize,
        I: IntoIterator<Item = T>,
    {
        self.create_stream(stream::iter(records))
    }

    /// The same as [`create_all`](Self::create_all), for records that come some time.
    ///
    /// # Errors
    ///
    /// Each [`BulkItem`](crate::BulkItem) has its own.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let records = futures_util::stream::iter([product]);
    /// let mut bulk = client.create_stream(records);
    /// while let Some(item) = bulk.next().await {
    ///     item.result?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_stream<T, S>(&self, records: S) -> Bulk<S>
    where
        T: DsyncEntity + Serialize,
        S: Stream<Item = T>,
    {
        Bulk::new(self.clone(), Encode::new(Requests::create::<T>), records)
    }

    /// Sends many records as they are now, whole. Several are on their way at once; see [`Bulk`].
    ///
    /// The records come from anything that can be iterated: a list, a cursor of a database.
    ///
    /// # Errors
    ///
    /// Each [`BulkItem`](crate::BulkItem) has its own.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let mut bulk = client.update_all(vec![product]);
    /// while let Some(item) = bulk.next().await {
    ///     item.result?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn update_all<T, I>(&self, records: I) -> Bulk<impl Stream<Item = T> + use<T, I>>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
        I: IntoIterator<Item = T>,
    {
        self.update_stream(stream::iter(records))
    }

    /// The same as [`update_all`](Self::update_all), for records that come some time.
    ///
    /// # Errors
    ///
    /// Each [`BulkItem`](crate::BulkItem) has its own.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let records = futures_util::stream::iter([product]);
    /// let mut bulk = client.update_stream(records);
    /// while let Some(item) = bulk.next().await {
    ///     item.result?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn update_stream<T, S>(&self, records: S) -> Bulk<S>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
        S: Stream<Item = T>,
    {
        Bulk::new(self.clone(), Encode::new(Requests::update::<T>), records)
    }

    /// Says of many records that they are gone. Several are on their way at once; see [`Bulk`].
    ///
    /// The records come from anything that can be iterated: a list, a cursor of a database.
    ///
    /// # Errors
    ///
    /// Each [`BulkItem`](crate::BulkItem) has its own.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let mut bulk = client.delete_all(vec![product]);
    /// while let Some(item) = bulk.next().await {
    ///     item.result?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn delete_all<T, I>(&self, records: I) -> Bulk<impl Stream<Item = T> + use<T, I>>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
        I: IntoIterator<Item = T>,
    {
        self.delete_stream(stream::iter(records))
    }

    /// The same as [`delete_all`](Self::delete_all), for records that come some time.
    ///
    /// # Errors
    ///
    /// Each [`BulkItem`](crate::BulkItem) has its own.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let records = futures_util::stream::iter([product]);
    /// let mut bulk = client.delete_stream(records);
    /// while let Some(item) = bulk.next().await {
    ///     item.result?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn delete_stream<T, S>(&self, records: S) -> Bulk<S>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
        S: Stream<Item = T>,
    {
        Bulk::new(self.clone(), Encode::new(Requests::delete::<T>), records)
    }

    /// Sends a new record that is JSON already, byte for byte.
    ///
    /// The request does not name the record by its id; use [`Client::send`] where it should.
    ///
    /// # Errors
    ///
    /// [`Error`]: the bytes are not one JSON object, no answer came, or the platform refused.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let token: EntityToken = "shop-product-1".parse()?;
    /// client.create_raw(&token, r#"{"sku":"sku-1","price":1.10}"#).await?;
    /// assert!(client.create_raw(&token, "[]").await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_raw(
        &self,
        token: &EntityToken,
        json: impl AsRef<[u8]>,
    ) -> Result<Receipt, Error> {
        self.send(RealtimeRequest::create(
            token.clone(),
            json.as_ref().to_vec(),
        ))
        .await
    }

    /// Sends a change of a record that is JSON already, byte for byte.
    ///
    /// The request does not name the record by its id; use [`Client::send`] where it should.
    ///
    /// # Errors
    ///
    /// [`Error`]: the bytes are not one JSON object, no answer came, or the platform refused.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let token: EntityToken = "shop-product-1".parse()?;
    /// client.update_raw(&token, r#"{"sku":"sku-1","price":1.10}"#).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn update_raw(
        &self,
        token: &EntityToken,
        json: impl AsRef<[u8]>,
    ) -> Result<Receipt, Error> {
        self.send(RealtimeRequest::update(
            token.clone(),
            json.as_ref().to_vec(),
        ))
        .await
    }

    /// Says that the record with this id is gone, for an entity without a struct.
    ///
    /// # Errors
    ///
    /// [`Error`]: the id cannot be sent, no answer came, or the platform refused.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let token: EntityToken = "shop-product-1".parse()?;
    /// client.delete_raw(&token, 17).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete_raw(
        &self,
        token: &EntityToken,
        id: impl Display,
    ) -> Result<Receipt, Error> {
        self.send(RealtimeRequest::delete(token.clone(), EntityId::new(id)?))
            .await
    }

    /// Sends a request that is put together already: the form with everything.
    ///
    /// # Errors
    ///
    /// [`Error`]: the record is not one JSON object, no answer came, or the platform refused.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let request = RealtimeRequest::update("shop-product-1".parse()?, r#"{"sku":"sku-1"}"#)
    ///     .with_id(EntityId::new("sku-1")?, "sku")?;
    /// client.send(request).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send(&self, request: RealtimeRequest) -> Result<Receipt, Error> {
        if request.operation().has_record() {
            check_object(request.body())?;
        }
        self.carry(request.into()).await
    }

    /// Tells the platform how it stands with a write that the connector answered with 202 (PROTOCOL
    /// section 6). A connector calls this, as its [`Reporter`]; a program without one may, too.
    ///
    /// It is one attempt, and one more after a 401 if the provider has another key then: when a report is
    /// sent again, the caller decides. Any 2xx accepts it, unless what came with it is neither nothing
    /// nor a JSON object.
    ///
    /// # Errors
    ///
    /// [`Error`]: no answer came, or the platform refused.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// use dsync_core::wire::Report;
    ///
    /// let data = serde_json::value::to_raw_value(&product)?;
    /// let report = Report::new("p-1".parse()?, http::StatusCode::CREATED, "OK").with_data(data);
    /// client.report(&report).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn report(&self, report: &Report) -> Result<(), Error> {
        self.delivery().report(report).await
    }
}

/// What is wrong with the way to the platform can be put right, so no report is lost over it: a refused
/// API key, and a redirect, which is no answer of the platform's. Every other error is final unless it is
/// [retryable](Error::is_retryable).
impl Reporter for Client {
    fn report<'a>(&'a self, report: &'a Report) -> Reporting<'a> {
        Box::pin(async move {
            self.report(report).await.map_err(|error| {
                let is_way = error.status().is_some_and(|status| {
                    status == StatusCode::UNAUTHORIZED
                        || status == StatusCode::FORBIDDEN
                        || status.is_redirection()
                });
                ReportError::new(!is_way && !error.is_retryable(), error)
            })
        })
    }
}

/// Hides the key, and of the address what stands behind the path.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.delivery().realtime_url;
        let address = format_args!(
            "{}://{}{}",
            url.scheme_str().unwrap_or_default(),
            url.authority().map_or("", |authority| authority.as_str()),
            url.path(),
        );
        f.debug_struct("Client")
            .field("realtime_url", &address)
            .field("entity_tokens", self.inner.requests.tokens())
            .finish_non_exhaustive()
    }
}

/// A variable of the environment, or nothing where it is not set.
fn variable(name: &'static str) -> Result<Option<String>, BuildError> {
    match env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(BuildError::VariableNotText { name }),
    }
}
