//! Listens, on a thread of its own.
//!
//! A thread and not a task of the caller's runtime: so the hub answers while a test blocks its own
//! thread with a blocking client, and can be started from any async runtime.

use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::service::PlatformService;

/// What the server is to do, in the order in which it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    pub(crate) async fn start(listener: StdListener, service: PlatformService) -> io::Result<Self> {
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
                    run(listener, service, told, starting);
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
    service: PlatformService,
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
                let (limits, drain) = (service.limits(), reached(told.clone(), Phase::Drain));
                tokio::select! {
                    () = dsync_http::serve(listener, Arc::new(service), limits, drain) => {}
                    () = reached(told, Phase::Stop) => {}
                }
            }
            Err(error) => {
                let _ = starting.send(Err(error));
            }
        }
    });
}

/// Waits until the phase is this one or a later one.
async fn reached(mut told: watch::Receiver<Phase>, phase: Phase) {
    // An error is the end of the handle, which is a stop.
    let _ = told.wait_for(|now| *now >= phase).await;
}
