//! A proxy in front of the hub that breaks what a test asks it to break.
//!
//! It listens on a thread of its own, as the hub does, so it works while the test blocks. What goes
//! wrong in it is the test's failure: a panic of its thread, the policy's included, is raised again
//! where the test waits for it or drops it.

mod connection;
mod message;

use std::net::{SocketAddr, TcpListener as StdListener};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, iter};

use bytes::Bytes;
use http::{Method, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

/// What is done with a request. "Closed" is an orderly end: the client reads to the end of file.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// None: the hub's answer comes back byte for byte, and the connection stays.
    Forward,
    /// The connection is reset at the head of the request; its body is not waited for.
    ResetBeforeReading,
    /// The request is read and forgotten, the connection closed.
    DropAfterReading,
    /// The hub carries the request out; its answer is forgotten and the connection closed.
    DropAnswer,
    /// The hub carries the request out; half the bytes of its answer come back, then the connection
    /// is closed.
    HalfAnswer,
    /// The hub carries the request out, and nothing more comes until the client closes.
    Stall,
    /// Bytes that are no HTTP are the answer, then the connection is closed. The hub is not asked.
    Garbage,
    /// This is the answer, and the hub is not asked. A `Content-Length` is added where there is
    /// none; the connection stays, unless the answer says `Connection: close`.
    Answer(Response<Bytes>),
    /// The hub carries the request out, and this is the answer.
    AnswerAfterForwarding(Response<Bytes>),
    /// As [`Fault::Forward`]; but the next request on this connection finds it closed: that one is
    /// read and forgotten, and the policy is not asked about it.
    CloseIdle,
}

impl Fault {
    /// Whether the hub carries the request out.
    fn has_effect(&self) -> bool {
        match self {
            Self::Forward
            | Self::DropAnswer
            | Self::HalfAnswer
            | Self::Stall
            | Self::AnswerAfterForwarding(_)
            | Self::CloseIdle => true,
            Self::ResetBeforeReading | Self::DropAfterReading | Self::Garbage | Self::Answer(_) => {
                false
            }
        }
    }
}

/// An answer for [`Fault::Answer`], in one line.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    for &(name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Bytes::from(body.to_owned())).unwrap()
}

/// A request whose head has come. All numbers count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The number of its connection.
    pub(crate) connection: u64,
    /// Its number among the requests of its connection.
    pub(crate) number_on_connection: u64,
    /// Its number among all requests.
    pub(crate) total: u64,
    pub(crate) method: Method,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) auth_token: Option<String>,
}

/// A running proxy. Dropping it closes its port and all its connections.
pub(crate) struct FaultProxy {
    url: String,
    shared: Arc<Shared>,
    /// Dropping it stops the thread.
    stop: Option<oneshot::Sender<()>>,
    /// Nothing once its end has been looked at.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the test and the proxy's thread both look at.
struct Shared {
    hub: SocketAddr,
    policy: Mutex<Policy>,
    seen: Mutex<Vec<Seen>>,
    accepted: AtomicUsize,
    open: AtomicUsize,
}

type Policy = Box<dyn FnMut(&Seen) -> Fault + Send>;

impl FaultProxy {
    /// Starts a proxy that asks the policy about every request, when its head has come.
    ///
    /// While the hub is away, requests for it find their connection closed, without an answer.
    pub(crate) fn start(
        hub: SocketAddr,
        policy: impl FnMut(&Seen) -> Fault + Send + 'static,
    ) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/api/realtime", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            hub,
            policy: Mutex::new(Box::new(policy)),
            seen: Mutex::default(),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let thread = thread::Builder::new()
            .name(format!("fault proxy of {test}"))
            .spawn({
                let shared = shared.clone();
                move || run(listener, &shared, stopped)
            })
            .unwrap();
        Self {
            url,
            shared,
            stop: Some(stop),
            thread: Mutex::new(Some(thread)),
        }
    }

    /// Starts a proxy that takes one of these for each request it would ask a policy about, then
    /// forwards.
    pub(crate) fn script(hub: SocketAddr, faults: impl IntoIterator<Item = Fault>) -> Self {
        let faults: Vec<_> = faults.into_iter().collect();
        let mut faults = faults.into_iter().chain(iter::repeat(Fault::Forward));
        Self::start(hub, move |_| faults.next().unwrap())
    }

    /// The address for the client, the hub's but for the port.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// All requests whose heads have come, those of which the hub knows nothing included.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many connections clients have made.
    pub(crate) fn connections_accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many of them neither side has closed.
    pub(crate) fn connections_open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Waits until no connection is open.
    ///
    /// # Panics
    ///
    /// If one still is after five seconds; and if the proxy has panicked.
    pub(crate) async fn all_connections_closed(&self) {
        for _ in 0..500 {
            self.raise_panic();
            if self.connections_open() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} connections are still open", self.connections_open());
    }

    /// The thread ends before it is told to only by a panic.
    fn raise_panic(&self) {
        let ended = self
            .thread
            .lock()
            .unwrap()
            .take_if(|thread| thread.is_finished());
        if let Some(Err(panic)) = ended.map(JoinHandle::join) {
            resume_unwind(panic);
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        // A second panic would abort the whole run.
        if let Some(Err(panic)) = thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

fn run(listener: StdListener, shared: &Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    runtime.block_on(accept(listener, shared, stopped));
}

async fn accept(listener: StdListener, shared: &Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(ended) = connections.join_next() => raise_panic_of(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
                    shared.open.fetch_add(1, Ordering::SeqCst);
                    let shared = shared.clone();
                    connections.spawn(async move {
                        // An error is the end of one side's connection, and that is no fault here.
                        let _ = connection::serve(&shared, stream, number as u64).await;
                        // Not after a panic: who waits for the end is to wait for that.
                        shared.open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
                // The client gave up first.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => panic!("the proxy cannot accept: {error}"),
            },
        }
    }
    // One of them may have panicked just before.
    connections.abort_all();
    while let Some(ended) = connections.join_next().await {
        raise_panic_of(ended);
    }
}

fn raise_panic_of(connection: Result<(), JoinError>) {
    if let Err(error) = connection
        && let Ok(panic) = error.try_into_panic()
    {
        resume_unwind(panic);
    }
}
