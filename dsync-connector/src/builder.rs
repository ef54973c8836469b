//! Everything that a connector is told before its first request, checked as a whole.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use dsync_core::retry::RetryPolicy;
use dsync_core::{
    AuthToken, Clock, DataLayout, DataLayoutBuilder, EntityToken, EntityTokens, Envelope, Fault,
    Faults, InvalidAuthToken, Reporter, StateError, Switch, SystemState,
};

use crate::connector::{Connector, Inner};
use crate::entity::{Entity, Handling, Registered};
use crate::flights::Flights;
use crate::handler::{Handled, Handler, Record};
use crate::inbox::{Inbox, MemoryInbox};
use crate::lanes::Lanes;
use crate::notifications::{Callback, ProcessEnded};
use crate::promises::Promises;
use crate::reply::Reply;
use crate::routes::{RouteProblem, Routes};
use crate::sync::Cursors;
use crate::tokio_clock::TokioClock;

/// How a promised change is tried without another policy: up to 100 times within three days, the pauses
/// growing from a second to ten minutes.
pub const DEFAULT_RETRY: RetryPolicy = RetryPolicy::new()
    .with_max_attempts(100)
    .with_backoff(Duration::from_secs(1), Duration::from_secs(10 * 60))
    .with_deadline(Duration::from_secs(3 * 24 * 60 * 60));

/// Sets up a [`Connector`]. [`ConnectorBuilder::build`] checks everything at once.
///
/// | setting | default |
/// |---|---|
/// | [`entity`](Self::entity) | at least one is needed |
/// | [`previous_key`](Self::previous_key) | none |
/// | [`entity_tokens`](Self::entity_tokens) | the tokens in the source code |
/// | [`base_path`](Self::base_path), [`sync_path`](Self::sync_path) | `/`, `/sync` |
/// | [`switched_on`](Self::switched_on) | no: 406 until the platform has set a job |
/// | [`strict`](Self::strict) | no: unknown keys are named in `detail` |
/// | [`page_size`](Self::page_size) | 100 |
/// | [`max_body`](Self::max_body), [`read_timeout`](Self::read_timeout) | 10 MiB, 30 s |
/// | [`max_connections`](Self::max_connections) | 500 |
/// | [`handler_timeout`](Self::handler_timeout) | 5 min |
/// | [`system_state`](Self::system_state), [`inbox`](Self::inbox) | in memory |
/// | [`retry`](Self::retry) | up to 100 tries within 3 days, 1 s to 10 min apart |
/// | [`reports`](Self::reports) | nobody |
/// | [`on_notification`](Self::on_notification) | nobody |
///
/// # Examples
///
/// ```
/// # extern crate dsync_core as dsync;
/// # use dsync_derive::DsyncEntity;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Serialize, Deserialize, DsyncEntity)]
/// # struct Product { #[dsync(primary_key)] sku: String }
/// use dsync_connector::{Connector, InMemory};
///
/// let connector = Connector::builder("the-api-key")
///     .entity::<Product>(InMemory::<Product>::new())
///     .base_path("/dsync")
///     .max_body(64 * 1024)
///     .build()?;
/// # Ok::<(), dsync_connector::BuildError>(())
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct ConnectorBuilder {
    key: Result<AuthToken, InvalidAuthToken>,
    previous: Vec<AuthToken>,
    layouts: DataLayoutBuilder,
    tokens: EntityTokens,
    entities: Vec<MakeEntity>,
    base_path: String,
    sync_path: String,
    switched_on: bool,
    strict: bool,
    page_size: usize,
    max_body: usize,
    max_connections: usize,
    read_timeout: Duration,
    handler_timeout: Duration,
    state: SystemState,
    inbox: Arc<dyn Inbox>,
    retry: RetryPolicy,
    reporter: Option<Box<dyn Reporter>>,
    callback: Option<Callback>,
    clock: Option<Box<dyn Clock>>,
}

/// Whether unknown keys are refused is known only at the end.
type MakeEntity = Box<dyn FnOnce(bool) -> Box<dyn Entity>>;

impl ConnectorBuilder {
    pub(crate) fn new(auth_token: impl Into<String>) -> Self {
        Self {
            key: AuthToken::new(auth_token),
            previous: Vec::new(),
            layouts: DataLayout::builder(),
            tokens: EntityTokens::new(),
            entities: Vec::new(),
            base_path: "/".to_owned(),
            sync_path: "/sync".to_owned(),
            switched_on: false,
            strict: false,
            page_size: 100,
            max_body: 10 * 1024 * 1024,
            max_connections: 500,
            read_timeout: Duration::from_secs(30),
            handler_timeout: Duration::from_secs(5 * 60),
            state: SystemState::new(),
            inbox: Arc::new(MemoryInbox::new()),
            retry: DEFAULT_RETRY,
            reporter: None,
            callback: None,
            clock: None,
        }
    }

    /// Adds an entity: its layout is published, and its requests go to the handler. Endpoints appear in
    /// the layout in the order in which they are added.
    pub fn entity<T: Record>(mut self, handler: impl Handler<T>) -> Self {
        self.layouts = self.layouts.entity::<T>();
        self.entities.push(Box::new(move |strict| {
            Box::new(Handling::<T, _>::new(handler, strict))
        }));
        self
    }

    /// Accepts this API key, too: the old one, while it is being changed. See
    /// [`Connector::accept_keys`] for a change without a restart.
    pub fn previous_key(mut self, auth_token: AuthToken) -> Self {
        self.previous.push(auth_token);
        self
    }

    /// Overrides the tokens in the source code with those of the deployed system.
    pub fn entity_tokens(mut self, tokens: EntityTokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// Sets the path below which the connector is reached, such as `/dsync`. Requests are found with and
    /// without it, because a router that nests the connector may take it away.
    pub fn base_path(mut self, path: impl Into<String>) -> Self {
        self.base_path = path.into();
        self
    }

    /// Sets where synchronisation is served: `sync/total` and `sync/items/<page>` are the paths of DSYNC's
    /// own connector; what others use is not known (PROTOCOL section 5).
    pub fn sync_path(mut self, path: impl Into<String>) -> Self {
        self.sync_path = path.into();
        self
    }

    /// Says whether an entity takes writes as long as the platform has said nothing of its job. Without this it does not,
    /// and writes are answered 406. For tests.
    pub fn switched_on(mut self, on: bool) -> Self {
        self.switched_on = on;
        self
    }

    /// Says whether a record with keys that its layout does not know is refused. Without this it is
    /// accepted, and the keys are named in the answer's `detail.unknown_keys`.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Sets how many records a page of a synchronisation has. Zero is one.
    ///
    /// While a run is under way a page keeps its place: asked again, it has the same interval with what is in
    /// it by now, so it may have fewer records than this, or up to ten times as many; and the last page that
    /// `total` promised takes what was inserted since.
    pub fn page_size(mut self, records: usize) -> Self {
        self.page_size = records.max(1);
        self
    }

    /// Sets how many bytes a body may have.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets how many connections [`Connector::serve`] has at a time; others wait until one has ended. It
    /// should be well below what the operating system lets a program open (`ulimit -n`), or senders who do
    /// nothing but connect take the files away that a handler needs.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// Sets how long a sender may take for a request's head, again for its body, and again to read the
    /// answer. [`Connector::handle`] has no part in it: its requests are there already.
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.read_timeout = limit;
        self
    }

    /// Sets how long a handler may take. Then it is dropped, and the request answered 500; if the same
    /// process comes again, [`Context::attempt`](crate::Context::attempt) is greater.
    pub fn handler_timeout(mut self, limit: Duration) -> Self {
        self.handler_timeout = limit;
        self
    }

    /// Sets where the connector notes what the platform tells of the entities. Give the same to the client.
    pub fn system_state(mut self, state: SystemState) -> Self {
        self.state = state;
        self
    }

    /// Sets what remembers processes and promises. A SQLite file keeps the state, too:
    ///
    #[cfg_attr(feature = "sqlite", doc = "```no_run")]
    #[cfg_attr(not(feature = "sqlite"), doc = "```text")]
    /// # extern crate dsync_core as dsync;
    /// # use dsync_derive::DsyncEntity;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Serialize, Deserialize, DsyncEntity)]
    /// # struct Product { #[dsync(primary_key)] sku: String }
    /// use dsync_connector::{Connector, InMemory, SqliteStore};
    /// use dsync_core::SystemState;
    ///
    /// let store = SqliteStore::open("connector.db")?;
    /// let state = SystemState::open(store.clone())?; // for the client, too
    /// let connector = Connector::builder("the-api-key")
    ///     .entity::<Product>(InMemory::<Product>::new())
    ///     .system_state(state)
    ///     .inbox(store)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inbox(mut self, inbox: impl Inbox) -> Self {
        self.inbox = Arc::new(inbox);
        self
    }

    /// Sets how often, how long and how fast a promised change is tried: [`DEFAULT_RETRY`] or another. The
    /// request itself is the first attempt, and a promise is tried at least once more. The deadline counts
    /// from its first attempt.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets who tells the platform how it stands with a promised change: a client. Without one nobody
    /// does, and the platform waits for a report that does not come.
    pub fn reports(mut self, reporter: impl Reporter + 'static) -> Self {
        self.reporter = Some(Box::new(reporter));
        self
    }

    /// Sets who hears how the system's own changes ended. An error is answered 500, and the platform may
    /// tell again.
    ///
    /// Only changes are told that were sent by a client with the same
    /// [`system_state`](Self::system_state).
    pub fn on_notification<F, R>(mut self, callback: F) -> Self
    where
        F: Fn(ProcessEnded) -> R + Send + Sync + 'static,
        R: Future<Output = Handled<()>> + Send + 'static,
    {
        self.callback = Some(Box::new(move |ended| Box::pin(callback(ended))));
        self
    }

    /// Sets the clock, by which promises are tried and synchronisations end: a fake one makes a test wait for
    /// nothing. A handler's time is Tokio's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Checks everything, and makes the connector. What was promised before a restart is read here.
    ///
    /// # Errors
    ///
    /// [`BuildError`], with all faults of the data layout and the addresses at once.
    pub fn build(self) -> Result<Connector, BuildError> {
        let key = self.key.map_err(BuildError::AuthToken)?;
        let data_layout = self
            .layouts
            .entity_tokens(self.tokens)
            .build()
            .map_err(BuildError::DataLayout)?;
        let entities: Vec<_> = self
            .entities
            .into_iter()
            .map(|make| make(self.strict))
            .collect();
        let routes = routes(&self.base_path, &self.sync_path, &entities)?;
        let entities = entities
            .into_iter()
            .zip(data_layout.endpoints())
            .map(|(entity, endpoint)| Registered {
                entity,
                token: EntityToken::clone(endpoint.entity_token()),
            })
            .collect();
        let promised = self.inbox.promises().map_err(BuildError::State)?;
        let reports = self.inbox.reports().map_err(BuildError::State)?;
        let mut keys = vec![key];
        keys.extend(self.previous);
        let connector = Connector(Arc::new(Inner {
            keys: RwLock::new(keys),
            data_layout_reply: Reply::new(&Envelope::ok(&data_layout)),
            data_layout,
            entities,
            routes,
            max_body: self.max_body,
            max_connections: self.max_connections,
            read_timeout: self.read_timeout,
            handler_timeout: self.handler_timeout,
            first_switch: if self.switched_on {
                Switch::On
            } else {
                Switch::Off
            },
            page_size: self.page_size,
            state: self.state,
            inbox: self.inbox,
            flights: Flights::default(),
            lanes: Lanes::default(),
            promises: Promises::default(),
            retry: self.retry,
            reporter: self.reporter,
            callback: self.callback,
            cursors: Cursors::default(),
            clock: self.clock.unwrap_or_else(|| Box::new(TokioClock::new())),
        }));
        promised
            .into_iter()
            .for_each(|promised| connector.add_promised(promised));
        reports
            .into_iter()
            .for_each(|report| connector.add_report(report));
        Ok(connector)
    }
}

/// Every address of the connector, or every entity whose address it cannot serve.
fn routes(base: &str, sync: &str, entities: &[Box<dyn Entity>]) -> Result<Routes, BuildError> {
    let mut routes = Routes::new(base, sync).ok_or(BuildError::Path)?;
    let mut faults: Option<Faults> = None;
    for (number, entity) in entities.iter().enumerate() {
        let layout = entity.layout();
        let url = layout.endpoint_url();
        let mut problems = Vec::new();
        if layout.primary_key().is_none() {
            problems.push("has no primary key: the platform names records by it".to_owned());
        }
        match routes.add_entity(url, number) {
            Ok(()) => {}
            Err(RouteProblem::NoPath) => problems.push(format!(
                "has the endpoint_url {url:?}, whose path is empty or cannot be read: write one such as /entity/{}",
                layout.name()
            )),
            Err(RouteProblem::Taken) => problems.push(format!(
                "has the endpoint_url {url:?}, where another entity or the connector itself is served already"
            )),
        }
        let problems = problems
            .into_iter()
            .map(|problem| Fault::new(layout.name(), problem));
        for fault in problems {
            match &mut faults {
                Some(faults) => faults.extend([fault]),
                None => faults = Some(Faults::from(fault)),
            }
        }
    }
    match faults {
        Some(faults) => Err(BuildError::DataLayout(faults)),
        None => Ok(routes),
    }
}

impl fmt::Debug for ConnectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorBuilder")
            .field("base_path", &self.base_path)
            .field("entities", &self.entities.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no connector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The API key is none.
    #[error(transparent)]
    AuthToken(InvalidAuthToken),
    /// The data layout has faults, or an entity's address cannot be served.
    #[error("the connector's data layout has faults: {0}")]
    DataLayout(Faults),
    /// The base path or the sync path is an address, has a query, dots or blanks, or is no UTF-8.
    #[error(
        "the base path or the sync path is no path: write one such as /dsync, without the host"
    )]
    Path,
    /// What was promised before cannot be read.
    #[error("what the connector promised before its start cannot be read")]
    State(#[source] StateError),
}
