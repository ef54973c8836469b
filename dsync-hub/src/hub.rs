//! The handle of a running hub.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use dsync_core::wire::RealtimeRequest;
use dsync_core::{AuthToken, DataLayout, Faults};

use crate::builder::{HubBuilder, StartError};
use crate::platform::Platform;
use crate::records::StoredRecord;
use crate::server::Server;

/// A running hub: the platform for one system, in memory.
///
/// It listens on a thread of its own, so it needs no particular async runtime and also answers while
/// its caller blocks. Dropping it stops it; [`Hub::shutdown`] first answers what has begun.
///
/// # Examples
///
/// ```
/// use dsync_hub::Hub;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), dsync_hub::StartError> {
/// let hub = Hub::start().await?;
/// assert!(hub.realtime_url().starts_with("http://127.0.0.1:"));
/// assert_eq!(hub.auth_token().expose().len(), 32);
/// assert_eq!(hub.requests(), 0);
/// hub.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct Hub {
    platform: Arc<Platform>,
    server: Server,
    local_addr: SocketAddr,
    realtime_url: String,
}

impl Hub {
    pub(crate) fn new(
        platform: Arc<Platform>,
        server: Server,
        local_addr: SocketAddr,
        realtime_url: String,
    ) -> Self {
        Self {
            platform,
            server,
            local_addr,
            realtime_url,
        }
    }

    /// Starts a hub on 127.0.0.1 and a free port, with a generated API key and no data layout.
    ///
    /// # Errors
    ///
    /// [`StartError`], if the operating system gives no port or no thread.
    ///
    /// # Panics
    ///
    /// If the operating system has no source of random numbers.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Sets up a hub: its key, its layouts, its address, its limits.
    pub fn builder() -> HubBuilder {
        HubBuilder::new()
    }

    /// Checks a data layout and registers its entities; from now on their tokens are known.
    ///
    /// An entity that is registered already gets the new layout if its token stays. Its records are
    /// kept as they are, and are not held against the new layout.
    ///
    /// # Errors
    ///
    /// Every fault of the layout, each with its treekey; a token that is another entity's; a token
    /// that differs from the one the entity is registered with. Then nothing is registered.
    ///
    /// # Examples
    ///
    /// ```
    /// use dsync_core::{DataLayout, Endpoint, Field, FieldType};
    /// use dsync_hub::Hub;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let product = |token: &'static str| -> Result<DataLayout, Box<dyn std::error::Error>> {
    ///     let endpoint = Endpoint::new("product", "/entity/product", token.parse()?)
    ///         .with_field(Field::new("sku", FieldType::Text).with_primary_key(true));
    ///     Ok(DataLayout::builder().endpoint(endpoint).build()?)
    /// };
    ///
    /// let hub = Hub::start().await?;
    /// hub.register(product("shop-product-1")?)?;
    /// let faults = hub.register(product("shop-product-2")?).unwrap_err();
    /// assert!(faults.to_string().contains("a token stays"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn register(&self, data_layout: DataLayout) -> Result<(), Faults> {
        self.platform.entities().register(&data_layout)
    }

    /// The address that realtime requests go to: `http://127.0.0.1:PORT/api/realtime`.
    #[must_use]
    pub fn realtime_url(&self) -> &str {
        &self.realtime_url
    }

    /// The API key that requests need.
    #[must_use]
    pub fn auth_token(&self) -> &AuthToken {
        self.platform.auth_token()
    }

    /// Where the hub listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The JSON of one record, byte for byte as it came, by the name of its entity and its
    /// [`entity_id`](StoredRecord::entity_id). Of several, the one whose own id it is, else the
    /// oldest.
    #[must_use]
    pub fn record(&self, entity_name: &str, entity_id: impl Display) -> Option<Bytes> {
        self.platform
            .entities()
            .record(entity_name, &entity_id.to_string())
    }

    /// The records of an entity, by their first creation. Empty for an entity that is not known.
    #[must_use]
    pub fn records(&self, entity_name: &str) -> Vec<StoredRecord> {
        self.platform.entities().records(entity_name)
    }

    /// Everything the hub holds, as JSON: entities as they were registered, records by their first
    /// creation, each record byte for byte as it came. The same contents give the same text.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dsync_hub::Hub;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), dsync_hub::StartError> {
    /// let hub = Hub::start().await?;
    /// assert_eq!(hub.dump(), r#"{"entities":[]}"#);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn dump(&self) -> String {
        self.platform.entities().dump()
    }

    /// How many requests were answered, refusals included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.platform.answered()
    }

    /// How many requests took effect: creates, updates and deletes. Refusals are not counted, nor
    /// are further attempts with an `Idempotency-Key`, which get the first one's answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::net::TcpStream;
    ///
    /// use dsync_core::{DataLayout, Endpoint, Field, FieldType};
    /// use dsync_hub::Hub;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let note = Endpoint::new("note", "/entity/note", "shop-note-1".parse()?)
    ///     .with_field(Field::new("text", FieldType::Text));
    /// let hub = Hub::builder()
    ///     .data_layout(DataLayout::builder().endpoint(note).build()?)
    ///     .start()
    ///     .await?;
    ///
    /// let create = format!(
    ///     "POST /api/realtime HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\
    ///      Auth-Token: {}\r\nEntity-Token: shop-note-1\r\nIdempotency-Key: change-1\r\n\
    ///      Content-Length: 2\r\n\r\n{{}}",
    ///     hub.auth_token().expose(),
    /// );
    /// for _ in 0..3 {
    ///     let mut stream = TcpStream::connect(hub.local_addr())?;
    ///     stream.write_all(create.as_bytes())?;
    ///     stream.read_to_end(&mut Vec::new())?;
    /// }
    /// assert_eq!((hub.requests(), hub.changes()), (3, 1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.platform.changes()
    }

    /// The requests that took effect, in the order in which they did, with the keys and the bytes that
    /// they came with; empty unless the hub was told to [keep](HubBuilder::keep_history) them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dsync_hub::Hub;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), dsync_hub::StartError> {
    /// let hub = Hub::builder().keep_history().start().await?;
    /// assert_eq!(hub.history(), []);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn history(&self) -> Vec<RealtimeRequest> {
        self.platform.history()
    }

    /// Stops: takes no new request, answers those that have begun, for at most five seconds, and
    /// frees the port. The records can still be read. Does nothing if the hub has stopped.
    pub async fn shutdown(&self) {
        self.server.shutdown().await;
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("realtime_url", &self.realtime_url)
            .field("requests", &self.requests())
            .finish_non_exhaustive()
    }
}
