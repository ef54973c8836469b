//! Connectors to be asked, the doors through which they are asked, and the questions.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::panic;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::thread;

use bytes::Bytes;
use dsync::connector::SqliteStore;
use dsync::prelude::*;
use dsync::{
    Connector, ConnectorBuilder, Context, Handled, Handler, HandlerError, InMemory, SystemState,
};
use http::Request;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::schema::{Order, Product};
use super::shop::Shop;
use crate::support::conversation::{Conversation, RawAnswer};

pub(crate) const KEY: &str = "key-of-the-connector";

/// A record whose handler has no good day.
#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
#[dsync(entity_token = "connector-trouble-1")]
pub(crate) struct Trouble {
    #[dsync(primary_key)]
    id: String,
}

struct TroubleMaker;

impl Handler<Trouble> for TroubleMaker {
    type Id = String;

    async fn create(&self, _context: &Context, record: Trouble) -> Handled<String> {
        match &*record.id {
            "panic" => panic!("on purpose"),
            "fail" => Err(std::io::Error::other("the secret of the database"))?,
            _ => Err(HandlerError::refused("the reason for people")),
        }
    }
}

/// Orders in memory, with the rules of the shop: one whose product is not there yet has to wait.
#[derive(Clone)]
struct Orders {
    products: InMemory<Product>,
    orders: InMemory<Order, u32>,
}

impl Handler<Order> for Orders {
    type Id = u32;

    async fn create(&self, context: &Context, order: Order) -> Handled<u32> {
        if order.lines.is_empty() {
            return Err(HandlerError::fault(
                treekey!(Order.lines),
                "an order has at least one line",
            ));
        }
        if order
            .lines
            .iter()
            .any(|line| self.products.get(&line.sku).is_none())
        {
            return Err(HandlerError::later("the product is not here yet"));
        }
        self.orders.create(context, order).await
    }

    async fn read(&self, context: &Context, id: &u32) -> Handled<Option<Order>> {
        self.orders.read(context, id).await
    }

    async fn store(&self, context: &Context, id: &u32, order: Order) -> Handled<()> {
        self.orders.store(context, id, order).await
    }

    async fn delete(&self, context: &Context, id: &u32) -> Handled<()> {
        self.orders.delete(context, id).await
    }

    fn finds_by(&self, _field: &str) -> bool {
        true
    }

    async fn find(&self, context: &Context, field: &str, value: &Value) -> Handled<Option<u32>> {
        self.orders.find(context, field, value).await
    }

    async fn count(&self, context: &Context) -> Handled<u64> {
        self.orders.count(context).await
    }

    async fn page(
        &self,
        context: &Context,
        after: Option<&u32>,
        limit: usize,
    ) -> Handled<Vec<Order>> {
        self.orders.page(context, after, limit).await
    }
}

/// A folder for files, which goes with its handle.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);

        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("dsync-tests-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A thread of the server may still have a file in it open.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A connector, and what it holds.
pub(crate) struct Subject {
    pub(crate) connector: Connector,
    dump: Box<dyn Fn() -> String + Send + Sync>,
}

impl Subject {
    /// Everything in memory.
    pub(crate) fn in_memory(set: impl FnOnce(ConnectorBuilder) -> ConnectorBuilder) -> Self {
        let products = InMemory::<Product>::new();
        let orders = Orders {
            products: products.clone(),
            orders: InMemory::new(),
        };
        let builder = Connector::builder(KEY)
            .entity::<Product>(products.clone())
            .entity::<Order>(orders.clone())
            .entity::<Trouble>(TroubleMaker);
        Self::new(set(builder), move || {
            format!("{:?} {:?}", products.all(), orders.orders.all())
        })
    }

    /// The example: its handlers, and what the connector itself remembers, over SQLite files.
    pub(crate) fn sqlite(set: impl FnOnce(ConnectorBuilder) -> ConnectorBuilder) -> Self {
        let folder = Folder::new();
        let shop = Shop::open(folder.path("shop.db")).unwrap();
        let store = SqliteStore::open(folder.path("connector.db")).unwrap();
        let builder = Connector::builder(KEY)
            .entity::<Product>(shop.clone())
            .entity::<Order>(shop.clone())
            .entity::<Trouble>(TroubleMaker)
            .system_state(SystemState::open(store.clone()).unwrap())
            .inbox(store);
        Self::new(set(builder), move || {
            let _until_then = &folder;
            shop.dump().unwrap()
        })
    }

    pub(crate) fn new(
        builder: ConnectorBuilder,
        dump: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        Self {
            connector: builder.build().unwrap(),
            dump: Box::new(dump),
        }
    }

    /// All records, promises and settings. The same contents give the same text.
    pub(crate) fn dump(&self) -> String {
        let state = ["product", "order", "trouble"].map(|name| self.connector.state().entity(name));
        format!("{} {state:?} {}", (self.dump)(), self.connector.promised())
    }

    pub(crate) async fn handle_owned(&self, question: Question) -> RawAnswer {
        self.handle(&question).await
    }

    pub(crate) async fn handle(&self, question: &Question) -> RawAnswer {
        let response = self.connector.handle(question.request()).await;
        let headers = response.headers().iter().map(|(name, value)| {
            let value = value.to_str().unwrap().to_owned();
            (name.as_str().to_owned(), value)
        });
        RawAnswer {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: response.body().to_vec(),
        }
    }
}

/// A connector behind a network, on threads of its own.
pub(crate) struct Served {
    pub(crate) subject: Subject,
    pub(crate) address: SocketAddr,
    /// Where it is reached.
    prefix: &'static str,
    threads: String,
    runtime: Option<Runtime>,
}

impl Served {
    /// By the connector's own server.
    pub(crate) fn alone(subject: Subject) -> Self {
        Self::start(subject, "", |connector, listener| async move {
            connector.serve(listener, pending()).await;
        })
    }

    /// Below `/dsync` in an axum application that has a route of its own.
    pub(crate) fn nested(subject: Subject) -> Self {
        Self::start(subject, "/dsync", |connector, listener| async move {
            let worker = connector.clone();
            tokio::spawn(async move { worker.work().await });
            let app = axum::Router::new()
                .route("/health", axum::routing::get(|| async { "fine" }))
                .nest_service("/dsync", connector.router());
            axum::serve(listener, app).await.unwrap();
        })
    }

    fn start<F: Future<Output = ()> + Send + 'static>(
        subject: Subject,
        prefix: &'static str,
        serve: impl FnOnce(Connector, TcpListener) -> F,
    ) -> Self {
        static STARTED: AtomicU64 = AtomicU64::new(0);

        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let threads = format!("connector-{number}");
        count_panics();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name(&threads)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(subject.connector.clone(), listener));
        Self {
            subject,
            address,
            prefix,
            threads,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn ask(&self, question: &Question) -> RawAnswer {
        let mut conversation = Conversation::with(self.address);
        conversation.say(&self.bytes(question));
        let answer = match question.method {
            "HEAD" => conversation.hear_head(),
            _ => conversation.hear(),
        };
        answer.expect("there is an answer")
    }

    /// The question as it goes over the wire. The connection stays open.
    pub(crate) fn bytes(&self, question: &Question) -> Vec<u8> {
        question.bytes(self.prefix)
    }

    /// How often the server's threads have panicked.
    pub(crate) fn panics(&self) -> usize {
        let panics = PANICS.lock().unwrap();
        panics.get(&self.threads).copied().unwrap_or(0)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// By the name of the thread: other tests of this binary panic on purpose at the same time.
static PANICS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn count_panics() {
    static ONCE: Once = Once::new();

    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if let Some(name) = thread::current().name()
                && name.starts_with("connector-")
            {
                *PANICS.lock().unwrap().entry(name.to_owned()).or_default() += 1;
            }
            before(info);
        }));
    });
}

/// One request, before it is HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Question {
    /// With the right key, and nothing else.
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: vec![("Auth-Token".to_owned(), KEY.into())],
            body: Vec::new(),
        }
    }

    /// A change or a read of one record, by a process that nobody else has.
    pub(crate) fn of_record(method: &'static str, path: &str) -> Self {
        static PROCESSES: AtomicU64 = AtomicU64::new(0);

        let number = PROCESSES.fetch_add(1, Ordering::Relaxed);
        Self::new(method, path).with("Process-Id", format!("process-{number}"))
    }

    pub(crate) fn create(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::of_record("POST", path).with_body(body)
    }

    pub(crate) fn read(path: &str, id: &str) -> Self {
        Self::of_record("GET", path).with("Entity-Id", id)
    }

    pub(crate) fn update(path: &str, id: &str, body: impl Into<Vec<u8>>) -> Self {
        let question = Self::of_record("PUT", path).with("Entity-Id", id);
        question.with_body(body)
    }

    pub(crate) fn delete(path: &str, id: &str) -> Self {
        Self::of_record("DELETE", path).with("Entity-Id", id)
    }

    /// A question of a synchronisation.
    pub(crate) fn sync(path: impl Into<String>, token: &str) -> Self {
        Self::new("GET", path).with("Entity-Token", token)
    }

    pub(crate) fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    /// In the place of one with this name.
    pub(crate) fn with(self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.without(name).and(name, value)
    }

    /// Beside one with this name.
    pub(crate) fn and(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// All but the body, and no length.
    pub(crate) fn head(&self, prefix: &str) -> Vec<u8> {
        let mut head = format!(
            "{} {prefix}{} HTTP/1.1\r\nHost: shop\r\n",
            self.method, self.path
        );
        head.push_str("Content-Type: application/json\r\n");
        let mut head = head.into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head
    }

    fn bytes(&self, prefix: &str) -> Vec<u8> {
        let mut bytes = self.head(prefix);
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub(crate) fn request(&self) -> Request<Bytes> {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        request.body(Bytes::from(self.body.clone())).unwrap()
    }
}

/// The text of a JSON value, for comparing.
#[track_caller]
pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Asserts that a question is refused, and changes nothing.
#[track_caller]
pub(crate) fn refuses(served: &Served, question: &Question, status: u16) -> RawAnswer {
    let before = served.subject.dump();
    let answer = served.ask(question);
    assert_eq!(answer.status, status, "{question:?}: {}", answer.text());
    assert_eq!(served.subject.dump(), before, "{question:?}");
    answer
}

/// Asserts a success.
#[track_caller]
pub(crate) fn does(served: &Served, question: &Question, status: u16) -> Value {
    let answer = served.ask(question);
    assert_eq!(answer.status, status, "{question:?}: {}", answer.text());
    answer.envelope()
}
