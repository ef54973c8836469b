//! A request in, an answer out.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use dsync_core::retry::RetryPolicy;
use dsync_core::wire::{EntityRequest, RecordAccess, Refusal, authenticate_any, headers};
use dsync_core::{AuthToken, Clock, DataLayout, Reporter, Switch, SystemState};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request};

use crate::builder::ConnectorBuilder;
use crate::entity::{Registered, Running};
use crate::flights::Flights;
use crate::handler::{Handled, HandlerError, Kind};
use crate::inbox::Inbox;
use crate::lanes::Lanes;
use crate::naming::Named;
use crate::notifications::Callback;
use crate::promises::Promises;
use crate::reply::Reply;
use crate::routes::{Route, Routes};
use crate::sync::Cursors;
use crate::{Context, about::About};

/// The RESTful program that speaks for a system: the platform's requests in, answers out.
///
/// Clones are handles of the same connector.
///
/// It serves by three doors: [`serve`](Self::serve) for a program of its own, [`router`](Self::router) for
/// one that has an axum application already, and [`handle`](Self::handle) for any other.
/// [`work`](Self::work) carries out what was promised; `serve` does that by itself.
///
/// # Examples
///
/// ```
/// # extern crate dsync_core as dsync;
/// use bytes::Bytes;
/// use dsync_connector::{Connector, InMemory};
/// use dsync_derive::DsyncEntity;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize, DsyncEntity)]
/// struct Product {
///     #[dsync(primary_key)]
///     sku: String,
///     price: Option<f64>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let products = InMemory::<Product>::new();
/// let connector = Connector::builder("the-api-key")
///     .entity::<Product>(products.clone())
///     .switched_on(true)
///     .build()?;
///
/// let request = http::Request::post("/entity/product")
///     .header("Auth-Token", "the-api-key")
///     .header("Process-Id", "p-1")
///     .body(Bytes::from_static(br#"{"sku":"S-1","price":"9.50"}"#))?;
/// let answer = connector.handle(request).await;
/// assert_eq!(answer.status(), 201);
/// assert_eq!(
///     answer.body(),
///     r#"{"status":201,"message":"OK","detail":{},"data":{"sku":"S-1"}}"#,
/// );
/// assert_eq!(products.get("S-1").unwrap().price, Some(9.5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connector(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) keys: RwLock<Vec<AuthToken>>,
    pub(crate) data_layout: DataLayout,
    /// The answer to `GET datalayout`, made once.
    pub(crate) data_layout_reply: Reply,
    pub(crate) entities: Vec<Registered>,
    pub(crate) routes: Routes,
    pub(crate) max_body: usize,
    #[cfg_attr(
        not(feature = "serve"),
        allow(dead_code, reason = "a limit of the server")
    )]
    pub(crate) max_connections: usize,
    #[cfg_attr(
        not(any(feature = "axum", feature = "serve")),
        allow(dead_code, reason = "a limit of what reads bodies")
    )]
    pub(crate) read_timeout: Duration,
    pub(crate) handler_timeout: Duration,
    pub(crate) first_switch: Switch,
    pub(crate) page_size: usize,
    pub(crate) state: SystemState,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) flights: Flights,
    pub(crate) lanes: Lanes,
    pub(crate) promises: Promises,
    pub(crate) retry: RetryPolicy,
    pub(crate) reporter: Option<Box<dyn Reporter>>,
    pub(crate) callback: Option<Callback>,
    pub(crate) cursors: Cursors,
    pub(crate) clock: Box<dyn Clock>,
}

/// A request whose head was found good: only this lets its body be read.
#[derive(Debug)]
pub(crate) struct Admitted {
    route: Route,
}

/// What a request asks for. The number is that of the entity.
enum Work {
    DataLayout,
    Record(usize, Result<EntityRequest, Refusal>),
    Other(Route, Box<Request<Bytes>>),
}

impl Connector {
    /// Sets up a connector: its API key, its entities with their handlers, its limits.
    pub fn builder(auth_token: impl Into<String>) -> ConnectorBuilder {
        ConnectorBuilder::new(auth_token)
    }

    /// Answers one request. Nothing here is network: for a program that has a server already.
    ///
    /// A request whose future is dropped may have taken effect, in part; the same process may come again,
    /// and then [`Context::attempt`] is greater. [`serve`](Self::serve) and [`router`](Self::router) bring
    /// a request to its end also if its sender goes away, and hold it to the limits of size and time; here
    /// the body has come already. A handler that has to wait for something needs Tokio's timer.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (mut head, body) = request.into_parts();
        match self.admit(&mut head) {
            Ok(_) if body.len() > self.0.max_body => self.too_large(),
            Ok(admitted) => self.answer(admitted, Request::from_parts(head, body)).await,
            Err(refused) => refused,
        }
    }

    /// Accepts these API keys from now on, and no other: the new one and, for a while, the old one.
    ///
    /// # Panics
    ///
    /// If there is none: a connector without a key would be open to nobody.
    pub fn accept_keys(&self, keys: impl IntoIterator<Item = AuthToken>) {
        let keys: Vec<_> = keys.into_iter().collect();
        assert!(!keys.is_empty(), "a connector needs an API key");
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The data layout that it publishes.
    #[must_use]
    pub fn data_layout(&self) -> &DataLayout {
        &self.0.data_layout
    }

    /// What the platform has told of its entities, and the system's own changes: for the client.
    #[must_use]
    pub fn state(&self) -> &SystemState {
        &self.0.state
    }

    /// How many changes are promised, and not settled yet.
    #[must_use]
    pub fn promised(&self) -> usize {
        self.0.promises.waiting.len()
    }

    /// Everything that can be said about a request before its body is there: the address, the API key,
    /// the method and the stated size.
    #[expect(
        clippy::result_large_err,
        reason = "an answer is moved once a request, which a box would not make cheaper"
    )]
    pub(crate) fn admit(&self, head: &mut request::Parts) -> Result<Admitted, Response<Bytes>> {
        hide_keys(head);
        let mut about = About::new(&head.method);
        let mut refused = |reply: Reply| Err(about.answered(reply));

        let Some(route) = self.0.routes.find(head.uri.path()) else {
            return refused(self.no_such_address(head.uri.path()));
        };
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Err(refusal) = authenticate_any(&head.headers, &keys) {
            return refused(Reply::refused(&refusal));
        }
        drop(keys);
        if let Some((allow, allowed)) = not_allowed(&route, &head.method) {
            let refusal = Refusal::MethodNotAllowed {
                method: head.method.clone(),
                allowed,
            };
            return refused(Reply::refused(&refusal).with_allow(allow));
        }
        if let Some(refused) = encoded(&head.headers) {
            return Err(about.answered(refused));
        }
        let stated = head.headers.get(CONTENT_LENGTH);
        let stated = stated.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if stated.is_some_and(|length| length > self.0.max_body as u64) {
            return Err(self.too_large());
        }
        Ok(Admitted { route })
    }

    pub(crate) fn too_large(&self) -> Response<Bytes> {
        let limit = self.0.max_body;
        let refusal = Refusal::BodyTooLarge { limit };
        About::default().answered(Reply::refused(&refusal))
    }

    /// Answers a request that was admitted, whatever happens.
    ///
    /// Each request's future is put into a box, so what is seldom has a box of its own, and of a request to a
    /// record nothing is held but what was read from it.
    pub(crate) fn answer(
        &self,
        admitted: Admitted,
        request: Request<Bytes>,
    ) -> impl Future<Output = Response<Bytes>> + Send + use<> {
        let connector = self.clone();
        let mut about = About::new(request.method());
        let work = match admitted.route {
            Route::Record(number) => Work::Record(number, EntityRequest::decode(&request)),
            Route::DataLayout => Work::DataLayout,
            route => Work::Other(route, Box::new(request)),
        };
        async move {
            let reply = AssertUnwindSafe(connector.reply(work, &mut about))
                .catch_unwind()
                .await
                // The panic itself was reported when it happened.
                .unwrap_or_else(|_| Reply::failed());
            about.answered(reply)
        }
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "the future of an async fn holds its arguments twice"
    )]
    fn reply<'a>(
        &'a self,
        work: Work,
        about: &'a mut About,
    ) -> impl Future<Output = Reply> + Send + 'a {
        async move {
            match work {
                Work::DataLayout => {
                    about.operation = "datalayout";
                    self.0.data_layout_reply.clone()
                }
                Work::Record(number, Err(refusal)) => {
                    self.entity(number, about);
                    Reply::refused(&refusal)
                }
                Work::Record(number, Ok(request)) => {
                    about.process_id = Some(request.process_id().clone());
                    let entity = self.entity(number, about);
                    match request.access() {
                        RecordAccess::Read => Box::pin(self.read(entity, &request)).await,
                        RecordAccess::Change(_) => self.change(entity, &request).await,
                    }
                }
                Work::Other(route, request) => Box::pin(self.other(route, &request, about)).await,
            }
        }
    }

    async fn other(&self, route: Route, request: &Request<Bytes>, about: &mut About) -> Reply {
        let replied = match route {
            Route::Notification => {
                about.operation = "notification";
                self.notified(request, about).await
            }
            Route::SyncTotal => {
                about.operation = "total";
                self.total(request, about).await
            }
            Route::SyncPage(page) => {
                about.operation = "page";
                self.page(request, &page, about).await
            }
            Route::SetJob(entity) => {
                about.operation = "set_job";
                self.set_job(self.entity(entity, about), request)
            }
            Route::SetSharedKey(entity) => {
                about.operation = "set_sharedkey";
                let entity = self.entity(entity, about);
                self.set_shared_key(entity, request)
            }
            Route::DataLayout | Route::Record(_) => unreachable!("`answer` has taken them out"),
        };
        replied.unwrap_or_else(|refusal| Reply::refused(&refusal))
    }

    fn entity(&self, number: usize, about: &mut About) -> &Registered {
        let entity = &self.0.entities[number];
        about.entity = Some(entity.entity.layout().name());
        entity
    }

    async fn read(&self, entity: &Registered, request: &EntityRequest) -> Reply {
        let layout = entity.entity.layout();
        let shared_key = self.shared_key(entity);
        let named = request.entity_id().ok_or(Refusal::NoId);
        let named = named.and_then(|id| {
            Named::new(layout, id, request.entity_id_field(), shared_key.as_deref())
        });
        let named = match named {
            Ok(named) => named,
            Err(refusal) => return Reply::refused(&refusal),
        };
        let context = Context {
            process_id: Some(request.process_id().clone()),
            attempt: 1,
            entity_token: entity.token.clone(),
            shared_key,
            origin: None,
        };
        let record = self.in_time(entity.entity.read(&context, named)).await;
        let record = record.and_then(|record| record.ok_or_else(HandlerError::not_found));
        match record {
            Ok(record) => {
                // The bytes that `encode_record` wrote, once more as they are.
                let record: &serde_json::value::RawValue =
                    serde_json::from_slice(&record).expect("an encoded record is JSON");
                Reply::done(StatusCode::OK, record, &[])
            }
            Err(error) => {
                logged(layout.name(), &error);
                Reply::of_error(layout.name(), &error)
            }
        }
    }

    /// A handler's outcome; a panic is one, too, and so is that it takes too long.
    pub(crate) fn in_time<T>(
        &self,
        handling: Running<'_, T>,
    ) -> impl Future<Output = Handled<T>> + Send {
        let limit = self.0.handler_timeout;
        let mut caught = AssertUnwindSafe(handling).catch_unwind();
        async move {
            // Tokio's timer and not the clock's, which a test may let pass in no time. It begins only if the
            // handler has to wait for something.
            let late = pin!(async { tokio::time::sleep(limit).await });
            match select(&mut caught, late).await {
                // The panic itself was reported when it happened.
                Either::Left((handled, _)) => {
                    handled.unwrap_or_else(|_| Err(HandlerError::panicked()))
                }
                Either::Right(_) => Err(HandlerError(Kind::TooSlow(limit))),
            }
        }
    }

    pub(crate) fn shared_key(&self, entity: &Registered) -> Option<String> {
        let name = entity.entity.layout().name();
        entity.shared_key(self.0.state.entity(name))
    }

    /// Nothing was carried out, because nothing could have been remembered of it.
    pub(crate) fn not_kept(&self, error: &dsync_core::StateError) -> Reply {
        tracing::error!(error = error as &dyn std::error::Error, "the inbox failed");
        Reply::failed()
    }

    fn no_such_address(&self, path: &str) -> Reply {
        let path: String = path.chars().take(100).collect();
        Reply::plain(
            StatusCode::NOT_FOUND,
            format!(
                "there is nothing at {path:?}: this is the connector of a DSYNC system, and its entities are at the addresses that GET datalayout says"
            ),
        )
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entities = self.0.entities.iter();
        let names: Vec<_> = entities
            .map(|entity| entity.entity.layout().name())
            .collect();
        f.debug_struct("Connector")
            .field("entities", &names)
            .finish_non_exhaustive()
    }
}

/// What the platform is not told.
pub(crate) fn logged(entity: &str, error: &HandlerError) {
    if let Kind::Failed(source) = &error.0 {
        tracing::error!(
            entity,
            error = &**source as &dyn std::error::Error,
            "the handler failed"
        );
    }
}

/// The methods that a route takes, where this is none of them.
fn not_allowed(route: &Route, method: &Method) -> Option<(&'static str, &'static str)> {
    // Nothing says which method the platform uses to switch; DSYNC's own connector looks at none.
    const WRITES: &[Method] = &[Method::POST, Method::PUT, Method::PATCH];
    const RECORD: &[Method] = &[Method::GET, Method::POST, Method::PUT, Method::DELETE];

    let (methods, allow, allowed) = match route {
        Route::DataLayout | Route::SyncTotal | Route::SyncPage(_) => {
            (&[Method::GET][..], "GET", "GET reads")
        }
        Route::Notification => (
            &[Method::POST][..],
            "POST",
            "POST tells how a process ended",
        ),
        Route::SetJob(_) | Route::SetSharedKey(_) => (WRITES, "POST, PUT, PATCH", "POST sets"),
        Route::Record(_) => (
            RECORD,
            "GET, POST, PUT, DELETE",
            "GET reads, POST creates, PUT updates, DELETE deletes",
        ),
    };
    (!methods.contains(method)).then_some((allow, allowed))
}

/// Bodies are read as they come, so one that is packed is not what it says it is.
fn encoded(headers: &HeaderMap) -> Option<Reply> {
    let is_other = |name, known: &str| {
        let mut values = headers.get_all(name).iter();
        values.any(|value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(known.as_bytes()))
    };
    let message = if is_other(TRANSFER_ENCODING, "chunked") {
        "the body must not be packed: send it without Transfer-Encoding, or with chunked alone"
    } else if is_other(CONTENT_ENCODING, "identity") {
        "the body must not be packed: send it without Content-Encoding"
    } else {
        return None;
    };
    Some(Reply::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

/// Marks every API key that came, so that no log and no error can show it.
fn hide_keys(head: &mut request::Parts) {
    for (name, value) in &mut head.headers {
        if *name == headers::AUTH_TOKEN {
            value.set_sensitive(true);
        }
    }
}
