//! Listens, on a thread of its own.
//!
//! A thread and not a task of the caller's runtime: so the hub answers while a test blocks its own
//! thread with a blocking client, and can be started from any async runtime.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener as StdListener;
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::platform::Platform;
use crate::service;
use crate::write_limit::WriteLimit;

/// How long a shutdown waits for answers that are under way.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// What the server is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serve,
    /// Take nothing new, answer what has begun.
    Drain,
    Stop,
}

/// The running server. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    phase: watch::Sender<Phase>,
    /// Its sender is dropped when the thread is done.
    ended: watch::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) async fn start(
        listener: StdListener,
        platform: Arc<Platform>,
        read_timeout: Duration,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (phase, told) = watch::channel(Phase::Serve);
        let (ending, ended) = watch::channel(());
        let (starting, started) = oneshot::channel();
        // The log of a test that set one up for its own thread only.
        let log = tracing::dispatcher::get_default(Clone::clone);
        let thread = thread::Builder::new()
            .name("dsync-hub".to_owned())
            .spawn(move || {
                tracing::dispatcher::with_default(&log, || {
                    run(listener, platform, read_timeout, told, starting);
                });
                // Only now, when the port is free.
                drop(ending);
            })?;
        let server = Self {
            phase,
            ended,
            thread: Some(thread),
        };
        // Nobody answers only if the thread panicked, and that has been reported.
        started
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the thread ended")))?;
        Ok(server)
    }

    /// Answers what has begun, then stops. Does nothing if it has stopped.
    pub(crate) async fn shutdown(&self) {
        self.phase.send_if_modified(|phase| {
            let serving = *phase == Phase::Serve;
            if serving {
                *phase = Phase::Drain;
            }
            serving
        });
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn run(
    listener: StdListener,
    platform: Arc<Platform>,
    read_timeout: Duration,
    told: watch::Receiver<Phase>,
    starting: oneshot::Sender<io::Result<()>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = starting.send(Err(error));
            return;
        }
    };
    // Its end ends what is left: connections beyond the grace, bodies being discarded.
    runtime.block_on(async {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                let _ = starting.send(Ok(()));
                serve(listener, platform, read_timeout, told).await;
            }
            Err(error) => {
                let _ = starting.send(Err(error));
            }
        }
    });
}

async fn serve(
    listener: TcpListener,
    platform: Arc<Platform>,
    read_timeout: Duration,
    mut told: watch::Receiver<Phase>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = told.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let platform = platform.clone();
                    connections.spawn(connection(stream, platform, read_timeout, told.clone()));
                }
                // Out of file descriptors, most likely: it passes when connections end.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
        }
    }
    drop(listener);
    if *told.borrow_and_update() == Phase::Drain {
        tokio::select! {
            _ = told.changed() => {}
            _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }) => {}
        }
    }
}

async fn connection(
    stream: TcpStream,
    platform: Arc<Platform>,
    read_timeout: Duration,
    mut told: watch::Receiver<Phase>,
) {
    // An answer is one small write; waiting to fill a packet only delays it.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| async {
        Ok::<_, Infallible>(service::answer(&platform, read_timeout, request).await)
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(read_timeout)
            // A sender that has closed its side still gets its answer.
            .half_close(true)
            .serve_connection(TokioIo::new(WriteLimit::new(stream, read_timeout)), service)
    );
    let broken = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = told.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = broken {
        tracing::debug!(%error, "connection");
    }
}
